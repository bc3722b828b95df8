# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``storage_network_members``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: storage_network_members
short_description: Addresses that the rules of a storage network let in, for sets of nftables
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the addresses and networks of servers, clients and management, by address family, without overlaps.
  - Addresses with host bits, unknown groups and ports that are there twice are errors.
positional: _input, ports
options:
  _input:
    description:
      - The hosts of the storage network, each with C(name), C(role) (V(server) or V(client)) and C(addresses).
    type: list
    elements: dict
    required: true
  ports:
    description: The table of ports, which is checked.
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
"""

EXAMPLES = r"""
- name: Show who may reach the ports of clients by IPv4
  ansible.builtin.debug:
    msg: "{{ (hosts | metalstack.provisioning.storage_network_members([], ['10.0.0.0/16'])).clients.ipv4 }}"
  vars:
    hosts:
      - {name: storage-1, role: server, addresses: [10.0.0.11]}
"""

RETURN = r"""
_value:
  description: By group and address family, what is in it.
  type: dict
  sample:
    servers: {ipv4: [10.0.0.11], ipv6: []}
    clients: {ipv4: [10.0.0.0/16], ipv6: []}
    management: {ipv4: [], ipv6: []}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError


def _members(
    hosts: Sequence[Mapping[str, Any]],
    ports: Sequence[Mapping[str, Any]],
    client_networks: Sequence[str] = (),
    management_networks: Sequence[str] = (),
) -> dict[str, dict[str, list[str]]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.plan import (
        GROUPS,
        Membership,
        check_ports,
    )

    try:
        check_ports(ports)
        members = Membership(hosts, client_networks, management_networks)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None
    return {group: {"ipv4": members.elements(group, 4), "ipv6": members.elements(group, 6)} for group in GROUPS}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_network_members": _members}
