#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a storage server has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_server_info
short_description: What a host has that matters for a storage server
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns operating system, processors, NUMA nodes, memory, NVMe devices and what uses them, network interfaces, time
    synchronisation, and if asked for, who listens on ports, what names resolve to, and free space.
  - NVMe devices are the local ones. What is reached by a network, such as a volume of a LightOS cluster, is not listed.
  - Run it as root, since only root sees all of it.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode), since it only reads.
  diff_mode:
    support: none
    description: Has nothing to show, since it changes nothing.
  platform:
    support: full
    platforms: linux
    description: Hosts with Linux.
options:
  ports:
    description: TCP ports to look at.
    type: list
    elements: int
    default: []
  names:
    description: Names to ask the resolver of the host for.
    type: list
    elements: str
    default: []
  paths:
    description: Paths whose free space is of interest. They need not exist.
    type: list
    elements: path
    default: []
  root:
    description: Where C(/sys), C(/proc), C(/etc) and C(/run) are read, for tests with a made-up server.
    type: path
    default: /
  timeout:
    description: How many seconds to wait for the resolver.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Look at a storage server
  metalstack.provisioning.storage_server_info:
    ports: [443, 4420]
    names: [repository.example.com]
    paths: [/var]
  register: looked

- name: Show its unused NVMe devices
  ansible.builtin.debug:
    msg: "{{ looked.server.nvme_devices | rejectattr('used_by') | map(attribute='name') }}"
"""

RETURN = r"""
server:
  description: What was found. Values are null where they could not be found.
  returned: success
  type: dict
  contains:
    operating_system:
      description: Distribution and kernel.
      type: dict
      returned: always
      sample:
        id: almalinux
        like: [rhel, centos, fedora]
        version: "9.4"
        name: AlmaLinux 9.4
        kernel: 5.14.0-427.el9.x86_64
    cpu:
      description: Model, and how many sockets, cores and threads there are in all.
      type: dict
      returned: always
      sample: {model: AMD EPYC 9354, sockets: 2, cores: 64, threads: 128}
    memory:
      description: Bytes, in all and available.
      type: dict
      returned: always
      sample: {total: 549755813888, available: 500000000000}
    numa_nodes:
      description: The NUMA nodes, with their threads and bytes of memory.
      type: list
      elements: dict
      returned: always
      sample: [{id: 0, threads: 64, memory: 274877906944}]
    nvme_devices:
      description: Local NVMe devices. C(used_by) says in words what is on them; it is empty for one that nobody uses.
      type: list
      elements: dict
      returned: always
      sample:
        - name: nvme0n1
          model: SAMSUNG MZQL23T8HCLS
          serial: S64HNE0T500001
          firmware: GDC5602Q
          address: "0000:41:00.0"
          size: 3840755982336
          numa_node: 0
          used_by: []
    interfaces:
      description: Network interfaces, with their addresses. C(physical) are those of a device, C(speed) is in Mbit/s.
      type: list
      elements: dict
      returned: always
      sample:
        - name: eth0
          mac: aa:bb:cc:00:11:22
          mtu: 9000
          state: up
          speed: 100000
          numa_node: 0
          physical: true
          addresses: [10.131.0.10/24]
    loopback_addresses:
      description: Addresses of the loopback interface.
      type: list
      elements: str
      returned: always
      sample: [127.0.0.1/8]
    clock:
      description: Whether the clock is synchronised, which program says so, and by how many seconds it is off.
      type: dict
      returned: always
      sample: {synchronised: true, source: chrony, offset: 0.000012}
    listeners:
      description: Who listens on O(ports).
      type: list
      elements: dict
      returned: always
      sample: [{address: "0.0.0.0", port: 443, program: nginx, unit: nginx.service, pid: 812}]
    names:
      description: The addresses of O(names), empty for one that is not known.
      type: dict
      returned: always
      sample: {repository.example.com: [203.0.113.5]}
    space:
      description: Bytes of the file systems of O(paths).
      type: dict
      returned: always
      sample: {/var: {total: 107374182400, available: 96636764160}}
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.hardware import Hardware
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "ports": {"type": "list", "elements": "int", "default": []},
    "names": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "path", "default": []},
    "root": {"type": "path", "default": "/"},
    "timeout": {"type": "float", "default": 5},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    root = Path(options["root"])
    if not root.is_dir():
        module.fail_json(msg=f"root is {root}, which is no directory: give one with sys, proc and etc below it.")

    def run(arguments: Sequence[str]) -> tuple[int, str]:
        try:
            code, output, _errors = module.run_command(list(arguments), handle_exceptions=False)
        except OSError:
            return 127, ""
        return code, output

    hardware = Hardware(root)
    around = Surroundings(run, root=root, timeout=options["timeout"])
    addresses = around.addresses()
    server = {
        "operating_system": hardware.operating_system(),
        "cpu": hardware.cpu(),
        "memory": hardware.memory(),
        "numa_nodes": hardware.numa_nodes(),
        "nvme_devices": hardware.nvme_devices(),
        "interfaces": [
            {**one, "addresses": None if addresses is None else addresses.get(one["name"], [])}
            for one in hardware.interfaces()
        ],
        "loopback_addresses": None if addresses is None else addresses.get("lo", []),
        "clock": around.clock(),
        "listeners": around.listeners(options["ports"]),
        "names": around.resolve(options["names"]),
        "space": around.space(options["paths"]),
    }
    module.exit_json(changed=False, server=server)


if __name__ == "__main__":
    main()
