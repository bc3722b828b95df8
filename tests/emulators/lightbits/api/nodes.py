# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/nodes``, and the replacement of one by a spare one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import Route
from ..model.node import UNATTACHED, rebuild, replace_replica, shown
from ..refusal import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, Refusal
from ..state import State, Thing, find

_DOMAIN = "failureDomain"


def _list(call: Call) -> Mapping[str, Any]:
    state = call.state
    filters = [name for name in ("name", "UUID", _DOMAIN) if call.asked(name)]
    if len(filters) > 1:
        raise Refusal(INVALID_ARGUMENT, f"{' and '.join(filters)} exclude each other")
    found = state.nodes
    for name in filters:
        found = [
            node for node in found if call.asked(name) in (node[_DOMAIN + "s"] if name == _DOMAIN else [node[name]])
        ]
    return {"nodes": [shown(state, node) for node in found]}


def _get(call: Call) -> Mapping[str, Any]:
    return shown(call.state, find(call.state.nodes, "node", UUID=call.path["uuid"]))


def _replace(call: Call) -> Mapping[str, Any]:
    state = call.state
    source = find(state.nodes, "node", UUID=call.path["uuid"])
    target = find(state.nodes, "node", UUID=call.text("TargetNodeUUID"))
    if any(node["state"] in ("Attaching", "Detaching") for node in state.nodes):
        raise Refusal(RESOURCE_EXHAUSTED, "too many commands in progress")
    allowed = ("Inactive", "Active") if call.truth("ReplaceWhileActive") else ("Inactive",)
    if source["state"] not in allowed:
        raise Refusal(INVALID_ARGUMENT, f"node {source['name']} must be {' or '.join(allowed)}")
    if target["state"] != UNATTACHED:
        raise Refusal(INVALID_ARGUMENT, f"node {target['name']} must be {UNATTACHED}")
    call.change(source)
    source["state"], target["state"] = "Detaching", "Attaching"
    for node in (source, target):
        state.touch(node)
    state.pace.later(lambda: _replaced(state, source, target))
    return {}


def _replaced(state: State, source: Thing, target: Thing) -> None:
    """An empty node took the place: all that it has to hold is filled in now."""
    moved = [volume for volume in state.volumes if source["UUID"] in volume["nodeList"]]
    for volume in moved:
        replace_replica(volume, source["UUID"], target["UUID"])
        state.touch(volume)
    source.update(state=UNATTACHED, permanentFailure=False, _away_since="")
    target.update(state="Active", powerupProgress=100)
    for node in (source, target):
        state.touch(node)
    rebuild(state, moved, target["UUID"])


ROUTES = [
    Route("GET", "/nodes", _list),
    Route("GET", "/nodes/{uuid}", _get),
    Route("POST", "/nodes/{uuid}/replace", _replace),
]
