# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes with units, for options and for people. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

_SIZE = re.compile(r"([0-9]+)(?:\.([0-9]+))?[ ]?([A-Za-z]*)", re.ASCII)
_PREFIXES = "KMGTP"
_FACTORS = {"": 1, "b": 1}
for _power, _prefix in enumerate(_PREFIXES.lower(), start=1):
    # A bare letter is decimal, as for metal-roles' image cache, whose inventories keep their meaning.
    _FACTORS[_prefix] = _FACTORS[_prefix + "b"] = 1000**_power
    _FACTORS[_prefix + "ib"] = 1024**_power
# Far above any disk; also bounds what a misplaced digit can do.
_LARGEST = 2**63 - 1


class SizeError(ValueError):
    """A size that cannot be understood; the text is a sentence with the option, the wrong and the right value."""


def parse_size(value: object, option: str) -> int:
    """Return the number of bytes meant by ``value``.

    ``value`` is a whole number of bytes, or text: a number and a unit. ``k``, ``M``, ``G``, ``T``, ``P`` and the same
    with ``B`` are powers of 1000; ``KiB``, ``MiB``, ``GiB``, ``TiB``, ``PiB`` are powers of 1024. Case does not matter.
    A fraction (``1.5G``) is rounded down to whole bytes.

    ``option`` is the name that a user knows; it starts the sentence of the :class:`SizeError`.
    """
    size: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and len(value) <= 40:
        match = _SIZE.fullmatch(value.strip())
        factor = _FACTORS.get(match.group(3).lower()) if match else None
        if match and factor:
            whole, fraction = match.group(1), match.group(2) or ""
            size = int(whole + fraction) * factor // 10 ** len(fraction)
    if size is None or not 0 <= size <= _LARGEST:
        raise SizeError(
            f"{option} is {shown(value)}, which is not a size: "
            'give a number of bytes or a number with a unit, such as "100G" or "512MiB".'
        )
    return size


def format_size(size: int) -> str:
    """Return ``size`` (bytes) for people: ``0 B``, ``1.5 KiB``, ``100.0 GiB``."""
    if abs(size) < 1024:
        return f"{size} B"
    value = float(size)
    unit = "B"
    for prefix in _PREFIXES:
        value /= 1024
        unit = f"{prefix}iB"
        # 1023.95 would be printed as 1024.0
        if abs(value) < 1023.95:
            break
    return f"{value:.1f} {unit}"


def shown(value: object) -> str:
    """Return a wrong value as it is quoted in a sentence: on one line, shortened, in JSON's words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number beyond all measure"
    # ascii() shows control and combining characters instead of sending them to a terminal
    text = f'"{ascii(value)[1:-1]}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:50]}..."
