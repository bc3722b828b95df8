# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a thing is that a test puts into the state, as far as the test does not say it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .volume import blank_volume

if TYPE_CHECKING:
    from ..state import State, Thing

_GIB = 1 << 30


def usual(state: State, table: str, name: str) -> Thing:
    """A new thing of a table, finished."""
    if table == "volumes":
        return _volume(state, name)
    thing: Thing = {"UUID": str(uuid.uuid4()), "name": name, "description": "", "ETag": "1"}
    if table == "policies":
        limit = {"readIOPSLimit": 2560, "writeIOPSLimit": 2560}
        return {**thing, "state": "Active", "QoSRateLimitPolicy": {"policyVisibility": "Global", "limitIOPS": limit}}
    if table == "resource_policies":
        return {**thing, "projectName": "default", "state": "Active", "resourceUUID": "", "schedulePolicy": {}}
    source = state.volumes[0] if state.volumes else _volume(state, "source")
    copied = ("projectName", "size", "replicaCount", "nodeList", "acl", "IPAcl", "labels", "sectorSize")
    return {
        **thing,
        **{key: source[key] for key in copied},
        "state": "Available",
        "sourceVolumeUUID": source["UUID"],
        "sourceVolumeName": source["name"],
        "compression": False,
        "retentionTime": "0s",
        "creationTime": state.timestamp(),
    }


def _volume(state: State, name: str) -> Thing:
    """On two nodes, one after the other in turn."""
    nodes = [node["UUID"] for node in state.nodes if node["state"] == "Active"]
    number = len(state.volumes)
    chosen = [nodes[(number + offset) % len(nodes)] for offset in range(min(2, len(nodes)))]
    return {
        **blank_volume("default", name, _GIB, chosen, number + 1),
        "state": "Available",
        "acl": {"values": ["ALLOW_NONE"]},
        "IPAcl": {"values": ["ALLOW_ANY"]},
        "compression": "false",
        "qosPolicyName": "",
    }
