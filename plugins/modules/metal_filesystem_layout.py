#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystem layouts of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_filesystem_layout
short_description: Manage filesystem layouts of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, updates and deletes filesystem layouts, which say how the disks of a machine are used when it is installed.
  - Each section that is given is taken as a whole; sections that are not given stay as they are.
  - A layout is checked before it is sent, and all that is wrong with it is said at once.
  - Needs the admin key (O(api_hmac_user=Metal-Admin)), or a token of a user in the group C(maas-all-all-admin).
  - The API replaces the whole layout in an update. It has no way to notice that somebody else changed another section
    of it in the moment between reading and writing.
  - A first installation wipes all disks of a machine, also those that its layout does not name.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description: Id of the layout.
    type: str
    required: true
  name:
    description: Name for people.
    type: str
  description:
    description: Description for people.
    type: str
  disks:
    description: Disks that every machine with this layout has. Needed for a new layout.
    type: list
    elements: dict
    suboptions:
      device:
        description: Path of the disk, like V(/dev/sda).
        type: str
        required: true
      wipe_on_reinstall:
        description: Whether it is wiped when the machine is installed again. Without any such disk it cannot be.
        type: bool
        default: false
      partitions:
        description: Its partitions.
        type: list
        elements: dict
        suboptions:
          number:
            description: Number of the partition, from 1 without gaps.
            type: int
            required: true
          label:
            description: Label of the partition.
            type: str
          size:
            description: Size in MiB. V(0) is the rest of the disk, possible for the last one only.
            type: int
            required: true
          gpt_type:
            description: What it is for. V(ef00) is EFI, V(8300) Linux, V(fd00) an array, V(8e00) a volume group.
            type: str
            choices: [ef00, "8300", fd00, "8e00"]
  raid:
    description: Arrays of disks or partitions.
    type: list
    elements: dict
    suboptions:
      array_name:
        description: Path of the array, like V(/dev/md0).
        type: str
        required: true
      devices:
        description: Paths of the disks or partitions that it consists of.
        type: list
        elements: str
        required: true
      level:
        description: V(0) is striped, V(1) is mirrored.
        type: str
        choices: ["0", "1"]
        required: true
      create_options:
        description: Options for its creation, one for each word, like V(--metadata=1.0).
        type: list
        elements: str
      spares:
        description: How many of the devices are spares.
        type: int
        default: 0
  volume_groups:
    description: Volume groups of disks, partitions or arrays.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the volume group, without C(/dev/).
        type: str
        required: true
      devices:
        description: Paths of the devices that it consists of.
        type: list
        elements: str
        required: true
      tags:
        description: Tags of the volume group.
        type: list
        elements: str
  logical_volumes:
    description: Logical volumes, whose devices are C(/dev/<volume group>/<name>).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the volume.
        type: str
        required: true
      volume_group:
        description: Name of its volume group.
        type: str
        required: true
      size:
        description: Size in MiB. V(0) is the rest of the volume group, possible for the last one only.
        type: int
        required: true
      lvm_type:
        description: How it lies on the devices. V(striped) and V(raid1) need at least two.
        type: str
        choices: [linear, striped, raid1]
        default: linear
  filesystems:
    description: Filesystems. Needed for a new layout.
    type: list
    elements: dict
    suboptions:
      path:
        description: Where it is mounted. Without it, it is not.
        type: str
      device:
        description: Path of its disk, partition, array or logical volume; anything for V(tmpfs).
        type: str
        required: true
      format:
        description: Kind of filesystem. V(none) creates none.
        type: str
        choices: [vfat, ext3, ext4, swap, tmpfs, none]
        required: true
      label:
        description: Label of the filesystem.
        type: str
      mount_options:
        description: Options for mounting it.
        type: list
        elements: str
      create_options:
        description: Options for its creation, one for each word.
        type: list
        elements: str
  constraints:
    description:
      - Which machines get the layout when none is named at their allocation, taken as a whole.
      - A pair of size and image can fit to one layout only.
      - Without any, the layout is only taken where it is named.
    type: dict
    suboptions:
      sizes:
        description: Ids of sizes.
        type: list
        elements: str
        default: []
      images:
        description:
          - Operating systems, each with its versions. V(*), a version, or an operator, a space and a version.
        type: dict
        default: {}
  state:
    description: Whether the layout should exist.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Use only the system disk of storage servers, so that LightOS gets the NVMe disks
  metalstack.provisioning.metal_filesystem_layout:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: storage-server
    name: Storage server
    disks:
      - device: /dev/sda
        wipe_on_reinstall: true
        partitions:
          - number: 1
            label: efi
            size: 500
            gpt_type: ef00
          - number: 2
            label: root
            size: 50000
            gpt_type: "8300"
          - number: 3
            label: varlib
            size: 0
            gpt_type: "8300"
    filesystems:
      - path: /boot/efi
        device: /dev/sda1
        format: vfat
        label: efi
        create_options: ["-F", "32"]
      - path: /
        device: /dev/sda2
        format: ext4
        label: root
      - path: /var/lib
        device: /dev/sda3
        format: ext4
        label: varlib
      - path: /tmp
        device: tmpfs
        format: tmpfs
        mount_options:
          - defaults
          - noatime
          - nosuid
          - nodev
          - mode=1777
          - size=512M
    constraints:
      sizes:
        - s3-large-x86
      images:
        debian: ">= 12"
