# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes of this emulator: its state and its tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..common.control import json_body, json_object
from .model import times
from .state import State
from .tokens import DEFAULT_LIFETIME, TokenStore
from .v1.identity import Bearer, read_user


def routes(state: State, tokens: TokenStore) -> list[Route]:
    """``/state`` and ``/tokens``."""
    return [
        Route("/state", _States(state).get),
        Route("/state", _States(state).put, methods=["PUT"]),
        Route("/state", _States(state).patch, methods=["PATCH"]),
        Route("/tokens", _Tokens(state, tokens).get),
        Route("/tokens", _Tokens(state, tokens).post, methods=["POST"]),
        Route("/tokens/{uuid}", _Tokens(state, tokens).delete, methods=["DELETE"]),
    ]


class _States:
    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._state.as_json())

    async def put(self, request: Request) -> JSONResponse:
        self._state.reset(await json_body(request))
        return JSONResponse({})

    async def patch(self, request: Request) -> JSONResponse:
        self._state.load(await json_body(request))
        return JSONResponse({})


class _Tokens:
    def __init__(self, state: State, tokens: TokenStore) -> None:
        self._state = state
        self._tokens = tokens

    async def get(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._tokens.as_json())

    async def post(self, request: Request) -> JSONResponse:
        """A new token: for v2 unless ``api`` is ``v1``; the answer holds its ``secret``."""
        wish = await json_object(request)
        lifetime = wish.get("lifetime", DEFAULT_LIFETIME.total_seconds())
        if isinstance(lifetime, bool) or not isinstance(lifetime, (int, float)):
            raise ValueError("'lifetime' must be a number of seconds")
        issue = {"v1": self._issue_v1, "v2": self._issue_v2}.get(wish.get("api", "v2"))
        if issue is None:
            raise ValueError("'api' is 'v1' or 'v2'")
        return JSONResponse(issue(wish, timedelta(seconds=lifetime)), 201)

    async def delete(self, request: Request) -> JSONResponse:
        return JSONResponse({"revoked": self._tokens.revoke(request.path_params["uuid"])})

    def _issue_v1(self, wish: Mapping[str, Any], lifetime: timedelta) -> dict[str, Any]:
        expires_at = self._state.clock.now() + lifetime
        bearer = Bearer(secrets.token_urlsafe(48), read_user(dict(wish)), expires_at)
        self._state.bearers.add(bearer)
        return {"secret": bearer.token, "email": bearer.user.email, "expires_at": times.write(expires_at)}

    def _issue_v2(self, wish: Mapping[str, Any], lifetime: timedelta) -> dict[str, Any]:
        unknown = sorted(set(wish) - {"api", "lifetime", "user", "description", "type", "methods", *_ROLES})
        if unknown:
            raise ValueError(f"a token has no {unknown[0]!r}")
        methods = wish.get("methods", [])
        if not isinstance(methods, list) or not all(isinstance(m, str) and m.startswith("/") for m in methods):
            raise ValueError("'methods' is a list of names like '/metalstack.api.v2.ImageService/List'")
        for role in _ROLES:
            if wish.get(role) not in (None, "EDITOR", "VIEWER"):
                raise ValueError(f"{role!r} is 'EDITOR' or 'VIEWER'")
        if wish.get("type", "API") not in ("API", "USER"):
            raise ValueError("'type' is 'API' or 'USER'")
        secret, token = self._tokens.issue(
            str(wish.get("user", "metal-stack")),
            lifetime,
            description=str(wish.get("description", "")),
            type=wish.get("type", "API"),
            methods=tuple(methods),
            **{role: wish.get(role) for role in _ROLES},
        )
        return {"secret": secret, **token.as_json()}


_ROLES = ("admin_role", "infra_role")
