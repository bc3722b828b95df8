# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``metal_address_plan``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal_address_plan
short_description: Give addresses of a prefix to names
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns an address for each name, and the same ones again for the same input.
  - Names that have an address keep it; the others get the lowest free ones in their order. So append new names, and
    give the addresses that are in use as O(existing).
  - Addresses of the network itself and of its broadcast are not given out.
requirements:
  - netaddr
positional: _input, prefix
options:
  _input:
    description: The names, each once.
    type: list
    elements: str
    required: true
  prefix:
    description: The prefix, without host bits.
    type: str
    required: true
  existing:
    description:
      - Addresses by name that are in use. Those of names that are not asked for are not given to others either.
      - An address out of the prefix, or one that two names have, is an error.
    type: dict
  exclude:
    description: Addresses, prefixes, and ranges like V(10.131.0.1-10.131.0.9), that nobody gets.
    type: list
    elements: str
  first:
    description: The lowest address to give out.
    type: str
"""

EXAMPLES = r"""
- name: Plan the addresses of storage servers
  ansible.builtin.debug:
    msg: >-
      {{ ['server-1', 'server-2', 'server-3']
         | metalstack.provisioning.metal_address_plan('10.131.0.0/22', existing={'server-2': '10.131.0.7'},
                                                      exclude=['10.131.0.1-10.131.0.9']) }}
    # {"server-1": "10.131.0.10", "server-2": "10.131.0.7", "server-3": "10.131.0.11"}
"""

RETURN = r"""
_value:
  description: The address of each name.
  type: dict
  sample:
    server-1: 10.131.0.10
    server-2: 10.131.0.7
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _metal_address_plan(
    names: Any, prefix: Any, existing: Any = None, exclude: Any = None, first: Any = None
) -> dict[str, str]:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
    from ansible_collections.metalstack.provisioning.plugins.plugin_utils._address_plan import address_plan

    try:
        return address_plan(names, prefix, existing=existing, exclude=exclude, first=first)
    except UsageError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"metal_address_plan": _metal_address_plan}
