# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call what: authentication and authorization of v2 calls, by the rules of metal-apiserver.

- Without a token only public methods may be called, anything else is permission_denied (not unauthenticated).
- A token that does not verify, has expired or was revoked is unauthenticated, on public methods too.
- A token of an API user may call what it names and what its roles give, nothing else: not even public methods.
- A token of a login may call all public and own ("self") methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.descriptor import MethodDescriptor
from metalstack.api.v2 import common_pb2  # type: ignore[import-untyped]

from ..tokens import Token, TokenError, TokenStore

EDITOR, VIEWER = "EDITOR", "VIEWER"


@dataclass(frozen=True)
class Rules:
    """What the API's definition says about a method. Roles are ``EDITOR`` and ``VIEWER``."""

    public: bool
    own: bool
    admin_roles: frozenset[str]
    infra_roles: frozenset[str]


def rules(method: MethodDescriptor) -> Rules:
    """Read them from the options of the method."""
    options = method.GetOptions()
    visibility = options.Extensions[common_pb2.visibility]
    return Rules(
        public=visibility == common_pb2.VISIBILITY_PUBLIC,
        own=visibility == common_pb2.VISIBILITY_SELF,
        admin_roles=_roles(options.Extensions[common_pb2.admin_roles], common_pb2.AdminRole, "ADMIN_ROLE_"),
        infra_roles=_roles(options.Extensions[common_pb2.infra_roles], common_pb2.InfraRole, "INFRA_ROLE_"),
    )


def authenticate(headers: Mapping[str, str], tokens: TokenStore) -> Token | None:
    """The token of a call, None without one; fails with unauthenticated."""
    secret = headers.get("authorization", "").partition(" ")[2].strip()
    if not secret:
        return None
    try:
        return tokens.verify(secret)
    except TokenError as error:
        raise ConnectError(Code.UNAUTHENTICATED, str(error)) from error


def authorize(token: Token | None, procedure: str, method: Rules) -> None:
    """Fail with permission_denied when the method is not among the rights of the token."""
    if not _allowed(token, procedure, method):
        raise ConnectError(
            Code.PERMISSION_DENIED,
            f'access to:"{procedure}" is not allowed because it is not part of the token permissions',
        )


def _allowed(token: Token | None, procedure: str, method: Rules) -> bool:
    if token is None:
        return method.public
    if token.type == "USER":
        return method.public or method.own
    if token.admin_role == EDITOR or procedure in token.methods:
        return True
    if token.admin_role == VIEWER and (
        method.public or method.own or VIEWER in method.admin_roles | method.infra_roles
    ):
        return True
    return token.infra_role in method.infra_roles


def _roles(values: object, enum: object, prefix: str) -> frozenset[str]:
    return frozenset(enum.Name(value).removeprefix(prefix) for value in values)  # type: ignore[attr-defined]
