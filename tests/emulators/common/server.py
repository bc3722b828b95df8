# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve an ASGI application over HTTP/1.1 and HTTP/2, with and without TLS, on one or more addresses.

Hypercorn speaks the protocols (h2c with prior knowledge included). The accept loop is ours for one reason: tests want
real connection failures, so the application must be able to get at the connection it answers on.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework
from starlette.types import ASGIApp

GRACE = 3.0  # seconds that running requests get at the end
KEEP_ALIVE = 60.0  # seconds an idle connection stays open

_connection: contextvars.ContextVar[asyncio.StreamWriter] = contextvars.ContextVar("connection")


@dataclass(frozen=True)
class Tls:
    """Files of the server's certificate chain and key; with ``client_ca`` a client certificate is demanded."""

    certificate: str
    key: str
    client_ca: str | None = None


@dataclass(frozen=True)
class Listener:
    """An application on one address. Port 0 takes a free one."""

    app: ASGIApp
    host: str
    port: int
    tls: Tls | None = None


@dataclass(frozen=True)
class Address:
    """Where a listener is reached."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        """Scheme, host and port; a wildcard address is named by its loopback address."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"{'https' if self.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}"


def parse_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[address]:port``; ValueError with one sentence otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"a listen address is HOST:PORT, for example 127.0.0.1:0, not {text!r}")
    return host.strip("[]"), int(port)


def reset_connection() -> None:
    """Drop the connection of the request that is being answered with a TCP reset, as a crashing machine does."""
    writer = _connection.get()
    peer = cast("socket.socket", writer.get_extra_info("socket"))
    # Linger with no time: closing discards what is unsent and sends RST instead of FIN.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def close_connection() -> None:
    """End the connection of the request that is being answered in the middle of its response, after what was sent."""
    _connection.get().transport.close()


async def serve(
    listeners: Sequence[Listener],
    ready: Callable[[Sequence[Address]], None],
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT (or the end of standard input).

    :param ready: called when all listen, with their addresses in the listeners' order.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_stdin_end(stop)) if until_stdin_closes else None
    context = WorkerContext(None)
    connections: set[asyncio.Task[None]] = set()
    servers = [await _start(listener, context, connections) for listener in listeners]
    ready([_address(server, listener) for server, listener in zip(servers, listeners)])
    await stop.wait()
    for server in servers:
        server.close()
    await context.terminated.set()
    if connections:
        await asyncio.wait(connections, timeout=GRACE)
    for task in [*connections, *([watch] if watch else [])]:
        task.cancel()


async def _start(
    listener: Listener, context: WorkerContext, connections: set[asyncio.Task[None]]
) -> asyncio.base_events.Server:
    config = _config(listener)
    app = ASGIWrapper(cast(ASGIFramework, listener.app))
    loop = asyncio.get_running_loop()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        _connection.set(writer)
        await TCPServer(app, loop, config, context, {}, reader, writer)

    tls = config.create_ssl_context() if listener.tls else None
    return await asyncio.start_server(connected, listener.host, listener.port, backlog=config.backlog, ssl=tls)


def _address(server: asyncio.base_events.Server, listener: Listener) -> Address:
    host, port = server.sockets[0].getsockname()[:2]
    return Address(host, port, listener.tls is not None)


def _config(listener: Listener) -> Config:
    config = Config()
    config.keep_alive_timeout = KEEP_ALIVE
    config.graceful_timeout = GRACE
    config.include_date_header = False  # the application's clock may be wrong on purpose
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = "-"
    if listener.tls:
        config.certfile, config.keyfile = listener.tls.certificate, listener.tls.key
        if listener.tls.client_ca:
            config.ca_certs, config.verify_mode = listener.tls.client_ca, ssl.CERT_REQUIRED
    return config


async def _stdin_end(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()
