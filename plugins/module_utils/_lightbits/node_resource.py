# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that should be replaced by a spare one, which then fills itself from the other replicas.

The API keeps no record of it: a node that takes no part in the cluster any more, and another one that does, are what
shows that it was done. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ConflictError, UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .client import segment
from .gate import Situation, listed, read_situation
from .messages import REPLACE_NODE
from .server import ENABLED, NO_RISK, SPARE, Node, Server
from .volume import Volume

if TYPE_CHECKING:
    from .client import Lightbits

ACTIVE, INACTIVE = "Active", "Inactive"
_EXCHANGING = ("Attaching", "Detaching")


@dataclass(frozen=True)
class Found:
    """The node (None when it is gone with its server), the one that takes its place, and what is around them."""

    source: Node | None
    target: Node
    situation: Situation

    @property
    def exchanging(self) -> list[Node]:
        """The nodes that are just changing places, these or others."""
        return [node for node in self.situation.nodes if node.state in _EXCHANGING]

    @property
    def done(self) -> bool:
        """Whether the other node has the place."""
        left = self.source is None or self.source.state == SPARE
        return left and self.target.state == ACTIVE

    @property
    def held(self) -> list[Volume]:
        """The volumes with a replica on the node."""
        return [one for one in self.situation.volumes if self.source is not None and self.source.uuid in one.nodes]

    @property
    def at_risk(self) -> list[Volume]:
        """The volumes that would be lost with the node, since no other node has all of their data."""
        return [volume for volume in self.held if volume.replicas == 1 or volume.protection == "NotAvailable"]

    def server(self, node: Node) -> Server | None:
        """Return the server of a node."""
        return next((one for one in self.situation.servers if one.uuid == node.server), None)


