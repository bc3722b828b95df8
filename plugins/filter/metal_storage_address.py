# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``metal_storage_address``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal_storage_address
short_description: Address of a machine in the storage network
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the first IP that a machine has in a private shared network, which is what a storage network is.
  - With O(network) the first IP in that network, whatever its kind is.
  - A machine without such an address is an error, unless O(default) is given.
positional: _input, network
options:
  _input:
    description: What P(metalstack.provisioning.metal_networks#filter) takes.
    type: raw
    required: true
  network:
    description: Id of the storage network.
    type: str
  family:
    description: Which family the address must be of.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  default:
    description: What to return for a machine without such an address.
    type: raw
"""

EXAMPLES = r"""
- name: Show the addresses of all storage servers
  ansible.builtin.debug:
    msg: >-
      {{ groups['storage'] | map('extract', hostvars)
         | map('metalstack.provisioning.metal_storage_address', 'storage-fra-equ01') }}
"""

RETURN = r"""
_value:
  description: The address.
  type: str
  sample: 10.131.0.5
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

_FAIL = object()


def _metal_storage_address(thing: Any, network: Any = None, family: Any = "any", default: Any = _FAIL) -> Any:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._allocation_networks import storage_address

    try:
        found = storage_address(thing, network, family)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None
    if found is not None:
        return found
    if default is _FAIL:
        where = "a private shared network" if network is None else f"the network {network!r}"
        of_family = "" if family == "any" else f" of the family {family}"
        raise AnsibleFilterError(f"The machine has no address{of_family} in {where}.")
    return default


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metal_storage_address": _metal_storage_address}
