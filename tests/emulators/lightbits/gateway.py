# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST gateway: which path is which call, and what it makes of answers and refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..common.faults import RACE
from .auth import Identity, identify
from .call import Call
from .refusal import INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, Refusal
from .rendering import render
from .state import State

PREFIX = "/api/v2"
Handler = Callable[[Call], Mapping[str, Any]]

# Whom a call is for.
ANYBODY, PROJECT, CLUSTER = "anybody", "project", "cluster"


@dataclass(frozen=True)
class Route:
    """``path`` has parts like ``{project}``; a slash at the end is a part of it, since the API's calls differ by it."""

    method: str
    path: str
    handler: Handler
    scope: str = CLUSTER

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """The parts of the path, None when it is another call."""
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path), path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


@dataclass(frozen=True)
class Wanted:
    """What a request wants. ``path`` is as it was sent: a name may hold a slash. ``body`` is read when it is needed."""

    method: str
    path: str
    body: Callable[[], Mapping[str, Any]]
    query: Mapping[str, Sequence[str]]
    authorization: str
    etag: str
    race: bool

    @classmethod
    def of(cls, request: Request, method: str, path: str, body: Callable[[], Mapping[str, Any]]) -> Wanted:
        """From what a request has besides method, path and body."""
        return cls(
            method=method,
            path=path,
            body=body,
            query=parse_qs(request.url.query),
            authorization=request.headers.get("authorization", ""),
            etag=request.headers.get("if-match", ""),
            race=bool(request.scope.get(RACE)) and method != "GET",
        )


class Gateway:
    """The ASGI application."""

    def __init__(self, state: State, routes: Sequence[Route]) -> None:
        self._state = state
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        path = scope.get("raw_path", b"").decode("ascii") or request.url.path
        try:
            message = self.carry_out(Wanted.of(request, request.method, path, lambda: _object(body)))
            response = Response(render(message, emit_defaults=self._state.emit_defaults), media_type="application/json")
        except Refusal as refusal:
            response = Response(refusal.body(), refusal.status, media_type="application/json")
        await response(scope, receive, send)

    def carry_out(self, wanted: Wanted) -> Mapping[str, Any]:
        """Do it; the answer as a handler gives it. Refusal when it is not done."""
        self._state.pace.requested()
        if not wanted.path.startswith(f"{PREFIX}/"):
            raise Refusal(NOT_FOUND, "Not Found")
        path = wanted.path.removeprefix(PREFIX)
        identity = identify(self._state, wanted.authorization)
        for route in self._routes:
            found = route.match(wanted.method, path)
            if found is not None:
                self._check(route, identity, found)
                call = Call(
                    state=self._state,
                    identity=identity,
                    path=found,
                    query=wanted.query,
                    body=wanted.body(),
                    etag=wanted.etag,
                    race=wanted.race,
                )
                answer = route.handler(call)
                self._state.look()
                return answer
        known = any(route.match(method, path) is not None for route in self._routes for method in ("GET", "POST"))
        raise Refusal(UNIMPLEMENTED, "Method Not Allowed") if known else Refusal(NOT_FOUND, "Not Found")

    def _check(self, route: Route, identity: Identity, path: Mapping[str, str]) -> None:
        write = route.method != "GET"
        if route.scope == PROJECT:
            identity.check_project(path["project"], write=write)
            self._state.project(path["project"])
        elif route.scope == CLUSTER:
            identity.check_cluster(write=write)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise Refusal(INVALID_ARGUMENT, str(error)) from None
    if not isinstance(data, dict):
        raise Refusal(INVALID_ARGUMENT, "json: cannot unmarshal into an object")
    return data
