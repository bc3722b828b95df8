# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``size_to_bytes``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: size_to_bytes
short_description: Convert a size with a unit to bytes
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns how many bytes a size has.
  - C(k), C(M), C(G), C(T) and C(P), and the same with C(B), are powers of 1000; C(KiB), C(MiB), C(GiB), C(TiB) and
    C(PiB) are powers of 1024. Case does not matter.
  - A fraction is rounded down to whole bytes.
positional: _input
options:
  _input:
    description: A number with a unit, or a number of bytes.
    type: raw
    required: true
seealso:
  - plugin: metalstack.provisioning.bytes_to_size
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show how many bytes a size has
  ansible.builtin.debug:
    msg: "{{ '1.5 TiB' | metalstack.provisioning.size_to_bytes }}"
    # 1649267441664
"""

RETURN = r"""
_value:
  description: The number of bytes.
  type: int
  sample: 1649267441664
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError


def _size_to_bytes(size: Any) -> int:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._units import SizeError, parse_size

    try:
        return parse_size(size, "The size")
    except SizeError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"size_to_bytes": _size_to_bytes}
