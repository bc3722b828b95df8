# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes: how they go and come back, and what the volumes on them then have to catch up with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .event import record
from .protection import writable_nodes
from .settings import PATIENCE, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..state import State, Thing

UNATTACHED = "Unattached"


def nodes_of(state: State, server: Thing) -> list[Thing]:
    """The nodes of a server."""
    return [node for node in state.nodes if node["serverUUID"] == server["UUID"]]


def shown(state: State, node: Thing) -> dict[str, Any]:
    """A node with what is computed."""
    devices = [device for device in state.devices if device["nodeUUID"] == node["UUID"]]
    return {**node, "numManagedDevices": len(devices), "permanentFailure": is_lost(state, node)}


def is_lost(state: State, node: Thing) -> bool:
    """Whether it has been away for so long that the cluster no longer waits for it."""
    since = node.get("_away_since")
    server = next(one for one in state.servers if one["UUID"] == node["serverUUID"])
    patience = server["_failure_timeout"]
    if patience is None:
        patience = seconds_of(state.config[PATIENCE])
    if not since or node["state"] != "Inactive" or patience == 0:
        return bool(node["permanentFailure"])
    return state.clock.now() >= datetime.fromisoformat(since) + timedelta(seconds=patience)


def power_down(state: State, nodes: Iterable[Thing]) -> None:
    """They are away from now on. A node that takes no part in the cluster stays as it is."""
    for node in nodes:
        if node["state"] == UNATTACHED:
            continue
        node.update(state="Inactive", powerupProgress=0, _away_since=state.timestamp())
        state.touch(node)
        record(state, "Node", "NodeInactive", node, severity="High")


def power_up(state: State, nodes: Iterable[Thing]) -> None:
    """They come back: half of the way at once, all of it a stage later, and a stage later they have all data again."""
    absent = {server["UUID"] for server in state.servers if server.get("_absent")}
    for node in nodes:
        if node["state"] == UNATTACHED or node["serverUUID"] in absent:
            continue
        node.update(state="Activating", powerupProgress=50)
        state.touch(node)
        state.pace.later(lambda node=node: activate(state, node))  # type: ignore[misc]


def activate(state: State, node: Thing) -> None:
    """It is there. What was written without it has to be written to it now."""
    if node["state"] != "Activating":
        return  # it has gone again
    node.update(state="Active", powerupProgress=100, permanentFailure=False, _away_since="")
    state.touch(node)
    record(state, "Node", "NodeActive", node)
    rebuild(state, [volume for volume in state.volumes if node["UUID"] in volume["nodeList"]], node["UUID"])


def rebuild(state: State, volumes: list[Thing], node: str) -> None:
    """Fill the replicas of these volumes on a node, which takes a stage."""
    for volume in volumes:
        if node not in volume["_rebuilding"]:
            volume["_rebuilding"].append(node)

    def filled() -> None:
        for volume in volumes:
            if node in volume["_rebuilding"]:
                volume["_rebuilding"].remove(node)

    state.pace.later(filled)


def move_replicas(state: State, volume: Thing, source: str) -> bool:
    """Put the replica that is on a node to another one; False when no other node may have it.

    Two nodes that share a failure domain never have replicas of the same volume.
    """
    kept = [uuid for uuid in volume["nodeList"] if uuid != source]
    taken = {domain for node in state.nodes if node["UUID"] in kept for domain in node["failureDomains"]}
    alive = writable_nodes(state)
    for node in state.nodes:
        fits = node["UUID"] in alive and node["UUID"] not in volume["nodeList"]
        if fits and not taken & set(node["failureDomains"]):
            replace_replica(volume, source, node["UUID"])
            return True
    return False


def replace_replica(volume: Thing, source: str, target: str) -> None:
    """Another node has the replica from now on, with all data."""
    volume["nodeList"] = [target if uuid == source else uuid for uuid in volume["nodeList"]]
    volume["_rebuilding"] = [uuid for uuid in volume["_rebuilding"] if uuid != source]
