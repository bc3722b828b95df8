# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How values are written on the page. Private to metalstack.provisioning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...module_utils._values import timestamp

#: How well something is, the worst last.
STATES = ("ok", "unknown", "warning", "bad")
_DAY = 86400


def worst(states: Iterable[str]) -> str:
    """The worst of some states; ``unknown`` of none."""
    return max(states, key=STATES.index, default="unknown")


def shortened(text: str, length: int) -> str:
    """Return a text that is no longer than that; what tells names apart is mostly at both ends."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 3
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 server`` or ``2 servers``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def natural(name: str) -> list[tuple[int, str]]:
    """Return by what names are sorted, so that storage-10 comes after storage-9."""
    return [(int(one), "") if one.isdigit() else (-1, one) for one in re.split(r"([0-9]+)", name)]


def listed(names: Sequence[str], limit: int = 6) -> str:
    """Return names with commas; many are cut."""
    more = len(names) - limit
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:limit])} and {more} more"


def moment(value: Any) -> datetime | None:
    """Return a time that an API gave; None for none and for what is no time."""
    try:
        return timestamp(value)
    except ValueError:
        return None


def shown_time(value: Any) -> str:
    """Return ``2026-11-28 15:04 UTC``; what is no time as it is."""
    found = moment(value)
    return found.strftime("%Y-%m-%d %H:%M UTC") if found else str(value or "")


def ago(value: Any, now: datetime) -> str:
    """Return ``5 minutes ago``, an empty text when there is no time."""
    found = moment(value)
    if found is None:
        return ""
    seconds = (now - found).total_seconds()
    for unit, length in (("day", _DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{count(int(seconds // length), unit)} ago"
    return "just now"


def days_until(value: datetime, now: datetime) -> float:
    """Return days, negative when it is over."""
    return (value - now).total_seconds() / _DAY


def items(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list that somebody else has made; anything else is left out."""
    return [dict(one) for one in value if isinstance(one, Mapping)] if isinstance(value, (list, tuple)) else []


def part(value: Any) -> dict[str, Any]:
    """Return a mapping that somebody else has made; an empty one for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}
