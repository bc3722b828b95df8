#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_partition
short_description: Manage partitions of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Creates, updates and deletes partitions, and with them what their machines boot from the network.
  - Only what is given is compared and changed.
  - Needs the admin key (O(api_hmac_user=Metal-Admin)), or a token of a user in the group C(maas-all-all-admin).
  - The metal-api asks for the URLs of image and kernel (C(HEAD) requests) before it accepts them, so those addresses
    have to be reachable from the control plane. An image cache can only serve those that begin with C(http://).
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description: Id of the partition.
    type: str
    required: true
  name:
    description: Name for people.
    type: str
  description:
    description: Description for people.
    type: str
  image_url:
    description: Where machines get their initial ramdisk (metal-hammer) from. Needed for a new partition.
    type: str
  kernel_url:
    description: Where machines get their kernel from. Needed for a new partition.
    type: str
  commandline:
    description: Command line of that kernel.
    type: str
  mgmt_service_address:
    description: Address of the management service of the partition. Empty for none.
    type: str
  labels:
    description: All labels of the partition; those that are not given are removed, V({}) removes all.
    type: dict
  dns_servers:
    description: IP addresses of the DNS servers that machines get, three at most. V([]) removes them.
    type: list
    elements: str
  ntp_servers:
    description: Names or IP addresses of the NTP servers that machines get, five at most. V([]) removes them.
    type: list
    elements: str
  force:
    description:
      - Whether to delete a partition that still has machines or networks. The metal-api itself does not look.
    type: bool
    default: false
  state:
    description: Whether the partition should exist.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: metalstack.provisioning.metal_partition_info
"""

EXAMPLES = r"""
- name: Let the machines of a partition boot a newer kernel
  metalstack.provisioning.metal_partition:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: fra-01
    name: Frankfurt 1
    image_url: http://images.example.com/metal-hammer/v0.14.0/initrd.img.lz4
    kernel_url: http://images.example.com/metal-kernel/6.12.55/kernel
    commandline: console=ttyS1,115200n8 panic=10
    dns_servers:
      - 192.0.2.53
    ntp_servers:
      - ntp.example.com

- name: Remove a partition that nothing is left in
  metalstack.provisioning.metal_partition:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: fra-02
    state: absent
"""

RETURN = r"""
partition:
  description:
    - The partition as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success
  type: dict
  sample:
    id: fra-01
    name: Frankfurt 1
    description: ""
    image_url: http://images.example.com/metal-hammer/v0.14.0/initrd.img.lz4
    kernel_url: http://images.example.com/metal-kernel/6.12.55/kernel
    commandline: console=ttyS1,115200n8 panic=10
    mgmt_service_addresses: ["192.0.2.10:4150"]
    labels: {}
    dns_servers: [192.0.2.53]
    ntp_servers: [ntp.example.com]
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/partition was answered with status 403
    request: POST https://api.example.com/metal/v1/partition
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.partition_resource import PartitionResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "id": {"type": "str", "required": True},
        "name": {"type": "str"},
        "description": {"type": "str"},
        "image_url": {"type": "str"},
        "kernel_url": {"type": "str"},
        "commandline": {"type": "str"},
        "mgmt_service_address": {"type": "str"},
        "labels": {"type": "dict"},
        "dns_servers": {"type": "list", "elements": "str"},
        "ntp_servers": {"type": "list", "elements": "str"},
        "force": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    resource = PartitionResource(connect(task.params, task.environ), task.params)
    return task.result(reconcile(resource, check_mode=task.check_mode), "partition")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
