# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the page of a partition shows, from what was asked. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...module_utils._errors import UsageError
from .cache import cache_part
from .cluster import cluster_part
from .credentials import token_problems, tokens
from .hosts import Host
from .kubernetes import kubernetes_part
from .network import network_part
from .words import count, items, listed, moment, natural, part, shown_time, worst

#: What may have a note, and is on the page in this order.
PARTS = {
    "storage_network": "Storage network",
    "image_cache": "Image cache",
    "storage_cluster": "Storage cluster",
    "kubernetes": "Kubernetes",
    "credentials": "Tokens",
    "versions": "Versions",
}
#: Who is asked, and what of the page comes from there.
SOURCES = {"metal_api": "metal-api", "cluster": "Lightbits API", "kubernetes": "Kubernetes API"}


def page(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the page's data. Raises UsageError for a note that belongs to nothing."""
    now = moment(asked.get("time"))
    if now is None:
        raise UsageError("partition_report_time is no time like 2026-01-31T12:00:00Z.")
    notes = _notes(asked.get("notes"))
    hosts = [Host(str(name), part(data)) for name, data in part(asked.get("hosts")).items()]
    hosts.sort(key=lambda host: natural(host.name))
    metal_api, cluster, kubernetes = (part(asked.get(source)) for source in SOURCES)
    endpoints = part(part(cluster.get("seen")).get("cluster")).get("api_endpoints") or []
    within = int(asked.get("expires_within") or 0)
    found = {
        "storage_network": network_part(hosts, metal_api, cluster, str(asked.get("network") or "storage")),
        "image_cache": cache_part(hosts, now),
        "storage_cluster": cluster_part(cluster, str(asked.get("cluster_id") or "")),
        "kubernetes": kubernetes_part(kubernetes, endpoints),
        "credentials": _credentials(tokens(cluster, hosts, now, within)),
        "versions": {"rows": _versions(hosts, cluster, kubernetes, asked), "problems": [], "states": []},
    }
    unasked = _unasked(asked, hosts)
    for name, one in found.items():
        one.update(id=name.replace("_", "-"), title=PARTS[name], note=notes.get(name, ""))
        one["unasked"] = [sentence for where, sentence in unasked if where == name]
        one["state"] = worst([*one["states"], *(severity for severity, _text in one["problems"])])
        if one["unasked"] and one["state"] in ("ok", "unknown"):
            one["state"] = "warning" if one["state"] == "ok" else "unknown"
    attention = [
        {"state": severity, "part": one["title"], "id": one["id"], "text": text}
        for one in found.values()
        for severity, text in one["problems"]
    ]
    attention.sort(key=lambda one: one["state"] != "bad")
    return {
        "partition": str(asked.get("partition") or ""),
        "description": str(part(metal_api.get("partition")).get("name") or ""),
        "time": shown_time(asked.get("time")),
        "parts": found,
        "tiles": [found[name] for name in list(PARTS)[:5]],
        "attention": attention,
        "unasked": [sentence for _where, sentence in unasked],
        "notes": [{"title": PARTS[name], "id": name.replace("_", "-"), "text": text} for name, text in notes.items()],
        "state": worst([one["state"] for one in attention] or ["warning" if unasked else "ok"]),
        "headline": _headline(attention, unasked),
    }


def _headline(attention: Sequence[Mapping[str, Any]], unasked: Sequence[tuple[str, str]]) -> str:
    bad = sum(one["state"] == "bad" for one in attention)
    words = [
        count(bad, "problem") if bad else "",
        count(len(attention) - bad, "warning") if len(attention) > bad else "",
        f"{len(unasked)} not asked" if unasked else "",
    ]
    return ", ".join(word for word in words if word) or "All is well"


def _notes(given: Any) -> dict[str, str]:
    notes = {str(name): str(text) for name, text in part(given).items()}
    for name in notes:
        if name not in PARTS:
            raise UsageError(
                f'partition_report_notes has "{name}", which is no part of the page: use {", ".join(PARTS)}.'
            )
    return {name: notes[name] for name in PARTS if name in notes}


def _unasked(asked: Mapping[str, Any], hosts: Sequence[Host]) -> list[tuple[str, str]]:
    """Return what could not be asked: part of the page, sentence."""
    told = []
    for source, where in (
        ("metal_api", "storage_network"),
        ("cluster", "storage_cluster"),
        ("kubernetes", "kubernetes"),
    ):
        one = part(asked.get(source))
        if one.get("absent"):
            told.append((where, f"The {SOURCES[source]} was not asked: {one['absent']}"))
        elif one.get("failure"):
            told.append((where, f"The {SOURCES[source]} could not be asked: {one['failure']}"))
        if one.get("partly"):
            told.append((where, f"The {SOURCES[source]} did not tell everything: {one['partly']}"))
    for host in hosts:
        where = "image_cache" if host.cache else "storage_network"
        if host.failure:
            told.append((where, f"{host.name} could not be reached: {host.failure}"))
        elif host.cache_failure:
            told.append((where, f"{host.name} did not tell everything about its cache: {host.cache_failure}"))
    for where, which, what in (
        ("image_cache", [host for host in hosts if host.cache], "image_cache"),
        ("storage_network", [host for host in hosts if host.server], "storage_servers"),
    ):
        if not which:
            told.append((where, f"The inventory has no hosts in the group {what}."))
    return told


def _credentials(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0] if rows else None
    return {
        "rows": rows,
        "problems": token_problems(rows),
        "figure": str(len(rows)) if rows else "–",
        "unit": "token" if len(rows) == 1 else "tokens",
        "detail": f"next expires {first['word']}" if first and first["days"] is not None else "",
        "states": [one["state"] for one in rows],
    }


def _versions(
    hosts: Sequence[Host], cluster: Mapping[str, Any], kubernetes: Mapping[str, Any], asked: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return which version of what runs where, hosts of one version in one row."""
    found: dict[tuple[str, str], list[str]] = {}
    for server in items(part(cluster.get("seen")).get("servers")):
        found.setdefault(("LightOS", str(server.get("version"))), []).append(str(server.get("name")))
    for host in hosts:
        for package, version in host.packages.items():
            found.setdefault((package, version), []).append(host.name)
        if host.system:
            found.setdefault(("operating system", host.system), []).append(host.name)
    for one in items(kubernetes.get("deployments")):
        for container in items(part(part(part(one.get("spec")).get("template")).get("spec")).get("containers")):
            image, _colon, tag = str(container.get("image") or "").rpartition(":")
            found.setdefault((image.rpartition("/")[2] or "duros-controller", tag), []).append("Kubernetes")
    if kubernetes.get("version"):
        found.setdefault(("Kubernetes", str(kubernetes["version"])), []).append("API server")
    for name, version in part(asked.get("versions")).items():
        found.setdefault((str(name), str(version)), []).append("controller")
    return [
        {"what": what, "version": version, "where": listed(where)} for (what, version), where in sorted(found.items())
    ]
