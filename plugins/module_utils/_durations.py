# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times with units, for options and for people. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:[0-9]{1,9}[dhms])+", re.ASCII)
_PART = re.compile(r"([0-9]+)([dhms])", re.ASCII)


class DurationError(ValueError):
    """A time that cannot be understood; the text is a sentence with the option, the wrong and the right value."""


def parse_duration(value: object, option: str) -> int:
    """Return the seconds meant by ``value``: a whole number of them, or text like ``30d``, ``12h`` or ``1h30m``.

    ``option`` is the name that a user knows; it starts the sentence of the :class:`DurationError`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        written = value.strip().lower()
        if written.isascii() and written.isdigit() and len(written) < 10:
            return int(written)
        if _DURATION.fullmatch(written):
            return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(written))
    raise DurationError(
        f"{option} is {value!r}, which is not a time: give a number of seconds, or numbers with the units d, h, m and "
        "s, such as 30d or 1h30m."
    )


def format_duration(seconds: int) -> str:
    """Return seconds for people, in the form that :func:`parse_duration` reads: ``1h30m``, ``0s``."""
    parts = []
    for unit, size in _SECONDS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
