#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machines there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metal_machine_info
short_description: List machines and firewalls of the metal-api
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns machines and firewalls, allocated or not, those that match all given options.
  - Lists match machines that have all of their entries.
  - Any key will do (O(api_hmac_user=Metal-View)). V(v1) of the metal-api only.
extends_documentation_fragment:
  - metalstack.provisioning.attributes.info
  - metalstack.provisioning.connection
  - metalstack.provisioning.metal
options:
  id:
    description:
      - Id of a machine.
      - Nothing found is no error.
    type: str
  name:
    description: Name of the allocation.
    type: str
  entity_name:
    description: Name of the machine itself, which normally is empty.
    type: str
  project:
    description: Id of the project that has it.
    type: str
  partition:
    description: Id of the partition.
    type: str
  rack:
    description: Id of the rack.
    type: str
  size:
    description: Id of the size.
    type: str
  role:
    description: What it is allocated as.
    type: str
    choices: [machine, firewall]
  image:
    description: Id of the image that it was allocated with, exact or like V(ubuntu-24.04) for any of that version.
    type: str
  hostname:
    description: Host name.
    type: str
  succeeded:
    description: Whether it was installed after its allocation.
    type: bool
  allocated:
    description: Only machines that somebody has, or only those that nobody has. By default both.
    type: bool
  state:
    description: State, see M(metalstack.provisioning.metal_machine_state).
    type: str
    choices: [available, reserved, locked]
  liveliness:
    description: Whether it gives signs of life.
    type: str
    choices: [Alive, Dead, Unknown]
  tags:
    description: Tags that it has, all of them.
    type: list
    elements: str
  memory:
    description: Memory in bytes.
    type: int
  network:
    description: Properties of networks that it is allocated in.
    type: dict
    suboptions:
      ids:
        description: Ids of networks.
        type: list
        elements: str
      prefixes:
        description: Their prefixes.
        type: list
        elements: str
      ips:
        description: Addresses of the machine.
        type: list
        elements: str
      destination_prefixes:
        description: Their destination prefixes.
        type: list
        elements: str
      vrfs:
        description: Their VRFs.
        type: list
        elements: int
      asns:
        description: ASNs of the machine.
        type: list
        elements: int
  nic:
    description: Properties of its network interfaces.
    type: dict
    suboptions:
      mac_addresses:
        description: MAC addresses.
        type: list
        elements: str
      names:
        description: Names.
        type: list
        elements: str
      vrfs:
        description: VRFs.
        type: list
        elements: str
      neighbor_mac_addresses:
        description: MAC addresses of the other ends.
        type: list
        elements: str
      neighbor_names:
        description: Names of the other ends, like ports of switches.
        type: list
        elements: str
      neighbor_vrfs:
        description: VRFs of the other ends.
        type: list
        elements: str
  disk:
    description: Properties of its disks.
    type: dict
    suboptions:
      names:
        description: Names like V(/dev/nvme0n1).
        type: list
        elements: str
      sizes:
        description: Sizes in bytes.
        type: list
        elements: int
  ipmi:
    description: Properties of its BMC.
    type: dict
    suboptions:
      address:
        description: Address, C(host:port).
        type: str
      mac_address:
        description: MAC address.
        type: str
      user:
        description: User.
        type: str
      interface:
        description: Interface.
        type: str
  fru:
    description: What its vendor says about it (field replaceable unit).
    type: dict
    suboptions:
      chassis_part_number:
        description: Part number of the chassis.
        type: str
      chassis_part_serial:
        description: Serial number of the chassis.
        type: str
      board_mfg:
        description: Manufacturer of the board.
        type: str
      board_mfg_serial:
        description: Serial number of the board.
        type: str
      board_part_number:
        description: Part number of the board.
        type: str
      product_manufacturer:
        description: Manufacturer.
        type: str
      product_part_number:
        description: Part number.
        type: str
      product_serial:
        description: Serial number.
        type: str
  events:
    description: Whether to return all events that are known, not only the last.
    type: bool
    default: false
  bmc:
    description: Whether to return what is known of the BMC, without its password.
    type: bool
    default: false
  bmc_password:
    description:
      - Whether to return the passwords of BMCs as well, which the API shows to everybody who may read machines.
      - Use C(no_log) for a task with it. Needs O(bmc=true).
    type: bool
    default: false
  issues:
    description: Whether to let the API evaluate what is wrong with the machines, and return it.
    type: bool
    default: false
  issues_severity:
    description: Only issues that are at least that bad. Needs O(issues=true), as the following.
    type: str
    choices: [minor, major, critical]
  issues_only:
    description: Only these issues.
    type: list
    elements: str
    choices:
      - no-partition
      - liveliness-dead
      - liveliness-unknown
      - liveliness-not-available
      - failed-machine-reclaim
      - crashloop
      - last-event-error
      - bmc-without-mac
      - bmc-without-ip
      - bmc-info-outdated
      - asn-not-unique
      - bmc-no-distinct-ip
      - no-event-container
  issues_omit:
    description: Not these issues.
    type: list
    elements: str
    choices:
      - no-partition
      - liveliness-dead
      - liveliness-unknown
      - liveliness-not-available
      - failed-machine-reclaim
      - crashloop
      - last-event-error
      - bmc-without-mac
      - bmc-without-ip
      - bmc-info-outdated
      - asn-not-unique
      - bmc-no-distinct-ip
      - no-event-container
  issues_last_error_threshold:
    description: Since how many seconds errors of the provisioning count. By default the API decides.
    type: int
