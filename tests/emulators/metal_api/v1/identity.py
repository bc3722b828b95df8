# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks: users, their groups, the roles these give, and bearer tokens."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..model import times

ROLES = ("view", "edit", "admin")
# Each role has a legacy group beside its own.
GROUPS = {role: (f"k8s_kaas-{role}", f"maas-all-all-{role}") for role in ROLES}
# An admin may do what an editor may, and so on.
ACCESS = {
    "view": GROUPS["view"] + GROUPS["edit"] + GROUPS["admin"],
    "edit": GROUPS["edit"] + GROUPS["admin"],
    "admin": GROUPS["admin"],
}


@dataclass(frozen=True)
class User:
    """A user as ``user/me`` shows it."""

    email: str
    name: str
    groups: tuple[str, ...] = ()
    tenant: str = ""
    issuer: str = ""
    subject: str = ""

    def may(self, role: str) -> bool:
        """Whether one of the groups gives that role."""
        return any(group in ACCESS[role] for group in self.groups)


GUEST = User(email="anonymous@metal-stack.io", name="anonymous")


@dataclass(frozen=True)
class Bearer:
    """A token of the provider tenant's (or another) identity provider."""

    token: str
    user: User
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"Bearer({self.user.email})"


class Bearers:
    """The bearer tokens that are known."""

    def __init__(self) -> None:
        self._bearers: list[Bearer] = []

    def add(self, bearer: Bearer) -> None:
        """Know another token."""
        self._bearers.append(bearer)

    def find(self, token: str) -> Bearer | None:
        """The token, expired or not."""
        for bearer in self._bearers:
            if hmac.compare_digest(bearer.token.encode(), token.encode()):
                return bearer
        return None

    @classmethod
    def read(cls, items: Iterable[Any]) -> Bearers:
        """From the state file: ``[{"token", "email", "name", "groups", "tenant", "issuer", "subject", "expires_at"}]``.

        ``token`` is needed; groups may be given by role (``view``, ``edit``, ``admin``) or by name.
        """
        bearers = cls()
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("token"), str) or not item["token"]:
                raise ValueError("an item of 'bearer_tokens' is an object with at least 'token'")
            expires = item.get("expires_at")
            bearers.add(Bearer(item["token"], read_user(item), times.parse(expires) if expires else None))
        return bearers


def read_user(item: dict[str, Any]) -> User:
    """A user from the keys of a bearer token's description."""
    groups: list[str] = []
    for group in item.get("groups", ["view"]):
        groups += GROUPS.get(group, (group,))
    return User(
        email=str(item.get("email", "user@example.com")),
        name=str(item.get("name", "user")),
        groups=tuple(groups),
        tenant=str(item.get("tenant", "metal-stack")),
        issuer=str(item.get("issuer", "https://dex.example.com")),
        subject=str(item.get("subject", "user")),
    )
