# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: MethodService, which says what a token may do."""

from __future__ import annotations

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import method_pb2  # type: ignore[import-untyped]

from .call import Call, Message, Services
from .definition import METHODS
from .rights import Memberships, memberships, subjects
from .token import rights_message


def _list(ask: Call) -> Message:
    token = ask.token
    member = memberships(ask.state, token.user) if token is not None else Memberships()
    methods = sorted(method for method in METHODS if subjects(token, method, member) is not None)
    return method_pb2.MethodServiceListResponse(methods=methods)


def _token_scoped_list(ask: Call) -> Message:
    if ask.token is None:
        raise ConnectError(Code.UNAUTHENTICATED, "no token found in request")
    return method_pb2.MethodServiceTokenScopedListResponse(**rights_message(ask.token))


SERVICES: Services = {
    "metalstack.api.v2.MethodService": {"List": _list, "TokenScopedList": _token_scoped_list},
}
