# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the emulator together: the API on the addresses of all servers, with faults and request log in front."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.control import Controls, control_app
from ..common.faults import FaultMiddleware
from ..common.requestlog import RequestLogMiddleware
from ..common.server import Site
from ..common.wholerequest import WholeRequestMiddleware
from . import control, installcontrol
from .api import (
    adminendpoints,
    cluster,
    devices,
    events,
    nodes,
    policies,
    projects,
    servers,
    snapshots,
    upgrades,
    volumes,
)
from .gateway import Gateway
from .refusal import injected_error
from .rpc import Rpc, by_protocol
from .state import State

_ROUTES = (
    *cluster.ROUTES,
    *upgrades.ROUTES,
    *servers.ROUTES,
    *nodes.ROUTES,
    *devices.ROUTES,
    *adminendpoints.ROUTES,
    *projects.ROUTES,
    *volumes.ROUTES,
    *snapshots.ROUTES,
    *policies.ROUTES,
    *events.ROUTES,
)


class Emulator:
    """All parts of a running emulator."""

    def __init__(self, root_key: bytes | None, servers: int, nodes: int = 1) -> None:
        self.controls = Controls()
        self.sites: list[Site] = []
        self.state = State(self.controls.clock, root_key, servers, nodes)

    def api(self) -> ASGIApp:
        """The API, on all addresses."""
        gateway = Gateway(self.state, _ROUTES)
        faulty = FaultMiddleware(
            by_protocol(gateway, Rpc(gateway)),
            self.controls.faults,
            lambda _scope, status, text: injected_error(status, text),
            self.state.load,
        )
        slow = _Slow(faulty, self.state)
        return WholeRequestMiddleware(RequestLogMiddleware(slow, self.controls.log, self.controls.clock))

    def control(self) -> Starlette:
        """The control endpoint."""
        routes = control.routes(self.controls, self.state, self.sites)
        return control_app(self.controls, [*routes, *installcontrol.routes(self.state, self.sites)])


class _Slow:
    """A server may answer late; the others do not."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(self._delay(scope["server"][1]))
        await self._app(scope, receive, send)

    def _delay(self, port: int) -> float:
        for server in self._state.servers:
            if any(address.endswith(f":{port}") for address in self._state.addresses[server["_number"] :][:1]):
                return float(server["_slow"])
        return 0.0
