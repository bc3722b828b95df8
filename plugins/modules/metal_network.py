#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_network
short_description: Manage networks of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Allocates, updates and frees the networks of projects (children of the super network of a partition), private
    shared networks among them, and creates, updates and deletes super, underlay and external networks.
  - A child network is known by O(name), O(project) and O(partition) together, or by O(id) once it exists. All others
    are known by O(id).
  - Only what is given is compared and changed. O(kind), O(project), O(partition) and the size of a child's prefixes
    cannot be changed, and a shared network is never made unshared.
  - Allocating and freeing child networks, shared ones too, needs the edit key (O(api_hmac_user=Metal-Edit)).
    Everything else, also the update of a child, needs the admin key (O(api_hmac_user=Metal-Admin)).
notes:
  - "Differences of V(v2): a shared network is made by C(/metalstack.admin.v2.NetworkService/Create), which needs an
    admin token, and a project can have only one; an existing network cannot be shared; O(nat) and
    O(destination_prefixes) of a child are those of its super network; O(prefix_length) with one family makes a child
    with that family only; an external network needs O(vrf), and its O(nat) can be changed; a network that is found by
    O(id) without O(project) needs the admin service."
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
  - metalstack.provisioning.bulk
options:
  id:
    description: Id of the network. The API gives one to a new child network, all others have to be given one.
    type: str
  name:
    description:
      - Name for people; without O(id) also what a child network is known by.
      - If several child networks of the project in the partition have the name, the task fails and lists their ids.
    type: str
  project:
    description: Id of the project that the network belongs to. Needed for a new child network.
    type: str
  partition:
    description: Id of the partition that the network is in. Needed for a new child network.
    type: str
  kind:
    description:
      - V(child) is a network of a project, with prefixes of the super network of the partition.
      - V(super) is that from which children get their prefixes, V(underlay) connects the switches, and V(external)
        leads out of the partition.
      - A new network is a child if nothing is said.
    type: str
    choices: [child, super, underlay, external]
  description:
    description: Description for people.
    type: str
  labels:
    description:
      - All labels that the network shall have; others are removed, and an empty dictionary removes all.
      - Values are text; numbers and truth values become text.
    type: dict
  shared:
    description:
      - Whether a child network is shared, so that machines and firewalls of other projects can be in it too.
      - V(true) for a new network makes it so at once. For an existing one see O(share_existing).
      - V(false) for a network that is shared is refused, since nothing takes that back.
    type: bool
  share_existing:
    description:
      - Allows O(shared=true) to share a network that exists and is not shared yet. This can never be undone.
      - V(v1) with the admin key only; the metal-api v2 goes on showing it as not shared.
    type: bool
    default: false
  nat:
    description:
      - Whether IPv4 packets that leave the network get the address of the firewall. Not for super and underlay
        networks.
      - Cannot be changed in V(v1).
    type: bool
  prefixes:
    description:
      - The prefixes of a super, underlay or external network, all of them. One with IPs in it cannot be removed.
    type: list
    elements: str
  destination_prefixes:
    description: What can be reached through the network, all of it. Cannot be emptied.
    type: list
    elements: str
  prefix_length:
    description:
      - How large the prefixes of a new child network are, by address family. Otherwise the super network says it.
      - Cannot be changed.
    type: dict
    suboptions:
      ipv4:
        description: Length of IPv4 prefixes.
        type: int
      ipv6:
        description: Length of IPv6 prefixes.
        type: int
  address_family:
    description: Which address family a child network has, if not all that its super network has. Cannot be changed.
    type: str
    choices: [IPv4, IPv6]
  default_child_prefix_length:
    description:
      - How large the prefixes of the children of a super network are. Needed for a new one, for each of its families.
    type: dict
    suboptions:
      ipv4:
        description: Length of IPv4 prefixes.
        type: int
      ipv6:
        description: Length of IPv6 prefixes.
        type: int
  additional_announcable_cidrs:
    description:
      - What the machines in the children of a super network may announce besides their addresses, all of it.
        Typically networks of pods and services.
      - If not given, it stays as it is.
    type: list
    elements: str
  force:
    description: Allows to remove some of O(additional_announcable_cidrs).
    type: bool
    default: false
  vrf:
    description: The VRF of a super, underlay or external network. Children get one from the API. Cannot be changed.
    type: int
  vrf_shared:
    description: Whether a new network may have a O(vrf) that another one has. V(v1) only.
    type: bool
  state:
    description:
      - Whether the network should exist. A child is freed, any other deleted.
      - The API refuses it while IPs or child networks are left in it.
    type: str
    choices: [present, absent]
    default: present
  resources:
    suboptions:
      id:
        description: Id of the network.
        type: str
      name:
        description: Name for people; without the id also what a child network is known by.
        type: str
      project:
        description: Id of the project that it belongs to.
        type: str
      partition:
        description: Id of the partition that it is in.
        type: str
      kind:
        description: What kind of network it is.
        type: str
        choices: [child, super, underlay, external]
      description:
        description: Description for people.
        type: str
      labels:
        description: All labels that it shall have; others are removed.
        type: dict
      shared:
        description: Whether a child network is shared.
        type: bool
      share_existing:
        description: Allows to share a network that exists, which can never be undone.
        type: bool
        default: false
      nat:
        description: Whether IPv4 packets that leave it get the address of the firewall.
        type: bool
      prefixes:
        description: The prefixes of a super, underlay or external network.
        type: list
        elements: str
      destination_prefixes:
        description: What can be reached through it.
        type: list
        elements: str
      prefix_length:
        description: How large the prefixes of a new child network are.
        type: dict
        suboptions:
          ipv4:
            description: Length of IPv4 prefixes.
            type: int
          ipv6:
            description: Length of IPv6 prefixes.
            type: int
      address_family:
        description: Which address family a child network has.
        type: str
        choices: [IPv4, IPv6]
      default_child_prefix_length:
        description: How large the prefixes of the children of a super network are.
        type: dict
        suboptions:
          ipv4:
            description: Length of IPv4 prefixes.
            type: int
          ipv6:
            description: Length of IPv6 prefixes.
            type: int
      additional_announcable_cidrs:
        description: What the machines in the children of a super network may announce.
        type: list
        elements: str
      force:
        description: Allows to remove some of the additional announcable CIDRs.
        type: bool
        default: false
      vrf:
        description: The VRF of a super, underlay or external network.
        type: int
      vrf_shared:
        description: Whether a new network may have a VRF that another one has. V(v1) only.
        type: bool
      state:
        description: Whether it should exist.
        type: str
        choices: [present, absent]
        default: present
  purge_scope:
    description:
      - Which networks O(purge) may free. Only child networks, shared ones too, never super, underlay or external ones.
      - The API refuses to free a network in which there are IPs.
    type: dict
    suboptions:
      project:
        description: Id of their project.
        type: str
        required: true
      partition:
        description: Id of their partition.
        type: str
        required: true
