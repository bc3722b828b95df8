# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: TokenService, as far as a token looks after itself."""

from __future__ import annotations

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import token_pb2  # type: ignore[import-untyped]

from ..tokens import Token
from .call import Call, Message, Services


def _refresh(ask: Call) -> Message:
    if ask.token is None:
        raise ConnectError(Code.UNAUTHENTICATED, "no token found in request")
    secret, token = ask.tokens.refresh(ask.token)
    return token_pb2.TokenServiceRefreshResponse(token=message(token), secret=secret)


def message(token: Token) -> Message:
    """The token as the API shows it."""
    permissions = [token_pb2.MethodPermission(subject="", methods=token.methods)] if token.methods else []
    roles = {
        f"{kind}_role": f"{kind.upper()}_ROLE_{role}"
        for kind, role in (("admin", token.admin_role), ("infra", token.infra_role))
        if role is not None
    }
    return token_pb2.Token(
        uuid=token.uuid,
        user=token.user,
        meta={"generation": 1, "created_at": token.issued_at},
        description=token.description,
        permissions=permissions,
        issued_at=token.issued_at,
        expires=token.expires_at,
        token_type=f"TOKEN_TYPE_{token.type}",
        **roles,
    )


SERVICES: Services = {"metalstack.api.v2.TokenService": {"Refresh": _refresh}}
