# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of LightOS, like ``3.12.1`` and ``3.12.1~b1127``. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[~-](\S+))?", re.ASCII)
# A repository of the vendor is called like lightos-3-13-1-rhl-9.
_REPOSITORY = re.compile(r"lightos[-_/]v?(\d{1,9})[-.](\d{1,9})[-.](\d{1,9})(?!\d)", re.ASCII | re.IGNORECASE)


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, none when it cannot be understood."""
    match = _VERSION.fullmatch(version)
    return tuple(int(part) for part in match.group(1, 2, 3)) if match else ()


def meets(found: str, wanted: str) -> bool:
    """Whether a version is the wanted one. The build counts only where both have one."""
    if found == wanted:
        return True
    one, other = _VERSION.fullmatch(found), _VERSION.fullmatch(wanted)
    if one is None or other is None or numbers(found) != numbers(wanted):
        return False
    return one[4] is None or other[4] is None or one[4] == other[4]


def version_in(address: str) -> str:
    """Return the version that the address of a repository names, "" when it names none."""
    match = _REPOSITORY.search(address)
    return ".".join(str(int(part)) for part in match.groups()) if match else ""
