# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gRPC calls that duros-controller makes, on the port of the REST gateway as the real API has both.

A real gateway makes a gRPC call of each REST request. Here it is the other way round: each call is the REST request
that means the same, so both do the same to the same state and refuse the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .gateway import PREFIX, Gateway, Wanted
from .messages import PACKAGE, new
from .refusal import INTERNAL, INVALID_ARGUMENT, UNIMPLEMENTED, Refusal

CONTENT_TYPE = b"application/grpc"
_SERVICE = f"/{PACKAGE}.DurosAPI/"
_OK = 0
# Of a message on the wire: whether it is compressed, and its length.
_FRAME = struct.Struct(">?I")


@dataclass(frozen=True)
class _Method:
    request: str
    answer: str
    http_method: str
    path: str


_METHODS = {
    "GetVersion": _Method("GetVersionRequest", "Version", "GET", "/version"),
    "GetClusterInfo": _Method("GetClusterRequest", "ClusterInfoV2", "GET", "/clusterinfo"),
    "GetProject": _Method("GetProjectRequest", "Project", "GET", "/projects/{name}"),
    "CreateProject": _Method("CreateProjectRequest", "Project", "POST", "/projects"),
    "GetCredential": _Method("GetCredentialRequest", "Credential", "GET", "/projects/{projectName}/credentials/{ID}"),
    "CreateCredential": _Method("CreateCredentialRequest", "Credential", "POST", "/projects/{projectName}/credentials"),
}


def by_protocol(rest: ASGIApp, rpc: ASGIApp) -> ASGIApp:
    """What both are behind: gRPC is known by its content type."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (rpc if is_rpc(scope) else rest)(scope, receive, send)

    return app


def is_rpc(scope: Scope) -> bool:
    """Whether a request is a gRPC call."""
    return scope["type"] == "http" and any(
        name == b"content-type" and value.startswith(CONTENT_TYPE) for name, value in scope["headers"]
    )


class Rpc:
    """The ASGI application. It answers on HTTP/2 only, since a status comes behind the body."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        try:
            answer, status, message = self._answer(request, body), _OK, ""
        except Refusal as refusal:
            answer, status, message = b"", refusal.code, str(refusal)
        headers = [(b"content-type", CONTENT_TYPE)]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": True})
        await send({"type": "http.response.body", "body": answer})
        trailers = [(b"grpc-status", str(status).encode()), (b"grpc-message", quote(message, safe=" ").encode())]
        await send({"type": "http.response.trailers", "headers": trailers})

    def _answer(self, request: Request, body: bytes) -> bytes:
        path = request.url.path
        method = _METHODS.get(path.removeprefix(_SERVICE)) if path.startswith(_SERVICE) else None
        if method is None:
            raise Refusal(UNIMPLEMENTED, f"unknown method {path.rpartition('/')[2]}")
        given: Mapping[str, str] = MessageToDict(_decoded(body, new(method.request)), preserving_proto_field_name=True)
        wanted = Wanted.of(request, method.http_method, PREFIX + _path(method.path, given), lambda: given)
        answer = ParseDict(dict(self._gateway.carry_out(wanted)), new(method.answer), ignore_unknown_fields=True)
        content = answer.SerializeToString()
        return _FRAME.pack(False, len(content)) + content


def _decoded(body: bytes, message: Message) -> Message:
    if len(body) < _FRAME.size:
        raise Refusal(INTERNAL, "the call has no message")
    compressed, length = _FRAME.unpack_from(body)
    content = body[_FRAME.size :]
    if compressed or length != len(content):
        raise Refusal(UNIMPLEMENTED, "the message is compressed, or not one")
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise Refusal(INTERNAL, f"the message cannot be read: {error}") from None
    return message


def _path(template: str, given: Mapping[str, str]) -> str:
    """The path with what the message names; Refusal when it names nothing there."""
    parts = []
    for part in template.split("/"):
        named = part
        if part.startswith("{"):
            named = quote(given.get(part.strip("{}"), ""), safe="")
            if not named:
                raise Refusal(INVALID_ARGUMENT, "the name is missing")
        parts.append(named)
    return "/".join(parts)
