# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes of this emulator: its state, its pace, servers that are stopped, manners of the gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..common.control import Controls, json_object
from ..common.server import Site
from .state import State


def routes(controls: Controls, state: State, sites: Sequence[Site]) -> list[Route]:
    """``/state``, ``/pace``, ``/stopped`` and ``/manners``."""
    control = _Control(controls, state, sites)
    return [
        Route("/state", control.state),
        Route("/state", control.replace, methods=["PUT"]),
        Route("/state", control.change, methods=["PATCH"]),
        Route("/state/keep", control.keep, methods=["POST"]),
        Route("/state/restore", control.restore, methods=["POST"]),
        Route("/pace", control.pace, methods=["PUT"]),
        Route("/stopped", control.stop, methods=["PUT"]),
        Route("/manners", control.manners, methods=["PUT"]),
    ]


class _Control:
    def __init__(self, controls: Controls, state: State, sites: Sequence[Site]) -> None:
        self._controls = controls
        self._state = state
        self._sites = sites

    async def state(self, _request: Request) -> JSONResponse:
        self._state.pace.catch_up()
        return JSONResponse({**self._state.as_json(), "waiting": self._state.pace.waiting})

    async def replace(self, request: Request) -> JSONResponse:
        self._state.reset(await json_object(request))
        await self._stop_exactly([])
        return JSONResponse({})

    async def change(self, request: Request) -> JSONResponse:
        self._state.load(await json_object(request))
        return JSONResponse({})

    async def keep(self, _request: Request) -> JSONResponse:
        self._state.keep()
        return JSONResponse({})

    async def restore(self, _request: Request) -> JSONResponse:
        self._state.restore()
        self._controls.begin_anew()
        await self._stop_exactly([])
        return JSONResponse({})

    async def pace(self, request: Request) -> JSONResponse:
        wish: dict[str, Any] = await json_object(request)
        known = ("step", "paused", "per_request", "advance")
        unknown = sorted(set(wish) - set(known))
        if unknown:
            raise ValueError(f"there is no {unknown[0]!r} in 'pace'; it has {', '.join(known)}")
        pace = self._state.pace
        if wish.get("per_request", pace.per_request) != pace.per_request:
            if pace.waiting:
                raise ValueError("'per_request' can be changed only when nothing is still to happen")
            pace.per_request = float(wish["per_request"])
        if "step" in wish:
            pace.step = float(wish["step"])
        if "paused" in wish:
            pace.paused = bool(wish["paused"])
        pace.advance(int(wish.get("advance", 0)))
        shown = {"step": pace.step, "paused": pace.paused, "per_request": pace.per_request, "waiting": pace.waiting}
        return JSONResponse(shown)

    async def stop(self, request: Request) -> JSONResponse:
        numbers = (await json_object(request)).get("servers", [])
        wrong = [number for number in numbers if number not in range(len(self._sites))]
        if wrong:
            raise ValueError(f"there is no server number {wrong[0]}; they are counted from 0")
        await self._stop_exactly(numbers)
        return JSONResponse({})

    async def _stop_exactly(self, numbers: Sequence[int]) -> None:
        for number, site in enumerate(self._sites):
            if number in numbers:
                await site.stop()
            else:
                await site.start()

    async def manners(self, request: Request) -> JSONResponse:
        wish = await json_object(request)
        self._state.old_status = bool(wish.get("old_status", self._state.old_status))
        self._state.emit_defaults = bool(wish.get("emit_defaults", self._state.emit_defaults))
        return JSONResponse({})
