# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes of this emulator: its state, the lives of machines, and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..common.control import Controls, json_body, json_object
from .model import times
from .state import State
from .tokens import DEFAULT_LIFETIME, TokenStore
from .v1.identity import Bearer, read_user


def routes(controls: Controls, state: State, tokens: TokenStore) -> list[Route]:
    """``/state``, ``/life``, ``/tasks`` and ``/tokens``."""
    kept = _Kept(controls, state)
    return [
        Route("/state", _States(state).get),
        Route("/state", _States(state).put, methods=["PUT"]),
        Route("/state", _States(state).patch, methods=["PATCH"]),
        Route("/state/keep", kept.keep, methods=["POST"]),
        Route("/state/restore", kept.restore, methods=["POST"]),
        Route("/life", _Lives(state).get),
        Route("/life", _Lives(state).put, methods=["PUT"]),
        Route("/tasks", _Tasks(state).get),
        Route("/tasks", _Tasks(state).put, methods=["PUT"]),
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


class _Kept:
    def __init__(self, controls: Controls, state: State) -> None:
        self._controls = controls
        self._state = state

    async def keep(self, _request: Request) -> JSONResponse:
        self._state.keep()
        return JSONResponse({})

    async def restore(self, _request: Request) -> JSONResponse:
        self._state.restore()
        self._controls.begin_anew()
        return JSONResponse({})


class _Lives:
    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, _request: Request) -> JSONResponse:
        life = self._state.life
        shown = {"step": life.step, "paused": life.paused, "per_request": life.per_request, "now": life.now()}
        return JSONResponse(shown)

    async def put(self, request: Request) -> JSONResponse:
        """Speed of the machines' lives, and which of them crash."""
        wish = await json_object(request)
        known = ("step", "paused", "per_request", "advance", "crash")
        unknown = sorted(set(wish) - set(known))
        if unknown:
            raise ValueError(f"there is no {unknown[0]!r} in 'life'; it has {', '.join(known)}")
        step, paused = wish.get("step"), wish.get("paused")
        advance, per_request = wish.get("advance", 0), wish.get("per_request")
        if step is not None and (not _is_number(step) or step <= 0):
            raise ValueError("'step' is the number of seconds between two events, more than 0")
        if paused is not None and not isinstance(paused, bool):
            raise ValueError("'paused' is true or false")
        if per_request is not None and (not _is_number(per_request) or per_request < 0):
            raise ValueError("'per_request' is a number of steps, 0 for none")
        if not _is_number(advance) or advance < 0:
            raise ValueError("'advance' is a number of steps")
        crash = wish.get("crash", {})
        if not isinstance(crash, dict) or not all(isinstance(value, bool) for value in crash.values()):
            raise ValueError("'crash' is an object: ids of machines, each true or false")
        machines = self._state.machines
        for missing in (machine_id for machine_id in crash if machines.find(machine_id) is None):
            raise ValueError(f"there is no machine {missing!r}")
        for machine_id, crashes in crash.items():
            machines.touch(replace(machines.get(machine_id), crash=crashes))
        self._state.life.set(step=step, paused=paused, per_request=per_request, advance=advance)
        return await self.get(request)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class _Tasks:
    def __init__(self, state: State) -> None:
        self._state = state

    async def get(self, _request: Request) -> JSONResponse:
        tasks = self._state.tasks
        return JSONResponse({"delay": tasks.delay, "waiting": tasks.waiting})

    async def put(self, request: Request) -> JSONResponse:
        """How many requests later v2's tasks are done."""
        wish = await json_object(request)
        delay = wish.get("delay")
        if set(wish) != {"delay"} or not isinstance(delay, int) or isinstance(delay, bool) or delay < 0:
            raise ValueError("'tasks' has 'delay', a number of requests, 0 for none")
        self._state.tasks.delay = delay
        return await self.get(request)


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
        known = {"api", "lifetime", "user", "description", "type", "methods", "permissions", *_ROLES, *_SUBJECT_ROLES}
        unknown = sorted(set(wish) - known)
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
        roles = {field: _subject_roles(wish, field) for field in _SUBJECT_ROLES}
        user = str(wish.get("user", "metal-stack"))
        self._join(user, roles)
        secret, token = self._tokens.issue(
            user,
            lifetime,
            description=str(wish.get("description", "")),
            type=wish.get("type", "API"),
            methods=tuple(methods),
            permissions=_permissions(wish),
            **roles,
            **{role: wish.get(role) for role in _ROLES},
        )
        return {"secret": secret, **token.as_json()}

    def _join(self, user: str, roles: Mapping[str, Mapping[str, str]]) -> None:
        """Make the user a member of the projects and tenants that the token has roles in, if it is none yet."""
        for kind in ("project", "tenant"):
            for subject, role in roles[f"{kind}_roles"].items():
                member = self._state.memberships.setdefault(user, {})
                member.setdefault(f"{kind}s", {}).setdefault(subject, role)


_ROLES = ("admin_role", "infra_role")
_SUBJECT_ROLES = {
    "project_roles": ("OWNER", "EDITOR", "VIEWER"),
    "tenant_roles": ("OWNER", "EDITOR", "VIEWER", "GUEST"),
    "machine_roles": ("EDITOR", "VIEWER"),
}


def _subject_roles(wish: Mapping[str, Any], field: str) -> dict[str, str]:
    roles = wish.get(field, {})
    if not isinstance(roles, dict) or not all(role in _SUBJECT_ROLES[field] for role in roles.values()):
        raise ValueError(f"{field!r} is an object: ids, each with {', '.join(_SUBJECT_ROLES[field])}")
    return dict(roles)


def _permissions(wish: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Methods by subject: ``[{"subject": "<project, tenant or machine>", "methods": [..]}]``."""
    items = wish.get("permissions", [])
    if not isinstance(items, list) or not all(isinstance(i, dict) and set(i) == {"subject", "methods"} for i in items):
        raise ValueError("'permissions' is a list of objects with 'subject' and 'methods'")
    return tuple((str(item["subject"]), tuple(item["methods"])) for item in items)
