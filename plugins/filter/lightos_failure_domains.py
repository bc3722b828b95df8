# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``lightos_failure_domains``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lightos_failure_domains
short_description: The failure domains of storage servers
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the failure domains that P(metalstack.provisioning.lightos_installer_inventory#filter) gives to the
    instances of each server. Servers share no replica of a volume when they share a failure domain.
positional: _input
options:
  _input:
    description:
      - The servers, as P(metalstack.provisioning.lightos_installer_inventory#filter) takes them. Only C(name), C(rack)
        and C(failure_domains) of C(instances) are looked at, and the rest need not be there.
    type: list
    elements: dict
    required: true
  racks_are_failure_domains:
    description: Whether servers in the same rack share a failure domain.
    type: bool
    default: true
seealso:
  - plugin: metalstack.provisioning.lightos_installer_inventory
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show which failure domains two servers have in common
  ansible.builtin.debug:
    msg: "{{ domains['server00'] | intersect(domains['server01']) }}"
  vars:
    domains: >-
      {{ [{'name': 'server00', 'rack': 'rack-1', 'instances': [{'data_address': '10.131.0.10'}]},
          {'name': 'server01', 'rack': 'rack-1', 'instances': [{'data_address': '10.131.0.11'}]}]
         | metalstack.provisioning.lightos_failure_domains }}
"""

RETURN = r"""
_value:
  description: By the name of each server, its failure domains.
  type: dict
  sample:
    server00: [server00, rack-1]
    server01: [server01, rack-1]
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _lightos_failure_domains(servers: Any, racks_are_failure_domains: bool = True) -> dict[str, list[str]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_servers import failure_domains

    try:
        return failure_domains(servers, racks_are_failure_domains=racks_are_failure_domains)
    except UsageError as error:
        raise AnsibleFilterError(f"lightos_failure_domains: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"lightos_failure_domains": _lightos_failure_domains}
