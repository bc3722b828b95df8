# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that should be enabled or disabled. Private to the collection metalstack.provisioning.

A server is disabled only when the rest of the cluster can carry on without it. Two operators may pass that gate at the
same time, so it is looked at again when the server is disabled: if another one is away by then, it is enabled again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ApiError, ConflictError, UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .client import segment
from .eviction import against_eviction, is_allowed
from .gate import Situation, listed, read_situation
from .messages import DISABLE_SERVER, NOTHING
from .server import DISABLED, ENABLED, MOVING, Server, server_named
from .server_options import check

if TYPE_CHECKING:
    from .client import Lightbits

_WANTED = {"enabled": ENABLED, "disabled": DISABLED}
_TOWARDS = {"Enabling": ENABLED, "Disabling": DISABLED}


class GateError(ApiError):
    """A server was disabled, and enabled again because another one went away at the same time."""


class EvictionError(ApiError):
    """The data of a server could not be moved away, so it is still enabled."""


@dataclass(frozen=True)
class Found:
    """The server and what is around it. ``may_evict``: the cluster can move its data away, if that was asked for."""

    server: Server
    situation: Situation
    may_evict: bool = False


class ServerResource(Resource[Found]):
    """The server with a name. ``wanted`` has the options of lightbits_server."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        check(wanted)
        self._api = api
        self._name: str = wanted["name"]
        self._state = _WANTED[wanted["state"]]
        self._force = bool(wanted.get("force"))
        self._acknowledged: Sequence[str] = wanted.get("acknowledge_data_at_risk") or ()
        self._timeout: int | None = wanted.get("permanent_failure_timeout")
        self._evict = bool(wanted.get("evict"))
        self._waiting = waiting
        self._wrote = False
        self.label = f"the server {self._name}"

    def read(self) -> Found:
        """Return the server, and wait for the end of what it is doing if there is something to wait with."""
        found = self._read()
        if self._waiting is None:
            return found
        if found.server.state in MOVING or self._wrote:
            self._waiting.until(
                lambda: self._read(volumes=False),
                self._settled,
                what=f"{self.label} to be {self._state.lower()}",
                seen=_seen,
            )
            found = self._read()
        if self._wrote and self._state == DISABLED:
            self._check_eviction(found.server)
            if not self._force:
                self._retreat(found)
        return found

    def _read(self, *, volumes: bool = True) -> Found:
        situation = read_situation(self._api, volumes=volumes)
        may_evict = self._evict and volumes and is_allowed(self._api)
        return Found(server_named(list(situation.servers), self._name), situation, may_evict)

    def _settled(self, found: Found) -> bool:
        if found.server.state in MOVING:
            return False
        if not (self._wrote and self._state == found.server.state == ENABLED):
            return True
        own = [node for node in found.situation.nodes if node.server == found.server.uuid]
        return not any(node.trouble for node in own)

    def _retreat(self, found: Found) -> None:
        """Enable it again when the rest cannot carry on: somebody else has been at work in the same moment."""
        others = found.situation.others(found.server)
        if not others or found.server.state != DISABLED:
            return
        told = f"{self.label[0].upper()}{self.label[1:]} was disabled, but meanwhile {'; '.join(others)}"
        try:
            self._enable(found.server)
        except ApiError as error:
            raise GateError(f"{told}. It could not be enabled again, so do that at once: {error.message}") from None
        raise GateError(f"{told}: it is being enabled again. Bring the others back first.")

    def _check_eviction(self, server: Server) -> None:
        """Raise EvictionError when the cluster has given up, and the server is as before."""
        if self._evict and server.state == ENABLED and server.eviction in ("Failed", "Aborted"):
            why = server.eviction_error or f"it was {server.eviction.lower()}"
            raise EvictionError(f"The data of {self.label} could not be moved away: {why}. It is still enabled.")

    def show(self, actual: Found) -> dict[str, Any]:
        """Return the server in the collection's words, with its nodes."""
        nodes = [node.as_dict() for node in actual.situation.nodes if node.server == actual.server.uuid]
        return {**actual.server.as_dict(), "nodes": nodes}

    def plan(self, actual: Found | None) -> Plan:
        """Enable or disable."""
        if actual is None:
            raise TypeError("a server that does not exist is refused by read")
        server = actual.server
        before = {"name": server.name, "state": server.state}
        after = {"name": server.name, "state": self._state}
        state = _TOWARDS.get(server.state, server.state)
        if state == self._state:
            warnings = () if self._wrote or state == ENABLED else self._doubts(actual)
            return Plan(before, after if self._wrote else before, warnings=warnings)
        if state not in (ENABLED, DISABLED):
            raise UsageError(
                f"state is {self._state.lower()}, but {self.label} is in the state {server.state}, in which it can be "
                "neither enabled nor disabled."
            )
        if self._state == ENABLED:
            return Plan(before, after, (Step(f"enable {self.label}", lambda: self._enable(server)),))
        warnings = self._pass_gate(actual)
        return Plan(before, after, (Step(f"disable {self.label}", lambda: self._disable(server)),), warnings)

    def _doubts(self, actual: Found) -> tuple[str, ...]:
        """Return a warning about the others of a server that was disabled before. Raises UsageError if it has data."""
        left = [volume.title for volume in actual.situation.held(actual.server)]
        if self._evict and left and actual.server.state == DISABLED:
            raise UsageError(
                f"evict is true, but {self.label} is disabled already and has replicas of {listed(sorted(left))}: only "
                "from an enabled server data can be moved away."
            )
        others = actual.situation.others(actual.server)
        return (f"Not only {self.label} is disabled: {'; '.join(others)}.",) if others else ()

    def _pass_gate(self, actual: Found) -> tuple[str, ...]:
        """Return warnings. Raises UsageError with all reasons."""
        if self._evict:
            impossible = against_eviction(actual.situation, actual.server, allowed=actual.may_evict)
            if impossible:
                raise UsageError(f"evict is true, but {self.label} cannot be emptied: {'; '.join(impossible)}.")
        reasons = actual.situation.against_disabling(actual.server)
        if not reasons:
            return ()
        told = f"{self.label} may not be disabled: {'; '.join(reasons)}."
        if not self._force:
            raise UsageError(f"state is disabled, but {told}")
        risked = {volume.title for volume in actual.situation.at_risk(actual.server)}
        unsaid = sorted(risked - set(self._acknowledged))
        if unsaid:
            raise UsageError(
                f"force is true, but acknowledge_data_at_risk does not name {listed(unsaid)}, whose data may be lost "
                f"or away without the server. By the way, {told}"
            )
        return (f"Forced: {told}",)

    def _disable(self, server: Server) -> None:
        values: dict[str, Any] = {"UUID": server.uuid}
        if self._force:
            values["ForceDisable"] = True
        if self._timeout is not None:
            values["permanentFailureTimeout"] = self._timeout
        if self._evict:
            values["evictData"] = True
        if not self._force:
            self._look_again(server)
        # before, since the answer may get lost
        self._wrote = True
        self._api.post(f"/servers/{segment(server.uuid)}/disable", DISABLE_SERVER, values, repeatable=False)

    def _look_again(self, server: Server) -> None:
        """The plan may be old: look once more, directly before."""
        reasons = read_situation(self._api).against_disabling(server)
        if reasons:
            raise ConflictError(f"{self.label} may not be disabled any more: {'; '.join(reasons)}.")

    def _enable(self, server: Server) -> None:
        self._wrote = True
        self._api.post(f"/servers/{segment(server.uuid)}/enable", NOTHING, {}, repeatable=True)


def _seen(found: Found) -> str:
    own = [node for node in found.situation.nodes if node.server == found.server.uuid]
    nodes = ", ".join(f"{node.name} {node.state} ({node.powerup} %)" for node in own)
    moving = f", {found.server.eviction_progress} % of its data moved" if found.server.eviction == "Evicting" else ""
    return f"{found.server.state}{moving}, nodes: {nodes or 'none'}"
