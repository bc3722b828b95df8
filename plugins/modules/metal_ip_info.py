#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which IP addresses there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_ip_info
short_description: List IP addresses of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the IP addresses that projects have, those that match all given options.
  - Any key will do (O(api_hmac_user=Metal-View)).
notes:
  - "Differences of V(v2): tags are labels there, so that a key has one value; without O(project) the token needs
    C(/metalstack.admin.v2.IPService/List)."
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
  - metalstack.provisioning.metal.version
options:
  ip:
    description:
      - The address, in any spelling.
      - Nothing found is no error.
    type: str
  allocation_uuid:
    description: Id that the address got when it was allocated.
    type: str
  name:
    description: Name of the address.
    type: str
  network:
    description: Id of the network that it belongs to.
    type: str
  project:
    description: Id of the project that has it.
    type: str
  type:
    description: Whether it is freed with its machine or stays.
    type: str
    choices: [ephemeral, static]
  machine:
    description: Id of a machine that holds it.
    type: str
  machine_scoped:
    description: Only addresses that a machine holds, or only those that none does. By default both.
    type: bool
  prefix:
    description: The prefix of the network that it was taken from.
    type: str
  address_family:
    description: Which kind of address.
    type: str
    choices: [IPv4, IPv6]
  tags:
    description: Tags, C(key) or C(key=value), that it must all have.
    type: list
    elements: str
seealso:
  - module: metalstack.provisioning.metal_ip
"""

EXAMPLES = r"""
- name: List the static addresses of the storage project
  metalstack.provisioning.metal_ip_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    project: 00000000-0000-0000-0000-000000000001
    type: static
  register: addresses
"""

RETURN = r"""
ips:
  description: The addresses, sorted, IPv4 first.
  returned: success
  type: list
  elements: dict
  sample:
    - ip: 10.0.0.10
      allocation_uuid: 0d8e5b2f-5f0a-4c62-a3b6-8e0a5f5be8a6
      name: storage-vip
      description: ""
      network: 3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4
      project: 00000000-0000-0000-0000-000000000001
      type: static
      address_family: IPv4
      tags: [purpose=storage]
      machines: []
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/ip was answered with status 403
    request: GET https://api.example.com/metal/v1/ip
"""

from ipaddress import ip_address

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.addresses import (
    wanted_address,
    wanted_prefixes,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip import IP
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip_calls import ip_calls
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import (
    CONNECTION,
    VERSION,
    connect_any,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

FILTERS = {
    "ip": {"type": "str"},
    "allocation_uuid": {"type": "str"},
    "name": {"type": "str"},
    "network": {"type": "str"},
    "project": {"type": "str"},
    "type": {"type": "str", "choices": ["ephemeral", "static"]},
    "machine": {"type": "str"},
    "prefix": {"type": "str"},
    "address_family": {"type": "str", "choices": ["IPv4", "IPv6"]},
    "tags": {"type": "list", "elements": "str"},
}
SPEC = CONNECTION + VERSION + ArgumentSpec({**FILTERS, "machine_scoped": {"type": "bool"}})


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    calls = ip_calls(connect_any(task.params, task.environ))
    filters = {name: task.params[name] for name in FILTERS}
    if filters["ip"] is not None:
        filters["ip"] = wanted_address("ip", filters["ip"])
    if filters["prefix"] is not None:
        filters["prefix"] = wanted_prefixes("prefix", [filters["prefix"]])[0]
    if filters["tags"] is not None:
        filters["tags"] = list(calls.normal_tags(filters["tags"]))
    scoped = task.params["machine_scoped"]
    found = [ip for ip in calls.find(filters) if scoped in (None, ip.machine_scoped)]
    return {"changed": False, "ips": [{**ip.as_dict(), "machines": ip.machines} for ip in sorted(found, key=_order)]}


def _order(ip: IP) -> tuple[bool, int, str]:
    return ip.address_family == "IPv6", int(ip_address(ip.ip)), ip.project


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
