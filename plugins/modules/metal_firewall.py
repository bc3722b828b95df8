#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewalls of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_firewall
short_description: Allocate and free firewalls of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Allocates a machine as a firewall for a project, changes what can be changed, reinstalls it, frees it, and waits for
    what comes of it.
  - Needs the edit key (O(api_hmac_user=Metal-Edit)); to change description, tags or SSH keys of an allocated firewall,
    the admin key.
  - A firewall has one private network that is not shared, of its own project, and may be in shared networks of any
    project, like a storage network, and in external networks. The underlay is added by the API.
  - Networks and rules cannot be changed later. To join another network, a firewall is replaced by a new one.
  - Differences of V(v2). At least one external network is needed, at most one private shared network is allowed, ports
    end at 65532, and comments of rules are in lower case. Tags are labels, and O(placement_tags) placement labels. Only
    admins may choose a machine by O(id) or wait for one that was freed, and O(name) is needed. Addresses are found
    wherever O(networks[].ips) are not given. O(reinstall) does not exist.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
  - metalstack.provisioning.allocation
options:
  firewall_rules:
    description:
      - What is let through. The order of rules has no meaning. They take effect with the allocation only.
    type: dict
    suboptions:
      egress:
        description: What may leave.
        type: list
        elements: dict
        suboptions:
          protocol:
            description: The protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
          ports:
            description: Ports, 0 to 65535.
            type: list
            elements: int
            required: true
          to:
            description: Networks that it goes to, all of one address family.
            type: list
            elements: str
            required: true
          comment:
            description: What the rule is for, in letters, spaces, C(-) and C(_), at most 100.
            type: str
      ingress:
        description: What may enter.
        type: list
        elements: dict
        suboptions:
          protocol:
            description: The protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
          ports:
            description: Ports, 0 to 65535.
            type: list
            elements: int
            required: true
          from:
            description: Networks that it comes from.
            type: list
            elements: str
            required: true
          to:
            description: Networks that it goes to, of the same address family. By default all.
            type: list
            elements: str
          comment:
            description: What the rule is for, in letters, spaces, C(-) and C(_), at most 100.
            type: str
seealso:
  - module: metalstack.provisioning.metal_machine
  - module: metalstack.provisioning.metal_machine_info
"""

EXAMPLES = r"""
- name: Allocate a firewall that reaches the internet and the storage network
  metalstack.provisioning.metal_firewall:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: firewall-1
    project: 3d5f9a1c-8e7b-4c6d-a5f4-e3d2c1b0a9f8
    partition: fra-equ01
    size: n1-medium-x86
    image: firewall-ubuntu-3.0
    networks:
      - network: 9f4b7f0c-6c0e-4b43-8a53-0a4c9a1b2c3d
      - network: internet
      - network: 0b2fd1a6-2d0c-4a7d-9a52-5a0f1f1e7c11
    firewall_rules:
      egress:
        - comment: allow https
          ports: [443]
          to: [0.0.0.0/0]
        - comment: storage
          ports: [4420, 8009]
          to: [10.0.16.0/22]
      ingress:
        - comment: ssh of the office
          ports: [22]
          from: [192.0.2.0/24]

- name: Free it
  metalstack.provisioning.metal_firewall:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: firewall-1
    project: 3d5f9a1c-8e7b-4c6d-a5f4-e3d2c1b0a9f8
    state: absent
"""

RETURN = r"""
firewall:
  description:
    - The firewall as it is after the task, in check mode what is known of it beforehand. Null when nobody has it.
    - It has the keys of RV(metalstack.provisioning.metal_machine#module:machine).
  returned: success
  type: dict
  sample:
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    name: firewall-1
    project: 3d5f9a1c-8e7b-4c6d-a5f4-e3d2c1b0a9f8
    role: firewall
    partition: fra-equ01
    size: n1-medium-x86
    image: firewall-ubuntu-3.0.20251010
    firewall_rules:
      egress:
        - protocol: tcp
          ports: [443]
          to: [0.0.0.0/0]
          comment: allow https
      ingress: []
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
      wanted: firewall-1
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 422
    code: null
    message: >-
      POST https://api.example.com/metal/v1/firewall/allocate was answered with status 422: no machine available.
    request: POST https://api.example.com/metal/v1/firewall/allocate
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine import FIREWALL
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_task import (
    SPEC as ALLOCATION,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_task import run_allocation
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

RULE = {
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "ports": {"type": "list", "elements": "int", "required": True},
    "comment": {"type": "str"},
}
EGRESS = {**RULE, "to": {"type": "list", "elements": "str", "required": True}}
INGRESS = {
    **RULE,
    "from": {"type": "list", "elements": "str", "required": True},
    "to": {"type": "list", "elements": "str"},
}
SPEC = ALLOCATION + ArgumentSpec(
    {
        "firewall_rules": {
            "type": "dict",
            "options": {
                "egress": {"type": "list", "elements": "dict", "options": EGRESS},
                "ingress": {"type": "list", "elements": "dict", "options": INGRESS},
            },
        }
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    return run_allocation(task, FIREWALL)


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
