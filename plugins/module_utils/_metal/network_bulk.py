# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many networks in one task. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._bulk import Snapshot, check_unique, run_bulk
from .._task import Task
from .network import CHILD
from .network_calls import NetworkCalls
from .network_resource import NetworkResource, networks_of_list


def reconcile_networks(task: Task, calls: NetworkCalls) -> dict[str, Any]:
    """Return the result of a task with ``resources``."""
    wanted: Sequence[Mapping[str, Any]] = task.params["resources"]
    scope: Mapping[str, Any] | None = task.params["purge_scope"] if task.params["purge"] else None
    lists = _lists([*wanted, *([scope] if scope else [])], v1=calls.generation == "v1")
    snapshot = Snapshot(lambda: [network for filters in lists for network in calls.find(filters)])
    finder = networks_of_list(snapshot)
    resources = [NetworkResource(calls, item, finder) for item in wanted]
    check_unique((resource.key for resource in resources), "networks")
    found = [network.id for network in (resource.read() for resource in resources) if network is not None]
    check_unique(found, "networks")
    purged = []
    if scope is not None:
        surplus = [
            network
            for network in snapshot.all()
            # A super, underlay or external network is never removed because nobody mentioned it.
            if network.kind == CHILD
            and (network.project, network.partition) == (scope["project"], scope["partition"])
            and network.id not in found
        ]
        purged = [
            NetworkResource(
                calls,
                {"id": network.id, "kind": CHILD, "project": network.project, "state": "absent"},
                finder,
            )
            for network in surplus
        ]
    return run_bulk(task, resources, key="network", plural="networks", refresh=snapshot.refresh, purged=purged)


def _lists(every: Sequence[Mapping[str, Any]], *, v1: bool) -> list[Mapping[str, Any]]:
    """Return the filters of the lists that show everything that the task is about; one list where that can be."""
    projects, partitions = ({item.get(name) for item in every} for name in ("project", "partition"))
    if v1:
        # An id may belong to anybody, which has to be seen.
        if any(item.get("id") for item in every):
            return [{}]
        filters = {"project": projects, "partition": partitions}
        return [{name: next(iter(values)) for name, values in filters.items() if len(values) == 1}]
    if None in projects:
        return [{}]
    return [{"project": project} for project in sorted(str(project) for project in projects)]