seealso:
  - module: metalstack.provisioning.metal_machine
  - module: metalstack.provisioning.metal_firewall
"""

EXAMPLES = r"""
- name: List the storage servers of a partition
  metalstack.provisioning.metal_machine_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    partition: fra-equ01
    size: s3-large-x86
  register: servers

- name: List what is seriously wrong, with the addresses of the BMCs
  metalstack.provisioning.metal_machine_info:
    api_url: https://api.example.com/metal
    api_hmac: "{{ metal_view_key }}"
    api_hmac_user: Metal-View
    bmc: true
    issues: true
    issues_severity: critical
  register: checked

- name: Show it
  ansible.builtin.debug:
    msg: "{{ checked.machines | selectattr('issues') | map(attribute='id') }}"
"""

RETURN = r"""
machines:
  description:
    - The machines, sorted by partition, rack and id.
    - Each has the keys of RV(metalstack.provisioning.metal_machine#module:machine), and what was asked for of the
      following.
  returned: success
  type: list
  elements: dict
  contains:
    events:
      description: All events that are known, the newest first.
      returned: with O(events=true)
      type: list
      elements: dict
    issues:
      description: What is wrong with it.
      returned: with O(issues=true)
      type: list
      elements: dict
      sample:
        - id: crashloop
          severity: major
          description: machine is in a provisioning crash loop
          reference: https://metal-stack.io/docs/troubleshooting
    bmc:
      description: What is known of its BMC; C(password) only with O(bmc_password=true).
      returned: with O(bmc=true)
      type: dict
      sample:
        address: 10.255.0.1:623
        user: metal
        mac: "aa:aa:aa:aa:aa:01"
        interface: lanplus
        version: "1.52"
        power_state: "ON"
        power_metric: null
        power_supplies: []
        last_updated: "2026-10-10T10:10:10Z"
        fru:
          product_serial: A1234567
failure:
  description: What the API answered, without secrets.
  returned: if the API did not do what it should
  type: dict
  sample:
    status: 403
    code: null
    message: POST https://api.example.com/metal/v1/machine/find was answered with status 403
    request: POST https://api.example.com/metal/v1/machine/find
"""

from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.bmc import FRU, bmc_from_v1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_query import (
    ISSUES,
    SEVERITIES,
    evaluate_issues,
    machine_matches,
    machine_query,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_v1 import from_v1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import CONNECTION, connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, run_module

TEXT = {"type": "str"}
FLAG = {"type": "bool"}
TEXTS = {"type": "list", "elements": "str"}
NUMBERS = {"type": "list", "elements": "int"}
SWITCH = {"type": "bool", "default": False}
ISSUE_NAMES = {"type": "list", "elements": "str", "choices": list(ISSUES)}
NIC = ("mac_addresses", "names", "vrfs", "neighbor_mac_addresses", "neighbor_names", "neighbor_vrfs")
NETWORK = {
    **dict.fromkeys(("ids", "prefixes", "ips", "destination_prefixes"), TEXTS),
    **dict.fromkeys(("vrfs", "asns"), NUMBERS),
}
SPEC = CONNECTION + ArgumentSpec(
    {
        **dict.fromkeys(
            ("id", "name", "entity_name", "project", "partition", "rack", "size", "image", "hostname"), TEXT
        ),
        "role": {"type": "str", "choices": ["machine", "firewall"]},
        "succeeded": FLAG,
        "allocated": FLAG,
        "state": {"type": "str", "choices": ["available", "reserved", "locked"]},
        "liveliness": {"type": "str", "choices": ["Alive", "Dead", "Unknown"]},
        "tags": TEXTS,
        "memory": {"type": "int"},
        "network": {"type": "dict", "options": NETWORK},
        "nic": {"type": "dict", "options": dict.fromkeys(NIC, TEXTS)},
        "disk": {"type": "dict", "options": {"names": TEXTS, "sizes": NUMBERS}},
        "ipmi": {"type": "dict", "options": dict.fromkeys(("address", "mac_address", "user", "interface"), TEXT)},
        "fru": {"type": "dict", "options": dict.fromkeys(FRU, TEXT)},
        "events": SWITCH,
        "bmc": SWITCH,
        "bmc_password": {**SWITCH, "no_log": False},
        "issues": SWITCH,
        "issues_severity": {"type": "str", "choices": list(SEVERITIES)},
        "issues_only": ISSUE_NAMES,
        "issues_omit": ISSUE_NAMES,
        "issues_last_error_threshold": {"type": "int"},
    }
)
# Options and fields of the evaluation of issues.
ISSUE_FIELDS = {"issues_severity": "severity", "issues_only": "only", "issues_omit": "omit"}


def run(task: Task) -> dict[str, object]:
    """Do the task."""
    params = task.params
    if params["bmc_password"] and not params["bmc"]:
        raise UsageError("bmc_password is true, but bmc is not: set both.")
    wanted = {field: params[option] for option, field in ISSUE_FIELDS.items() if params[option]}
    threshold = params["issues_last_error_threshold"]
    if threshold is not None:
        if threshold <= 0:
            raise UsageError("issues_last_error_threshold is not positive; it is a number of seconds.")
        wanted["last_error_threshold"] = threshold * 10**9
    if wanted and not params["issues"]:
        raise UsageError("issues is false, but options of it are given: set issues to true.")
    query = machine_query(params)
    api = connect(params, task.environ)
    items = api.find("/v1/machine/ipmi/find" if params["bmc"] else "/v1/machine/find", query)
    issues = evaluate_issues(api, {**query, **wanted}) if params["issues"] else {}
    found = []
    for item in items:
        try:
            machine = from_v1(item)
            if not machine_matches(machine, params):
                continue
            shown: dict[str, Any] = machine.as_dict(events=params["events"])
            if params["bmc"]:
                shown["bmc"] = bmc_from_v1(item).as_dict(password=params["bmc_password"])
        except ValueError as error:
            name = item.get("id") if isinstance(item, dict) else None
            task.warnings.append(f"The machine {name or '?'} of the metal-api is left out: {error}.")
            continue
        if params["issues"]:
            shown["issues"] = issues.get(machine.id, [])
        found.append(shown)
    found.sort(key=lambda one: (one["partition"], one["rack"], one["id"]))
    return {"changed": False, "machines": found}


def main() -> None:
    """Be a module."""
    from ansible.module_utils.basic import AnsibleModule

    run_module(AnsibleModule(supports_check_mode=True, **SPEC.arguments()), run)


if __name__ == "__main__":
    main()
