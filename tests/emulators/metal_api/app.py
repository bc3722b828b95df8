# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put the emulator together: v1 and v2 on one address, faults and request log in front of both, the control beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from ..common.control import Controls, control_app
from ..common.faults import FaultMiddleware
from ..common.requestlog import RequestLogMiddleware
from ..common.wholerequest import WholeRequestMiddleware
from . import control
from .state import State
from .tokens import TokenStore
from .v1.app import V1App
from .v1.app import injected_error as v1_error
from .v1.auth import HmacKeys
from .v2.app import V2App
from .v2.app import injected_error as v2_error


@dataclass
class Emulator:
    """All parts of a running emulator."""

    keys: HmacKeys = field(default_factory=HmacKeys)
    base_path: str = "/metal/"
    token_file: Path | None = None

    def __post_init__(self) -> None:
        self.controls = Controls()
        self.state = State(self.controls.clock)
        self.tokens = TokenStore(self.controls.clock, self.token_file)

    def api(self) -> ASGIApp:
        """v1 and v2."""
        versions = _Versions(V1App(self.state, self.keys, self.base_path), V2App(self.state, self.tokens), self.state)
        faulty = FaultMiddleware(versions, self.controls.faults, _error_body, self.state.load)
        return WholeRequestMiddleware(RequestLogMiddleware(faulty, self.controls.log, self.controls.clock))

    def control(self) -> Starlette:
        """The control endpoint."""
        return control_app(self.controls, control.routes(self.controls, self.state, self.tokens))


def _is_v2(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith("/metalstack.")


def _error_body(scope: Scope, status: int, message: str) -> tuple[str, bytes]:
    return (v2_error if _is_v2(scope) else v1_error)(status, message)


class _Versions:
    def __init__(self, v1: ASGIApp, v2: object, state: State) -> None:
        self._v1 = v1
        self._v2 = v2
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._state.life.requested()
            self._state.tasks.requested()
        if _is_v2(scope):
            await self._v2(scope, receive, send)  # type: ignore[operator]
        else:
            await self._v1(scope, receive, send)
