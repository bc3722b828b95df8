#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_network_info
short_description: List networks of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the networks that match all given options, and how much of them is used.
  - Any key will do (O(api_hmac_user=Metal-View)).
notes:
  - "Differences of V(v2): without O(project) the token needs C(/metalstack.admin.v2.NetworkService/List); a network
    that V(v1) made shared after its allocation shows as not shared."
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  id:
    description:
      - Id of the network.
      - Nothing found is no error.
    type: str
  name:
    description: Name of the network.
    type: str
  project:
    description: Id of the project that it belongs to.
    type: str
  partition:
    description: Id of the partition that it is in.
    type: str
  kind:
    description: What kind of network. The API V(v1) cannot filter by all of them, but this module can.
    type: str
    choices: [child, super, super_namespaced, underlay, external]
  shared:
    description: Only child networks that are shared, or only networks that are not. The API has no such filter.
    type: bool
  nat:
    description: Whether IPv4 packets that leave it get the address of the firewall.
    type: bool
  vrf:
    description: Its VRF.
    type: int
  parent:
    description: Id of the super network that it is a child of.
    type: str
  prefixes:
    description: Prefixes that it must all have.
    type: list
    elements: str
  destination_prefixes:
    description: Destination prefixes that it must all have.
    type: list
    elements: str
  labels:
    description: Labels that it must all have.
    type: dict
  address_family:
    description: An address family that it must have.
    type: str
    choices: [IPv4, IPv6]
seealso:
  - module: metalstack.provisioning.metal_network
"""

EXAMPLES = r"""
- name: Find the shared networks of a partition
  metalstack.provisioning.metal_network_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    partition: fra-equ01
    shared: true
  register: shared
"""

RETURN = r"""
networks:
  description: The networks, sorted by partition, kind, name and id.
  returned: success
  type: list
  elements: dict
  contains:
    consumption:
      description:
        - How many addresses, and prefixes for children (counted in blocks of four addresses), there are and are used.
        - By C(ipv4) and C(ipv6), null where the network has no such prefix. The API v2 may keep it from those who are
          not admins.
      returned: always
      type: dict
  sample:
    - id: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
      name: storage
      description: ""
      kind: child
      shared: true
      project: 00000000-0000-0000-0000-000000000001
      partition: fra-equ01
      parent: tenant-super-network-fra-equ01
      prefixes: [10.0.4.0/24]
      destination_prefixes: []
      labels:
        purpose: storage
      nat: false
      vrf: 3982
      default_child_prefix_length: {}
      additional_announcable_cidrs: []
      consumption:
        ipv4:
          available_ips: 256
          used_ips: 2
          available_prefixes: 64
          used_prefixes: 0
        ipv6: null
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/network was answered with status 403
    request: GET https://api.example.com/metal/v1/network
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_calls import network_calls
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_options import wanted_filters
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "project": {"type": "str"},
            "partition": {"type": "str"},
            "kind": {"type": "str", "choices": ["child", "super", "super_namespaced", "underlay", "external"]},
            "shared": {"type": "bool"},
            "nat": {"type": "bool"},
            "vrf": {"type": "int"},
            "parent": {"type": "str"},
            "prefixes": {"type": "list", "elements": "str"},
            "destination_prefixes": {"type": "list", "elements": "str"},
            "labels": {"type": "dict"},
            "address_family": {"type": "str", "choices": ["IPv4", "IPv6"]},
        }
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    calls = network_calls(connect_any(task.params, task.environ))
    filters = wanted_filters(task.params)
    kind, shared = filters["kind"], filters["shared"]
    found = [
        network for network in calls.find(filters) if kind in (None, network.kind) and shared in (None, network.shared)
    ]
    found.sort(key=lambda network: (network.partition, network.kind, network.name, network.id))
    return {"changed": False, "networks": [network.as_dict(consumption=True) for network in found]}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
