#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_size
short_description: Manage machine sizes of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, updates and deletes sizes. A machine is of a size when its hardware fulfils all constraints, and each disk,
    processor and graphic card of it is covered by one of them.
  - Only what is given is compared and changed.
  - Needs the admin key (O(api_hmac_user=Metal-Admin)), or a token of a user in the group C(maas-all-all-admin).
  - The metal-api refuses a size when the same hardware could be of another size as well.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description: Id of the size.
    type: str
    required: true
  name:
    description: Name for people.
    type: str
  description:
    description: Description for people.
    type: str
  labels:
    description: All labels of the size; those that are not given are removed, V({}) removes all.
    type: dict
  constraints:
    description:
      - All constraints of the size, in any order. Needed for a new size.
      - At most one each of cores and of memory.
    type: list
    elements: dict
    suboptions:
      type:
        description: What is counted. The cores of all processors, memory, the space of all disks, or graphic cards.
        type: str
        choices: [cores, memory, storage, gpu]
        required: true
      min:
        description:
          - The least number of cores or cards.
          - For memory and storage bytes, or a number with a unit, like V(256GiB) or V(960 GB).
        type: str
        default: "0"
      max:
        description: The largest number, like O(constraints[].min).
        type: str
        required: true
      identifier:
        description:
          - Only parts whose name matches this glob count, like V(/dev/nvme*) for disks.
          - Needed for graphic cards, whose name is their model; not allowed for memory.
        type: str
  state:
    description:
      - Whether the size should exist.
      - The metal-api refuses to delete a size that has reservations.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: metalstack.provisioning.metal_size_info
"""

EXAMPLES = r"""
- name: Describe storage servers
  metalstack.provisioning.metal_size:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: s3-large-x86
    name: s3-large-x86
    description: Storage server with eight NVMe disks
    constraints:
      - type: cores
        min: 32
        max: 64
      - type: memory
        min: 500GB
        max: 512GiB
      - type: storage
        identifier: /dev/nvme*
        min: 28TB
        max: 32TB
      - type: storage
        identifier: /dev/sd*
        min: 200GB
        max: 500GB
"""

RETURN = r"""
size:
  description: The size as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success
  type: dict
  sample:
    id: s3-large-x86
    name: s3-large-x86
    description: Storage server with eight NVMe disks
    labels: {}
    constraints:
      - type: cores
        identifier: ""
        min: 32
        max: 64
      - type: memory
        identifier: ""
        min: 500000000000
        max: 549755813888
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 400
    code: null
    message: 'PUT https://api.example.com/metal/v1/size was answered with status 400: size "a" overlaps with "b".'
    request: PUT https://api.example.com/metal/v1/size
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.size import CONSTRAINTS
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.size_resource import SizeResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

CONSTRAINT = {
    "type": {"type": "str", "choices": list(CONSTRAINTS), "required": True},
    "min": {"type": "str", "default": "0"},
    "max": {"type": "str", "required": True},
    "identifier": {"type": "str"},
}
SPEC = CONNECTION + ArgumentSpec(
    {
        "id": {"type": "str", "required": True},
        "name": {"type": "str"},
        "description": {"type": "str"},
        "labels": {"type": "dict"},
        "constraints": {"type": "list", "elements": "dict", "options": CONSTRAINT},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = SizeResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "size")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
