# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Web Token that a client shows. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

from .._jwt import claims, expires_at, header
from .._values import write_timestamp

_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class Token:
    """A token as it was given, without what editors put around it. Raises ValueError (a reason) if it is none."""

    def __init__(self, text: str) -> None:
        value = text.strip()
        if value.lower().startswith("bearer "):
            value = value[7:].strip()
        if not value:
            raise ValueError("it is empty")
        if not _TOKEN.fullmatch(value):
            raise ValueError("it is not a JSON Web Token, which has three parts with dots between them")
        self.secrets = (value,)

    def __repr__(self) -> str:
        return "<Token>"

    def headers(self) -> dict[str, str]:
        """Return the header that shows it."""
        return {"Authorization": f"Bearer {self.secrets[0]}"}

    @property
    def key_id(self) -> str:
        """The name of the key that vouches for it, "" when it names none."""
        try:
            return str(header(self.secrets[0]).get("kid", ""))
        except ValueError:
            return ""

    def describe(self, now: float) -> str:
        """Return what it is, in words, for messages: its roles, and that it has expired if it has."""
        try:
            said = claims(self.secrets[0])
            expires = expires_at(self.secrets[0])
        except ValueError:
            return "the token"
        roles = said.get("roles")
        named = ", ".join(map(str, roles)) if isinstance(roles, list) and roles else "none"
        if expires is not None and expires.timestamp() <= now:
            return f"the token (roles: {named}), which expired at {write_timestamp(expires)},"
        return f"the token (roles: {named})"
