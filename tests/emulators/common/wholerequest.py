# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a request to its end before anything answers it.

Otherwise a refusal that is sent early makes the server close the connection under the client's remaining bytes, and the
client may never see the answer. The emulated servers read on.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WholeRequestMiddleware:
    """Hand a request to the application when it has arrived completely."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client left in the middle of its request
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        pending: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self._app(scope, replay, send)
