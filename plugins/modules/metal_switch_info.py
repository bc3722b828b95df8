#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which switches there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_switch_info
short_description: List switches of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the leaf switches of partitions with their ports, those that match all given options.
  - Any key will do (O(api_hmac_user=Metal-View)). V(v1) of the metal-api only.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description:
      - Id of a switch.
      - Nothing found is no error.
    type: str
  partition:
    description: Id of the partition.
    type: str
  rack:
    description: Id of the rack.
    type: str
  mode:
    description: Whether it is in operation or being replaced.
    type: str
    choices: [operational, replace]
  machine:
    description: Id of a machine that is connected to it.
    type: str
"""

EXAMPLES = r"""
- name: See whether both leaf switches of a rack are in contact with the metal-api
  metalstack.provisioning.metal_switch_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    rack: fra-equ01-rack01
  register: leaves
  until: leaves.switches | map(attribute='last_sync') | select | length == 2
  retries: 30
  delay: 10
"""

RETURN = r"""
switches:
  description: The switches, sorted by id.
  returned: success
  type: list
  elements: dict
  sample:
    - id: fra-equ01-r01leaf01
      description: ""
      partition: fra-equ01
      rack: fra-equ01-rack01
      mode: operational
      os:
        vendor: SONiC
        version: "202211"
        metal_core_version: v0.9.1
      management_ip: 10.255.1.1
      management_user: admin
      console_command: ""
      ports:
        - name: Ethernet0
          mac: "bb:bb:bb:bb:bb:01"
          vrf: Vrf23
          status: UP
          bgp_state: Established
          machine: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
      last_sync:
        time: "2026-10-10T10:10:10Z"
        duration: 0.25
        error: null
      last_sync_error: null
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: GET https://api.example.com/metal/v1/switch was answered with status 403
    request: GET https://api.example.com/metal/v1/switch
"""

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.switch import switch_from_v1
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

SPEC = CONNECTION + ArgumentSpec(
    {
        "id": {"type": "str"},
        "partition": {"type": "str"},
        "rack": {"type": "str"},
        "mode": {"type": "str", "choices": ["operational", "replace"]},
        "machine": {"type": "str"},
    }
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    found = []
    for item in connect(params, task.environ).get_list("/v1/switch"):
        try:
            switch = switch_from_v1(item)
        except ValueError as error:
            task.warnings.append(f"The switch {item.get('id') or '?'} of the metal-api is left out: {error}.")
            continue
        if (
            params["id"] in (None, switch.id)
            and params["partition"] in (None, switch.partition)
            and params["rack"] in (None, switch.rack)
            and params["mode"] in (None, switch.mode)
            and (params["machine"] is None or params["machine"] in [port.machine for port in switch.ports])
        ):
            found.append(switch)
    return {"changed": False, "switches": [one.as_dict() for one in sorted(found, key=lambda one: one.id)]}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
