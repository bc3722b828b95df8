# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One keep-alive HTTP client for everything: modules, controller plugins, and the programs on hosts.

Private to the collection metalstack.provisioning. It is built on ``http.client``, since ``open_url`` loads all
certificates anew and opens a new connection for each request. It owes therefore what ``open_url`` would do: proxies,
certificates, redirects, time limits.
"""

from __future__ import annotations

import http.client
import json
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Callable, Union
from urllib.parse import SplitResult, urljoin, urlsplit

from ._errors import DeadlineError, ProtocolError, TransportError
from ._http_proxy import Proxy, choose, environment
from ._redact import redact_url

Headers = Mapping[str, str]
HeaderSource = Union[Headers, Callable[[], Headers], None]
Origin = tuple[str, str, int]

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_TRY_LATER = frozenset({502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What must not follow a redirect to another origin.
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie", "x-date", "x-data-salt"})
_IDLE_CONNECTIONS = 16
_CHUNK = 256 * 1024
# Python 3.9 does not know yet that these are the same.
_TIMEOUTS = (TimeoutError, socket.timeout)


@dataclass(frozen=True)
class TlsOptions:
    """How servers are checked (``ca_path``: a file or a directory), and the certificate shown to them."""

    ca_path: str | None = None
    validate_certs: bool = True
    client_cert: str | None = None
    client_key: str | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """How often a request is tried in all, and how long to wait in between (seconds, doubling, with jitter)."""

    attempts: int = 4
    backoff: float = 0.25
    backoff_cap: float = 8.0
    retry_after_cap: float = 60.0


class Clock:
    """Time as the client sees it; tests replace it."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Response:
    """A complete answer, whatever its status. ``headers.get(name)`` knows any case; ``url`` is after redirects."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    url: str
    request: str

    def json(self) -> Any:
        """Return the body as JSON. Raises :class:`ProtocolError`."""
        try:
            return json.loads(self.body)
        except ValueError:
            pass
        kind = self.headers.get("Content-Type") or "no content type"
        hint = "; is the address right?" if "html" in kind else ""
        raise ProtocolError(
            f"{self.request} was answered with something that is not JSON (status {self.status}, {kind}){hint}",
            request=self.request,
            retryable=False,
        )


class StreamResponse:
    """An answer whose body is read piece by piece. Use it as a context manager."""

    def __init__(
        self, raw: http.client.HTTPResponse, url: str, request: str, done: Callable[[bool], None], method: str
    ) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self.url = url
        self.request = request
        self.length = _content_length(raw) if method != "HEAD" and raw.status not in (204, 304) else 0
        self._raw = raw
        self._done = done
        self._received = 0
        self._finished = False

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` and return how many bytes arrived; 0 is the end.

        Raises :class:`TransportError`, and :class:`ProtocolError` when the body ends before Content-Length.
        """
        if self._finished:
            return 0
        try:
            count = self._raw.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            self._finished = True
            self.close()
            raise _transport_error(error, self.request, " while receiving") from error
        if count:
            self._received += count
            return count
        self._finished = True
        complete = self.length is None or self._received >= self.length
        self._done(complete and not self._raw.will_close)
        if not complete:
            raise ProtocolError(
                f"{self.request}: the answer was cut short after {self._received} of {self.length} bytes",
                request=self.request,
            )
        return 0

    def close(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        if not self._finished and self.length is not None and self._received >= self.length:
            self._finished = True
            self._done(not self._raw.will_close)
            return
        self._finished = True
        self._done(False)

    def __enter__(self) -> StreamResponse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class HttpClient:
    """Makes requests. It may be used by many threads; connections are kept for the next request to the same origin."""

    def __init__(
        self,
        *,
        tls: TlsOptions = TlsOptions(),
        timeout: float = 10.0,
        retry: RetryPolicy = RetryPolicy(),
        proxies: Mapping[str, str] | None = None,
        user_agent: str = "metalstack.provisioning",
        clock: Clock | None = None,
    ) -> None:
        """``timeout`` (seconds) is for each wait on the network; ``proxies`` None means those of the environment."""
        self._tls = tls
        self._timeout = timeout
        self._retry = retry
        self._proxies = environment() if proxies is None else dict(proxies)
        self._user_agent = user_agent
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}

    # -- whole answers

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource = None,
        body: bytes | None = None,
        deadline: float | None = None,
        idempotent: bool | None = None,
        redirects: int = 0,
        max_body: int = 64 * 1024 * 1024,
    ) -> Response:
        """Return the answer, whatever its status.

        ``headers`` may be a callable, which is asked again for every attempt (signatures hold a time). ``deadline`` is
        seconds for the whole call. Repeated are: requests that may be (``idempotent``; None: by method) after a broken
        transport or 502, 503, 504; every request after 429, and when no connection came about, since neither was
        processed.
        Raises :class:`TransportError`, :class:`DeadlineError`, :class:`ProtocolError`.
        """
        repeatable = method in _IDEMPOTENT if idempotent is None else idempotent
        limit = None if deadline is None else self._clock.monotonic() + deadline
        attempt = 0
        while True:
            attempt += 1
            wait: float | None = None
            try:
                response = self._exchange(method, url, headers, body, limit, redirects, max_body, repeatable)
            except TransportError as error:
                again = error.retryable and (repeatable or not error.processed)
                if isinstance(error, DeadlineError) or not again or attempt >= self._retry.attempts:
                    raise _with_attempts(error, attempt) from error
                problem = error.message
            else:
                later = response.status == 429 or (repeatable and response.status in _TRY_LATER)
                if not later or attempt >= self._retry.attempts:
                    return response
                wait = self._retry_after(response)
                problem = f"{response.request} was answered with {response.status}"
            if wait is None:
                ceiling = min(self._retry.backoff_cap, self._retry.backoff * 2 ** (attempt - 1))
                # Jitter, so that many clients do not come back at the same moment. Not for cryptography.
                wait = ceiling * (0.5 + random.random() / 2)
            if limit is not None and self._clock.monotonic() + wait >= limit:
                raise DeadlineError(f"{problem}; no time is left of {deadline:g} s", request=_label(method, url))
            self._clock.sleep(wait)

    def _exchange(
        self,
        method: str,
        url: str,
        headers: HeaderSource,
        body: bytes | None,
        limit: float | None,
        redirects: int,
        max_body: int,
        repeatable: bool,
    ) -> Response:
        with self._open(method, url, headers, body, limit, redirects, None, repeatable) as stream:
            if stream.length is not None and stream.length > max_body:
                raise _too_large(stream.request, max_body)
            data = bytearray()
            buffer = memoryview(bytearray(min(_CHUNK, (stream.length or _CHUNK) + 1)))
            while True:
                count = stream.readinto(buffer)
                if not count:
                    return Response(stream.status, stream.headers, bytes(data), stream.url, stream.request)
                data += buffer[:count]
                if len(data) > max_body:
                    raise _too_large(stream.request, max_body)
                if limit is not None and self._clock.monotonic() >= limit:
                    raise DeadlineError(f"{stream.request}: the answer took too long", request=stream.request)

    def _retry_after(self, response: Response) -> float | None:
        value = response.headers.get("Retry-After")
        if value is None:
            return None
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - self._clock.wall()
            except (TypeError, ValueError):
                return None
        if seconds != seconds:  # "nan" is a float, too
            return None
        return min(max(seconds, 0.0), self._retry.retry_after_cap)

    # -- answers in pieces

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource = None,
        redirects: int = 5,
        timeout: float | None = None,
    ) -> StreamResponse:
        """Open an answer to be read in pieces (a context manager). Nothing is repeated: the caller knows how to go on."""
        return self._open(method, url, headers, None, None, redirects, timeout, method in _IDEMPOTENT)

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            connections = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
        for connection in connections:
            connection.close()

    # -- one request on the wire

    def _open(
        self,
        method: str,
        url: str,
        headers: HeaderSource,
        body: bytes | None,
        limit: float | None,
        redirects: int,
        timeout: float | None,
        repeatable: bool,
    ) -> StreamResponse:
        """Send the request, follow up to ``redirects`` redirects, and return the open answer."""
        sent = dict((headers() if callable(headers) else headers) or {})
        remaining = redirects
        while True:
            response = self._send(method, url, sent, body, self._patience(method, url, limit, timeout), repeatable)
            target = response.headers.get("Location") if response.status in _REDIRECTS else None
            if target is None or redirects == 0:
                return response
            response.close()
            if remaining == 0:
                raise ProtocolError(
                    f"{response.request} was redirected more than {redirects} times",
                    request=response.request,
                    retryable=False,
                )
            remaining -= 1
            old, url = url, urljoin(url, target)
            if urlsplit(old).scheme == "https" and urlsplit(url).scheme != "https":
                raise ProtocolError(
                    f"{response.request} was redirected away from HTTPS, to {redact_url(url)}",
                    request=response.request,
                    retryable=False,
                )
            if _origin(old) != _origin(url):
                sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIAL_HEADERS}
            if response.status == 303 and method != "HEAD":
                method, body = "GET", None

    def _patience(self, method: str, url: str, limit: float | None, timeout: float | None) -> float:
        """Return how long to wait for the network at most."""
        patience = self._timeout if timeout is None else timeout
        if limit is None:
            return patience
        left = limit - self._clock.monotonic()
        if left <= 0:
            raise DeadlineError(f"{_label(method, url)}: no time is left for it", request=_label(method, url))
        return min(patience, left)

    def _send(
        self, method: str, url: str, headers: Headers, body: bytes | None, timeout: float, repeatable: bool
    ) -> StreamResponse:
        request = _label(method, url)
        parts, origin = _split(url, request)
        proxy = choose(self._proxies, *origin)
        target = parts._replace(scheme="", netloc="", fragment="", path=parts.path or "/").geturl()
        fields = {"User-Agent": self._user_agent, "Accept-Encoding": "identity", **headers}
        if proxy is not None and origin[0] == "http":
            target = parts._replace(
                netloc=parts.netloc.rpartition("@")[2], fragment="", path=parts.path or "/"
            ).geturl()
            if proxy.authorization is not None:
                fields["Proxy-Authorization"] = proxy.authorization

        while True:
            connection, reused = self._checkout(origin, proxy, timeout, request)
            try:
                connection.request(method, target, body=body, headers=fields)
                raw = connection.getresponse()
            except (http.client.InvalidURL, ValueError) as error:
                connection.close()
                raise TransportError(
                    f"{request}: the address or a header has characters that HTTP does not allow",
                    request=request,
                    processed=False,
                    retryable=False,
                ) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # The server may close an idle connection at the very moment of its use. That says nothing about its
                # health, so the request goes to a new one, if it may be sent twice at all.
                if reused and repeatable and not isinstance(error, _TIMEOUTS):
                    continue
                raise _transport_error(error, request, "") from error
            break

        def done(reusable: bool) -> None:
            raw.close()
            if reusable:
                self._checkin(origin, connection)
            else:
                connection.close()

        return StreamResponse(raw, url, request, done, method)

    def _checkout(
        self, origin: Origin, proxy: Proxy | None, timeout: float, request: str
    ) -> tuple[http.client.HTTPConnection, bool]:
        """Return (a connected connection, whether it was used before)."""
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                connection = idle.pop() if idle else None
            if connection is None:
                break
            if _is_quiet(connection.sock):
                connection.sock.settimeout(timeout)
                return connection, True
            connection.close()
        connection = self._connection(origin, proxy, timeout, request)
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _connect_error(error, request, origin, proxy, self._tls) from error
        return connection, False

    def _connection(
        self, origin: Origin, proxy: Proxy | None, timeout: float, request: str
    ) -> http.client.HTTPConnection:
        scheme, host, port = origin
        peer, number = (host, port) if proxy is None else (proxy.host, proxy.port)
        if scheme == "http":
            return http.client.HTTPConnection(peer, number, timeout=timeout)
        try:
            context = _ssl_context(self._tls)
        except (OSError, ValueError) as error:
            raise TransportError(
                _tls_options_problem(self._tls, error), request=request, processed=False, retryable=False
            ) from error
        connection = http.client.HTTPSConnection(peer, number, timeout=timeout, context=context)
        if proxy is not None:
            extra = {"Proxy-Authorization": proxy.authorization} if proxy.authorization is not None else {}
            connection.set_tunnel(host, port, extra)
        return connection

    def _checkin(self, origin: Origin, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < _IDLE_CONNECTIONS:
                idle.append(connection)
                return
        connection.close()


@lru_cache(maxsize=16)
def _ssl_context(tls: TlsOptions) -> ssl.SSLContext:
    """Loading the certificates of a system takes 20 ms, so each combination of options is loaded once a process."""
    if tls.ca_path is None:
        context = ssl.create_default_context()
    else:
        import os

        is_directory = os.path.isdir(tls.ca_path)
        context = ssl.create_default_context(
            cafile=None if is_directory else tls.ca_path, capath=tls.ca_path if is_directory else None
        )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_cert is not None:
        # An encrypted key would make OpenSSL ask on the terminal; an empty password makes it fail instead.
        context.load_cert_chain(tls.client_cert, tls.client_key, password="")
    return context


def _tls_options_problem(tls: TlsOptions, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or "it is not valid PEM"
    if tls.client_cert is not None:
        pair = f"client_cert {tls.client_cert}, client_key {tls.client_key}"
        return f"{pair} or ca_path {tls.ca_path} cannot be used: {reason}"
    return f"ca_path {tls.ca_path} cannot be used: {reason}"


def _split(url: str, request: str) -> tuple[SplitResult, Origin]:
    try:
        parts = urlsplit(url)
        origin = _origin(url)
    except ValueError:
        parts, origin = urlsplit(""), ("", "", 0)
    if origin[0] not in ("http", "https") or not origin[1]:
        raise TransportError(
            f"{request}: the address is not of the form http://host/path or https://host/path",
            request=request,
            processed=False,
            retryable=False,
        )
    return parts, origin


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _content_length(raw: http.client.HTTPResponse) -> int | None:
    if raw.chunked:
        return None
    value = raw.headers.get("Content-Length")
    return int(value) if value is not None and value.isdigit() else None


def _is_quiet(sock: socket.socket | None) -> bool:
    """An idle connection that has something to say was closed by the server, or says nonsense."""
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLHUP | select.POLLERR)
    return not poll.poll(0)


def _label(method: str, url: str) -> str:
    return f"{method} {redact_url(url)}"


def _too_large(request: str, limit: int) -> ProtocolError:
    return ProtocolError(f"{request}: the answer is larger than {limit} bytes", request=request, retryable=False)


def _reason(error: Exception) -> str:
    if isinstance(error, _TIMEOUTS):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the server closed the connection without an answer"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer was cut short"
    if isinstance(error, http.client.HTTPException):
        return "the answer is not HTTP"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'connection ended'})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


