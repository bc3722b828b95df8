# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as APIs write them in JSON. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)
# To ask whether something is a Mapping takes far longer than whether it is a dict, which is asked first.
_OBJECT = (dict, Mapping)


def timestamp(value: object) -> datetime | None:
    """Return an RFC 3339 time in UTC, nanoseconds cut to microseconds; None for none and for Go's zero time.

    Raises ValueError for anything else. To give a time back to the API, keep its text.
    """
    if value is None or value == "":
        return None
    match = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time like 2026-01-31T12:00:00Z")
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    if year <= 1:
        return None
    micros = int((match.group(7) or "0").ljust(6, "0")[:6])
    sign, hours, minutes = match.group(8, 9, 10)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59), micros, timezone.utc)
        return local + timedelta(seconds=max(second - 59, 0)) - offset
    except (ValueError, OverflowError):
        raise ValueError(f"{value!r} is not a possible time") from None


def write_timestamp(value: datetime) -> str:
    """Return an aware time as the API reads it."""
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def integer(value: object) -> int:
    """Return a number of v2: a JSON number or, when it has 64 bits, text; 0 when the API left it out."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def text(item: Mapping[str, Any], key: str) -> str:
    """Return a text of an object of the API, "" when it has none. Raises ValueError, as the following do."""
    value = item.get(key)
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise ValueError(f"its {key} is not text")


def texts(item: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of texts, empty when there is none."""
    value = item.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"its {key} are not a list of text")
    # a loop, since this is called for each of thousands of things
    for entry in value:
        if not isinstance(entry, str):
            raise ValueError(f"its {key} are not a list of text")
    return value


def mapping(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object within it, empty when there is none."""
    value = item.get(key) or {}
    if not isinstance(value, _OBJECT):
        raise ValueError(f"its {key} is not an object")
    return value


def mappings(item: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return a list of objects, empty when there is none."""
    value = item.get(key) or []
    if not isinstance(value, list) or not all(isinstance(entry, _OBJECT) for entry in value):
        raise ValueError(f"its {key} are not a list of objects")
    return value


def normal_address(value: str) -> str:
    """Return an IP address as the API spells it (IPv6 has many ways); what is none as it is, so that it equals none."""
    if ":" not in value:
        return value
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return value