seealso:
  - module: metalstack.provisioning.metal_network_info
  - module: metalstack.provisioning.metal_ip
"""

EXAMPLES = r"""
- name: Have a private shared network for storage
  metalstack.provisioning.metal_network:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: storage
    project: 00000000-0000-0000-0000-000000000001
    partition: fra-equ01
    shared: true
    prefix_length:
      ipv4: 24
    address_family: IPv4
    labels:
      purpose: storage
  register: storage

- name: Create the super network of a partition
  metalstack.provisioning.metal_network:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: tenant-super-network-fra-equ02
    kind: super
    partition: fra-equ02
    prefixes:
      - 10.64.0.0/14
    default_child_prefix_length:
      ipv4: 22
    additional_announcable_cidrs:
      - 10.240.0.0/12

- name: Create an external network
  metalstack.provisioning.metal_network:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_admin_key }}"
    api_hmac_user: Metal-Admin
    id: internet-fra-equ02
    kind: external
    partition: fra-equ02
    prefixes:
      - 203.0.113.0/24
    destination_prefixes:
      - 0.0.0.0/0
    nat: true
    vrf: 104010

- name: Free the networks of the project in the partition that are not listed
  metalstack.provisioning.metal_network:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    resources:
      - name: storage
        project: 00000000-0000-0000-0000-000000000001
        partition: fra-equ01
        shared: true
    purge: true
    purge_scope:
      project: 00000000-0000-0000-0000-000000000001
      partition: fra-equ01
"""

RETURN = r"""
network:
  description:
    - The network as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success, without O(resources)
  type: dict
  sample:
    id: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
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
networks:
  description:
    - One entry for each of O(resources), and then for each that was purged.
  returned: with O(resources)
  type: list
  elements: dict
  contains:
    changed:
      description: Whether it was changed.
      returned: always
      type: bool
    steps:
      description: What was done, or would be done in check mode, in words.
      returned: always
      type: list
      elements: str
    network:
      description: The network, as RV(network).
      returned: always
      type: dict
    failed:
      description: Whether it could not be brought to the wanted state.
      returned: if it failed
      type: bool
    msg:
      description: Why it could not be brought to the wanted state.
      returned: if it failed
      type: str
    failure:
      description: As RV(failure).
      returned: if it failed because of the API
      type: dict
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/network was answered with status 403
    request: POST https://api.example.com/metal/v1/network
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._bulk import bulk_spec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_bulk import reconcile_networks
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_calls import network_calls
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_resource import (
    NetworkResource,
    networks_of_api,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

LENGTHS = {"type": "dict", "options": {"ipv4": {"type": "int"}, "ipv6": {"type": "int"}}}
ONE = {
    "id": {"type": "str"},
    "name": {"type": "str"},
    "project": {"type": "str"},
    "partition": {"type": "str"},
    "kind": {"type": "str", "choices": ["child", "super", "underlay", "external"]},
    "description": {"type": "str"},
    "labels": {"type": "dict"},
    "shared": {"type": "bool"},
    "share_existing": {"type": "bool", "default": False},
    "nat": {"type": "bool"},
    "prefixes": {"type": "list", "elements": "str"},
    "destination_prefixes": {"type": "list", "elements": "str"},
    "prefix_length": LENGTHS,
    "address_family": {"type": "str", "choices": ["IPv4", "IPv6"]},
    "default_child_prefix_length": LENGTHS,
    "additional_announcable_cidrs": {"type": "list", "elements": "str"},
    "force": {"type": "bool", "default": False},
    "vrf": {"type": "int"},
    "vrf_shared": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        ONE,
        required_one_of=(("id", "name", "resources"),),
        mutually_exclusive=tuple((name, "resources") for name, option in ONE.items() if "default" not in option),
    )
    + bulk_spec(ONE, {"project": {"type": "str", "required": True}, "partition": {"type": "str", "required": True}})
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    calls = network_calls(connect_any(task.params, task.environ))
    if task.params["resources"] is not None:
        return reconcile_networks(task, calls)
    resource = NetworkResource(calls, task.params, networks_of_api(calls))
    return task.result(reconcile(resource, check_mode=task.check_mode), "network")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