def _transport_error(error: Exception, request: str, when: str) -> TransportError:
    kind = TransportError
    if isinstance(error, http.client.HTTPException) and not isinstance(error, http.client.RemoteDisconnected):
        kind = ProtocolError
    return kind(f"{request} failed{when}: {_reason(error)}", request=request)


def _connect_error(
    error: Exception, request: str, origin: Origin, proxy: Proxy | None, tls: TlsOptions
) -> TransportError:
    """Say what is wrong with a connection that did not come about: nothing of the request was sent."""
    where = f"{origin[1]}:{origin[2]}"
    if proxy is not None:
        where += f" through the proxy {proxy.host}:{proxy.port}"
    retryable = True
    if isinstance(error, ssl.SSLCertVerificationError):
        trusted = f"ca_path {tls.ca_path}" if tls.ca_path else "the system's certificate authorities"
        reason = f"its certificate is not valid for us ({error.verify_message}), checked against {trusted}"
        retryable = False
    elif isinstance(error, socket.gaierror):
        name = proxy.host if proxy is not None else origin[1]
        reason = f"the name {name} cannot be resolved"
        retryable = error.errno == socket.EAI_AGAIN
    elif isinstance(error, OSError) and str(error).startswith("Tunnel connection failed"):
        reason = f"the proxy refused: {str(error).partition(': ')[2]}"
    else:
        reason = _reason(error)
    return TransportError(
        f"{request} failed: no connection to {where}: {reason}", request=request, processed=False, retryable=retryable
    )


def _with_attempts(error: TransportError, attempts: int) -> TransportError:
    if attempts > 1:
        error.message = f"{error.message} ({attempts} attempts)"
        error.args = (error.message,)
    return error
