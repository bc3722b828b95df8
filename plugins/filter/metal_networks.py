# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``metal_networks``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal_networks
short_description: Networks of a machine by their kind
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the networks that a machine or firewall was allocated in, those of some kinds only.
  - The result has the same form for all inputs.
positional: _input
options:
  _input:
    description:
      - A machine of P(metalstack.provisioning.metal_machine#module) or
        P(metalstack.provisioning.metal_machine_info#module), the variables of a host of
        P(metalstack.provisioning.metal#inventory), a machine as the metal-api v1 answers it, or a list of networks of
        one of these.
    type: raw
    required: true
  kind:
    description:
      - One or more of V(external), V(underlay), V(privateprimaryunshared), V(privateprimaryshared) and
        V(privatesecondaryshared).
      - V(private) stands for all private ones, V(shared) for the private shared ones. Without it all are returned.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show in which external networks a firewall is
  ansible.builtin.debug:
    msg: "{{ hostvars['fw-1'] | metalstack.provisioning.metal_networks('external') | map(attribute='network') }}"

- name: Show the private networks of a machine
  ansible.builtin.debug:
    msg: "{{ metal_networks | metalstack.provisioning.metal_networks('private') | map(attribute='network') }}"
"""

RETURN = r"""
_value:
  description: The networks, in the order of the allocation.
  type: list
  elements: dict
  sample:
    - network: storage-fra-equ01
      kind: privateprimaryshared
      ips: [10.131.0.5]
      prefixes: [10.131.0.0/22]
      destination_prefixes: []
      vrf: 20
      asn: 4210000001
      nat: false
      project: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _metal_networks(thing: Any, kind: Any = None) -> list[dict[str, Any]]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._allocation_networks import networks_of

    try:
        return networks_of(thing, kind)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metal_networks": _metal_networks}
