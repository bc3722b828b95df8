#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power of machines."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_machine_power
short_description: Switch machines on and off, and their identify LEDs
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Sends power commands to the BMC of a machine or firewall, and switches its identify LED.
  - The metal-api hands a command on and stores nothing of it, so the success of this module only means that it was
    handed on; O(wait) makes sure of V(on) and V(off).
  - Needs the edit key (O(api_hmac_user=Metal-Edit)). V(v1) of the metal-api only.
extends_documentation_fragment:
  - metalstack.provisioning.attributes
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
attributes:
  idempotent:
    support: partial
    description: A second run with the same options changes nothing, where there is something to compare with.
    details:
      - O(command=on) and O(command=off) are compared with the power state that the BMC reported last, if that report is
        not older than O(power_state_max_age), and O(identify_led) with what was asked for last.
      - All other commands are sent in every run, and V(on) and V(off) as well where no recent report is known.
options:
  id:
    description: Id of the machine.
    type: str
    required: true
  command:
    description:
      - V(on) and V(off) switch the power, unless it is reported to be so already.
      - V(reset) and V(cycle) reboot the machine, in every run. They are never sent twice by one run; if it cannot be
        found out whether the command was carried out, the task fails.
      - V(bios), V(pxe) and V(disk) set what the machine boots from next time, in every run. It does not reboot by
        itself.
      - One of this and O(identify_led) is required.
    type: str
    choices: ["on", "off", reset, cycle, bios, pxe, disk]
  power_state_max_age:
    description: How old, in seconds, the last report of the BMC may be for its power state to be believed.
    type: int
    default: 600
  identify_led:
    description: Whether the LED that helps to find the machine should be on.
    type: bool
  identify_led_description:
    description: Why it is on (or off). Belongs to O(identify_led).
    type: str
  wait:
    description:
      - Whether to wait until the BMC has reported that the machine is on or off, when O(command=on) or O(command=off)
        was sent.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait. BMCs report every few minutes.
    type: int
    default: 900
  wait_interval:
    description: How many seconds to wait at most between two looks. The first come sooner after each other.
    type: float
    default: 5
seealso:
  - module: metalstack.provisioning.metal_machine_info
  - module: metalstack.provisioning.metal_machine_state
"""

EXAMPLES = r"""
- name: Switch a machine off and wait until it is off
  metalstack.provisioning.metal_machine_power:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    command: "off"

- name: Let a machine boot from the network next time
  metalstack.provisioning.metal_machine_power:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    command: pxe

- name: Show the machine to whoever stands in front of the rack
  metalstack.provisioning.metal_machine_power:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_edit_key }}"
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    identify_led: true
    identify_led_description: replace the second disk
"""

RETURN = r"""
machine:
  description:
    - What is known of the machine's power after the task. The power state is what was reported last; in check mode what
      the command would make of it.
  returned: success
  type: dict
  sample:
    id: 1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d
    power_state: "OFF"
    power_state_reported: "2026-10-10T10:10:10Z"
    identify_led: false
    identify_led_description: ""
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/machine/1a6c2e34/power/off was answered with status 403
    request: POST https://api.example.com/metal/v1/machine/1a6c2e34/power/off
"""

from datetime import timedelta

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.power import (
    COMMANDS,
    OFF,
    ON,
    PowerResource,
    PowerWish,
    wait_for_power,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import wait_spec, waiting

SPEC = (
    CONNECTION
    + wait_spec(900, 5.0)
    + ArgumentSpec(
        {
            "id": {"type": "str", "required": True},
            "command": {"type": "str", "choices": list(COMMANDS)},
            "power_state_max_age": {"type": "int", "default": 600},
            "identify_led": {"type": "bool"},
            "identify_led_description": {"type": "str"},
        },
        required_one_of=(("command", "identify_led"),),
        required_by={"identify_led_description": ("identify_led",)},
    )
)


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    patience = waiting(task)
    if params["power_state_max_age"] < 0:
        raise UsageError("power_state_max_age is negative; it is a number of seconds.")
    wish = PowerWish(
        id=params["id"],
        command=params["command"],
        led=params["identify_led"],
        led_description=params["identify_led_description"],
        oldest=timedelta(seconds=params["power_state_max_age"]),
    )
    api = connect(params, task.environ)
    resource = PowerResource(api, wish)
    outcome = reconcile(resource, check_mode=task.check_mode)
    if patience is not None and resource.sent and resource.first is not None and wish.command in (ON, OFF):
        outcome.thing = resource.show(wait_for_power(api, resource.first, wish.command, patience))
    return task.result(outcome, "machine")


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
