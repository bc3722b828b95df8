# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``duros_controller_networks``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: duros_controller_networks
short_description: Networks and ports for a network policy
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the networks of addresses, by their ports, for C(egress) of a NetworkPolicy of Kubernetes.
positional: _input, peers
options:
  _input:
    description: Addresses with ports, like V(10.0.0.10:443), V([fd00::10]:443) or V(https://10.0.0.1:6443).
    type: list
    elements: str
    required: true
  peers:
    description: Further networks, each with C(cidr) and C(port).
    type: list
    elements: dict
"""

EXAMPLES = r"""
- name: Show who has to be reached
  ansible.builtin.debug:
    msg: "{{ ['10.0.0.10:443', '10.0.0.11:443'] | metalstack.provisioning.duros_controller_networks }}"
"""

RETURN = r"""
_value:
  description:
    - C(ports), sorted networks by their ports; C(names), those whose address nobody knows; and C(wrong), what is no
      address.
  type: dict
  sample:
    ports: {443: [10.0.0.10/32, 10.0.0.11/32]}
    names: []
    wrong: []
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _networks(endpoints: Any, peers: Any = None) -> dict[str, Any]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._duros_networks import networks

    try:
        return networks(list(endpoints), list(peers or []))
    except UsageError as error:
        raise AnsibleFilterError(f"duros_controller_networks: {error}") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"duros_controller_networks": _networks}
