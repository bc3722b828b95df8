# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that should belong to a cluster, or not any more. Private to the collection metalstack.provisioning.

A server is removed only when it holds no data, or when the cluster is told to move it away. A volume's only replica is
never moved, so its server is never removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._errors import ConflictError, UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .client import segment
from .gate import Situation, listed, read_situation
from .messages import CREATE_SERVER
from .server import ENABLED, MOVING, NO_RISK, Server, find_server
from .server_options import PRESENT, check

if TYPE_CHECKING:
    from .client import Lightbits

_FEWEST_SERVERS = 3


class MembershipResource(Resource[Server]):
    """The server with a name, in the cluster or not. ``wanted`` has the options of lightbits_server."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        check(wanted)
        self._api = api
        self._name: str = wanted["name"]
        self._wanted: str = wanted["state"]
        self._endpoint: str | None = wanted.get("endpoint")
        self._uuid: str | None = wanted.get("uuid")
        self._extend = wanted.get("extend_cluster") is not False
        self._reuse = bool(wanted.get("reuse_ip"))
        self._force = bool(wanted.get("force"))
        self._acknowledged: Sequence[str] = wanted.get("acknowledge_data_at_risk") or ()
        self._waiting = waiting
        self._around: Situation | None = None
        self._added = False
        self.label = f"the server {self._name}"

    @property
    def _situation(self) -> Situation:
        """What is around the server, as it was read last."""
        if self._around is None:
            raise TypeError("nothing was read yet")
        return self._around

    def read(self) -> Server | None:
        """Return the server, after the end of what goes on with it if there is something to wait with."""
        found = self._read(volumes=False)
        if self._waiting is not None and (self._added or (found is not None and found.state in MOVING)):
            self._waiting.until(
                lambda: self._read(volumes=False),
                self._settled,
                what=f"{self.label} to be {self._wanted}",
                seen=self._seen,
                hopeless=self._hopeless,
            )
        return self._read()

    def _read(self, *, volumes: bool = True) -> Server | None:
        self._around = read_situation(self._api, volumes=volumes)
        return find_server(list(self._around.servers), self._name)

    def _settled(self, server: Server | None) -> bool:
        if server is None:
            return not self._added
        if not self._added:
            return server.state not in MOVING
        own = [node for node in self._situation.nodes if node.server == server.uuid]
        return server.state == ENABLED and not any(node.trouble for node in own)

    def _seen(self, server: Server | None) -> str:
        if server is None:
            return "the cluster does not have it"
        own = ", ".join(f"{one.name} {one.state}" for one in self._situation.nodes if one.server == server.uuid)
        held = len(self._situation.held(server))
        return f"{server.state}, nodes: {own or 'none'}{f', volumes: {held}' if held else ''}"

    def _hopeless(self, server: Server | None) -> str | None:
        if server is None and self._added:
            other = self._holder()
            return f"the server at {self._endpoint} calls itself {other.name}" if other is not None else None
        return "it has failed" if server is not None and server.state == "Failed" else None

    def _holder(self) -> Server | None:
        """Return the server that has the address."""
        return next((one for one in self._situation.servers if self._endpoint in one.endpoints), None)

    def show(self, actual: Server) -> dict[str, Any]:
        """Return the server in the collection's words, with its nodes."""
        nodes = [node.as_dict() for node in self._situation.nodes if node.server == actual.uuid]
        return {**actual.as_dict(), "nodes": nodes}

    def plan(self, actual: Server | None) -> Plan:
        """Add or remove it."""
        before = None if actual is None else {"name": actual.name, "state": actual.state}
        if self._wanted == PRESENT:
            if actual is None:
                self._check_new()
                step = Step(f"add {self.label}", self._add, creates=True)
                return Plan(None, {"name": self._name, "state": ENABLED}, (step,))
            self._check_same(actual)
            return Plan(before, before)
        if actual is None or actual.state == "Deleting":
            return Plan(before, None)
        warnings = self._pass_gate(actual)
        step = Step(f"remove {self.label}", lambda: self._remove(actual), missing_ok=True)
        return Plan(before, None, (step,), warnings)

    def _check_new(self) -> None:
        """Raise UsageError when it cannot be added."""
        if self._endpoint is None:
            raise UsageError(
                f"endpoint is missing: the cluster has no server {self._name}, and to add it the address of its etcd "
                "is needed, like http://10.0.0.14:2380."
            )
        other = self._holder()
        if other is not None and not self._reuse:
            raise UsageError(f"endpoint is {self._endpoint}, but that is the address of the server {other.name}.")

    def _check_same(self, actual: Server) -> None:
        """Raise UsageError when the server of that name is another one."""
        if actual.state in ("Deleting", "Failed"):
            raise UsageError(f"state is present, but {self.label} is in the state {actual.state}.")
        if self._endpoint is not None and self._endpoint not in actual.endpoints:
            there = ", ".join(actual.endpoints) or "none"
            raise UsageError(f"endpoint is {self._endpoint}, but {self.label} is there with the address {there}.")
        if self._uuid is not None and self._uuid.lower() != actual.uuid.lower():
            raise UsageError(f"uuid is {self._uuid}, but {self.label} is there with the UUID {actual.uuid}.")

    def _add(self) -> None:
        values: dict[str, Any] = {"serverEndpoints": [self._endpoint], "extendCluster": self._extend}
        if self._uuid is not None:
            values["serverUUID"] = self._uuid
        if self._reuse:
            values["reuseIP"] = True
        self._api.post("/servers", CREATE_SERVER, values)
        self._added = True

    def _against_removing(self, server: Server) -> list[str]:
        """Return every reason not to remove it, in words."""
        situation = self._situation
        reasons = [*situation.trouble, *situation.others(server)]
        left = len(situation.servers) - 1
        if left < _FEWEST_SERVERS:
            reasons.append(f"only {left} servers would be left, and LightOS needs {_FEWEST_SERVERS}")
        if server.state == ENABLED and server.risk != NO_RISK:
            reasons.append(f"the server itself is in the state {server.risk}")
        held = sorted(volume.title for volume in situation.held(server))
        if held:
            reasons.append(
                f"it has replicas of the volumes {listed(held)}: let a spare node take their place (lightbits_node), "
                "or disable it with evict=true"
            )
        return reasons

    def _pass_gate(self, actual: Server) -> tuple[str, ...]:
        """Return warnings. Raises UsageError with all reasons."""
        reasons = self._against_removing(actual)
        never = [f"the server itself {actual.at_work}"] if actual.at_work else []
        single = self._situation.single_replicas([actual])
        if single:
            never.append(f"it has the only replica of {listed(single)}, which the cluster never moves")
        if never or (reasons and not self._force):
            raise UsageError(f"state is absent, but {self.label} may not be removed: {'; '.join([*never, *reasons])}.")
        if not reasons:
            return ()
        told = f"{self.label} may not be removed: {'; '.join(reasons)}."
        unsaid = sorted({volume.title for volume in self._situation.at_risk(actual)} - set(self._acknowledged))
        if unsaid:
            raise UsageError(
                f"force is true, but acknowledge_data_at_risk does not name {listed(unsaid)}, whose data may be lost "
                f"without the server. By the way, {told}"
            )
        return (f"Forced: {told}",)

    def _remove(self, server: Server) -> None:
        """Look once more, directly before, since the plan may be old."""
        now = self._read()
        if now is None:
            return
        reasons = [] if self._force else self._against_removing(now)
        single = self._situation.single_replicas([now])
        if now.uuid != server.uuid or reasons or single or now.at_work:
            told = "; ".join([*reasons, *single]) or "it is not the same any more"
            raise ConflictError(f"{self.label} may not be removed any more: {told}.")
        query = {"forceDelete": True} if self._force else None
        self._api.delete(f"/servers/{segment(now.uuid)}", query, etag=now.etag)
