#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses of the metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_ip
short_description: Manage IP addresses of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Allocates, updates and frees the IP addresses of projects, one or many in one task.
  - An address is known either by O(ip), and then exactly that one is allocated, or by O(name) together with
    O(network) and O(project), and then the API chooses one when there is none of that name yet.
  - Only what is given is compared and changed. O(network), O(project) and O(address_family) cannot be changed.
  - Needs the edit key (O(api_hmac_user=Metal-Edit)), or a token of a user in the group C(maas-all-all-edit).
notes:
  - "Differences of V(v2): tags are labels there, so that a key has one value; a token for the project is needed,
    and without O(project) one that may call C(/metalstack.admin.v2.IPService/List); an address that another project
    has cannot be seen and shows as a refusal of the API; in a shared network of another project V(v2) allocates
    nothing."
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
  - metalstack.provisioning.bulk
options:
  ip:
    description:
      - The address, in any spelling. It is allocated if nobody has it.
      - Without it, O(name), O(network) and O(project) say which one is meant.
    type: str
  name:
    description: Name for people; without O(ip) also what the address is known by, and then needed.
    type: str
  network:
    description: Id of the network that the address belongs to. Needed for a new one.
    type: str
  project:
    description: Id of the project that has the address. Needed for a new one.
    type: str
  type:
    description:
      - An V(ephemeral) address is freed with its machine, a V(static) one stays. A new one is ephemeral.
      - The API makes an ephemeral one static, but never the other way round, which is refused beforehand.
    type: str
    choices: [ephemeral, static]
  address_family:
    description:
      - Which kind of address to allocate, if the network has both. The API takes V(IPv4) when nothing is said.
      - Cannot be changed, and says nothing new together with O(ip).
    type: str
    choices: [IPv4, IPv6]
  description:
    description: Description for people.
    type: str
  tags:
    description:
      - Tags, C(key) or C(key=value), that the address shall have besides those that it has.
      - Tags of metal-stack itself (with a key below a name of C(metal-stack.io), like the one that says which machine
        holds the address) always stay. They cannot be used to give the address to a machine.
    type: list
    elements: str
  purge_tags:
    description:
      - Whether other tags than O(tags) are removed. Tags of metal-stack itself stay even then.
    type: bool
    default: false
  state:
    description:
      - Whether the address should be allocated.
      - An address that a machine holds is not freed, but refused; so is one that is not as O(name), O(network) and
        O(project) say, where they are given together with O(ip).
    type: str
    choices: [present, absent]
    default: present
  resources:
    suboptions:
      ip:
        description: The address.
        type: str
      name:
        description: Name for people; without the address also what it is known by.
        type: str
      network:
        description: Id of the network that the address belongs to.
        type: str
      project:
        description: Id of the project that has the address.
        type: str
      type:
        description: Whether it is freed with its machine or stays.
        type: str
        choices: [ephemeral, static]
      address_family:
        description: Which kind of address to allocate.
        type: str
        choices: [IPv4, IPv6]
      description:
        description: Description for people.
        type: str
      tags:
        description: Tags that it shall have besides those that it has.
        type: list
        elements: str
      purge_tags:
        description: Whether other tags are removed, except those of metal-stack itself.
        type: bool
        default: false
      state:
        description: Whether it should be allocated.
        type: str
        choices: [present, absent]
        default: present
  purge_scope:
    description:
      - Which addresses O(purge) may free. Those that machines hold, and all others, stay.
      - Addresses that a Kubernetes cluster took for its services are held by no machine, and are not spared.
    type: dict
    suboptions:
      network:
        description: Id of their network.
        type: str
        required: true
      project:
        description: Id of their project.
        type: str
        required: true
seealso:
  - module: metalstack.provisioning.metal_ip_info
  - module: metalstack.provisioning.metal_network
"""

EXAMPLES = r"""
- name: Have an address for the virtual IP of the storage cluster, whichever
  metalstack.provisioning.metal_ip:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    name: storage-vip
    network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
    project: 00000000-0000-0000-0000-000000000001
    type: static
    tags:
      - purpose=storage
  register: vip

- name: Have exactly these addresses in the network, and free all others that no machine holds
  metalstack.provisioning.metal_ip:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    resources:
      - ip: 10.0.0.10
        name: target-1
        network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
        project: 00000000-0000-0000-0000-000000000001
        type: static
      - ip: 10.0.0.11
        name: target-2
        network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
        project: 00000000-0000-0000-0000-000000000001
        type: static
    purge: true
    purge_scope:
      network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
      project: 00000000-0000-0000-0000-000000000001

- name: Free an address
  metalstack.provisioning.metal_ip:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    ip: 10.0.0.10
    state: absent
"""

RETURN = r"""
ip:
  description:
    - The address as it is after the task; in check mode what is known of it beforehand. Null when it is absent.
  returned: success, without O(resources)
  type: dict
  sample:
    ip: 10.0.0.10
    allocation_uuid: 0d8e5b2f-5f0a-4c62-a3b6-8e0a5f5be8a6
    name: storage-vip
    description: ""
    network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
    project: 00000000-0000-0000-0000-000000000001
    type: static
    address_family: IPv4
    tags: [purpose=storage]
ips:
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
    ip:
      description: The address, as RV(ip).
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
    status: 422
    code: null
    message: POST https://api.example.com/metal/v1/ip/allocate was answered with status 422
    request: POST https://api.example.com/metal/v1/ip/allocate
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._bulk import bulk_spec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip_bulk import reconcile_ips
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip_calls import ip_calls
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip_resource import IpResource, ips_of_api
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

ONE = {
    "ip": {"type": "str"},
    "name": {"type": "str"},
    "network": {"type": "str"},
    "project": {"type": "str"},
    "type": {"type": "str", "choices": ["ephemeral", "static"]},
    "address_family": {"type": "str", "choices": ["IPv4", "IPv6"]},
    "description": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
    "purge_tags": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
SPEC = (
    CONNECTION
    + VERSION
    + ArgumentSpec(
        ONE,
        required_one_of=(("ip", "name", "resources"),),
        mutually_exclusive=tuple((name, "resources") for name, option in ONE.items() if "default" not in option),
    )
    + bulk_spec(ONE, {"network": {"type": "str", "required": True}, "project": {"type": "str", "required": True}})
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    calls = ip_calls(connect_any(task.params, task.environ))
    if task.params["resources"] is not None:
        return reconcile_ips(task, calls)
    resource = IpResource(calls, task.params, ips_of_api(calls))
    return task.result(reconcile(resource, check_mode=task.check_mode), "ip")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
