# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1's authentication: HMAC signatures and bearer tokens. Every refusal is HTTP 403, never 401.

The signature is HMAC-SHA256 over date, method and salt; path, query and body are not signed. Only dates that are too
old are refused, dates in the future pass.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ...common.clock import Clock
from ..model import times
from ..state import State
from .identity import GROUPS, GUEST, ROLES, User

# Paths that work without credentials. Wrong ones are refused there as well.
OPEN_SUFFIXES = ("liveliness", "health", "version", "apidocs.json")


class RefusedError(Exception):
    """Not let in. ``bare``: the body is only the JSON string of the message, not the error object."""

    def __init__(self, message: str, *, bare: bool = False) -> None:
        super().__init__(message)
        self.bare = bare


@dataclass(frozen=True)
class HmacKey:
    """A preshared key and how long its signatures are good (zero: for ever)."""

    key: str
    lifetime: timedelta

    def __repr__(self) -> str:
        return f"HmacKey(lifetime={self.lifetime})"


@dataclass(frozen=True)
class HmacKeys:
    """The three keys of the API, with the lifetimes that metal-api has by default."""

    view: HmacKey = HmacKey("metal-view", timedelta(seconds=30))
    edit: HmacKey = HmacKey("metal-edit", timedelta(seconds=30))
    admin: HmacKey = HmacKey("metal-admin", timedelta(seconds=90))


class Authenticator:
    """Find out who sent a request."""

    def __init__(self, keys: HmacKeys, state: State) -> None:
        self._keys = {f"Metal-{role.capitalize()}": (role, getattr(keys, role)) for role in ROLES}
        self._state = state

    def user(self, method: str, path: str, headers: Mapping[str, str]) -> User:
        """The user of a request, the guest where that is allowed; RefusedError otherwise."""
        user = self._identify(method, headers)
        if not path.endswith(OPEN_SUFFIXES) and user.tenant.lower() != self._state.provider_tenant.lower():
            raise RefusedError(f"tenant {user.tenant} not allowed", bare=True)
        return user

    def _identify(self, method: str, headers: Mapping[str, str]) -> User:
        scheme, *credentials = headers.get("authorization", "").split(" ")
        if len(credentials) != 1:
            return GUEST
        if scheme in self._keys:
            role, key = self._keys[scheme]
            _check_signature(key, credentials[0], method, headers, self._state.clock)
            return User(
                email=f"metal-{role}@metal-stack.io",
                name=scheme,
                groups=GROUPS[role],
                tenant=self._state.provider_tenant,
            )
        if scheme.lower() == "bearer":
            return self._bearer(credentials[0])
        return GUEST

    def _bearer(self, token: str) -> User:
        bearer = self._state.bearers.find(token)
        if bearer is None:
            raise RefusedError("token signature is invalid: crypto/ecdsa: verification error")
        if bearer.expires_at is not None and bearer.expires_at <= self._state.clock.now():
            raise RefusedError("token has invalid claims: token is expired")
        return bearer.user


def _check_signature(key: HmacKey, signature: str, method: str, headers: Mapping[str, str], clock: Clock) -> None:
    date = headers.get("x-date", "")
    try:
        signed_at = times.parse(date)
    except ValueError as error:
        raise RefusedError(f'unknown timestamp "{date}" in "X-Date" header, use RFC3339: {error}') from error
    if key.lifetime and clock.now() - signed_at > key.lifetime:
        raise RefusedError(
            f'the timestamp in your header is too old: "{date}", '
            "please check if you have time synchronization activated"
        )
    # The server writes the date anew before it signs, so a date with a fraction or an offset does not verify as sent.
    message = times.whole_seconds(signed_at) + method + headers.get("x-data-salt", "")
    expected = hmac.new(key.key.encode(), message.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise RefusedError("Wrong HMAC found")
