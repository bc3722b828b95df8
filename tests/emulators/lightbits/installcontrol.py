# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control routes for whoever installs the cluster and for the agents on its servers; and the record for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from ..common.control import json_object
from ..common.server import Site, watch_connection
from .model import installation
from .model.availability import Availability
from .state import State, Thing

_PHASE = ("server", "phase")


def routes(state: State, sites: Sequence[Site]) -> list[Route]:
    """``/installation`` and below, ``/agents/{name}`` and ``/availability``."""
    control = _Control(state, sites)
    return [
        Route("/installation", control.installation),
        Route("/installation", control.found, methods=["PUT"]),
        Route("/installation", control.clean, methods=["DELETE"]),
        Route("/installation/servers", control.install, methods=["POST"]),
        Route("/installation/phases", control.phase, methods=["POST"]),
        Route("/installation/fault", control.fault, methods=["PUT"]),
        Route("/agents/{name}", control.agent),
        Route("/io", control.io, methods=["POST"]),
        Route("/availability", control.availability),
        Route("/availability", control.watch, methods=["PUT"]),
    ]


class _Control:
    def __init__(self, state: State, sites: Sequence[Site]) -> None:
        self._state = state
        self._sites = sites
        self._phases: list[dict[str, str]] = []
        self._fault: dict[str, str] | None = None
        self._sessions: dict[str, object] = {}

    async def installation(self, _request: Request) -> JSONResponse:
        servers = [
            {"name": server["name"], "present": not server.get("_absent", False)} for server in self._state.servers
        ]
        founded = self._state.founded_with is not None
        spares = [one["name"] for one in self._state.spares.values()]
        told = {"founded": founded, "servers": servers, "spares": spares}
        return JSONResponse({**told, "phases": self._phases, "fault": self._fault})

    async def found(self, request: Request) -> JSONResponse:
        installation.found(self._state, await json_object(request))
        return JSONResponse({"UUID": self._state.cluster["UUID"]})

    async def clean(self, _request: Request) -> JSONResponse:
        self._state.reset({})
        self._phases.clear()
        return JSONResponse({})

    async def install(self, request: Request) -> JSONResponse:
        number = installation.install(self._state, await json_object(request), len(self._sites))
        address = self._sites[number].address
        return JSONResponse({"host": address.host, "port": address.port})

    async def phase(self, request: Request) -> JSONResponse:
        """Note what the installer begins on a server; the one that is told to fail fails, once."""
        wish = await json_object(request)
        if set(wish) != set(_PHASE):
            raise ValueError(f"a phase has {' and '.join(_PHASE)}")
        self._phases.append(wish)
        if self._fault == wish:
            self._fault = None
            raise ValueError(f"the installation of {wish['server']} fails at {wish['phase']}, as it was told to")
        return JSONResponse({})

    async def fault(self, request: Request) -> JSONResponse:
        wish = await json_object(request)
        if wish and set(wish) != set(_PHASE):
            raise ValueError(f"a fault has {' and '.join(_PHASE)}, or nothing")
        self._fault = wish or None
        return JSONResponse({})

    async def agent(self, request: Request) -> JSONResponse | StreamingResponse:
        """The server is present as long as this connection is; it ends when the cluster has no such server any more."""
        name = request.path_params["name"]
        server = self._server(name)
        if server is None:
            return JSONResponse({"error": f"there is no server {name!r}"}, status_code=404)
        watch_connection()
        return StreamingResponse(self._present(server), media_type="text/plain")

    async def _present(self, server: Thing) -> AsyncIterator[bytes]:
        session = object()
        self._sessions[server["UUID"]] = session
        self._state.pace.catch_up()
        installation.arrive(self._state, server)
        self._state.look()
        try:
            yield b"present\n"
            while self._server(server["name"]) is server and self._sessions[server["UUID"]] is session:
                await asyncio.sleep(0.2)
        finally:
            if self._sessions.get(server["UUID"]) is session:
                del self._sessions[server["UUID"]]
                self._state.pace.catch_up()
                installation.leave(self._state, server)
                self._state.look()

    def _server(self, name: str) -> Thing | None:
        return next((server for server in self._state.servers if server["name"] == name), None)

    async def io(self, request: Request) -> JSONResponse:
        """A write to a volume by way of a server: 400 when it is lost, or when the server takes none at present.

        The latter is no lost write: the client tries another server.
        """
        wish = await json_object(request)
        self._state.pace.catch_up()
        refused = installation.refused_write(self._state, str(wish.get("server")))
        if refused:
            raise ValueError(refused)
        lost = installation.lost_write(self._state, str(wish.get("volume")))
        self._state.availability.count_write(lost)
        if lost:
            raise ValueError(lost)
        return JSONResponse({})

    async def availability(self, _request: Request) -> JSONResponse:
        self._state.pace.catch_up()
        return JSONResponse(self._state.availability.as_json())

    async def watch(self, request: Request) -> JSONResponse:
        await request.body()  # what is not read would end the connection
        self._state.pace.catch_up()
        self._state.availability = Availability(on=True)
        self._state.look()
        return JSONResponse({})
