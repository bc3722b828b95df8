# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrades: of one server, and of the cluster, which is one server after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..refusal import ABORTED, FAILED_PRECONDITION, INVALID_ARGUMENT, Refusal
from .node import nodes_of, power_down, power_up
from .protection import risk

if TYPE_CHECKING:
    from ..state import State, Thing

RUNNING = ("Upgrading", "Rebooting", "Recovering")
_VERSION = re.compile(r"(?<!\d)(\d+)[.-](\d+)[.-](\d+)(?!\d)")

Done = Callable[[str], None]


def is_running(thing: Thing) -> bool:
    """Whether a server (or the cluster) is being upgraded."""
    return (thing.get("LastUpgrade") or thing.get("lastUpgrade") or {}).get("Status") in RUNNING


def version_of(text: str) -> tuple[int, ...]:
    """The numbers of a version like ``3.12.1~b1``."""
    match = _VERSION.search(text)
    return tuple(int(part) for part in match.groups()) if match else ()


def target(state: State, uri: str) -> str:
    """The version in a repository like ``https://host/lightos-3-13-1-rhl-9/``; Refusal when it is not allowed."""
    parts = urlsplit(uri)
    version = version_of(parts.path)
    if parts.scheme not in ("http", "https") or not parts.netloc or not version:
        raise Refusal(INVALID_ARGUMENT, f"invalid InstallPkgUri {uri!r}")
    lowest, highest = (version_of(state.cluster[name]) for name in ("MinAllowedVersion", "MaxAllowedVersion"))
    text = ".".join(map(str, version))
    if not lowest <= version <= highest:
        raise Refusal(INVALID_ARGUMENT, f"version {text} is not allowed in this cluster")
    return text


def start(state: State, server: Thing, version: str, *, force: bool = False, done: Done | None = None) -> None:
    """Begin with one server. ``done`` gets the error message, empty when there was none."""
    if server["state"] != "Enabled" or is_running(server):
        raise Refusal(ABORTED, "user operation in progress")
    if not force and risk(state, server) != "NoRiskOfServiceLoss":
        raise Refusal(FAILED_PRECONDITION, f"upgrading {server['name']} is a risk of service loss")
    server["LastUpgrade"] = {
        "Status": "Upgrading",
        "StartTime": state.timestamp(),
        "TargetVersion": version,
        "ProgressStep": 1,
        "ProgressTotal": len(RUNNING),
    }
    state.touch(server)
    state.pace.later(lambda: _installed(state, server, done))


def _installed(state: State, server: Thing, done: Done | None) -> None:
    if server.get("_upgrade_error"):
        _end(state, server, "UpgradeFailed", str(server["_upgrade_error"]), done)
        return
    server["LastUpgrade"].update(Status="Rebooting", ProgressStep=2)
    power_down(state, nodes_of(state, server))
    state.touch(server)
    state.pace.later(lambda: _rebooted(state, server, done))


def _rebooted(state: State, server: Thing, done: Done | None) -> None:
    server["LastUpgrade"].update(Status="Recovering", ProgressStep=3)
    server["LightOSVersion"] = server["LastUpgrade"]["TargetVersion"]
    state.cluster["MinVersionInCluster"] = _oldest(state)
    state.touch(server)
    power_up(state, nodes_of(state, server))
    # one stage for the nodes, one for their data
    state.pace.later(lambda: _end(state, server, "None", "", done), 2)


def _end(state: State, server: Thing, status: str, error: str, done: Done | None) -> None:
    server["LastUpgrade"].update(Status=status, EndTime=state.timestamp(), ErrorMessage=error)
    state.touch(server)
    if done is not None:
        done(error)


def _oldest(state: State) -> str:
    return min((str(server["LightOSVersion"]).partition("~")[0] for server in state.servers), key=version_of)


def start_all(state: State, servers: list[Thing], version: str) -> None:
    """Begin with the cluster: one server after the other, each as soon as nothing is lost without it."""
    if any(is_running(thing) for thing in (state.cluster, *state.servers)):
        raise Refusal(ABORTED, "an upgrade is in progress")
    _Rolling(state, servers, version).start()


class _Rolling:
    def __init__(self, state: State, servers: list[Thing], version: str) -> None:
        self._state = state
        self._left = list(servers)
        self._version = version

    def start(self) -> None:
        self._state.cluster["lastUpgrade"] = {
            "Status": "Upgrading",
            "StartTime": self._state.timestamp(),
            "TargetVersion": self._version,
            "ProgressStep": 0,
            "ProgressTotal": len(self._left),
        }
        self._state.touch(self._state.cluster)
        self._next()

    def _next(self) -> None:
        if not self._left:
            self._end("None", "")
            return
        ready = (server for server in self._left if self._may_go(server))
        server = next(ready, None)
        if server is None:
            self._state.pace.later(self._next)  # until the others are back
            return
        self._left.remove(server)
        start(self._state, server, self._version, done=self._done)

    def _may_go(self, server: Thing) -> bool:
        free = server["state"] == "Enabled" and not is_running(server)
        return free and risk(self._state, server) == "NoRiskOfServiceLoss"

    def _done(self, error: str) -> None:
        if error:
            self._end("UpgradeFailed", error)
            return
        self._state.cluster["lastUpgrade"]["ProgressStep"] += 1
        self._state.touch(self._state.cluster)
        self._state.pace.later(self._next)

    def _end(self, status: str, error: str) -> None:
        self._state.cluster["lastUpgrade"].update(Status=status, EndTime=self._state.timestamp(), ErrorMessage=error)
        self._state.touch(self._state.cluster)
