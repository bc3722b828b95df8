# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the metal-api v2 knows of its tokens: ``TokenService`` of ``metalstack.api.v2`` and ``metalstack.admin.v2``.

The secret is no part of it: the API shows it once, when it makes a token. Private to the collection
metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._errors import NotFoundError, ProtocolError
from .._values import mapping, mappings, text, texts, timestamp, write_timestamp
from .values import enum_name, labels

if TYPE_CHECKING:
    from datetime import datetime

    from .v2 import MetalV2

OWN = "metalstack.api.v2.TokenService"
ALL = "metalstack.admin.v2.TokenService"
ROLES = ("project", "tenant", "machine")


@dataclass(frozen=True)
class TokenRecord:
    """A token. ``permissions`` are methods by subject: a project, a tenant, a machine, ``*``, or "" for none.

    Roles are ``owner``, ``editor``, ... by what they are for; ``type`` is ``api``, or ``user`` for that of a login.
    """

    uuid: str
    user: str
    description: str
    type: str
    permissions: Mapping[str, frozenset[str]]
    project_roles: Mapping[str, str]
    tenant_roles: Mapping[str, str]
    machine_roles: Mapping[str, str]
    admin_role: str
    infra_role: str
    labels: Mapping[str, str]
    issued_at: datetime | None = field(default=None)
    expires_at: datetime | None = field(default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "uuid": self.uuid,
            "user": self.user,
            "description": self.description,
            "type": self.type,
            "permissions": shown_permissions(self.permissions),
            "project_roles": dict(sorted(self.project_roles.items())),
            "tenant_roles": dict(sorted(self.tenant_roles.items())),
            "machine_roles": dict(sorted(self.machine_roles.items())),
            "admin_role": self.admin_role or None,
            "infra_role": self.infra_role or None,
            "labels": dict(sorted(self.labels.items())),
            "issued_at": None if self.issued_at is None else write_timestamp(self.issued_at),
            "expires_at": None if self.expires_at is None else write_timestamp(self.expires_at),
        }


def shown_permissions(permissions: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """Return permissions as users see them, always in the same order."""
    return [{"subject": subject, "methods": sorted(permissions[subject])} for subject in sorted(permissions)]


def list_tokens(api: MetalV2, query: Mapping[str, Any], *, everybody: bool = False) -> list[TokenRecord]:
    """Return tokens that are good, the oldest first: those of the own user, or of ``everybody`` (admins).

    ``query`` is a TokenQuery. Raises :class:`~.._errors.ApiError`.
    """
    answer = api.call(f"{ALL if everybody else OWN}/List", {"query": dict(query)} if query else {})
    try:
        found = [from_v2(item) for item in mappings(answer, "tokens")]
    except ValueError as error:
        raise ProtocolError(f"A token of the metal-api cannot be understood: {error}.") from None
    return sorted(found, key=lambda token: (token.issued_at is not None and token.issued_at.timestamp(), token.uuid))


def revoke_token(api: MetalV2, uuid: str, *, user: str | None = None) -> None:
    """Revoke a token of the own user, or of ``user`` (admins); one that is gone is no error."""
    try:
        if user is None:
            api.call(f"{OWN}/Revoke", {"uuid": uuid}, idempotent=True)
        else:
            api.call(f"{ALL}/Revoke", {"uuid": uuid, "user": user}, idempotent=True)
    except NotFoundError:
        return


def create_token(api: MetalV2, wish: Mapping[str, Any], *, user: str | None = None) -> tuple[TokenRecord, str]:
    """Make a token for the own user, or for ``user`` (admins); ``wish`` is a TokenServiceCreateRequest.

    Return it with its secret. It is asked for once: a repetition would make another one.
    """
    if user is None:
        answer = api.call(f"{OWN}/Create", wish, idempotent=False)
    else:
        answer = api.call(f"{ALL}/Create", {"user": user, "tokenCreateRequest": dict(wish)}, idempotent=False)
    secret = answer.get("secret")
    if not isinstance(secret, str) or not secret:
        raise ProtocolError("TokenService/Create of the metal-api was answered without a secret.", unclear=True)
    try:
        return from_v2(mapping(answer, "token")), secret
    except ValueError as error:
        raise ProtocolError(f"A token of the metal-api cannot be understood: {error}.", unclear=True) from None


def from_v2(item: Mapping[str, Any]) -> TokenRecord:
    """Return one token of an answer. Raises ValueError with half a sentence."""
    uuid = text(item, "uuid")
    if not uuid:
        raise ValueError("it has no uuid")
    permissions: dict[str, frozenset[str]] = {}
    for entry in mappings(item, "permissions"):
        subject = text(entry, "subject")
        permissions[subject] = permissions.get(subject, frozenset()) | frozenset(texts(entry, "methods"))
    roles = {
        kind: {name: enum_name(role, f"{kind.upper()}_ROLE_") for name, role in labels(item, f"{kind}Roles").items()}
        for kind in ROLES
    }
    return TokenRecord(
        uuid=uuid,
        user=text(item, "user"),
        description=text(item, "description"),
        type=enum_name(text(item, "tokenType"), "TOKEN_TYPE_"),
        permissions=permissions,
        project_roles=roles["project"],
        tenant_roles=roles["tenant"],
        machine_roles=roles["machine"],
        admin_role=enum_name(text(item, "adminRole"), "ADMIN_ROLE_"),
        infra_role=enum_name(text(item, "infraRole"), "INFRA_ROLE_"),
        labels=labels(mapping(mapping(item, "meta"), "labels")),
        issued_at=timestamp(item.get("issuedAt")),
        expires_at=timestamp(item.get("expires")),
    )
