# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/nvmeDevices``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import Route
from ..model.node import shown
from ..refusal import ABORTED, INVALID_ARGUMENT, Refusal
from ..state import State, Thing, find

_PATTERNS = ("locate", "rebuild", "locate-off")


def _list(call: Call) -> Mapping[str, Any]:
    found = call.state.devices
    for name in ("nodeUUID", "serverUUID"):
        if call.asked(name):
            found = [device for device in found if device[name] == call.asked(name)]
    usages = call.query.get("deviceUsages")
    return {"NvmeDevices": [device for device in found if not usages or device["deviceUsage"] in usages]}


def _get(call: Call) -> Thing:
    return find(call.state.devices, "device", serial=call.path["serial"])


def _add(call: Call) -> Mapping[str, Any]:
    state = call.state
    device = find(state.devices, "device", serial=call.text("serialNumber"))
    node = find(state.nodes, "node", UUID=call.text("nodeUUID"))
    if device["state"] == "Adding":
        raise Refusal(ABORTED, "user operation in progress")
    if device["nodeUUID"]:
        raise Refusal(INVALID_ARGUMENT, f"device {device['serial']} is already attached to a node")
    if device["serverUUID"] != node["serverUUID"]:
        raise Refusal(INVALID_ARGUMENT, f"device {device['serial']} is in another server")
    if node["state"] != "Active":
        raise Refusal(INVALID_ARGUMENT, f"node {node['name']} is not active")
    if shown(state, node)["numManagedDevices"] >= node["maxNvmeDevices"]:
        raise Refusal(INVALID_ARGUMENT, f"node {node['name']} has as many devices as it can have")
    call.change(device)
    device.update(state="Adding", nodeUUID=node["UUID"], deviceUsage="Data")
    state.touch(device)
    state.pace.later(lambda: _added(state, device))
    return {}


def _added(state: State, device: Thing) -> None:
    device["state"] = "Healthy"
    state.touch(device)


def _light(call: Call) -> Mapping[str, Any]:
    device = _get(call)
    if call.text("serverUUID") != device["serverUUID"]:
        raise Refusal(INVALID_ARGUMENT, f"device {device['serial']} is in another server")
    if call.text("ledPattern") not in _PATTERNS:
        raise Refusal(INVALID_ARGUMENT, f"invalid ledPattern, it is one of {', '.join(_PATTERNS)}")
    device["_led"] = call.text("ledPattern")
    return {}


ROUTES = [
    Route("GET", "/nvmeDevices", _list),
    Route("POST", "/nvmeDevices", _add),
    Route("GET", "/nvmeDevices/{serial}", _get),
    Route("POST", "/nvmeDevices/{serial}", _light),
]
