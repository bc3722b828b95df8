# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``storage_network_probes``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_network_probes
short_description: What a host of a storage network has to try
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the targets for M(metalstack.provisioning.storage_network_probe) on one host.
  - A server tries all other servers and clients, a client tries all servers.
positional: _input, name, ports
options:
  _input:
    description:
      - The hosts of the storage network, each with C(name), C(role) (V(server) or V(client)) and C(addresses).
    type: list
    elements: dict
    required: true
  name:
    description: Name of the host that tries.
    type: str
    required: true
  ports:
    description:
      - The table of ports of servers, each with C(port), C(name) and C(from), a list of V(servers), V(clients) and
        V(management).
    type: list
    elements: dict
    required: true
  client_networks:
    description: Networks of clients besides the hosts.
    type: list
    elements: str
    default: []
  management_networks:
    description: Networks from which the servers are managed and watched.
    type: list
    elements: str
    default: []
  filtered:
    description: Whether ports that no rule opens for the host must be closed for it.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show what storage-1 has to try
  ansible.builtin.debug:
    msg: "{{ hosts | metalstack.provisioning.storage_network_probes('storage-1', ports) }}"
  vars:
    hosts:
      - {name: storage-1, role: server, addresses: [10.0.0.11]}
      - {name: storage-2, role: server, addresses: [10.0.0.12]}
    ports:
      - {port: 2380, name: etcd peers, from: [servers]}
"""

RETURN = r"""
_value:
  description: The targets.
  type: list
  elements: dict
  sample:
    - host: storage-2
      address: 10.0.0.12
      source: 10.0.0.11
      reach:
        - {port: 2380, name: etcd peers}
      blocked: []
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def _probes(
    hosts: Sequence[Mapping[str, Any]],
    name: str,
    ports: Sequence[Mapping[str, Any]],
    client_networks: Sequence[str] = (),
    management_networks: Sequence[str] = (),
    filtered: bool = True,
) -> list[dict[str, Any]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.plan import probes

    try:
        return probes(name, hosts, ports, client_networks, management_networks, filtered=filtered)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_network_probes": _probes}
