#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_machine
short_description: Allocate and free machines of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Allocates a machine for a project, by size and partition or a certain one, changes what can be changed, reinstalls
    it, frees it, and waits for what comes of it.
  - Needs the edit key (O(api_hmac_user=Metal-Edit)); to change description, tags or SSH keys of an allocated machine,
    and with O(remove_from_database), the admin key.
  - A machine may be in exactly one private network, shared or not. To be in a private shared network it has to be
    allocated by the project that owns the network.
  - Differences of V(v2). Tags are labels, and O(placement_tags) placement labels. Only admins may choose a machine by
    O(id) or wait for one that was freed, and O(name) is needed. Addresses are found wherever O(networks[].ips) are not
    given. Neither O(reinstall) nor O(remove_from_database) exists.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
  - metalstack.provisioning.allocation
options:
  remove_from_database:
    description:
      - With O(state=absent) and O(id), remove the machine from the database of the metal-api, for hardware that is gone
        or replaced. Switch connections of the machine are removed with it. V(v1) only, with the admin key.
      - The machine must not be allocated and has to be C(Dead), which it is some minutes after it was switched off.
      - As long as its BMC can be reached, metal-bmc enters the machine again.
    type: bool
    default: false
seealso:
  - module: metalstack.provisioning.metal_firewall
  - module: metalstack.provisioning.metal_machine_info
  - module: metalstack.provisioning.metal_machine_power
  - module: metalstack.provisioning.metal_machine_state
"""

EXAMPLES = r"""
- name: Allocate a storage server in the storage network
  metalstack.provisioning.metal_machine:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: storage-1
    hostname: storage-1
    project: 7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a
    partition: fra-equ01
    size: s3-large-x86
    image: debian-12
    networks:
      - network: 0b2fd1a6-2d0c-4a7d-9a52-5a0f1f1e7c11
    placement_tags:
      - cluster=storage

- name: Make sure that it has the image of this month, and wait for it
  metalstack.provisioning.metal_machine:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: storage-1
    project: 7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a
    image: debian-12.0.20251010
    reinstall: on_image_change

- name: Free it
  metalstack.provisioning.metal_machine:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: storage-1
    project: 7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a
    state: absent

- name: Forget a machine that was carried out of the rack
  metalstack.provisioning.metal_machine:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    state: absent
    remove_from_database: true
"""

RETURN = r"""
machine:
  description:
    - The machine as it is after the task, in check mode what is known of it beforehand. Null when nobody has it.
  returned: success
  type: dict
  sample:
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    name: storage-1
    project: 7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a
    role: machine
    partition: fra-equ01
    rack: fra-equ01-rack01
    size: s3-large-x86
    image: debian-12.0.20251010
    hostname: storage-1
    description: ""
    state: available
    state_description: ""
    identify_led: false
    liveliness: Alive
    last_event:
      event: Phoned Home
      message: ""
      time: "2026-10-10T10:10:10Z"
    crash_loop: false
    failed_reclaim: false
    allocated: true
    succeeded: true
    reinstalling: false
    allocation_uuid: 5f0c7b9e-6d1a-4c2b-9e8f-7a6b5c4d3e2f
    created: "2026-10-10T10:00:00Z"
    creator: metal-edit@metal-stack.io
    networks:
      - network: 0b2fd1a6-2d0c-4a7d-9a52-5a0f1f1e7c11
        kind: privateprimaryshared
        ips: [10.0.16.2]
        prefixes: [10.0.16.0/22]
        destination_prefixes: []
        vrf: 23
        asn: 4210000023
        nat: false
        project: 7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a
    ssh_public_keys: []
    user_data_sha256: null
    tags: [machine.metal-stack.io/network.primary.asn=4210000023, machine.metal-stack.io/rack=fra-equ01-rack01]
    filesystem_layout: default
    dns_servers: []
    ntp_servers: []
    firewall_rules: null
    hardware:
      memory: 137438953472
      cores: 32
      gpus: 0
      disks:
        - name: /dev/nvme0n1
          size: 960197124096
      nics:
        - name: lan0
          mac: "aa:aa:aa:aa:aa:01"
          neighbors:
            - name: Ethernet0
              mac: "bb:bb:bb:bb:bb:01"
drift:
  description: What differs from the options and cannot be changed while it is allocated. Each one is a warning as well.
  returned: success
  type: list
  elements: dict
  contains:
    option:
      description: Name of the option.
      returned: always
      type: str
    is:
      description: What it is, of user data the SHA-256.
      returned: always
      type: raw
    wanted:
      description: What the task asked for.
      returned: always
      type: raw
  sample:
    - option: hostname
      is: metal
      wanted: storage-1
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 422
    code: null
    message: >-
      POST https://api.example.com/metal/v1/machine/allocate was answered with status 422: no machine available.
    request: POST https://api.example.com/metal/v1/machine/allocate
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine import MACHINE
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_removal import run_removal
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_task import (
    SPEC as ALLOCATION,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_task import run_allocation
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = ALLOCATION + ArgumentSpec({"remove_from_database": {"type": "bool", "default": False}})


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    if task.params["remove_from_database"]:
        return run_removal(task)
    return run_allocation(task, MACHINE)


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
