# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections of the HTTP client: how they are made, kept and read.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Union

from ._errors import ApiError, DeadlineError, TransportError
from ._http_tls import TlsError, TlsOptions, context

if TYPE_CHECKING:
    from ._http_proxy import Proxy

_IDLE_SECONDS = 30.0
# A server may close an idle connection just while the next request is on its way. Where that would be ambiguous, only
# a connection that was in use a moment ago is used again.
_FRESH_SECONDS = 2.0
_IDLE_PER_ORIGIN = 8
# Sockets wait in milliseconds.
_TICK = 0.002
_CONNECT_ANSWER = 16 * 1024
_PERMANENT_DNS = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))

Buffer = Union[bytearray, memoryview]


class Clock(Protocol):
    """Time, to be replaced by tests: seconds, as in the module ``time``."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never jumps."""

    def time(self) -> float:
        """Return seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Problem(Exception):
    """One attempt failed; the text is a part of a sentence, ``kind`` the error that it becomes in the end.

    ``unsent``: the request cannot have been processed. ``permanent``: the next attempt would fail in the same way.
    ``silent``: the connection ended before the first byte of the answer. ``pending``: the server may still be at work.
    """

    def __init__(
        self,
        text: str,
        *,
        kind: type[ApiError] = TransportError,
        unsent: bool = False,
        permanent: bool = False,
        silent: bool = False,
        pending: bool = False,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.unsent = unsent
        self.permanent = permanent
        self.silent = silent
        self.pending = pending


@dataclass(frozen=True)
class Origin:
    """Where requests go. Only requests with equal origins share a connection."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = self.endpoint.rpartition(":")[0]
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else self.endpoint

    @property
    def endpoint(self) -> str:
        """Host and port, for messages."""
        return _endpoint(self.host, self.port)


class Limit:
    """How long one attempt may wait: ``timeout`` for each step, and until ``until`` (monotonic) altogether."""

    def __init__(self, clock: Clock, timeout: float, until: float | None = None) -> None:
        self._clock = clock
        self.timeout = timeout
        self.until = until

    def next(self) -> float:
        """Return how long the next step may wait. Raises :class:`Problem` when the time is over."""
        if self.until is None:
            return self.timeout
        left = self.until - self._clock.monotonic()
        if left < _TICK:
            raise Problem("the time for the call is over", kind=DeadlineError)
        return min(self.timeout, left)


class _Source(io.RawIOBase):
    """What a connection receives, as the raw stream from which http.client reads answers.

    ``heard``: something was received since the last request was sent. ``ended``: the other side closed the connection.
    While it is ``dry``, it gives only what was received before.
    """

    def __init__(self, sock: socket.socket, where: str, limit: Limit) -> None:
        self.limit = limit
        self.heard = False
        self.ended = False
        self.dry = False
        self._sock = sock
        self._where = where

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int | None:  # type: ignore[override]
        # Called for each TLS record, so nothing here that can be elsewhere.
        if self.dry:
            return None
        try:
            if self.limit.until is not None:
                self.arm()
            count = self._sock.recv_into(buffer, len(buffer))
        except OSError as error:
            raise self.problem(error) from None
        if count:
            self.heard = True
        else:
            self.ended = True
        return count

    def arm(self) -> None:
        """Let the socket wait as long as the next step may take."""
        self._sock.settimeout(self.limit.next())

    def problem(self, error: OSError) -> Problem:
        """Return what an error of the socket means."""
        where, silent = self._where, not self.heard
        if isinstance(error, (TimeoutError, socket.timeout)):
            self.limit.next()
            return Problem(f"{where} did not answer within {self.limit.timeout:g} s", pending=True)
        if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return Problem(f"{where} closed the connection", silent=silent)
        if isinstance(error, ssl.SSLError):
            hint = " (it wants client_cert)" if "CERTIFICATE_REQUIRED" in (error.reason or "") else ""
            return Problem(f"TLS with {where} failed: {_reason(error)}{hint}", permanent=True)
        if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
            return Problem(f"{where} reset the connection", silent=silent)
        return Problem(f"the connection to {where} failed: {error.strerror or error}")


