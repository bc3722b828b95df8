#!/usr/bin/python

# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_network_probe
short_description: Try from a host what it needs of the others in a storage network
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Tries all ports, paths and routes that a host needs at the same time, in one task, and changes nothing.
  - It connects to ports, sends ICMP echo requests of the full size that must not be fragmented, asks by ARP who else
    has the addresses of the host, and reads its interfaces and routes.
  - A port that refuses the connection counts as reached, because the way to it is open and only nothing listens there
    yet. Whether that is good is decided by P(metalstack.provisioning.storage_network_problems#filter), which makes
    sentences of the results of all hosts.
  - Needs root.
options:
  addresses:
    description: Addresses of the host in the storage network.
    type: list
    elements: str
    required: true
  interfaces:
    description: Interfaces that lead to the storage network.
    type: list
    elements: str
    required: true
  targets:
    description: What to try, as P(metalstack.provisioning.storage_network_probes#filter) returns it.
    type: list
    elements: dict
    required: true
    suboptions:
      host:
        description: Name of the host.
        type: str
        required: true
      address:
        description: Its address.
        type: str
        required: true
      source:
        description: Own address to try it from. Without it nothing is tried.
        type: str
      reach:
        description: Ports that have to be reached, each with C(port) and C(name).
        type: list
        elements: dict
        default: []
      blocked:
        description: Ports that must not be reached, each with C(port) and C(name).
        type: list
        elements: dict
        default: []
  mtu:
    description: How many bytes, IP header included, a path has to carry in one packet.
    type: int
    required: true
  timeout:
    description: How many seconds to wait for answers.
    type: float
    default: 4
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - It only looks, in check mode as well.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: none
    details:
      - Nothing is changed.
  platform:
    description: Target operating systems or families.
    platforms: linux
    support: full
seealso:
  - plugin: metalstack.provisioning.storage_network_probes
    plugin_type: filter
  - plugin: metalstack.provisioning.storage_network_problems
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Try everything that this host needs
  metalstack.provisioning.storage_network_probe:
    addresses: [10.0.0.11]
    interfaces: [lan0, lan1]
    mtu: 9000
    targets:
      - host: storage-2
        address: 10.0.0.12
        source: 10.0.0.11
        reach:
          - {port: 2380, name: etcd peers}
  become: true
  register: seen
"""

RETURN = r"""
report:
  description: What was found, for P(metalstack.provisioning.storage_network_problems#filter).
  returned: success
  type: dict
  contains:
    interfaces:
      description: Interfaces of the host by name, each with C(mtu), C(mac), C(up) and C(addresses).
      returned: success
      type: dict
    data_interfaces:
      description: What O(interfaces) says.
      returned: success
      type: list
      elements: str
    unused_duplicates:
      description: Own IPv6 addresses that the kernel does not use, because another host has them.
      returned: success
      type: list
      elements: str
    routes:
      description: How packets to each target leave, C(route) being C(interface), C(source) and C(gateway), or null.
      returned: success
      type: list
      elements: dict
    echoes:
      description:
        - The largest packet (C(carried)) that came back from each target, how many routers are between (C(hops)), and
          what kept the host itself from sending (C(local)).
      returned: success
      type: list
      elements: dict
    ports:
      description:
        - The outcome of each port. V(open), V(refused), V(prohibited) (a firewall says so), V(unreachable), V(silent),
          or V(local) (the own kernel refuses).
        - C(by) is the address that said so, C(wanted) whether it should be reached.
      returned: success
      type: list
      elements: dict
    claims:
      description: Others that answer for an own address, each with C(interface), C(address) and C(mac).
      returned: success
      type: list
      elements: dict
  sample:
    claims: []
    data_interfaces: [lan0, lan1]
    echoes:
      - {address: 10.0.0.12, carried: 9000, host: storage-2, hops: 1, local: "", source: 10.0.0.11}
    interfaces:
      lan0: {addresses: [], mac: "aa:aa:aa:aa:aa:01", mtu: 9000, up: true}
      lo: {addresses: [127.0.0.1, 10.0.0.11], mac: "00:00:00:00:00:00", mtu: 65536, up: true}
    ports:
      - address: 10.0.0.12
        by:
        host: storage-2
        name: etcd peers
        outcome: open
        port: 2380
        reason: ""
        source: 10.0.0.11
        wanted: true
    routes:
      - address: 10.0.0.12
        host: storage-2
        route: {gateway: "fe80::1", interface: lan0, source: 10.0.0.11}
        source: 10.0.0.11
    unused_duplicates: []
"""

from collections.abc import Sequence

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.look import look

PORTS = {"type": "list", "elements": "dict", "default": []}
ARGUMENT_SPEC = {
    "addresses": {"type": "list", "elements": "str", "required": True},
    "interfaces": {"type": "list", "elements": "str", "required": True},
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "source": {"type": "str"},
            "reach": PORTS,
            "blocked": PORTS,
        },
    },
    "mtu": {"type": "int", "required": True},
    "timeout": {"type": "float", "default": 4},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    if not 1280 <= options["mtu"] <= 65535:
        module.fail_json(msg=f"mtu is {options['mtu']}: give a number of bytes from 1280 to 65535.")
    if not 0 < options["timeout"] <= 600:
        module.fail_json(msg=f"timeout is {options['timeout']:g}: give a number of seconds above 0 and at most 600.")

    program = module.get_bin_path("ip", required=True, opt_dirs=["/usr/sbin", "/sbin"])

    def run(arguments: Sequence[str], data: str) -> str:
        # ip ends with an error when one of several routes does not exist, which is an answer as well
        _code, output, _errors = module.run_command([program, *arguments[1:]], data=data, handle_exceptions=False)
        return str(output)

    try:
        report = look(
            options["addresses"], options["interfaces"], options["targets"], options["mtu"], options["timeout"], run
        )
    except PermissionError as error:
        module.fail_json(msg=f"Raw packets need root: use become ({error.strerror}).")
    except OSError as error:
        module.fail_json(msg=f"This host cannot look at its network: {error}.")
    module.exit_json(changed=False, report=report)


if __name__ == "__main__":
    main()
