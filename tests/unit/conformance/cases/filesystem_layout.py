# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_filesystem_layout."""

from __future__ import annotations

from ..case import ADMIN, Case

DISK = {"device": "/dev/sda", "partitions": [{"number": 1, "size": 500, "gpt_type": "8300"}]}
ROOT = {"path": "/", "device": "/dev/sda1", "format": "ext4", "label": "root"}
CREATE = {
    "id": "storage",
    "name": "Storage",
    "disks": [DISK],
    "filesystems": [ROOT],
    "constraints": {"sizes": ["b", "a"], "images": {"debian": ">= 12"}},
}
TMP = {"path": "/tmp", "device": "tmpfs", "format": "tmpfs", "mount_options": ["defaults"]}

CASES = [
    Case(
        module="metal_filesystem_layout",
        key="filesystem_layout",
        create=CREATE,
        expected={
            "name": "Storage",
            "raid": [],
            "disks": [
                {
                    "device": "/dev/sda",
                    "wipe_on_reinstall": False,
                    "partitions": [{"number": 1, "label": None, "size": 500, "gpt_type": "8300"}],
                }
            ],
            "constraints": {"sizes": ["a", "b"], "images": {"debian": ">= 12"}},
        },
        missing={"id": "storage", "disks": [DISK]},
        needs="filesystems",
        update={**CREATE, "filesystems": [ROOT, TMP]},
        updated={
            "filesystems": [
                {**ROOT, "mount_options": [], "create_options": []},
                {**TMP, "label": None, "create_options": []},
            ]
        },
        absent={"id": "storage", "state": "absent"},
        environment=ADMIN,
    )
]
