# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the cluster says it is: computed from its things whenever somebody asks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from .protection import protection, writable_nodes

if TYPE_CHECKING:
    from ..state import State, Thing


def cluster_health(state: State) -> dict[str, Any]:
    """``health`` of ``/cluster``."""
    alive = writable_nodes(state)
    counts = Counter(protection(volume, alive) for volume in state.volumes)
    inactive = sum(node["state"] in ("Inactive", "Activating") for node in state.nodes)
    word = "OK"
    if inactive or counts["Degraded"]:
        word = "Warning"
    if counts["ReadOnly"] or counts["NotAvailable"]:
        word = "Error"
    return {
        "state": word,
        "numDegradedVolumes": counts["Degraded"],
        "numReadOnlyVolumes": counts["ReadOnly"],
        "numNotAvailableVolumes": counts["NotAvailable"],
        "numInactiveNodes": inactive,
        "numHealthyVolumes": counts["FullyProtected"],
    }


def server_health(state: State, server: Thing) -> str:
    """``health`` of a server."""
    nodes = [node for node in state.nodes if node["serverUUID"] == server["UUID"]]
    away = ("Inactive", "Activating")
    if server["_unhealthy"] or any(node["state"] in away or node["readOnly"] for node in nodes):
        return "Error"
    broken = any(device["serverUUID"] == server["UUID"] and device["state"] != "Healthy" for device in state.devices)
    return "Warning" if broken or any(node["inLocalRebuild"] for node in nodes) else "OK"


def max_replicas(state: State) -> int:
    """How many replicas a new volume can have at present."""
    alive = writable_nodes(state)
    return min(3, len({node["serverUUID"] for node in state.nodes if node["UUID"] in alive}))


def statistics(state: State) -> dict[str, Any]:
    """``statistics`` of ``/cluster``, in bytes."""
    physical = sum(device["size"] for device in state.devices if device["nodeUUID"])
    # a part is for parity and metadata, and each volume has replicas
    logical = physical * 3 // 4
    used = sum(volume["size"] * volume["replicaCount"] for volume in state.volumes)
    free = 0 if state.cluster["_full"] else max(logical - used, 0)
    return {
        "installedPhysicalStorage": physical,
        "managedPhysicalStorage": physical,
        "effectivePhysicalStorage": logical,
        "freePhysicalStorage": free,
        "estimatedLogicalStorage": logical,
        "estimatedFreeLogicalStorage": free,
        "logicalStorage": sum(volume["size"] for volume in state.volumes),
        "logicalUsedStorage": used,
        "compressionRatio": 1,
    }
