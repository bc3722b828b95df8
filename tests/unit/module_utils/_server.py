# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted HTTP server on real sockets: it answers exactly what a test says, byte by byte, and counts.

It is written on sockets and not on an HTTP library, since what it has to do is mostly forbidden.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import BinaryIO, Union

_STEP = 10.0


@dataclass(frozen=True)
class Request:
    """What a client sent; ``connection`` counts from 1, header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    peer_certificate: bool = False


class Close:
    """Step: close the connection in order."""


class Reset:
    """Step: close the connection by a reset."""


@dataclass
class Wait:
    """Step: go on when the test says so."""

    event: threading.Event


@dataclass
class Tunnel:
    """Step: relay bytes to and from another server until one side ends, as a proxy does after CONNECT."""

    address: tuple[str, int]


Step = Union[bytes, Close, Reset, Wait, Tunnel]
Script = Callable[[Request], Iterable[Step]]


def answer(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, *, length: bool = True
) -> list[Step]:
    """A complete answer; ``length`` false leaves Content-Length out."""
    lines = [f"HTTP/1.1 {status} Status"]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return ["\r\n".join([*lines, "", ""]).encode("latin-1") + body]


def replies(*scripts: Sequence[Step]) -> Script:
    """Answer the first request with the first script and so on; the last one answers all that follow."""
    lock = threading.Lock()
    left = list(scripts)

    def reply(_request: Request) -> Sequence[Step]:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return reply


@dataclass
class Server:
    """Listens on 127.0.0.1 while it is entered. ``requests`` and ``connections`` tell what came."""

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    handshakes_failed: int = 0

    def __enter__(self) -> Server:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()
        for thread in self._threads:
            thread.join(_STEP)
            assert not thread.is_alive(), "the server hangs"

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def disconnect(self) -> None:
        """End all connections that are open."""
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
            self._start(self._serve, connection, number)

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(_STEP)
        if self.tls:
            secure = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            try:
                secure.do_handshake()
            except OSError:
                self.handshakes_failed += 1
                _hang_up(secure)
                return
            connection = secure
        with self._lock:
            self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as stream:
                while True:
                    request = _read(stream, number, connection)
                    if request is None:
                        return
                    with self._lock:
                        self.requests.append(request)
                    if not self._play(connection, self.script(request)):
                        return
        except OSError:
            # the client went away, which is what some tests are about
            return
        finally:
            with self._lock:
                self._open.discard(connection)

    def _play(self, connection: socket.socket, steps: Iterable[Step]) -> bool:
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, Wait):
                assert step.event.wait(_STEP), "the test forgot to go on"
            elif isinstance(step, Tunnel):
                self._relay(connection, step.address)
                return False
            elif isinstance(step, Reset):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            else:
                return False
        return True

    def _relay(self, client: socket.socket, address: tuple[str, int]) -> None:
        with socket.create_connection(address, _STEP) as server:

            def copy() -> None:
                with contextlib.suppress(OSError):
                    while data := server.recv(65536):
                        client.sendall(data)

            back = threading.Thread(target=copy, daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    server.sendall(data)
                server.shutdown(socket.SHUT_WR)
            back.join(_STEP)


def _hang_up(connection: ssl.SSLSocket) -> None:
    """Close after a failed handshake, so that the client gets the alert: unread data would make it a reset."""
    with connection, contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def _read(stream: BinaryIO, number: int, connection: socket.socket) -> Request | None:
    line = stream.readline()
    if not line:
        return None
    if not line.rstrip().endswith(b" HTTP/1.1"):
        # somebody speaks TLS to a plain server
        return None
    method, target, _version = line.decode("latin-1").split()
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _colon, value = line.decode("latin-1").partition(":")
        assert name.lower() not in headers, f"{name} was sent twice"
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    certificate = isinstance(connection, ssl.SSLSocket) and bool(connection.getpeercert())
    return Request(method, target, headers, body, number, certificate)


class FakeClock:
    """Time that passes only when somebody sleeps, or the test moves it."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self._start + self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