class NodeResource(Resource[Found]):
    """The node with a name. ``wanted`` has the options of lightbits_node."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._name: str = wanted["name"]
        self._target: str = wanted["replaced_by"]
        self._while_active = bool(wanted.get("while_active"))
        self._force = bool(wanted.get("force"))
        self._acknowledged: Sequence[str] = wanted.get("acknowledge_data_at_risk") or ()
        self._patient = bool(wanted.get("wait", True))
        self._waiting = waiting
        self._started = False
        self.label = f"the node {self._name}"
        if self._name == self._target:
            raise UsageError(f"replaced_by is {self._target}, the node itself; it must be a spare one.")
        if self._acknowledged and not self._force:
            raise UsageError("acknowledge_data_at_risk is given without force=true, and says nothing then.")

    def read(self) -> Found:
        """Return the nodes, after the end of what goes on if there is something to wait with."""
        found = self._read(volumes=False)
        if self._waiting is not None and (self._started or found.exchanging):
            self._waiting.until(
                lambda: self._read(volumes=False),
                lambda one: one.done if self._started else not one.exchanging,
                what=f"{self.label} to be replaced by {self._target}",
                seen=_seen,
            )
        return self._read()

    def _read(self, *, volumes: bool = True) -> Found:
        situation = read_situation(self._api, volumes=volumes)
        by_name = {node.name: node for node in situation.nodes}
        target = by_name.get(self._target)
        if target is None:
            raise UsageError(
                f"replaced_by is {self._target!r}, but the cluster has no such node; {_spares(situation)}."
            )
        source = by_name.get(self._name)
        if source is None and target.state not in (ACTIVE, *_EXCHANGING):
            names = ", ".join(by_name)
            raise UsageError(f"name is {self._name!r}, but the cluster has no such node; it has: {names}.")
        return Found(source, target, situation)

    def show(self, actual: Found) -> dict[str, Any]:
        """Return both nodes in the collection's words."""
        return {
            "name": self._name,
            "replaced_by": self._target,
            "replaced": actual.done,
            "nodes": [node.as_dict() for node in (actual.source, actual.target) if node is not None],
        }

    def plan(self, actual: Found | None) -> Plan:
        """Replace it, unless that was done or goes on."""
        if actual is None:
            raise TypeError("a node that does not exist is refused by read")
        before = {"name": self._name, "replaced_by": self._target, "replaced": actual.done}
        after = {**before, "replaced": True}
        if actual.done:
            gone = f"The cluster has no node {self._name}; {self._target} is active and taken for its replacement."
            return Plan(before, after, warnings=(gone,) if actual.source is None else ())
        if self._started or self._goes_on(actual):
            return Plan(before, after if self._started else before)
        if actual.source is None:
            raise UsageError(f"name is {self._name!r}, but the cluster has no such node.")
        warnings = self._pass_gate(actual, actual.source)
        source = actual.source
        sentence = f"replace {self.label} by {self._target}"
        return Plan(before, after, (Step(sentence, lambda: self._replace(source), creates=True),), warnings)

    def _goes_on(self, actual: Found) -> bool:
        """Whether these two are just changing places. Raises UsageError when others are and nobody waits."""
        nodes = actual.exchanging
        if not nodes:
            return False
        ours = {self._name, self._target}
        if {node.name for node in nodes} <= ours:
            return True
        if not self._patient:
            names = listed([node.name for node in nodes])
            raise UsageError(
                f"wait is false, but other nodes are just changing places: {names}. Only one can at a time."
            )
        return False

    def _pass_gate(self, actual: Found, source: Node) -> tuple[str, ...]:
        """Return warnings. Raises UsageError with all reasons."""
        reasons = self._impossible(actual, source)
        if reasons:
            raise UsageError(f"{self.label[0].upper()}{self.label[1:]} cannot be replaced: {'; '.join(reasons)}.")
        lost = sorted(volume.title for volume in actual.at_risk)
        if not lost:
            return ()
        told = f"no other node has all data of the volumes {listed(lost)}, which would be lost"
        if not self._force:
            raise UsageError(f"replaced_by is {self._target}, but {told}.")
        unsaid = sorted(set(lost) - set(self._acknowledged))
        if unsaid:
            raise UsageError(f"force is true, but acknowledge_data_at_risk does not name {listed(unsaid)}: {told}.")
        return (f"Forced: {told}.",)

    def _impossible(self, actual: Found, source: Node) -> list[str]:
        """Return what must be otherwise before, which nobody can force."""
        reasons = []
        target, server = actual.target, actual.server(actual.target)
        if target.state != SPARE:
            reasons.append(
                f"{target.name} is in the state {target.state}, but only a spare node, which is {SPARE}, can take its "
                f"place ({_spares(actual.situation)})"
            )
        if server is None or server.state != ENABLED:
            reasons.append(f"the server of {target.name} is {'not there' if server is None else server.state}")
        elif server.at_work:
            reasons.append(f"the server of {target.name} {server.at_work}")
        if source.state == ACTIVE and self._while_active:
            reasons += self._while_it_works(actual, source)
        elif source.state != INACTIVE:
            hint = ": disable its server first, or set while_active" if source.state == ACTIVE else ""
            reasons.append(f"it is in the state {source.state}, but must be {INACTIVE}{hint}")
        close = [node.name for node in self._neighbours(actual) if set(node.domains) & set(target.domains)]
        if close:
            reasons.append(
                f"{target.name} is in a failure domain with {listed(sorted(close))}, which has replicas of the same "
                "volumes"
            )
        return reasons

    def _while_it_works(self, actual: Found, source: Node) -> list[str]:
        """Return why an active node must not leave now."""
        server = actual.server(source)
        if server is None:
            return [f"it is {ACTIVE}, but its server is not there"]
        reasons = [*actual.situation.trouble, *actual.situation.others(server)]
        if server.risk != NO_RISK and not self._force:
            reasons.append(f"its server is in the state {server.risk}")
        return reasons

    def _neighbours(self, actual: Found) -> list[Node]:
        """Return the nodes that share volumes with the one that goes."""
        shared = {uuid for volume in actual.held for uuid in volume.nodes}
        return [node for node in actual.situation.nodes if node.uuid in shared and node.name != self._name]

    def _replace(self, source: Node) -> None:
        now = self._read()
        reasons = [] if now.source is None else self._impossible(now, now.source)
        risked = {volume.title for volume in now.at_risk} - set(self._acknowledged)
        if reasons or risked or now.exchanging or now.source is None:
            told = "; ".join([*reasons, *sorted(risked)]) or "somebody else has been faster"
            raise ConflictError(f"{self.label} cannot be replaced any more: {told}.")
        values: dict[str, Any] = {"SrcNodeUUID": source.uuid, "TargetNodeUUID": now.target.uuid}
        if self._while_active:
            values["ReplaceWhileActive"] = True
        self._api.post(f"/nodes/{segment(source.uuid)}/replace", REPLACE_NODE, values)
        self._started = True


def _seen(found: Found) -> str:
    nodes = [node for node in (found.source, found.target) if node is not None]
    return ", ".join(f"{node.name} {node.state}" for node in [*nodes, *(n for n in found.exchanging if n not in nodes)])


def _spares(situation: Situation) -> str:
    names = [node.name for node in situation.nodes if node.state == SPARE]
    return f"spare ones are: {', '.join(names) or 'none'}"
