# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: what a test asks the emulator to do wrong, to which requests, and how often.

A fault is described in JSON (see ``tests/emulators/README.md``) and acts on the requests it matches. Of the matching
faults every ``latency`` counts and the first of any other kind acts. "After the commit" means that the request was
carried out and only its answer is spoilt.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .server import close_connection, reset_connection, stop_listener

ACTIONS = (
    "latency", "status", "reset", "stop", "truncate", "stall", "invalid_json", "empty_list", "null_list", "race",
    "change",
)  # fmt: skip
RACE = "emulator.race"  # in the scope: another client changes the entity just before this request's write

# (scope, HTTP status, message) -> content type and body of the error as the emulated API words it
ErrorBody = Callable[[Scope, int, str], tuple[str, bytes]]


@dataclass
class Fault:
    """One fault. ``seen`` counts the requests that matched, ``hits`` those it acted on."""

    action: str
    name: str = ""
    method: str = ".*"
    path: str = ".*"
    when: str = "before"
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    status: int = 500
    message: str = ""
    retry_after: str | None = None
    body: str | None = None
    content_type: str = "text/html"
    change: dict[str, Any] | None = None
    keep: float = 0.5
    seen: int = 0
    hits: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False)

    def take(self, scope: Scope) -> bool:
        """Whether the fault acts on this request; counts it."""
        if not re.fullmatch(self.method, scope["method"]) or not re.search(self.path, scope["path"]):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.hits >= self.count):
            return False
        if self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The description and the counters."""
        return {name: value for name, value in vars(self).items() if name != "random"}


_TYPES: Mapping[str, tuple[type, ...]] = {
    "action": (str,), "name": (str,), "method": (str,), "path": (str,), "when": (str,), "message": (str,),
    "body": (str,), "content_type": (str,), "count": (int,), "skip": (int,), "seed": (int,), "status": (int,),
    "retry_after": (str, int), "probability": (int, float), "seconds": (int, float), "keep": (int, float),
    "change": (dict,),
}  # fmt: skip


def parse_fault(data: object) -> Fault:
    """A fault from its JSON description; ValueError with one sentence naming the key when it is wrong."""
    if not isinstance(data, dict):
        raise ValueError("a fault is an object with at least 'action'")
    for key, value in data.items():
        if key not in _TYPES:
            raise ValueError(f"a fault has no {key!r}; it has: {', '.join(_TYPES)}")
        if isinstance(value, bool) or not isinstance(value, _TYPES[key]):
            raise ValueError(f"{key!r} of a fault cannot be {json.dumps(value)}")
    if data.get("action") not in ACTIONS:
        raise ValueError(f"'action' of a fault is one of {', '.join(ACTIONS)}")
    if data.get("when", "before") not in ("before", "after"):
        raise ValueError("'when' of a fault is 'before' (the commit) or 'after'")
    if (data["action"] == "change") != ("change" in data):
        raise ValueError("'change' of a fault is the sections of the state that its action 'change' changes")
    for key in ("method", "path"):
        try:
            re.compile(data.get(key, ""))
        except re.error as error:
            raise ValueError(f"{key!r} of a fault is no regular expression: {error}") from error
    fault = Fault(**data)
    fault.retry_after = None if fault.retry_after is None else str(fault.retry_after)
    fault.random.seed(fault.seed)
    return fault


class Faults:
    """The faults that are set, in order."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._added = 0

    def add(self, faults: Sequence[Fault]) -> None:
        """Append faults; those without a name are numbered."""
        for fault in faults:
            self._added += 1
            fault.name = fault.name or f"fault-{self._added}"
            self._faults.append(fault)

    def remove(self, name: str | None = None) -> int:
        """Remove the faults of that name, or all; returns how many."""
        kept = [fault for fault in self._faults if name is not None and fault.name != name]
        removed = len(self._faults) - len(kept)
        self._faults = kept
        return removed

    def as_json(self) -> list[dict[str, Any]]:
        """All of them, with their counters."""
        return [fault.as_json() for fault in self._faults]

    def take(self, scope: Scope) -> tuple[list[Fault], Fault | None]:
        """The delays and the one other fault that act on a request."""
        delays: list[Fault] = []
        spoiler: Fault | None = None
        for fault in self._faults:
            if spoiler is not None and fault.action != "latency":
                continue
            if fault.take(scope):
                if fault.action == "latency":
                    delays.append(fault)
                else:
                    spoiler = fault
        return delays, spoiler


