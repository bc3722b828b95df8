# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many volumes in one task. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._bulk import Snapshot, check_unique, run_bulk
from .._task import Task
from .._wait import WaitError, Waiting
from .settling import GONE, living
from .volume import Volume, list_volumes
from .volume_resource import VolumeResource

if TYPE_CHECKING:
    from .client import Lightbits


class _Listed(VolumeResource):
    """A volume that is looked up in the lists of all projects, which are read once for all volumes."""

    def __init__(
        self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None, volumes: Snapshot[Volume]
    ) -> None:
        # the waiting is done for all of them together, before each of them looks
        super().__init__(api, wanted, waiting and replace(waiting, timeout=0, waited=waiting.timeout))
        self._volumes = volumes

    def find(self) -> Volume | None:
        """Return it by its name."""
        return living(list(self._volumes.by(_key, (self._wanted["project"], self._wanted["name"]))))

    def get(self, path: str) -> Volume | None:
        """Return the one at a path."""
        return next(iter(self._volumes.by(_path, path)), None)


def reconcile_volumes(task: Task, api: Lightbits, waiting: Waiting | None) -> dict[str, Any]:
    """Return the result of a task with ``resources``."""
    wanted: Sequence[Mapping[str, Any]] = task.params["resources"]
    scope: Mapping[str, Any] | None = task.params["purge_scope"] if task.params["purge"] else None
    projects = sorted({item["project"] for item in [*wanted, *([scope] if scope else [])]})
    # those that are being deleted as well, to see the end of it
    volumes = Snapshot(lambda: [one for project in projects for one in list_volumes(api, project, showAll=True)])
    resources = [_Listed(api, item, waiting, volumes) for item in wanted]
    keys = [resource.key for resource in resources]
    check_unique(keys, "volumes")
    purged = [
        _Listed(api, {"name": volume.name, "project": volume.project, "state": "absent"}, waiting, volumes)
        for volume in volumes.all()
        if scope and volume.project == scope["project"] and volume.state not in GONE and volume.title not in keys
    ]

    def refresh() -> None:
        volumes.refresh()
        if waiting is not None:
            _wait_for_all([*resources, *purged], volumes, waiting)

    return run_bulk(task, resources, key="volume", plural="volumes", refresh=refresh, purged=purged)


def _wait_for_all(resources: Sequence[_Listed], volumes: Snapshot[Volume], waiting: Waiting) -> None:
    """Read the lists again until all are at rest. Of those that are not in time, each will tell its own story."""

    def moving() -> list[_Listed]:
        volumes.refresh()
        return [resource for resource in resources if not resource.at_rest()]

    if any(not resource.at_rest() for resource in resources):
        try:
            waiting.until(
                moving,
                lambda left: not left,
                what="the volumes to be ready",
                seen=lambda left: f"{len(left)} of {len(resources)} are not",
            )
        except WaitError:
            return


def _key(volume: Volume) -> tuple[str, str]:
    return volume.project, volume.name


def _path(volume: Volume) -> str:
    return volume.path
