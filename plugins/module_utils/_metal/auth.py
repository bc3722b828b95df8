# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a client shows who it is; one class a method. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import hashlib
import hmac
import random
import string
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Callable

HMAC_USERS = ("Metal-View", "Metal-Edit", "Metal-Admin")


class Auth(ABC):
    """A method of authentication. ``secrets`` are the values that must never be shown."""

    secrets: tuple[str, ...] = ()

    @abstractmethod
    def headers(self, method: str) -> dict[str, str]:
        """Return the headers for a request with this HTTP method, made for now."""

    @abstractmethod
    def describe(self) -> str:
        """Return what the credential is, in words, for messages."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.describe()}>"


class HmacAuth(Auth):
    """v1: a key that client and server share signs date, method and a random text (not path and body).

    The server refuses signatures older than 30 s (Metal-Admin: 90 s), so each attempt needs its own.
    """

    def __init__(self, key: str, user: str = "Metal-View", *, now: Callable[[], float] = time.time) -> None:
        if not key:
            raise ValueError("The HMAC key is empty.")
        if user not in HMAC_USERS:
            raise ValueError(f"The HMAC user {user!r} is unknown; it must be one of {', '.join(HMAC_USERS)}.")
        self.user = user
        self.secrets = (key,)
        self._now = now

    def headers(self, method: str) -> dict[str, str]:
        """Return X-Date, X-Data-Salt and Authorization."""
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
        salt = "".join(random.SystemRandom().choices(string.ascii_letters, k=24))
        return {
            "X-Date": date,
            "X-Data-Salt": salt,
            "Authorization": f"{self.user} {signature(self.secrets[0], date, method, salt)}",
        }

    def describe(self) -> str:
        """Return the user; the key is not shown."""
        return f"HMAC key of {self.user}"


class BearerAuth(Auth):
    """v1: an OpenID Connect token; v2: a token of metal-apiserver."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("The token is empty.")
        if not token.isascii() or any(character <= " " or character == "\x7f" for character in token):
            raise ValueError("The token has spaces, line breaks or other characters that no token has.")
        self.secrets = (token,)

    def headers(self, method: str) -> dict[str, str]:
        """Return Authorization."""
        del method
        return {"Authorization": f"Bearer {self.secrets[0]}"}

    def describe(self) -> str:
        """Return that it is a token, and no more."""
        return "bearer token"


def signature(key: str, date: str, method: str, salt: str) -> str:
    """Return the HMAC-SHA256 of metal-api v1 in lower-case hex; ``date`` is as in the header X-Date."""
    message = f"{date}{method.upper()}{salt}"
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()


def from_options(options: Mapping[str, object], *, default_user: str = "Metal-View") -> Auth:
    """Return the method that ``api_token``, or ``api_hmac`` with ``api_hmac_user``, ask for.

    Raises ValueError with one sentence when there is none, both, or an unusable one.
    """
    token, key, user = (_text(options, name) for name in ("api_token", "api_hmac", "api_hmac_user"))
    if token and key:
        raise ValueError("api_token and api_hmac were both given; only one of them can be used.")
    if token:
        return BearerAuth(token)
    if key:
        return HmacAuth(key, user or default_user)
    raise ValueError("A credential is missing: set api_token or api_hmac.")


def _text(options: Mapping[str, object], name: str) -> str:
    value = options.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text, not {type(value).__name__}.")
    return value.strip()
