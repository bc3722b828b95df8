# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2 as an ASGI application.

The Connect protocol comes from its own library, the messages and the rules of access from the published definition of
the API. Every service of the definition is known; methods without an implementation are unimplemented.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import protovalidate
from connectrpc.code import Code
from connectrpc.codec import Codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo
from connectrpc.request import RequestContext
from connectrpc.server import ConnectASGIApplication, Endpoint
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from starlette.types import Receive, Scope, Send

from ...common.faults import RACE
from ..state import State
from ..tokens import TokenStore
from . import component, filesystem, image, ip, machine, network, partition, project, public, size, switch, token
from . import method as methods
from .call import Call, Message, Method, Services
from .definition import UNARY
from .definition import procedure as procedure_of
from .rights import authenticate, authorize

SERVICES: Services = {
    **component.SERVICES,
    **filesystem.SERVICES,
    **image.SERVICES,
    **ip.SERVICES,
    **machine.SERVICES,
    **methods.SERVICES,
    **network.SERVICES,
    **partition.SERVICES,
    **project.SERVICES,
    **public.SERVICES,
    **size.SERVICES,
    **switch.SERVICES,
    **token.SERVICES,
}
# Which Connect code an HTTP status stands for, the other way round than usual, for errors that a test asks for.
CODES = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    409: "aborted",
    429: "resource_exhausted",
    500: "internal",
    501: "unimplemented",
    503: "unavailable",
}


_race: ContextVar[bool] = ContextVar("race", default=False)


class V2App(ConnectASGIApplication[None]):
    """All services of the v2 API."""

    def __init__(self, state: State, tokens: TokenStore) -> None:
        endpoints = {
            procedure_of(method): Endpoint.unary(
                _info(method), _function(method, _implementation(method), state, tokens)
            )
            for method in UNARY
        }
        super().__init__(service=None, endpoints=lambda _none: endpoints, codecs=[_Binary(), _Json()])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the library does not hand the scope on to the methods."""
        _race.set(bool(scope.get(RACE)))
        await super().__call__(scope, receive, send)

    @property
    def path(self) -> str:
        """Where the services lie; the official server has them at the root."""
        return "/"


def injected_error(status: int, message: str) -> tuple[str, bytes]:
    """Content type and body of an error that a test asked for."""
    code = CODES.get(status, "unavailable" if status > 500 else "unknown")
    return "application/json", json.dumps({"code": code, "message": message or code.replace("_", " ")}).encode()


def _info(method: MethodDescriptor) -> MethodInfo[Any, Any]:
    return MethodInfo(
        name=method.name,
        service_name=method.containing_service.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
    )


def _implementation(method: MethodDescriptor) -> Method | None:
    return SERVICES.get(method.containing_service.full_name, {}).get(method.name)


def _function(
    method: MethodDescriptor, run: Method | None, state: State, tokens: TokenStore
) -> Callable[[Message, RequestContext[Any, Any]], Awaitable[Message]]:
    procedure = procedure_of(method)

    async def function(request: Message, context: RequestContext[Any, Any]) -> Message:
        caller = authenticate(context.request_headers(), tokens)
        authorize(caller, procedure, request, state)
        try:
            protovalidate.validate(request)
        except protovalidate.ValidationError as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"validation error: {error}") from error
        if run is None:
            raise ConnectError(Code.UNIMPLEMENTED, f"{procedure} is not implemented by the emulator")
        return run(Call(state, tokens, caller, request, _race.get()))

    return function


class _Json(Codec[Message, Message]):
    """JSON as the official server reads and writes it: compact, unknown fields are ignored."""

    def name(self) -> str:
        return "json"

    def encode(self, message: Message) -> bytes:
        return json_format.MessageToJson(message, indent=None).encode()

    def decode(self, data: bytes | bytearray, message: Message) -> Message:
        try:
            return json_format.Parse(bytes(data), message, ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"unmarshal message: {error}") from error


class _Binary(Codec[Message, Message]):
    """Protocol buffers."""

    def name(self) -> str:
        return "proto"

    def encode(self, message: Message) -> bytes:
        content: bytes = message.SerializeToString()
        return content

    def decode(self, data: bytes | bytearray, message: Message) -> Message:
        try:
            message.ParseFromString(bytes(data))
        except DecodeError as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"unmarshal message: {error}") from error
        return message
