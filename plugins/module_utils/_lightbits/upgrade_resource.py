# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster, or one of its servers, that should have a version of LightOS.

The API starts an upgrade and answers; what follows takes hours. An upgrade to the same version that goes on already,
whoever started it, is waited for and never started again. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._errors import ConflictError, UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .client import segment
from .condition import Upgrade
from .gate import Situation, listed, read_situation
from .messages import UPGRADE_CLUSTER, UPGRADE_SERVER
from .server import Server, server_named
from .version import meets, numbers, version_in

if TYPE_CHECKING:
    from .client import Lightbits

_ENDED_BADLY = "UpgradeFailed"


class UpgradeResource(Resource[Situation]):
    """The cluster, or a server, in a version. ``wanted`` has the options of lightbits_upgrade."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._version: str = wanted["version"]
        self._package: str = wanted["package_uri"]
        self._server: str | None = wanted.get("server")
        self._force = bool(wanted.get("force"))
        self._acknowledged: Sequence[str] = wanted.get("acknowledge_data_at_risk") or ()
        self._proxy: Mapping[str, Any] = wanted.get("proxy") or {}
        self._patient = bool(wanted.get("wait", True))
        self._waiting = waiting
        self._started = False
        # Upgrades that had ended before this task began to watch.
        self._old: Mapping[str, Upgrade] = {}
        # How often in a row it had ended without the version.
        self._odd = 0
        self.label = "the cluster" if self._server is None else f"the server {self._server}"
        self._check()

    def _check(self) -> None:
        if not numbers(self._version):
            raise UsageError(f"version is {self._version!r}; it must be like 3.13.1 or 3.13.1~b1127.")
        if not _is_address(self._package):
            raise UsageError(
                "package_uri is no address of a package repository: it must start with https:// or http://."
            )
        named = version_in(self._package)
        if named and not meets(named, self._version):
            raise UsageError(f"version is {self._version}, but package_uri is a repository of {named}.")
        if self._force and self._server is None:
            raise UsageError(
                "force is given without server: only one server can be forced, the API takes care of a whole cluster."
            )
        if self._acknowledged and not self._force:
            raise UsageError("acknowledge_data_at_risk is given without force=true, and says nothing then.")
        address = self._proxy.get("url")
        if address is not None and (not _is_address(address) or urlsplit(address).username is not None):
            raise UsageError(
                "proxy.url is no address of a proxy, like http://proxy.example.com:3128; user name and password are "
                "options of their own."
            )

    def read(self) -> Situation:
        """Return the situation, after the end of an upgrade that leads where this one should if there is time."""
        found = read_situation(self._api, volumes=False)
        self._servers(found)
        if self._waiting is not None and (self._started or self._on_the_way(found)):
            if not self._started:
                self._old = {name: one for name, one in self._upgrades(found).items() if not one.running}
            self._waiting.until(
                lambda: read_situation(self._api, volumes=False),
                self._arrived,
                what=f"{self.label} to be upgraded to {self._version}",
                seen=self._progress,
                hopeless=self._failure,
            )
        return read_situation(self._api)

    def _servers(self, found: Situation) -> list[Server]:
        """Return the servers that should have the version. Raises UsageError."""
        if self._server is None:
            return list(found.servers)
        return [server_named(list(found.servers), self._server, option="server")]

    def _outdated(self, found: Situation) -> list[Server]:
        return [server for server in self._servers(found) if not meets(server.version, self._version)]

    def _upgrades(self, found: Situation) -> dict[str, Upgrade]:
        """Return what is known of upgrades that concern these servers, by what is upgraded."""
        upgrades = {}
        # one of the whole cluster may take a single server as well
        if self._server is None or self._outdated(found):
            upgrades["the cluster"] = found.condition.upgrade
        return {**upgrades, **{f"the server {one.name}": one.last_upgrade for one in self._servers(found)}}

    def _running(self, found: Situation) -> dict[str, Upgrade]:
        return {name: upgrade for name, upgrade in self._upgrades(found).items() if upgrade.running}

    def _on_the_way(self, found: Situation) -> bool:
        """Whether an upgrade goes on, and all that go on lead to the version."""
        running = self._running(found).values()
        return bool(running) and all(meets(upgrade.target, self._version) for upgrade in running)

    def _arrived(self, found: Situation) -> bool:
        """Whether there is nothing more to wait for; what this task has started has to get to its end."""
        if self._running(found):
            return False
        if self._outdated(found):
            return not self._started
        own = {server.uuid for server in self._servers(found)}
        return not any(node.trouble for node in found.nodes if node.server in own)

    def _failure(self, found: Situation) -> str | None:
        """Return why it will never be done, None while it may be."""
        new = {name: one for name, one in self._upgrades(found).items() if one != self._old.get(name)}
        for name, upgrade in new.items():
            if upgrade.status == _ENDED_BADLY:
                return f"the upgrade of {name} failed ({upgrade.error or 'the API does not say why'})"
        outdated = self._outdated(found)
        ended = self._started and outdated and new and not self._running(found)
        # the version may be told a moment after the end
        self._odd = self._odd + 1 if ended else 0
        if self._odd > 1:
            versions = listed([f"{server.name} {server.version or 'none'}" for server in outdated])
            return f"it has ended, but another version is there: {versions}"
        return None

    def _progress(self, found: Situation) -> str:
        """Return how far it is, in words."""
        cluster = found.condition.upgrade
        parts = [f"cluster {cluster.progress}"] if self._server is None else []
        parts += [f"{one.name} {one.version}, {one.last_upgrade.progress}" for one in self._servers(found)]
        own = {server.uuid for server in self._servers(found)}
        parts += [f"the node {node.name} {node.trouble}" for node in found.nodes if node.server in own and node.trouble]
        return "; ".join(parts)

    def show(self, actual: Situation) -> dict[str, Any]:
        """Return versions and upgrades in the collection's words."""
        servers = self._servers(actual)
        return {
            "versions": {server.name: server.version for server in servers},
            "cluster": {**actual.condition.upgrade.as_dict(), "versions": actual.condition.versions()},
            "servers": {server.name: server.last_upgrade.as_dict() for server in servers},
        }

    def plan(self, actual: Situation | None) -> Plan:
        """Start it, unless it goes on already."""
        if actual is None:
            raise TypeError("a server that does not exist is refused by read")
        outdated = self._outdated(actual)
        before = {"versions": {server.name: server.version for server in self._servers(actual)}}
        # what a server has of the build is not known beforehand
        after = {"versions": dict.fromkeys(before["versions"], self._version)}
        if self._started:
            return Plan(before, after)
        if not outdated:
            return Plan(before, before, warnings=self._doubts(actual))
        running = self._running(actual)
        if self._goes_on(running):
            return Plan(before, before)
        self._check_versions(actual, outdated)
        warnings: tuple[str, ...]
        if running:
            # only in check mode: a run has waited
            warnings = (f"{listed(list(running))} is being upgraded. Whether the rest may follow shows after that.",)
        else:
            warnings = (*self._pass_gate(actual, outdated), *self._history(actual))
        step = Step(f"upgrade {self.label} to {self._version}", lambda: self._start(outdated), creates=True)
        return Plan(before, after, (step,), warnings)

    def _goes_on(self, running: Mapping[str, Upgrade]) -> bool:
        """Whether nothing has to be started. Raises UsageError when something else has to end first."""
        for name, upgrade in running.items():
            if not meets(upgrade.target, self._version):
                raise UsageError(
                    f"version is {self._version}, but {name} is being upgraded to {upgrade.target or 'another one'}: "
                    "wait for the end of that."
                )
        if self.label in running or "the cluster" in running:
            return True
        if running and not self._patient:
            raise UsageError(
                f"wait is false, but {listed(list(running))} is being upgraded: the rest of the cluster can only be "
                "upgraded after that."
            )
        return False

    def _check_versions(self, actual: Situation, outdated: Sequence[Server]) -> None:
        """Raise UsageError when the cluster does not take the version."""
        condition = actual.condition
        wanted = numbers(self._version)
        newer = [server for server in outdated if numbers(server.version) > wanted]
        if newer:
            there = listed([f"{server.name} ({server.version})" for server in newer])
            raise UsageError(f"version is {self._version}, but newer ones are there, and nothing goes back: {there}.")
        lowest, highest = numbers(condition.min_allowed_version), numbers(condition.max_allowed_version)
        if (lowest and wanted < lowest) or (highest and wanted > highest):
            raise UsageError(
                f"version is {self._version}, but the cluster, whose oldest server has "
                f"{condition.min_version or 'an unknown one'}, takes versions from "
                f"{condition.min_allowed_version or 'any'} to {condition.max_allowed_version or 'any'}."
            )

    def _pass_gate(self, actual: Situation, outdated: Sequence[Server]) -> tuple[str, ...]:
        """Return warnings. Raises UsageError with all reasons."""
        reasons = actual.against_upgrading(outdated)
        if not reasons:
            return ()
        told = f"{self.label} may not be upgraded: {'; '.join(reasons)}."
        if not self._force:
            raise UsageError(f"version is {self._version}, but {told}")
        unsaid = sorted({volume.title for volume in actual.at_risk(outdated[0])} - set(self._acknowledged))
        if unsaid:
            raise UsageError(
                f"force is true, but acknowledge_data_at_risk does not name {listed(unsaid)}, which may be lost or "
                f"away without the server. By the way, {told}"
            )
        return (f"Forced: {told}",)

    def _doubts(self, actual: Situation) -> tuple[str, ...]:
        """Return a warning when the cluster says of its oldest version something else than its servers do."""
        lowest = actual.condition.min_version
        if self._server is not None or not lowest or meets(lowest, self._version):
            return ()
        return (f"All servers have {self._version}, but the cluster says that its oldest version is {lowest}.",)

    def _history(self, actual: Situation) -> tuple[str, ...]:
        """Return a warning about each upgrade that has failed before."""
        return tuple(
            f"The last upgrade of {name}, to {one.target or 'an unknown version'}, failed: {one.error or 'no reason'}."
            for name, one in self._upgrades(actual).items()
            if one.status == _ENDED_BADLY
        )

    def _start(self, outdated: Sequence[Server]) -> None:
        now = read_situation(self._api)
        self._look_again(now)
        self._old = self._upgrades(now)
        values: dict[str, Any] = {"InstallPkgUri": self._package}
        names = {"url": "URL", "username": "Username", "password": "Password"}
        proxy = {names[name]: value for name, value in self._proxy.items() if value is not None}
        if proxy:
            values["ProxyInfo"] = proxy
        secrets = tuple(text for text in (self._package, self._proxy.get("password")) if text)
        if self._server is None:
            values["UUIDs"] = [server.uuid for server in outdated]
            self._api.post("/cluster/upgrade", UPGRADE_CLUSTER, values, secrets=secrets)
        else:
            uuid = outdated[0].uuid
            values.update({"UUID": uuid, **({"ForceUpgrade": True} if self._force else {})})
            self._api.post(f"/servers/{segment(uuid)}/upgrade", UPGRADE_SERVER, values, secrets=secrets)
        self._started = True

    def _look_again(self, now: Situation) -> None:
        """The plan may be old: look once more, directly before. After a ConflictError it is planned anew."""
        outdated = self._outdated(now)
        reasons = [] if self._force else now.against_upgrading(outdated)
        if not outdated or self._running(now) or reasons:
            told = "; ".join(reasons) or "somebody else has been faster"
            raise ConflictError(f"{self.label} may not be upgraded any more: {told}.")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
    except ValueError:
        return False