class _Reader(io.BufferedReader):
    """Stays open when http.client closes it at the end of an answer, since more answers will come."""

    def close(self) -> None:
        pass

    def flush(self) -> None:
        # Called by http.client for answers that nobody closed, maybe after the garbage collection of the source.
        pass


class Connection:
    """A connected socket, used for one request after the other; ``used`` tells that it carried one before."""

    def __init__(self, origin: Origin, sock: socket.socket, limit: Limit) -> None:
        self.origin = origin
        self.used = False
        self.idle_since = 0.0
        self._sock = sock
        self._source = _Source(sock, origin.endpoint, limit)
        self._reader = _Reader(self._source, 16 * 1024)

    @property
    def heard(self) -> bool:
        """Whether something was received since the last request was sent."""
        return self._source.heard

    @property
    def ended(self) -> bool:
        """Whether the other side closed it."""
        return self._source.ended

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the stream of answers, which http.client asks for. It is the same one for all of them."""
        del mode
        return self._reader

    def begin(self, limit: Limit) -> None:
        """Use the connection for a request with this limit."""
        self._source.limit = limit

    def send(self, data: bytes) -> None:
        """Send a request. Raises :class:`Problem`."""
        self._source.heard = False
        try:
            self._source.arm()
            self._sock.sendall(data)
        except OSError as error:
            raise self._source.problem(self._alert() or error) from None

    def _alert(self) -> ssl.SSLError | None:
        """Return why the other side ended TLS, if it said so before it closed the connection.

        With TLS 1.3 that is how a client learns that its certificate is missing or not accepted.
        """
        if isinstance(self._sock, ssl.SSLSocket):
            try:
                self._sock.recv(1)
            except ssl.SSLError as error:
                return None if isinstance(error, ssl.SSLEOFError) else error
            except OSError:
                return None
        return None

    def clean(self) -> bool:
        """Say whether nothing was received beyond the last answer."""
        self._source.dry = True
        try:
            return not self._reader.peek(1)
        finally:
            self._source.dry = False

    def alive(self) -> bool:
        """Say whether an idle connection can be used: the other side neither closed it nor sent anything unasked."""
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Close the socket, without saying goodbye: a process that was forked may have the same connection."""
        self._sock.close()

    __del__ = close


def connect(origin: Origin, tls: TlsOptions, limit: Limit) -> Connection:
    """Open a connection, through the proxy if there is one. Raises :class:`Problem`, always with ``unsent``."""
    try:
        return _connect(origin, tls, limit)
    except Problem as problem:
        problem.unsent = True
        raise


def _connect(origin: Origin, tls: TlsOptions, limit: Limit) -> Connection:
    trusted = None
    if origin.scheme == "https":
        try:
            trusted = context(tls)
        except TlsError as error:
            raise Problem(str(error), permanent=True) from None
    proxy = origin.proxy
    if proxy is None:
        sock = _open(origin.host, origin.port, "", limit)
    else:
        sock = _open(proxy.host, proxy.port, "the proxy ", limit)
    try:
        if trusted is not None:
            if proxy:
                _tunnel(sock, origin, proxy, limit)
            sock.settimeout(limit.next())
            sock = _handshake(sock, trusted, origin, tls, limit)
        return Connection(origin, sock, limit)
    except BaseException:
        sock.close()
        raise


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _open(host: str, port: int, what: str, limit: Limit) -> socket.socket:
    where = f"{what}{_endpoint(host, port)}"
    try:
        addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        permanent = not isinstance(error, socket.gaierror) or error.errno in _PERMANENT_DNS
        reason = error.strerror if isinstance(error, socket.gaierror) else "not a host name"
        raise Problem(f"the name of {what}{host} cannot be resolved ({reason})", permanent=permanent) from None
    last: OSError = OSError("no address")
    for family, kind, protocol, _name, address in addresses:
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(limit.next())
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return sock
        except OSError as error:
            last = error
            if sock is not None:
                sock.close()
        except BaseException:
            if sock is not None:
                sock.close()
            raise
    limit.next()
    if isinstance(last, (TimeoutError, socket.timeout)) and last.errno != errno.ETIMEDOUT:
        raise Problem(f"{where} did not accept the connection within {limit.timeout:g} s")
    if isinstance(last, ConnectionRefusedError):
        raise Problem(f"{where} refused the connection")
    raise Problem(f"{where} cannot be reached: {last.strerror or last}")


