# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1 as an ASGI application: authentication, routing, media types, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ...common.faults import RACE
from ..model.table import ChangedError, ExistsError, NotFoundError
from ..state import State
from . import filesystemlayout, firewall, image, ip, machine, misc, network, partition, project, size, switch
from .auth import Authenticator, HmacKeys, RefusedError
from .call import BadRequestError, Call, HttpError, Operation, default_error
from .identity import ACCESS, User

OPERATIONS = (
    *filesystemlayout.OPERATIONS,
    *firewall.OPERATIONS,
    *image.OPERATIONS,
    *ip.OPERATIONS,
    *machine.OPERATIONS,
    *misc.OPERATIONS,
    *network.OPERATIONS,
    *partition.OPERATIONS,
    *project.OPERATIONS,
    *size.OPERATIONS,
    *switch.OPERATIONS,
)
USER = "metal_api.user"
LOCKED = "the entity was changed from another, please retry"


class V1App:
    """The v1 API below a base path such as ``/metal/``."""

    def __init__(self, state: State, keys: HmacKeys, base_path: str) -> None:
        self._authenticator = Authenticator(keys, state)
        base = base_path.rstrip("/")
        self._app: ASGIApp = Starlette(
            routes=[_route(operation, base, state) for operation in OPERATIONS],
            exception_handlers={HTTPException: _routing_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await (self._refusal(scope) or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        """The answer to a request that does not reach the routes."""
        path: str = scope["path"]
        clean = "/" + "/".join(part for part in path.split("/") if part)
        if "//" in path:
            # Go's multiplexer sends such paths to their clean form, before anything else looks at the request.
            query = scope["query_string"].decode()
            return RedirectResponse(clean + (f"?{query}" if query else ""), 301)
        scope["path"] = clean  # with or without a slash at the end is the same route
        try:
            scope[USER] = self._authenticator.user(scope["method"], clean, Headers(scope=scope))
        except RefusedError as error:
            return JSONResponse(str(error), 403) if error.bare else error_response(403, str(error))
        return None


def error_response(status: int, message: str) -> JSONResponse:
    """An error as v1 words it."""
    return JSONResponse({"statuscode": status, "message": message}, status)


def injected_error(status: int, message: str) -> tuple[str, bytes]:
    """Content type and body of an error that a test asked for."""
    usual = LOCKED if status == 409 else HTTPStatus(status).phrase.lower()
    return "application/json", bytes(error_response(status, message or usual).body)


async def _routing_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    names = {404: "Page Not Found"}
    phrase = names.get(error.status_code, HTTPStatus(error.status_code).phrase)
    return error_response(error.status_code, f"{error.status_code}: {phrase}")


def _route(operation: Operation, base: str, state: State) -> Route:
    async def endpoint(request: Request) -> Response:
        _check_media_types(request, reads=operation.reads)
        user: User = request.scope[USER]
        try:
            if operation.role is not None and not user.may(operation.role):
                raise HttpError(403, f"you are not member in one of [{' '.join(ACCESS[operation.role])}]")
            reads = operation.reads_always or (operation.method in ("PUT", "POST") and operation.reads)
            body = await _body(request) if reads else {}
            race = bool(request.scope.get(RACE))
            call = Call(state, user, request.path_params, request.query_params, body, race)
            return _response(operation, operation.run(call))
        except HttpError as error:
            return error_response(error.status, str(error))
        except (NotFoundError, ExistsError, ChangedError) as error:
            failure = default_error(error)
            return error_response(failure.status, str(failure))

    return Route(base + operation.path, endpoint, methods=[operation.method], name=operation.run.__qualname__)


def _response(operation: Operation, result: Any) -> Response:
    if isinstance(result, bytes):
        return Response(result, operation.status, media_type="application/json")
    status, content = result if isinstance(result, tuple) else (operation.status, result)
    return JSONResponse(content, status)


def _check_media_types(request: Request, *, reads: bool) -> None:
    """415 unless the request writes JSON (where something is read), 406 unless it reads JSON."""
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if reads and request.method in ("PUT", "POST") and content_type != "application/json":
        raise HTTPException(415)
    accepted = {part.split(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")}
    if not accepted & {"*/*", "application/*", "application/json"}:
        raise HTTPException(406)


async def _body(request: Request) -> Mapping[str, Any]:
    content = await request.body()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise BadRequestError("EOF" if not content.strip() else f"invalid JSON: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadRequestError(f"json: cannot unmarshal {type(document).__name__} into Go value")
    return document
