# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the page about the image cache. Pure; private to metalstack.provisioning."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...module_utils._units import format_size
from .hosts import Host
from .words import ago, count, items, part, shown_time


def cache_part(hosts: Sequence[Host], now: datetime) -> dict[str, Any]:
    """Return ``hosts``, ``files``, ``path`` (how requests were answered), and what all parts have."""
    members = [host for host in hosts if host.cache]
    rows = [_row(host, now) for host in members]
    files = _files(members)
    told = [host for host in members if host.status]
    size = max((int(host.status.get("bytes") or 0) for host in told), default=0)
    problems = [problem for host in told for problem in _problems(host)]
    generations = {frozenset(one["file"] for one in items(host.status.get("files"))) for host in told}
    if len(generations) > 1:
        problems.append(("warning", "The cache hosts do not serve the same files: one of them lags behind."))
    return {
        "hosts": rows,
        "files": files,
        "path": hit_path(members),
        "problems": problems,
        "figure": format_size(size) if told else "–",
        "unit": f"in {count(len(files), 'file')}" if told else "not known",
        "detail": count(len(members), "cache host"),
        "states": [one["state"] for one in rows],
    }


def _row(host: Host, now: datetime) -> dict[str, Any]:
    sync = part(host.status.get("sync"))
    result = str(sync.get("result") or "")
    state = "ok" if result == "complete" else "warning" if not host.status or result != "failed" else "bad"
    return {
        "name": host.name,
        "address": host.address,
        "state": state,
        "word": {"complete": "complete", "partial": "not complete", "failed": "failed"}.get(
            result, "no run yet" if host.status else "not known"
        ),
        "last": ago(sync.get("finished"), now),
        "last_success": shown_time(sync.get("last_success")),
        "files": str(len(items(host.status.get("files")))) if host.status else "",
        "size": format_size(int(host.status.get("bytes") or 0)) if host.status else "",
        "limit": format_size(int(sync["max_cache_size"])) if sync.get("max_cache_size") else "",
        "from_store": _total(sync, "downloaded_store_bytes"),
        "from_peers": _total(sync, "downloaded_peer_bytes"),
    }


def _total(sync: dict[str, Any], name: str) -> str:
    value = part(sync.get("totals")).get(name)
    return "" if value is None else format_size(int(value))


def _problems(host: Host) -> list[tuple[str, str]]:
    found = []
    for command, what in (("sync", "run"), ("verify", "check")):
        report = part(host.status.get(command))
        if report.get("result") in ("partial", "failed"):
            severity = "bad" if report["result"] == "failed" else "warning"
            reason = str(report.get("reason") or "it does not say why")
            found.append((severity, f"{host.name}: the last {what} of image-cache-sync did not complete: {reason}"))
    damaged = [one for one in items(host.status.get("files")) if str(one.get("state")).startswith("damaged")]
    found += [("bad", f"{host.name}: {one['file']} is {one['state']}") for one in damaged]
    return found


def _files(hosts: Sequence[Host]) -> list[dict[str, Any]]:
    """Every cached file once, with the hosts that have it."""
    found: dict[str, dict[str, Any]] = {}
    for host in hosts:
        for one in items(host.status.get("files")):
            entry = found.setdefault(
                str(one.get("file")),
                {
                    "file": str(one.get("file")),
                    "kind": str(one.get("kind") or ""),
                    "size": format_size(int(one.get("size") or 0)),
                    "verified": shown_time(one.get("verified_at")),
                    "on": [],
                    "states": set(),
                },
            )
            entry["on"].append(host.name)
            entry["states"].add(str(one.get("state")))
    for entry in found.values():
        entry["state"] = "bad" if any(one.startswith("damaged") for one in entry["states"]) else "ok"
        entry["on"] = "all cache hosts" if len(entry["on"]) == len(hosts) > 1 else ", ".join(entry["on"])
        entry["word"] = ", ".join(sorted(entry.pop("states")))
    return sorted(found.values(), key=lambda one: (one["kind"], one["file"]))


def hit_path(hosts: Sequence[Host]) -> dict[str, Any]:
    """Who has answered the requests since haproxy was started, added up over all cache hosts.

    ``own`` by nginx of the host that was asked, ``other`` by that of another one; ``store`` were redirected there.
    """
    counts = {"own": 0, "other": 0, "store": 0}
    told = False
    for host in hosts:
        for row in csv.DictReader(host.traffic.lstrip("# ").splitlines()):
            proxy, server = row.get("pxname"), row.get("svname")
            if proxy == "http" and server == "FRONTEND":
                told = True
                counts["store"] += _number(row.get("hrsp_3xx"))
            elif proxy == "nginx" and server not in ("BACKEND", "FRONTEND"):
                counts["own" if server == host.name else "other"] += _number(row.get("hrsp_2xx"))
    total = sum(counts.values())
    shares = {name: round(100 * number / total, 1) if total else 0.0 for name, number in counts.items()}
    return {"counts": counts, "shares": shares, "total": total, "told": told}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
