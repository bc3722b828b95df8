# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the page about the Lightbits cluster. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._units import format_size
from .words import count, items, listed, part, shown_time

_RISKS = {"NoRiskOfServiceLoss": ("ok", "may be taken away"), "InRiskOfServiceLoss": ("bad", "must not be taken away")}
_HEALTH = {"OK": "ok", "Warning": "warning", "Error": "bad"}
#: Less free space than this share is worth a look.
_LITTLE = 15.0
_EVENT = ("time", "severity", "name", "description")


def cluster_part(cluster: Mapping[str, Any], wanted_uuid: str) -> dict[str, Any]:
    """Return ``facts``, ``capacity``, ``servers``, ``events``, and what all parts have."""
    seen = part(cluster.get("seen"))
    about, health, versions = part(seen.get("cluster")), part(seen.get("health")), part(seen.get("versions"))
    problems = [("bad", str(one)) for one in health.get("problems") or ()]
    if about and wanted_uuid and about.get("uuid") != wanted_uuid:
        problems.append(
            ("bad", f"The API is that of the cluster {about.get('uuid')}, but lightos_cluster_id is {wanted_uuid}.")
        )
    capacity = _capacity(part(seen.get("capacity")))
    if capacity and capacity["free_share"] < _LITTLE:
        problems.append(("warning", f"Only {capacity['free_share']} % of the capacity is free."))
    servers = _servers(items(seen.get("servers")), items(seen.get("nodes")), items(seen.get("devices")))
    nodes = sum(len(one["nodes"]) for one in servers)
    upgrade = part(about.get("last_upgrade"))
    facts = [
        ("Cluster", str(about.get("name") or "")),
        ("UUID", str(about.get("uuid") or "")),
        ("Health", str(health.get("state") or "")),
        ("API", _addresses(about.get("api_endpoints"))),
        ("NVMe/TCP", _addresses(about.get("nvme_endpoints"))),
        ("Discovery", _addresses(about.get("discovery_endpoints"))),
        ("Replicas", f"at most {about['max_replicas']}" if about.get("max_replicas") else ""),
        ("Oldest version", str(versions.get("lowest") or "")),
        ("May be upgraded up to", str(versions.get("highest_allowed") or "")),
        ("Last upgrade", " ".join(str(upgrade[one]) for one in ("target_version", "status") if upgrade.get(one))
         if upgrade.get("target_version") else ""),
        *((capacity or {}).get("rows") or ()),
    ]  # fmt: skip
    state = ("ok" if health.get("ok") else "bad") if health else "unknown"
    return {
        "facts": [fact for fact in facts if fact[1]],
        "capacity": capacity,
        "servers": servers,
        "events": [
            {name: shown_time(one.get(name)) if name == "time" else str(one.get(name) or "") for name in _EVENT}
            for one in items(cluster.get("events"))
        ],
        "problems": problems,
        "figure": {"ok": "healthy", "bad": "not healthy"}.get(state, "–"),
        "unit": f"{capacity['free_share']} % free" if capacity else "",
        "detail": f"{count(len(servers), 'server')}, {count(nodes, 'node')}" if servers else "",
        "states": [state],
    }  # fmt: skip


def _addresses(endpoints: Any) -> str:
    return listed([str(one) for one in endpoints or ()], 4)


def _capacity(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bar shows, sizes as text and shares in percent; nothing without a size."""
    total = int(data.get("logical") or 0)
    if total <= 0:
        return {}
    free = min(max(int(data.get("logical_free") or 0), 0), total)
    allocated = int(data.get("allocated") or 0)
    rows = [
        ("Volumes can hold", "logical"),
        ("Physical, without parity and spare", "physical"),
        ("Physical, free", "physical_free"),
        ("Installed devices", "installed"),
    ]
    return {
        "total": format_size(total),
        "used": format_size(total - free),
        "free": format_size(free),
        "used_share": round(100 * (total - free) / total, 1),
        "free_share": round(100 * free / total, 1),
        "allocated": format_size(allocated),
        "allocated_share": round(100 * allocated / total, 1),
        "ratio": str(data.get("compression_ratio") or ""),
        "rows": [(label, format_size(int(data[name]))) for label, name in rows if data.get(name) is not None],
    }


def _servers(
    servers: Sequence[Mapping[str, Any]], nodes: Sequence[Mapping[str, Any]], devices: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    rows = []
    for server in servers:
        name, health = str(server.get("name")), str(server.get("health") or "")
        own = [one for one in nodes if one.get("server") == name]
        disks = [one for one in devices if one.get("server") == name]
        healthy = sum(one.get("state") == "Healthy" for one in disks)
        risk_state, risk = _RISKS.get(str(server.get("risk")), ("unknown", str(server.get("risk") or "")))
        enabled = server.get("state") == "Enabled"
        rows.append(
            {
                "name": name,
                "state": _HEALTH.get(health, "unknown") if enabled else "bad",
                "word": f"{server.get('state')}, health {health}",
                "risk_state": risk_state,
                "risk": risk,
                "version": str(server.get("version") or ""),
                "nodes": [
                    f"{one.get('name')} {one.get('state')}, {one.get('nvme_endpoint')}"
                    + (", rebuilding" if one.get("rebuilding") else "")
                    for one in own
                ],
                "devices": f"{healthy} of {len(disks)} healthy" if disks else "",
            }
        )  # fmt: skip
    return rows
