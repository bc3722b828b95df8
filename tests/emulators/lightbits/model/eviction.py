# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Eviction: before a server is disabled its data goes to the others. At most one server at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..refusal import ABORTED, FAILED_PRECONDITION, Refusal
from .node import move_replicas, nodes_of, power_down

if TYPE_CHECKING:
    from ..state import State, Thing

FLAG = "evict-data"
FEWEST_SERVERS = 4
_BATCHES = 4


def is_evicting(server: Thing) -> bool:
    """Whether data leaves it at present."""
    return server["LastEviction"]["status"] in ("Evicting", "Aborting")


def check(state: State, server: Thing) -> None:
    """Refusal when the data of a server cannot be evicted."""
    if not state.flags.get(FLAG):
        raise Refusal(FAILED_PRECONDITION, f"feature {FLAG} is disabled")
    if any(is_evicting(one) for one in state.servers):
        raise Refusal(ABORTED, "an eviction is in progress")
    if sum(one["state"] == "Enabled" for one in state.servers) < FEWEST_SERVERS:
        raise Refusal(FAILED_PRECONDITION, f"eviction needs at least {FEWEST_SERVERS} enabled servers")
    if any(volume["replicaCount"] == 1 for volume, _node in _replicas(state, server)):
        raise Refusal(FAILED_PRECONDITION, f"{server['name']} has volumes with a single replica")


def start(state: State, server: Thing) -> None:
    """Begin; the server is Disabled when all data has left it."""
    server["state"] = "Disabling"
    server["LastEviction"] = {"status": "Evicting", "startTime": state.timestamp(), "progress": 0}
    state.touch(server)
    state.pace.later(lambda: _batch(state, server, 1))


def abort(state: State, server: Thing) -> None:
    """The server stays; what has left it does not come back."""
    server["state"] = "Enabling"
    server["LastEviction"]["status"] = "Aborting"
    state.touch(server)
    state.pace.later(lambda: _end(state, server, "Aborted", "Enabled"))


def _batch(state: State, server: Thing, number: int) -> None:
    if server["LastEviction"]["status"] != "Evicting":
        return
    if server.get("_eviction_error"):
        _end(state, server, "Failed", "Enabled", str(server["_eviction_error"]))
        return
    for volume, _node in _replicas(state, server):
        _settle(state, volume)
    left = _replicas(state, server)
    for volume, node in left[: -(-len(left) // (_BATCHES - number + 1))]:
        if not move_replicas(state, volume, node):
            _end(state, server, "Failed", "Enabled", f"there is no other node for volume {volume['name']}")
            return
        if volume["state"] == "Available":
            volume["state"] = "Migrating"
            state.touch(volume)
            state.pace.later(lambda volume=volume: _settle(state, volume))  # type: ignore[misc]
    server["LastEviction"]["progress"] = 100 * number // _BATCHES
    state.touch(server)
    if number < _BATCHES:
        state.pace.later(lambda: _batch(state, server, number + 1))
    else:
        power_down(state, nodes_of(state, server))
        _end(state, server, "Completed", "Disabled")


def _end(state: State, server: Thing, status: str, becomes: str, error: str = "") -> None:
    server["state"] = becomes
    server["LastEviction"].update(status=status, endTime=state.timestamp(), errorMessage=error)
    state.touch(server)


def _settle(state: State, volume: Thing) -> None:
    if volume["state"] == "Migrating":
        volume["state"] = "Available"
        state.touch(volume)


def _replicas(state: State, server: Thing) -> list[tuple[Thing, str]]:
    own = set(server["NodesUUIDs"])
    return [(volume, node) for volume in state.volumes for node in volume["nodeList"] if node in own]
