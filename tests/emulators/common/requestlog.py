# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember what was asked, for tests that count requests. Secrets are never kept: no headers, no query, no bodies."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .clock import Clock

KEPT = 100_000
# Words that may stand in front of a credential in "Authorization"; anything else could be the credential itself.
SCHEMES = frozenset({"Bearer", "Basic", "Metal-View", "Metal-Edit", "Metal-Admin"})


@dataclass
class Entry:
    """One request. ``status`` is None while it runs and when no response was begun (a reset)."""

    number: int
    time: str
    method: str
    path: str
    protocol: str
    client: str
    auth: str
    status: int | None = None
    seconds: float | None = None
    fault: str | None = None


class RequestLog:
    """The newest requests, and how many there were of each kind since the last ``clear``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._total = 0

    def begin(self, scope: Scope) -> Entry:
        """Note a request before it is answered."""
        self._total += 1
        entry = Entry(
            number=self._total,
            time=self._clock.now().isoformat(timespec="milliseconds"),
            method=scope["method"],
            path=scope["path"],
            protocol=scope["http_version"],
            client=scope["client"][0] if scope.get("client") else "",
            auth=_scheme(scope),
        )
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget everything and count from one again."""
        self._entries.clear()
        self._total = 0

    def running(self) -> int:
        """How many are still at work."""
        return sum(entry.seconds is None for entry in self._entries)

    def as_json(self) -> dict[str, Any]:
        """``{"total": n, "counts": {"GET /path 200": n}, "requests": [entry, ...]}``, oldest first."""
        counts = Counter(f"{e.method} {e.path} {e.status if e.status is not None else '-'}" for e in self._entries)
        return {"total": self._total, "counts": dict(counts), "requests": [dict(vars(e)) for e in self._entries]}


def _scheme(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            word = value.decode("latin-1").split(" ", 1)[0]
            return word if word in SCHEMES else "other"
    return "none"


class RequestLogMiddleware:
    """Log every request of an application, and stamp responses with the emulator's own idea of the date."""

    def __init__(self, app: ASGIApp, log: RequestLog, clock: Clock) -> None:
        self._app = app
        self._log = log
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry = self._log.begin(scope)
        scope["emulator.entry"] = entry
        begun = time.monotonic()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                date = self._clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            entry.seconds = round(time.monotonic() - begun, 6)