class FaultMiddleware:
    """Let the set faults act on the requests to an application."""

    def __init__(
        self, app: ASGIApp, faults: Faults, error_body: ErrorBody, change: Callable[[dict[str, Any]], object]
    ) -> None:
        """``change`` changes the state of the emulator, as ``PATCH /state`` does."""
        self._app = app
        self._faults = faults
        self._error_body = error_body
        self._change = change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delays, fault = self._faults.take(scope) if scope["type"] == "http" else ([], None)
        if not delays and fault is None:
            await self._app(scope, receive, send)
            return
        scope["emulator.entry"].fault = ",".join(f.name for f in [*delays, *([fault] if fault else [])])
        await asyncio.sleep(sum(delay.seconds for delay in delays if delay.when == "before"))
        if fault is not None and fault.change is not None and fault.when == "before":
            self._change(fault.change)
        if fault is not None and fault.when == "before" and fault.action in ("status", "reset", "stop"):
            response = Response(500, [], b"")
        else:
            response = await _answer(self._app, _plain(scope, fault), receive)
        if fault is not None and fault.change is not None and fault.when == "after":
            self._change(fault.change)
        await asyncio.sleep(sum(delay.seconds for delay in delays if delay.when == "after"))
        await self._deliver(response, fault, scope, send)
        if fault is not None and fault.action in ("reset", "stop", "truncate", "stall"):
            await _disconnected(receive)

    async def _deliver(self, response: Response, fault: Fault | None, scope: Scope, send: Send) -> None:
        action = fault.action if fault is not None else ""
        if fault is not None and action == "status":
            response = self._error(fault, scope)
        if action in ("invalid_json", "empty_list", "null_list"):
            response.replace_body(_wrong_content(action, response))
        if action == "reset":
            reset_connection()
        elif action == "stop":
            await stop_listener()
        elif fault is not None and action in ("truncate", "stall"):
            await _cut_short(fault, response, send)
        else:
            await response.send(send)

    def _error(self, fault: Fault, scope: Scope) -> Response:
        if fault.body is None:
            content_type, body = self._error_body(scope, fault.status, fault.message)
        else:
            content_type, body = fault.content_type, fault.body.encode()
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        if fault.retry_after is not None:
            headers.append((b"retry-after", fault.retry_after.encode()))
        return Response(fault.status, headers, body)


@dataclass
class Response:
    """A whole response, held back."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    # behind the body; None when the answer has none
    trailers: list[tuple[bytes, bytes]] | None = None

    def replace_body(self, body: bytes) -> None:
        """Another body, with the headers that belong to it."""
        self.body = body
        dropped = (b"content-length", b"content-encoding")
        kept = [(name, value) for name, value in self.headers if name.lower() not in dropped]
        self.headers = [*kept, (b"content-length", str(len(body)).encode())]

    async def send(self, send: Send, body: bytes | None = None, *, more: bool = False) -> None:
        """Send it, or only ``body`` of it."""
        trailers = self.trailers is not None
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers, "trailers": trailers}
        await send(start)
        content = self.body if body is None else body
        await send({"type": "http.response.body", "body": content, "more_body": more})
        if trailers and not more:
            await send({"type": "http.response.trailers", "headers": self.trailers})


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> Response:
    response = Response(500, [], b"")
    parts: list[bytes] = []

    async def hold(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status, response.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))
        elif message["type"] == "http.response.trailers":
            response.trailers = list(message["headers"])

    await app(scope, receive, hold)
    response.body = b"".join(parts)
    return response


async def _cut_short(fault: Fault, response: Response, send: Send) -> None:
    """Announce the whole length, send a part, and end the connection (at once, or after a silence)."""
    response.replace_body(response.body)
    await response.send(send, response.body[: int(len(response.body) * fault.keep)], more=True)
    await asyncio.sleep(fault.seconds)
    close_connection()


async def _disconnected(receive: Receive) -> None:
    """Wait until the server has noticed the end of the connection; it must not see an unanswered request before."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _plain(scope: Scope, fault: Fault | None) -> Scope:
    """The request as the application shall see it: answered uncompressed, so that its answer can be spoilt."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
    return {**scope, "headers": headers, RACE: fault is not None and fault.action == "race"}


def _wrong_content(action: str, response: Response) -> bytes:
    if action == "invalid_json":
        # Of the right length, but neither JSON nor (an overlong tag) protocol buffers.
        return (b"\xff" * 11 + response.body)[: max(len(response.body), 11)]
    if (b"content-type", b"application/proto") in response.headers:
        return b""
    empty: list[object] | None = [] if action == "empty_list" else None
    document = json.loads(response.body)
    if document is None or isinstance(document, list):
        return json.dumps(empty).encode()
    # Connect wraps a list into an object.
    lists = {name: empty for name, value in document.items() if isinstance(value, list)}
    return json.dumps({**document, **lists}).encode()
