# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants to know of a cluster, read with as few requests as that needs.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from .cluster import get_cluster
from .condition import get_condition
from .device import Device, list_devices
from .health import health
from .server import Node, Server, list_nodes, list_servers
from .volume import list_volumes

if TYPE_CHECKING:
    from .client import Lightbits

PARTS = ("capacity", "devices", "health", "nodes", "servers", "versions")
_CONDITION = {"capacity", "health", "versions"}


def cluster_report(api: Lightbits, parts: Collection[str]) -> dict[str, Any]:
    """Return ``cluster`` and ``endpoints``, and those of :data:`PARTS` that are asked for."""
    wanted = set(parts)
    cluster = get_cluster(api)
    # the condition first: what it counts is then explained by what is read after it
    condition = get_condition(api) if wanted & _CONDITION else None
    devices = list_devices(api) if wanted & {"devices", "health"} else []
    nodes = list_nodes(api) if wanted & {"devices", "health", "nodes", "servers"} else []
    servers = list_servers(api) if wanted & {"devices", "health", "nodes", "servers"} else []
    report: dict[str, Any] = {
        "cluster": cluster.as_dict(),
        "endpoints": cluster.endpoints.forms(),
        "servers": [_server(server, nodes) for server in servers],
        "nodes": [_node(node, servers) for node in nodes],
        "devices": [_device(device, servers, nodes) for device in devices],
    }
    if condition is not None:
        # only to say which are meant: there may be thousands
        volumes = list(list_volumes(api)) if "health" in wanted and condition.weak else []
        report["capacity"] = dict(condition.capacity)
        report["versions"] = condition.versions()
        report["health"] = health(condition, servers, nodes, devices, volumes)
    return {name: value for name, value in report.items() if name not in PARTS or name in wanted}


def _server(server: Server, nodes: Sequence[Node]) -> dict[str, Any]:
    return {**server.as_dict(), "nodes": [node.name for node in nodes if node.server == server.uuid]}


def _node(node: Node, servers: Sequence[Server]) -> dict[str, Any]:
    return {**node.as_dict(), "server": _named(servers, node.server)}


def _device(device: Device, servers: Sequence[Server], nodes: Sequence[Node]) -> dict[str, Any]:
    return {**device.as_dict(), "server": _named(servers, device.server), "node": _named(nodes, device.node)}


def _named(things: Sequence[Server] | Sequence[Node], uuid: str) -> str | None:
    """The name of a server or a node, None for nothing."""
    return next((thing.name for thing in things if thing.uuid == uuid), None)
