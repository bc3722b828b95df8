# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a cluster, in words. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .condition import Condition
from .device import Device
from .gate import listed, troubles
from .server import ENABLED, Node, Server
from .volume import PROTECTED, Volume

# States of a device that nobody has to look after.
_FINE = ("Healthy", "None", "Adding")
# A volume that is being made has no protection yet.
_UNKNOWN = "Unknown"
_WORDS = {"Degraded": "degraded", "ReadOnly": "read-only", "NotAvailable": "not available"}


def health(
    condition: Condition,
    servers: Sequence[Server],
    nodes: Sequence[Node],
    devices: Sequence[Device],
    volumes: Sequence[Volume],
) -> dict[str, Any]:
    """Return ``state``, the cluster's own word, ``ok``, and ``problems``, a sentence each.

    ``volumes`` are needed only when the condition speaks of weak ones, to say which.
    """
    broken = [device for device in devices if device.node and device.state not in _FINE]
    problems = [
        *_of_cluster(condition),
        *troubles(servers, nodes),
        *_of_servers(servers, {device.server for device in broken}),
        *(f"the device {one.serial} of {_name(nodes, one)} is in the state {one.state}" for one in broken),
        *_of_volumes(condition, volumes),
    ]
    if condition.state not in ("OK", "None") and not problems:
        problems = [f"the cluster has the health {condition.state} and does not say why"]
    return {
        "state": condition.state,
        "ok": not problems,
        "problems": [f"{one[0].upper()}{one[1:]}." for one in problems],
    }


def _of_cluster(condition: Condition) -> list[str]:
    upgrade = condition.upgrade
    if upgrade.status == "Upgrading":
        progress = f" (step {upgrade.step} of {upgrade.steps})" if upgrade.steps else ""
        return [f"the cluster is being upgraded to {upgrade.target or 'another version'}{progress}"]
    if upgrade.status == "UpgradeFailed":
        return [f"the last upgrade of the cluster failed{_why(upgrade.error)}"]
    return []


def _of_servers(servers: Sequence[Server], explained: set[str]) -> list[str]:
    """What does not keep the others from carrying on; ``explained`` are those with a broken device."""
    found = []
    for server in servers:
        if server.state == ENABLED and server.health == "Warning" and server.uuid not in explained:
            found.append(f"the server {server.name} has the health Warning: it is full, or rebuilds a device")
        if server.upgrade == "UpgradeFailed":
            found.append(f"the last upgrade of the server {server.name} failed{_why(server.last_upgrade.error)}")
        if server.eviction == "Failed":
            found.append(f"the server {server.name} could not be emptied{_why(server.eviction_error)}")
    return found


def _why(error: str) -> str:
    """What the API says of a failure, as the end of a sentence, whose full stop comes later."""
    return f": {error.rstrip('. ')}" if error else ""


def _name(nodes: Sequence[Node], device: Device) -> str:
    return next((f"the node {node.name}" for node in nodes if node.uuid == device.node), "an unknown node")


def _of_volumes(condition: Condition, volumes: Sequence[Volume]) -> list[str]:
    weak = [volume for volume in volumes if volume.protection not in (PROTECTED, _UNKNOWN)]
    if not weak:
        return condition.weak_volumes()
    found = []
    for protection in sorted({volume.protection for volume in weak}):
        titles = sorted(volume.title for volume in weak if volume.protection == protection)
        subject = "the volume" if len(titles) == 1 else f"{len(titles)} volumes"
        verb = "is" if len(titles) == 1 else "are"
        found.append(f"{subject} {listed(titles)} {verb} {_WORDS.get(protection, protection)}")
    return found
