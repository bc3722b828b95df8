# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of the metal-api v2: what they say about themselves, and how they are renewed.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError

if TYPE_CHECKING:
    from .v2 import MetalV2


def refresh(api: MetalV2, *, deadline: float | None = None) -> str:
    """Return a new token with the rights and the lifetime of the one that ``api`` uses (``TokenService/Refresh``).

    The token needs the permission for that method. It is asked for once: a repetition would make another token.
    """
    secret = api.call("metalstack.api.v2.TokenService/Refresh", {}, idempotent=False, deadline=deadline).get("secret")
    if not isinstance(secret, str) or not secret:
        raise ProtocolError("TokenService/Refresh of the metal-api was answered without a new token.")
    return secret


def claims(token: str) -> dict[str, Any]:
    """Return what a JSON Web Token says; its signature is not checked.

    Raises ValueError, which never shows the token.
    """
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        data = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), b"-_", validate=True))
    except (ValueError, RecursionError, binascii.Error):
        raise ValueError("The token is not a JSON Web Token.") from None
    if not isinstance(data, dict):
        raise ValueError("The token is not a JSON Web Token.")
    return data


def expires_at(token: str) -> datetime | None:
    """Return when the token expires, in UTC; None if it does not say. Raises ValueError as :func:`claims`."""
    return _time(claims(token), "exp")


def issued_at(token: str) -> datetime | None:
    """Return when the token was issued, in UTC; None if it does not say. Raises ValueError as :func:`claims`."""
    return _time(claims(token), "iat")


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
