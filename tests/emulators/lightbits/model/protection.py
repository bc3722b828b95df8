# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loss of nodes means for volumes, and what another loss would mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..state import State, Thing


def writable_nodes(state: State) -> set[str]:
    """UUIDs of the nodes whose replicas are complete and can be written."""
    return {node["UUID"] for node in state.nodes if node["state"] == "Active" and not node["readOnly"]}


def protection(volume: Thing, alive: Collection[str]) -> str:
    """The protection state of a volume, when these nodes are alive."""
    if volume["state"] == "Creating":
        return ""
    left = [node for node in volume["nodeList"] if node in alive and node not in volume["_rebuilding"]]
    if len(left) == volume["replicaCount"]:
        return "FullyProtected"
    if not left:
        return "NotAvailable"
    # two of three have to agree
    return "ReadOnly" if volume["replicaCount"] == 3 and len(left) == 1 else "Degraded"


def lost_without(state: State, nodes: Iterable[str]) -> list[Thing]:
    """The volumes that could not be written any more without these nodes, and can be now."""
    alive = writable_nodes(state)
    rest = alive - set(nodes)
    usable = ("FullyProtected", "Degraded")
    return [
        volume
        for volume in state.volumes
        if protection(volume, alive) in usable and protection(volume, rest) not in usable
    ]


def is_present(state: State, server: Thing) -> bool:
    """Whether a server is enabled, and its nodes (except spare ones) are there."""
    away = ("Inactive", "Activating")
    own = [node for node in state.nodes if node["serverUUID"] == server["UUID"]]
    there = server["state"] == "Enabled" and not server.get("_absent")
    return there and not any(node["state"] in away for node in own)


def risk(state: State, server: Thing) -> str:
    """Whether a server can go without loss of service, or its own absence is what puts the others at risk."""
    present = sum(is_present(state, one) for one in state.servers)
    # etcd needs more than half of the servers
    scarce = 2 * (present - 1) <= len(state.servers)
    if not is_present(state, server):
        alive = writable_nodes(state)
        hurt = any(protection(volume, alive) not in ("FullyProtected", "") for volume in state.volumes)
        return "SourceOfRiskOfServiceLoss" if hurt or scarce else "NoRiskOfServiceLoss"
    if scarce or lost_without(state, server["NodesUUIDs"]):
        return "InRiskOfServiceLoss"
    return "NoRiskOfServiceLoss"