def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy, limit: Limit) -> None:
    """Ask the proxy for a connection to the origin."""
    lines = [f"CONNECT {origin.endpoint} HTTP/1.1", f"Host: {origin.endpoint}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    where = f"the proxy {_endpoint(proxy.host, proxy.port)}"
    answer = b""
    try:
        sock.settimeout(limit.next())
        sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        # byte by byte at the end, since what follows belongs to TLS
        while not answer.endswith(b"\r\n\r\n"):
            sock.settimeout(limit.next())
            byte = sock.recv(1)
            if not byte or len(answer) > _CONNECT_ANSWER:
                raise Problem(f"{where} gave no usable answer to CONNECT")
            answer += byte
    except OSError as error:
        limit.next()
        if isinstance(error, (TimeoutError, socket.timeout)):
            raise Problem(f"{where} did not answer within {limit.timeout:g} s") from None
        raise Problem(f"{where} failed: {error.strerror or error}") from None
    first = answer.split(b"\r\n", 1)[0].decode("latin-1").split(None, 2)
    status = first[1] if len(first) > 1 and first[0].startswith("HTTP/1.") else "?"
    if not status.startswith("2"):
        why = " (its user name and password are needed, or wrong)" if status == "407" else ""
        raise Problem(
            f"{where} refused to connect to {origin.endpoint} with status {status}{why}",
            permanent=status not in ("429", "502", "503", "504"),
        )


def _handshake(
    sock: socket.socket, trusted: ssl.SSLContext, origin: Origin, tls: TlsOptions, limit: Limit
) -> ssl.SSLSocket:
    where = origin.endpoint
    try:
        return trusted.wrap_socket(sock, server_hostname=origin.host)
    except ssl.SSLCertVerificationError as error:
        reason = (error.verify_message or _reason(error)).rstrip(".")
        hint = ""
        if error.verify_code in (18, 19, 20, 21):
            # unknown authority
            hint = (
                f"; ca_path is {tls.ca_path}"
                if tls.ca_path
                else "; set ca_path to the file with the certificate of its authority"
            )
        raise Problem(f"the certificate of {where} is not trusted: {reason}{hint}", permanent=True) from None
    except (TimeoutError, socket.timeout):
        limit.next()
        raise Problem(f"{where} did not finish the TLS handshake within {limit.timeout:g} s") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise Problem(f"{where} closed the connection during the TLS handshake") from None
    except ssl.SSLError as error:
        hint = " (is it https at all?)" if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST") else ""
        raise Problem(f"TLS with {where} failed: {_reason(error)}{hint}", permanent=True) from None
    except OSError as error:
        raise Problem(f"{where} closed the connection during the TLS handshake: {error.strerror or error}") from None


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()


class Pool:
    """Idle connections by origin. Thread-safe, and after a fork the child starts with an empty pool."""

    def __init__(self, tls: TlsOptions, clock: Clock) -> None:
        self._tls = tls
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[Connection]] = {}

    def get(self, origin: Origin, limit: Limit, *, repeatable: bool, fresh: bool = False) -> Connection:
        """Return a connection for one request: an idle one, or a new one (always if ``fresh``).

        ``repeatable`` tells that a request which got no answer may be sent again. Raises :class:`Problem`.
        """
        if self._process != os.getpid():
            self._reset()
        age = _IDLE_SECONDS if repeatable else _FRESH_SECONDS
        for found in () if fresh else self._taken(origin):
            if self._clock.monotonic() - found.idle_since <= age and found.alive():
                found.begin(limit)
                return found
            found.close()
        return connect(origin, self._tls, limit)

    def _taken(self, origin: Origin) -> Iterator[Connection]:
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    return
                found = idle.pop()
            yield found

    def put(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.used = True
        connection.idle_since = self._clock.monotonic()
        with self._lock:
            idle = self._idle.setdefault(connection.origin, [])
            if len(idle) < _IDLE_PER_ORIGIN:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            idle = [connection for connections in self._idle.values() for connection in connections]
            self._idle.clear()
        for connection in idle:
            connection.close()
