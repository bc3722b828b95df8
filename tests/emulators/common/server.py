# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve an ASGI application over HTTP/1.1 and HTTP/2, with and without TLS, on one or more addresses.

Hypercorn speaks the protocols (h2c with prior knowledge included). The accept loop is ours for one reason: tests want
real connection failures, so the application must be able to get at the connection it answers on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import signal
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
_site: contextvars.ContextVar[Site] = contextvars.ContextVar("site")


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
    _reset(_connection.get())


def _reset(writer: asyncio.StreamWriter) -> None:
    peer = cast("socket.socket | None", writer.get_extra_info("socket"))
    # Linger with no time: closing discards what is unsent and sends RST instead of FIN. None: it is closed already.
    if peer is not None and peer.fileno() >= 0:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def watch_connection() -> None:
    """Notice within seconds that the client's machine is gone, by the kernel's probes: for answers that never end."""
    peer = cast("socket.socket", _connection.get().get_extra_info("socket"))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def stop_listener() -> None:
    """Stop the listener that got the request which is being answered, as the end of its machine does."""
    await _site.get().stop()


def close_connection() -> None:
    """End the connection of the request that is being answered in the middle of its response, after what was sent."""
    _connection.get().transport.close()


@dataclass
class Site:
    """A listener at work. It can be stopped and started alone, as the machine that it stands for."""

    listener: Listener
    context: WorkerContext
    address: Address = field(init=False)
    connections: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)
    _server: asyncio.base_events.Server | None = None
    _held: socket.socket | None = None

    async def start(self) -> None:
        """Listen; again on the same port after a stop."""
        if self._server is not None:
            return
        config = _config(self.listener)
        app = ASGIWrapper(cast(ASGIFramework, self.listener.app))
        loop = asyncio.get_running_loop()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._server is None:
                # its TLS handshake took longer than the listener lived
                _reset(writer)
                return
            task = asyncio.current_task()
            assert task is not None
            self.connections[task] = writer
            task.add_done_callback(lambda done: self.connections.pop(done, None))
            _connection.set(writer)
            _site.set(self)
            await TCPServer(app, loop, config, self.context, {}, reader, writer)

        listener = self.listener
        tls = config.create_ssl_context() if listener.tls else None
        port = self.address.port if self._held is not None else listener.port
        self._server = await asyncio.start_server(
            connected, listener.host, port, backlog=config.backlog, ssl=tls, reuse_address=True
        )
        self._release()
        self.address = _address(self._server, listener)

    async def stop(self) -> None:
        """Reset all connections and refuse new ones. The port is kept from others: bound, but nobody listens.

        When it returns, all that has happened: a client that is told of the end finds no connection still open.
        """
        if self._server is None:
            return
        family = self._server.sockets[0].family
        self.close()
        self._held = socket.socket(family, socket.SOCK_STREAM)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind((self.listener.host, self.address.port))
        writers = list(self.connections.values())
        for writer in writers:
            _reset(writer)
        for writer in writers:
            # raises what ended a connection that was lost before
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def close(self) -> None:
        """Take no new connections."""
        self._release()
        if self._server is not None:
            self._server.close()
            self._server = None

    def _release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


async def serve(
    listeners: Sequence[Listener],
    ready: Callable[[Sequence[Site]], None],
    *,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT (or the end of standard input).

    :param ready: called when all listen, with the sites in the listeners' order.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_stdin_end(stop)) if until_stdin_closes else None
    context = WorkerContext(None)
    sites = [Site(listener, context) for listener in listeners]
    for site in sites:
        await site.start()
    ready(sites)
    await stop.wait()
    for site in sites:
        site.close()
    await context.terminated.set()
    connections = [task for site in sites for task in site.connections]
    if connections:
        await asyncio.wait(connections, timeout=GRACE)
    for task in [*connections, *([watch] if watch else [])]:
        task.cancel()


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
