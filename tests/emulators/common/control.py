# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control endpoint that all emulators have: request log, clock, faults. An emulator adds its own routes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount, Route

from .clock import Clock
from .faults import Faults, parse_fault
from .requestlog import RequestLog

PREFIX = "/-/control"


@dataclass
class Controls:
    """What a test can look at and change."""

    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = RequestLog(self.clock)

    def begin_anew(self) -> None:
        """Neither faults nor requests any more."""
        self.faults.remove()
        self.log.clear()


def control_app(controls: Controls, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The application below ``/-/control``. A wrong request gets 400 and ``{"error": sentence}``."""
    own = [
        Route("/clock", _Clock(controls).get),
        Route("/clock", _Clock(controls).put, methods=["PUT"]),
        Route("/requests", _Requests(controls).get),
        Route("/requests", _Requests(controls).delete, methods=["DELETE"]),
        Route("/requests/running", _Requests(controls).running),
        Route("/faults", _Faults(controls).get),
        Route("/faults", _Faults(controls).post, methods=["POST"]),
        Route("/faults", _Faults(controls).delete, methods=["DELETE"]),
        Route("/faults/{name}", _Faults(controls).delete, methods=["DELETE"]),
    ]
    return Starlette(routes=[Mount(PREFIX, routes=[*own, *routes])], exception_handlers={ValueError: _bad_request})


async def json_body(request: Request) -> Any:
    """The JSON of a control request; ValueError when it is none."""
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise ValueError(f"the body is no JSON: {error}") from error


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object of a control request; ValueError when it is something else."""
    data = await json_body(request)
    if not isinstance(data, dict):
        raise ValueError("the body must be a JSON object")
    return data


async def _bad_request(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=400)


class _Clock:
    def __init__(self, controls: Controls) -> None:
        self._clock = controls.clock

    async def get(self, _request: Request) -> JSONResponse:
        return JSONResponse({"now": self._clock.now().isoformat(), "shift": self._clock.offset.total_seconds()})

    async def put(self, request: Request) -> JSONResponse:
        shift = (await json_object(request)).get("shift")
        if isinstance(shift, bool) or not isinstance(shift, (int, float)):
            raise ValueError("'shift' must be a number of seconds")
        self._clock.shift(shift)
        return await self.get(request)


class _Requests:
    def __init__(self, controls: Controls) -> None:
        self._log = controls.log

    async def get(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._log.as_json())

    async def delete(self, _request: Request) -> JSONResponse:
        self._log.clear()
        return JSONResponse({})

    async def running(self, _request: Request) -> JSONResponse:
        return JSONResponse({"running": self._log.running()})


class _Faults:
    def __init__(self, controls: Controls) -> None:
        self._faults = controls.faults

    async def get(self, _request: Request) -> JSONResponse:
        return JSONResponse(self._faults.as_json())

    async def post(self, request: Request) -> JSONResponse:
        data = await json_body(request)
        faults = [parse_fault(item) for item in (data if isinstance(data, list) else [data])]
        self._faults.add(faults)
        return JSONResponse([fault.as_json() for fault in faults], status_code=201)

    async def delete(self, request: Request) -> JSONResponse:
        return JSONResponse({"removed": self._faults.remove(request.path_params.get("name"))})
