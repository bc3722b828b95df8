# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bytes_to_size``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bytes_to_size
short_description: Write a number of bytes as a size with a unit
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Returns the number with the largest unit of C(B), C(KiB), C(MiB), C(GiB), C(TiB) and C(PiB) that needs no fraction,
    so that P(metalstack.provisioning.size_to_bytes#filter) gives exactly that number back.
  - With O(rounded) it is for people, like V(1.5 TiB).
positional: _input
options:
  _input:
    description: The number of bytes.
    type: int
    required: true
  rounded:
    description: Whether to write it for people, with one digit after the point.
    type: bool
    default: false
seealso:
  - plugin: metalstack.provisioning.size_to_bytes
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show a size exactly
  ansible.builtin.debug:
    msg: "{{ 1649267441664 | metalstack.provisioning.bytes_to_size }}"
    # 1536GiB

- name: Show a size for people
  ansible.builtin.debug:
    msg: "{{ 1649267441664 | metalstack.provisioning.bytes_to_size(rounded=true) }}"
    # 1.5 TiB
"""

RETURN = r"""
_value:
  description: The size.
  type: str
  sample: 1536GiB
"""

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def _bytes_to_size(number: Any, rounded: bool = False) -> str:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._units import (
        SizeError,
        format_size,
        parse_size,
    )

    try:
        # text, where a template has made one of it
        size = parse_size(
            int(number) if isinstance(number, str) and number.isdigit() else number, "The number of bytes"
        )
    except SizeError as error:
        raise AnsibleFilterError(str(error)) from None
    if not isinstance(number, int) and not str(number).isdigit():
        raise AnsibleFilterError(f"The number of bytes is {number!r}, which is not a whole number.")
    if rounded:
        return format_size(size)
    power = 0
    while size and size % 1024 == 0 and power + 1 < len(_UNITS):
        size //= 1024
        power += 1
    return f"{size}{_UNITS[power]}"


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"bytes_to_size": _bytes_to_size}
