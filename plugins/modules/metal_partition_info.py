#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which partitions there are, and what is free in them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_partition_info
short_description: List partitions of the metal-api, and their capacity
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the partitions of the metal-api, and on request how many machines of each size are free in them.
  - Any key will do (O(api_hmac_user=Metal-View)). The capacity from V(v2) needs a token with an admin role.
  - Both generations of the API return the same, except that V(v2) has no name for a partition and may have several
    management addresses.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description: Id of a partition. Nothing found is no error.
    type: str
  labels:
    description: Only partitions that have all these labels.
    type: dict
  capacity:
    description: Whether to return how many machines there are of each size, and what they do.
    type: bool
    default: false
  size:
    description: Only the capacity of this size.
    type: str
  project:
    description: Id of a project; what is reserved for it then counts as free. Otherwise reservations are not free.
    type: str
seealso:
  - module: metalstack.provisioning.metal_partition
"""

EXAMPLES = r"""
- name: Find out how many storage servers are free
  metalstack.provisioning.metal_partition_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    id: fra-01
    capacity: true
    size: s3-large-x86
  register: found

- name: Show how many
  ansible.builtin.debug:
    msg: "{{ found.partitions | map(attribute='capacity') | flatten | sum(attribute='free') }} are free"
"""

RETURN = r"""
partitions:
  description: The partitions, sorted by id.
  returned: success
  type: list
  elements: dict
  sample:
    - id: fra-01
      name: Frankfurt 1
      description: ""
      image_url: http://images.example.com/metal-hammer/v0.14.0/initrd.img.lz4
      kernel_url: http://images.example.com/metal-kernel/6.12.55/kernel
      commandline: console=ttyS1,115200n8 panic=10
      mgmt_service_addresses: ["192.0.2.10:4150"]
      labels: {}
      dns_servers: [192.0.2.53]
      ntp_servers: [ntp.example.com]
      capacity:
        - size: s3-large-x86
          total: 3
          allocated: 1
          waiting: 2
          phoned_home: 1
          other: 0
          other_machines: []
          allocatable: 2
          free: 2
          unavailable: 0
          faulty: 0
          faulty_machines: []
          reservations: 0
          used_reservations: 0
          remaining_reservations: 0
  contains:
    capacity:
      description: One entry for each size that the partition has machines of.
      returned: with O(capacity=true)
      type: list
      elements: dict
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/partition was answered with status 403
    request: GET https://api.example.com/metal/v1/partition
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.capacity import capacities
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.partition import list_partitions
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.values import given_labels
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "labels": {"type": "dict"},
            "capacity": {"type": "bool", "default": False},
            "size": {"type": "str"},
            "project": {"type": "str"},
        }
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    for option in ("size", "project"):
        if params[option] is not None and not params["capacity"]:
            raise UsageError(f"{option} is given, but only the capacity asks for it: set capacity to true.")
    api = connect_any(params, task.environ)
    labels = given_labels(params["labels"]) or {}
    found = [
        partition.as_dict()
        for partition in sorted(list_partitions(api), key=lambda partition: partition.id)
        if params["id"] in (None, partition.id) and labels.items() <= partition.labels.items()
    ]
    if params["capacity"] and found:
        # not of one that does not exist, which the API would refuse
        free = capacities(api, partition=params["id"], size=params["size"], project=params["project"])
        found = [{**partition, "capacity": free.get(partition["id"], [])} for partition in found]
    return {"changed": False, "partitions": found}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
