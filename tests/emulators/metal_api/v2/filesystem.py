# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: FilesystemService."""

from __future__ import annotations

from metalstack.api.v2 import filesystem_pb2  # type: ignore[import-untyped]

from ..model.filesystemlayout import FilesystemLayout, Part
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services

GPT_TYPES = {"ef00": "BOOT", "8300": "LINUX", "fd00": "LINUX_RAID", "8e00": "LINUX_LVM"}


def _list(ask: Call) -> Message:
    wanted = call.optional(ask.request, "id")
    layouts = [layout for layout in ask.state.filesystem_layouts if wanted in (None, layout.id)]
    return filesystem_pb2.FilesystemServiceListResponse(filesystem_layouts=[message(layout) for layout in layouts])


def _get(ask: Call) -> Message:
    try:
        layout = ask.state.filesystem_layouts.get(ask.request.id)
    except NotFoundError as error:
        call.not_found(error)
    return filesystem_pb2.FilesystemServiceGetResponse(filesystem_layout=message(layout))


def message(layout: FilesystemLayout) -> Message:
    """The layout as the API shows it; which disks are wiped is not shown."""
    return filesystem_pb2.FilesystemLayout(
        id=layout.id,
        meta=call.meta(layout, {}),
        name=layout.name,
        description=layout.description,
        disks=[{"device": disk["device"], "partitions": _partitions(disk)} for disk in layout.disks],
        raid=[
            {
                "array_name": raid["arrayname"],
                "devices": raid.get("devices") or [],
                "level": f"RAID_LEVEL_{raid['level']}",
                "create_options": raid.get("createoptions") or [],
                "spares": raid.get("spares") or 0,
            }
            for raid in layout.raid
        ],
        volume_groups=[
            {"name": group["name"], "devices": group.get("devices") or [], "tags": group.get("tags") or []}
            for group in layout.volume_groups
        ],
        logical_volumes=[
            {
                "name": volume["name"],
                "volume_group": volume["volumegroup"],
                "size": volume.get("size") or 0,
                "lvm_type": f"LVM_TYPE_{volume['lvmtype'].upper()}",
            }
            for volume in layout.logical_volumes
        ],
        filesystems=[_filesystem(filesystem) for filesystem in layout.filesystems],
        constraints={"sizes": layout.sizes, "images": dict(layout.images)},
    )


def _partitions(disk: Part) -> list[Message]:
    return [
        _present(
            number=partition["number"],
            size=partition.get("size") or 0,
            label=partition.get("label"),
            gpt_type=f"GPT_TYPE_{GPT_TYPES[partition['gpttype']]}" if partition.get("gpttype") else None,
        )
        for partition in disk.get("partitions") or ()
    ]


def _filesystem(filesystem: Part) -> Message:
    return _present(
        device=filesystem["device"],
        format=f"FORMAT_{filesystem['format'].upper()}",
        path=filesystem.get("path"),
        label=filesystem.get("label"),
        mount_options=filesystem.get("mountoptions"),
        create_options=filesystem.get("createoptions"),
    )


def _present(**fields: object) -> Message:
    return {name: value for name, value in fields.items() if value is not None}


SERVICES: Services = {"metalstack.api.v2.FilesystemService": {"List": _list, "Get": _get}}