"""

RETURN = r"""
filesystem_layout:
  description:
    - The layout as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
    - Everything is there, with empty lists and null where there is nothing.
  returned: success
  type: dict
  sample:
    id: storage-server
    name: Storage server
    description: ""
    disks:
      - device: /dev/sda
        wipe_on_reinstall: true
        partitions:
          - number: 1
            label: root
            size: 0
            gpt_type: "8300"
    raid: []
    volume_groups: []
    logical_volumes: []
    filesystems:
      - path: /
        device: /dev/sda1
        format: ext4
        label: root
        mount_options: []
        create_options: []
    constraints:
      sizes: [s3-large-x86]
      images:
        debian: ">= 12"
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: PUT https://api.example.com/metal/v1/filesystemlayout was answered with status 403
    request: PUT https://api.example.com/metal/v1/filesystemlayout
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.filesystem_layout import (
    FORMATS,
    GPT_TYPES,
    LVM_TYPES,
    RAID_LEVELS,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.filesystem_layout_resource import (
    FilesystemLayoutResource,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

TEXT = {"type": "str"}
NEEDED = {"type": "str", "required": True}
TEXTS = {"type": "list", "elements": "str"}
NUMBER = {"type": "int", "required": True}
PARTITION = {
    "number": NUMBER,
    "label": TEXT,
    "size": NUMBER,
    "gpt_type": {"type": "str", "choices": list(GPT_TYPES)},
}
DISK = {
    "device": NEEDED,
    "wipe_on_reinstall": {"type": "bool", "default": False},
    "partitions": {"type": "list", "elements": "dict", "options": PARTITION},
}
ARRAY = {
    "array_name": NEEDED,
    "devices": {**TEXTS, "required": True},
    "level": {**NEEDED, "choices": list(RAID_LEVELS)},
    "create_options": TEXTS,
    "spares": {"type": "int", "default": 0},
}
VOLUME_GROUP = {"name": NEEDED, "devices": {**TEXTS, "required": True}, "tags": TEXTS}
LOGICAL_VOLUME = {
    "name": NEEDED,
    "volume_group": NEEDED,
    "size": NUMBER,
    "lvm_type": {"type": "str", "choices": list(LVM_TYPES), "default": "linear"},
}
FILESYSTEM = {
    "path": TEXT,
    "device": NEEDED,
    "format": {**NEEDED, "choices": list(FORMATS)},
    "label": TEXT,
    "mount_options": TEXTS,
    "create_options": TEXTS,
}
CONSTRAINTS = {"sizes": {**TEXTS, "default": []}, "images": {"type": "dict", "default": {}}}
SPEC = CONNECTION + ArgumentSpec(
    {
        "id": NEEDED,
        "name": TEXT,
        "description": TEXT,
        "disks": {"type": "list", "elements": "dict", "options": DISK},
        "raid": {"type": "list", "elements": "dict", "options": ARRAY},
        "volume_groups": {"type": "list", "elements": "dict", "options": VOLUME_GROUP},
        "logical_volumes": {"type": "list", "elements": "dict", "options": LOGICAL_VOLUME},
        "filesystems": {"type": "list", "elements": "dict", "options": FILESYSTEM},
        "constraints": {"type": "dict", "options": CONSTRAINTS},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = FilesystemLayoutResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "filesystem_layout")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
