# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server may go, for good or for a while: what the rest of the cluster says just now.

Every reason against it is told at once. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .condition import Condition, get_condition
from .server import ENABLED, NO_RISK, Node, Server, list_nodes, list_servers
from .volume import PROTECTED, Volume, list_volumes

if TYPE_CHECKING:
    from .client import Lightbits

_SHOWN = 5


@dataclass(frozen=True)
class Situation:
    """What is known of a cluster at one moment. ``trouble`` is what the cluster itself says of its health."""

    servers: Sequence[Server]
    nodes: Sequence[Node]
    volumes: Sequence[Volume]
    trouble: tuple[str, ...]
    condition: Condition

    def others(self, server: Server) -> list[str]:
        """Return why the rest of the cluster cannot carry on alone: servers and nodes that are not healthy."""
        return troubles(self.servers, self.nodes, but=server.uuid)

    def held(self, server: Server) -> list[Volume]:
        """Return the volumes that have a replica on the server."""
        return [volume for volume in self.volumes if set(volume.nodes) & set(server.nodes)]

    def at_risk(self, server: Server) -> list[Volume]:
        """Return the volumes that would lose data or could not be written without the server."""
        return [one for one in self.held(server) if one.replicas == 1 or one.protection != PROTECTED]

    def against_disabling(self, server: Server) -> list[str]:
        """Return every reason not to disable the server, in words; none when it may go."""
        reasons = [*self.trouble, *self.others(server)]
        if server.at_work:
            reasons.append(f"the server itself {server.at_work}")
        if server.risk != NO_RISK:
            reasons.append(f"the server itself is in the state {server.risk}")
        for node in self.nodes:
            if node.server == server.uuid and node.lost:
                reasons.append(f"its node {node.name} {node.trouble}")
        single = self.single_replicas([server])
        if single:
            reasons.append(f"it has the only replica of {listed(single)}")
        return [*reasons, *self._of_volumes()]

    def against_upgrading(self, servers: Sequence[Server]) -> list[str]:
        """Return every reason not to upgrade servers, one after the other, each of which is away for a while."""
        reasons = [*self.trouble, *troubles(self.servers, self.nodes)]
        reasons += [f"the server {one.name} is in the state {one.risk}" for one in servers if one.risk != NO_RISK]
        single = self.single_replicas(servers)
        if single:
            reasons.append(f"without a second replica, and away during the upgrade, are the volumes {listed(single)}")
        return [*reasons, *self._of_volumes()]

    def single_replicas(self, servers: Sequence[Server]) -> list[str]:
        """Return the volumes whose only replica is on one of the servers."""
        own = {node for server in servers for node in server.nodes}
        return sorted(volume.title for volume in self.volumes if volume.replicas == 1 and own & set(volume.nodes))

    def _of_volumes(self) -> list[str]:
        reasons = []
        weak = sorted(one.title for one in self.volumes if one.protection not in (PROTECTED, "Unknown"))
        if weak:
            reasons.append(f"not fully protected are the volumes {listed(weak)}")
        moving = sorted(volume.title for volume in self.volumes if volume.state == "Migrating")
        if moving:
            reasons.append(f"on the way to other nodes are the volumes {listed(moving)}")
        return reasons


def troubles(servers: Sequence[Server], nodes: Sequence[Node], but: str = "") -> list[str]:
    """Return what is wrong with servers and nodes, in words, except with the server whose UUID is ``but``."""
    found = []
    names = {one.uuid: one.name for one in servers}
    for server in servers:
        if server.uuid == but:
            continue
        if server.state != ENABLED:
            found.append(f"the server {server.name} is in the state {server.state}")
        elif server.health == "Error":
            found.append(f"the server {server.name} has the health Error")
        if server.at_work:
            found.append(f"the server {server.name} {server.at_work}")
    for node in nodes:
        # one without a server is left over
        if node.server in names and node.server != but and node.trouble:
            found.append(f"the node {node.name} {node.trouble}")
    return found


def read_situation(api: Lightbits, *, volumes: bool = True) -> Situation:
    """Read everything anew (``/cluster``, ``/servers``, ``/nodes``, ``/volumes``).

    Without ``volumes``, which may be thousands, it is good for waiting, but for no judgement.
    """
    condition = get_condition(api)
    trouble = condition.weak_volumes()
    if not trouble and condition.state not in ("OK", "Warning"):
        trouble.append(f"the cluster has the health {'unknown' if condition.state == 'None' else condition.state}")
    if condition.upgrade.status == "Upgrading":
        trouble.append("the cluster is being upgraded")
    # The nodes first: what a server says of its health is then not older than its nodes.
    nodes = list_nodes(api)
    servers = list_servers(api)
    return Situation(servers, nodes, list(list_volumes(api)) if volumes else [], tuple(trouble), condition)


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them, at most five."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
