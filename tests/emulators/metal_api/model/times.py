# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time stamps as Go writes and reads them in JSON (RFC 3339)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)")
ZERO = "0001-01-01T00:00:00Z"


def parse(text: object) -> datetime:
    """An aware time; ValueError when it is no RFC 3339 time stamp. Digits below microseconds are dropped."""
    match = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"{text!r} is no RFC 3339 time stamp")
    seconds, fraction, zone = match.groups()
    moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    return moment + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))


def write(moment: datetime | None) -> str:
    """UTC with as many digits as needed; Go's zero time for None."""
    if moment is None:
        return ZERO
    # Much faster than strftime, which counts in long lists.
    text = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def whole_seconds(moment: datetime) -> str:
    """UTC without a fraction, as signatures use it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
