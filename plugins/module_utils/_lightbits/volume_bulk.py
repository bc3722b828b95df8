# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many volumes in one task. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._bulk import Snapshot, check_unique, run_bulk
from .._task import Task
from .._wait import Waiting
from .settling import GONE, living
from .volume import Volume, list_volumes
from .volume_resource import VolumeResource

if TYPE_CHECKING:
    from .client import Lightbits


def reconcile_volumes(task: Task, api: Lightbits, waiting: Waiting | None) -> dict[str, Any]:
    """Return the result of a task with ``resources``."""
    wanted: Sequence[Mapping[str, Any]] = task.params["resources"]
    scope: Mapping[str, Any] | None = task.params["purge_scope"] if task.params["purge"] else None
    projects = {item["project"] for item in [*wanted, *([scope] if scope else [])]}
    snapshot = Snapshot(lambda: [volume for project in sorted(projects) for volume in list_volumes(api, project)])

    def find(project: str, name: str) -> Volume | None:
        return living(list(snapshot.by(_key, (project, name))))

    resources = [VolumeResource(api, item, waiting, find) for item in wanted]
    keys = [resource.key for resource in resources]
    check_unique(keys, "volumes")
    purged = [
        VolumeResource(api, {"name": volume.name, "project": volume.project, "state": "absent"}, waiting, find)
        for volume in snapshot.all()
        if scope and volume.project == scope["project"] and volume.state not in GONE and volume.title not in keys
    ]
    return run_bulk(task, resources, key="volume", plural="volumes", refresh=snapshot.refresh, purged=purged)


def _key(volume: Volume) -> tuple[str, str]:
    return volume.project, volume.name
