# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a JSON Web Token says about itself (RFC 7519). Private to the collection metalstack.provisioning.

Nothing here checks who signed it. All functions raise ValueError, a sentence that never shows the token.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta, timezone
from typing import Any


def header(token: str) -> dict[str, Any]:
    """Return the header, with ``alg`` and mostly ``kid``, the name of the key."""
    return _part(token, 0)


def claims(token: str) -> dict[str, Any]:
    """Return the claims, such as ``sub`` and ``exp`` (seconds since 1970)."""
    return _part(token, 1)


def expires_at(token: str) -> datetime | None:
    """Return when the token expires, in UTC; None if it does not say."""
    return _time(claims(token), "exp")


def issued_at(token: str) -> datetime | None:
    """Return when the token was issued, in UTC; None if it does not say."""
    return _time(claims(token), "iat")


def decode_segment(segment: str) -> bytes:
    """Return the bytes of a base64url text without padding (RFC 7515, section 2)."""
    try:
        return base64.b64decode(segment + "=" * (-len(segment) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("The token is not a JSON Web Token.") from None


def encode_segment(content: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _part(token: str, number: int) -> dict[str, Any]:
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        data = json.loads(decode_segment(parts[number]))
    except (ValueError, RecursionError):
        raise ValueError("The token is not a JSON Web Token.") from None
    if not isinstance(data, dict):
        raise ValueError("The token is not a JSON Web Token.")
    return data


def _time(data: dict[str, Any], name: str) -> datetime | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"The token has a claim {name} that is not a time.")
    try:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise ValueError(f"The token has a claim {name} that is not a time.") from None
