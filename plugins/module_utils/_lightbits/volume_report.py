# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants to know of volumes. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError, UsageError
from .._values import integer, mapping, text, texts
from .client import segment
from .server import list_nodes, list_servers
from .volume import Volume

if TYPE_CHECKING:
    from .client import Lightbits


def volume_report(api: Lightbits, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the volumes that match the options of lightbits_volume_info, by project and name."""
    project, server = wanted.get("project"), wanted.get("server")
    path = "/volumes" if project is None else f"/projects/{segment(project)}/volumes"
    query = {"name": wanted["name"]} if wanted.get("name") is not None else {}
    items = api.pages(path, "volumes", query)
    servers = _servers_of_nodes(api) if server is not None or wanted.get("placement") else None
    if server is not None and server not in (servers or {}).values():
        known = ", ".join(sorted(set((servers or {}).values())))
        raise UsageError(f"server is {server!r}, but the cluster has no such server with nodes; it has: {known}.")
    found = []
    for item in items:
        volume = Volume.from_api(item)
        if not _matches(volume, wanted):
            continue
        shown = volume.as_dict()
        shown.update(_use(item))
        if servers is not None:
            shown["servers"] = sorted({servers[node] for node in volume.nodes if node in servers})
            if server is not None and server not in shown["servers"]:
                continue
        found.append(shown)
    return sorted(found, key=itemgetter("project", "name", "uuid"))


def _matches(volume: Volume, wanted: Mapping[str, Any]) -> bool:
    """Whether it has what the API cannot filter by; older versions may not filter by the name either."""
    name, protection = wanted.get("name"), wanted.get("protection")
    labels: Mapping[str, Any] = wanted.get("labels") or {}
    return (
        name in (None, volume.name)
        and (not protection or volume.protection in protection)
        and all(volume.labels.get(key) == str(value) for key, value in labels.items())
    )


def _use(item: Mapping[str, Any]) -> dict[str, Any]:
    """Who uses it, and how much of it."""
    try:
        statistics = mapping(item, "statistics")
        return {
            "connected_hosts": sorted(texts(item, "connectedHosts")),
            "logical_used": integer(statistics.get("logicalUsedStorage")),
            "physical_used": integer(statistics.get("physicalUsedStorage")),
            "rebuild_progress": text(item, "rebuildProgress") or "None",
        }
    except ValueError as error:
        raise ProtocolError(f"A volume of the Lightbits API cannot be understood: {error}.") from None


def _servers_of_nodes(api: Lightbits) -> dict[str, str]:
    """Names of servers, by the UUIDs of their nodes."""
    names = {server.uuid: server.name for server in list_servers(api)}
    return {node.uuid: names[node.server] for node in list_nodes(api) if node.server in names}
