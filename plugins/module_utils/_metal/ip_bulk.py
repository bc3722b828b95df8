# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many IP addresses in one task. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .._bulk import Snapshot, check_unique, run_bulk
from .._task import Task
from .finder import Finder
from .ip import IP
from .ip_calls import IpCalls
from .ip_resource import IpResource, ips_of_list


def reconcile_ips(task: Task, calls: IpCalls) -> dict[str, Any]:
    """Return the result of a task with ``resources``."""
    wanted: Sequence[Mapping[str, Any]] = task.params["resources"]
    scope: Mapping[str, Any] | None = task.params["purge_scope"] if task.params["purge"] else None
    lists = _lists(wanted, scope, v1=calls.generation == "v1")
    snapshot = Snapshot(lambda: [ip for filters in lists for ip in calls.find(filters)])
    finder = ips_of_list(snapshot)
    resources = [IpResource(calls, item, finder) for item in wanted]
    check_unique((resource.key for resource in resources), "IPs")
    found = [ip.ip for ip in (resource.read() for resource in resources) if ip is not None]
    # The same address may be asked for by number and by name.
    check_unique(found, "IPs")
    keep = {*found, *(resource.address for resource in resources)}
    purged = [] if scope is None else _purged(calls, keep, scope, snapshot, finder)
    return run_bulk(task, resources, key="ip", plural="ips", refresh=snapshot.refresh, purged=purged)


def _purged(
    calls: IpCalls,
    keep: Collection[str | None],
    scope: Mapping[str, Any],
    snapshot: Snapshot[IP],
    finder: Finder[IP],
) -> list[IpResource]:
    """Return what frees the addresses of the scope that nobody asks for; what machines hold is never among them."""
    surplus = [
        ip
        for ip in snapshot.all()
        if (ip.network, ip.project) == (scope["network"], scope["project"])
        and not ip.machine_scoped
        and ip.ip not in keep
    ]
    return [
        IpResource(calls, {"ip": ip.ip, "network": ip.network, "project": ip.project, "state": "absent"}, finder)
        for ip in surplus
    ]


def _lists(
    wanted: Sequence[Mapping[str, Any]], scope: Mapping[str, Any] | None, *, v1: bool
) -> list[Mapping[str, Any]]:
    """Return the filters of the lists that show everything that the task is about; one list where that can be."""
    every = [*wanted, *([scope] if scope else [])]
    networks, projects = ({item.get(name) for item in every} for name in ("network", "project"))
    # A given address may belong to somebody else, which has to be seen; with a purge the scope says where to look.
    narrow = scope is not None or not any(item.get("ip") for item in wanted)
    if v1:
        filters = {"network": networks, "project": projects} if narrow else {}
        if any(item.get("ip") for item in wanted):
            filters.pop("project", None)
        return [{name: next(iter(values)) for name, values in filters.items() if len(values) == 1}]
    if None in projects:
        return [{}]
    return [{"project": project} for project in sorted(str(project) for project in projects)]
