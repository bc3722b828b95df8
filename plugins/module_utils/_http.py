# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP client for modules, plugins and the programs on hosts. Private to the collection metalstack.provisioning.

It keeps connections alive, checks TLS, repeats what may be repeated, and never shows a secret in an error.
HTTP/1.1 (RFC 9110, RFC 9112) by http.client, proxies as curl does it.
"""

from __future__ import annotations

import http.client
import json
import random
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Union, cast
from urllib.parse import quote, urljoin, urlsplit

from ._errors import ApiError, DeadlineError, ProtocolError, TruncatedError
from ._http_connection import Clock, Connection, Limit, Origin, Pool, Problem
from ._http_proxy import choose, environment
from ._http_tls import TlsOptions
from ._redact import brief, redact

if TYPE_CHECKING:
    import socket
    from types import TracebackType

__all__ = ["Clock", "HttpClient", "Response", "RetryPolicy", "StreamResponse", "TlsOptions"]

Headers = Union[Mapping[str, str], Callable[[], Mapping[str, str]], None]

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_RETRY_STATUS = frozenset({429, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What may follow to another origin; everything else may be a credential.
_HARMLESS = frozenset({"accept", "accept-language", "range", "if-range", "if-none-match", "if-modified-since"})
_PORTS = {"http": 80, "https": 443}
_TOKEN = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")
_TEXT = frozenset(map(chr, (*range(0x20, 0x7F), *range(0x80, 0x100))))
_CHUNK = 64 * 1024
_INTERIM = 10
_MIB = 1024 * 1024


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how fast: ``attempts`` altogether (1 never repeats), times in seconds.

    The wait doubles from ``backoff`` to ``backoff_cap`` and is shortened by up to half at random, so that clients do
    not come back all at once. A wait that the server asks for is followed up to ``retry_after_cap``.
    """

    attempts: int = 4
    backoff: float = 0.25
    backoff_cap: float = 8.0
    retry_after_cap: float = 60.0


class ResponseHeaders(Mapping[str, str]):
    """Headers of an answer; names in any case. A header that comes more than once is joined by ", "."""

    def __init__(self, message: http.client.HTTPMessage) -> None:
        self._values: dict[str, str] = {}
        for name, value in message.items():
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True)
class Response:
    """An answer: ``url`` is where it came from after redirects, ``request`` what was asked, ``attempts`` how often."""

    status: int
    headers: ResponseHeaders
    body: bytes
    url: str
    request: str
    attempts: int = 1

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self.request}>"

    def json(self) -> Any:
        """Return the body as JSON. Raises :class:`ProtocolError`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            # UnicodeDecodeError is a ValueError
            raise ProtocolError(self._not_json(), status=self.status, request=self.request) from None

    def _not_json(self) -> str:
        sentence = f"{self.request} was answered with status {self.status} and "
        start = self.body[:200].lstrip().lower()
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            return f"{sentence}the content encoding {encoding}, which nobody asked for."
        if not start:
            return f"{sentence}nothing where JSON was expected."
        if start.startswith(b"<") or "html" in self.headers.get("Content-Type", ""):
            return f"{sentence}a web page instead of JSON: is the address of the API right?"
        return f"{sentence}something that is not valid JSON: {brief(self.body[:400].decode('utf-8', 'replace'), 80)!r}."


class HttpClient:
    """Makes requests; may be used by many threads.

    ``timeout`` (seconds) bounds each step: connecting, sending, every read. ``proxies`` maps ``http``, ``https`` to
    addresses and ``no`` to exceptions; None takes the environment, an empty mapping none at all.
    """

    def __init__(
        self,
        *,
        tls: TlsOptions = TlsOptions(),  # noqa: B008
        timeout: float = 10.0,
        retry: RetryPolicy = RetryPolicy(),
        proxies: Mapping[str, str] | None = None,
        user_agent: str = "metalstack.provisioning",
        clock: Clock | None = None,
    ) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout:g}")
        self._timeout = timeout
        self._retry = retry
        self._proxies = environment() if proxies is None else dict(proxies)
        self._user_agent = user_agent
        self._clock: Clock = time if clock is None else clock
        self._pool = Pool(tls, self._clock)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Headers = None,
        body: bytes | None = None,
        deadline: float | None = None,
        idempotent: bool | None = None,
        redirects: int = 0,
        max_body: int = 64 * _MIB,
        others: Sequence[str] = (),
    ) -> Response:
        """Send a request, read the whole answer and return it, whatever its status is.

        ``headers`` may be a function, which is called anew for each attempt (signatures age). ``deadline`` is how many
        seconds the call may take with all repetitions. ``idempotent`` tells whether the request may be processed more
        than once; by default true for GET, HEAD, PUT, DELETE. Such requests are repeated after failures of the
        transport and answers 429, 502, 503, 504; others only when they cannot have been processed: no connection, or
        429. Up to ``redirects`` redirects of GET and HEAD are followed, never from https to http, and without the
        credentials when they lead to another host. ``max_body`` is in bytes. ``others`` are addresses of the same thing
        on other servers: what may be repeated goes to the next one at once, and all of them together are one attempt.

        Raises :class:`TransportError`, :class:`DeadlineError` or :class:`ProtocolError`.
        """
        method = method.upper()
        repeatable = method in _REPEATABLE if idempotent is None else idempotent
        until = None if deadline is None else self._clock.monotonic() + deadline
        limit = Limit(self._clock, self._timeout, until)
        turn = _Round([url, *others])
        sent = pending = False
        reason = ""
        while True:
            target = turn.next()
            asked = f"{method} {redact(target)}"
            last = turn.number >= self._retry.attempts and turn.complete
            try:
                stream = self._follow(method, target, headers, body, limit, repeatable, redirects)
                with stream:
                    content = stream.read_all(max_body)
            except Problem as problem:
                sent, pending = sent or not problem.unsent, pending or problem.pending
                if problem.kind is DeadlineError:
                    # what went wrong before says more than that the time is over
                    raise _late(asked, deadline, turn.tries, reason, sent=sent) from None
                unclear = not (repeatable or problem.unsent)
                hopeless = problem.permanent and not turn.drop(target)
                if last or unclear or hopeless:
                    hint = unclear and problem.kind is not ProtocolError
                    raise _failed(asked, problem, turn.tries, hint, sent=sent, pending=pending) from None
                wait, reason = self._backoff(turn.number) if turn.complete else None, str(problem)
            else:
                tries = turn.tries + stream.repeated
                answer = Response(stream.status, stream.headers, content, stream.url, asked, tries)
                if last or not (stream.status == 429 or (repeatable and stream.status in _RETRY_STATUS)):
                    return answer
                elsewhere = stream.status != 429 and not turn.complete
                wait, reason = None if elsewhere else self._asked_wait(stream.headers, turn.number), ""
            if until is not None and self._clock.monotonic() + (wait or 0) >= until:
                if not reason:
                    return answer
                raise _late(asked, deadline, turn.tries, reason, sent=sent)
            if wait is not None:
                self._clock.sleep(wait)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Headers = None,
        redirects: int = 5,
        timeout: float | None = None,
    ) -> StreamResponse:
        """Send a request and return the answer, whatever its status is, before its body was read.

        Nothing is repeated, except that a connection which the server closed while it was idle is replaced. ``timeout``
        (seconds) is instead of the client's. Raises :class:`TransportError` or :class:`ProtocolError`.
        """
        method = method.upper()
        limit = Limit(self._clock, timeout or self._timeout)
        try:
            return self._follow(method, url, headers, None, limit, method in _REPEATABLE, redirects)
        except Problem as problem:
            raise _failed(f"{method} {redact(url)}", problem, 1) from None

    def time(self) -> float:
        """Return the seconds since 1970 by the clock of this client."""
        return self._clock.time()

    def close(self) -> None:
        """Close idle connections. The client can still be used."""
        self._pool.close()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _backoff(self, attempt: int) -> float:
        longest = min(self._retry.backoff * 2 ** min(attempt - 1, 30), self._retry.backoff_cap)
        return random.uniform(longest / 2, longest)

    def _asked_wait(self, headers: ResponseHeaders, attempt: int) -> float:
        """Return the seconds that the header Retry-After asks for (a number or a date), else the usual ones."""
        value = headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value[:9]), self._retry.retry_after_cap)
        when = http_date(value)
        if when is None:
            return self._backoff(attempt)
        return min(max(when - self._clock.time(), 0.0), self._retry.retry_after_cap)

    def _follow(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None,
        limit: Limit,
        repeatable: bool,
        redirects: int,
    ) -> StreamResponse:
        asked = f"{method} {redact(url)}"
        followed = 0
        home = True

        def sent() -> Mapping[str, str]:
            made = (headers() if callable(headers) else headers) or {}
            return made if home else {name: value for name, value in made.items() if name.lower() in _HARMLESS}

        while True:
            stream = self._once(method, url, sent, body, limit, repeatable)
            location = stream.headers.get("Location")
            if not redirects or stream.status not in _REDIRECTS or location is None or method not in ("GET", "HEAD"):
                return stream
            stream.finish()
            if followed == redirects:
                raise ProtocolError(f"{asked} was redirected more than {redirects} times.", request=asked)
            followed += 1
            # http.client reads headers as Latin-1; servers also send what has to be quoted
            target = urljoin(url, quote(location.strip().encode("latin-1"), safe=string.punctuation))
            if _origin(target, asked)[:3] != _origin(url, asked)[:3]:
                if url.startswith("https:") and not target.startswith("https:"):
                    raise ProtocolError(
                        f"{asked} was redirected from https to {redact(target)}, which is not followed.", request=asked
                    )
                home = False
            url = target

    def _once(
        self,
        method: str,
        url: str,
        headers: Callable[[], Mapping[str, str]],
        body: bytes | None,
        limit: Limit,
        repeatable: bool,
    ) -> StreamResponse:
        asked = f"{method} {redact(url)}"
        scheme, host, port, target = _origin(url, asked)
        fresh = False
        while True:
            try:
                origin = Origin(scheme, host, port, choose(self._proxies, scheme, host, port))
                data = self._head(method, origin, target, headers(), body) + (body or b"")
            except ValueError as error:
                raise ProtocolError(f"{asked} cannot be sent: {error}.", request=asked) from None
            connection = self._pool.get(origin, limit, repeatable=repeatable, fresh=fresh)
            try:
                connection.send(data)
                return StreamResponse(self._pool, connection, method, url, asked, repeated=fresh)
            except Problem as problem:
                connection.close()
                if not (connection.used and problem.silent and repeatable):
                    raise
                # The server closed a connection that was idle: that is no failure of this request.
                fresh = True
            except BaseException:
                connection.close()
                raise

    def _head(self, method: str, origin: Origin, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        """Return request line and headers. Raises ValueError (a part of a sentence)."""
        authority = origin.authority
        lines = {"Host": authority, "Accept-Encoding": "identity", "User-Agent": self._user_agent}
        if body is not None or method in ("POST", "PUT"):
            lines["Content-Length"] = str(len(body or b""))
        if origin.proxy and origin.scheme == "http":
            target = f"http://{authority}{target}"
            if origin.proxy.authorization:
                lines["Proxy-Authorization"] = origin.proxy.authorization
        known = {name.lower(): name for name in lines}
        for name, value in headers.items():
            if not name or not _TOKEN.issuperset(name):
                raise ValueError("a header has a name with forbidden characters")
            if not _TEXT.issuperset(value):
                raise ValueError(f"the header {name} has forbidden characters")
            lines[known.get(name.lower(), name)] = value
        if not _TOKEN.issuperset(method):
            raise ValueError("the method has forbidden characters")
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode("latin-1")


class _Round:
    """The addresses of a request, again and again in their order. ``number`` is the round, ``tries`` counts them all.

    ``complete``: the address of now is the last one of its round.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = list(addresses)
        self._position = -1
        self.number = 1
        self.tries = 0

    def next(self) -> str:
        """Return the next address."""
        self._position += 1
        if self._position >= len(self._addresses):
            self._position = 0
            self.number += 1
        self.tries += 1
        return self._addresses[self._position]

    @property
    def complete(self) -> bool:
        return self._position >= len(self._addresses) - 1

    def drop(self, address: str) -> bool:
        """Leave out an address that will never work; whether there are others."""
        self._addresses.remove(address)
        self._position -= 1
        return bool(self._addresses)


class StreamResponse:
    """An answer whose body is still to be read; a context manager. Belongs to one thread.

    ``length`` is the number of bytes of the body as the server says, None if it does not. ``repeated``: it was asked
    for on an old connection before, which ended without an answer.
    """

    def __init__(
        self, pool: Pool, connection: Connection, method: str, url: str, request: str, *, repeated: bool = False
    ) -> None:
        self.repeated = repeated
        self._pool = pool
        self._connection: Connection | None = connection
        self._request = request
        self._answer = _begin(connection, method)
        self.status = self._answer.status
        self.headers = ResponseHeaders(self._answer.headers)
        self.url = url
        self.length: int | None = self._answer.length
        self._left = self.length
        if self._left == 0:
            self._release()

    def __repr__(self) -> str:
        return f"<StreamResponse {self.status} to {self._request}>"

    def __enter__(self) -> StreamResponse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes of the body, wait for them if necessary; 0 means that it is complete.

        Raises :class:`TransportError` (also :class:`TruncatedError`, when the body is shorter than was said), and
        :class:`ProtocolError`. What such a call received is lost, at most the size of the buffer.
        """
        try:
            return self._readinto(buffer)
        except Problem as problem:
            raise _failed(self._request, problem, 1) from None

    def close(self) -> None:
        """End the answer. A connection with unread bytes is closed."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def read_all(self, max_body: int) -> bytes:
        """Return the whole body. Raises :class:`Problem`, and :class:`ProtocolError` when it is too large."""
        if self.length is not None and self.length > max_body:
            raise self._too_large(max_body)
        parts: list[bytes] = []
        size = 0
        buffer = memoryview(bytearray(min(_CHUNK, self.length if self.length is not None else _CHUNK)))
        while self._connection is not None:
            count = self._readinto(buffer)
            size += count
            if size > max_body:
                raise self._too_large(max_body)
            parts.append(bytes(buffer[:count]))
        return b"".join(parts)

    def finish(self) -> None:
        """Read a small rest, so that the connection can be used again, or close it."""
        try:
            self.read_all(_CHUNK)
        except (Problem, ApiError):
            self.close()

    def _too_large(self, max_body: int) -> ProtocolError:
        size = f"{max_body // _MIB} MiB" if max_body >= _MIB else f"{max_body} bytes"
        return ProtocolError(
            f"{self._request} was answered with more than {size}, which is too much.",
            status=self.status,
            request=self._request,
        )

    def _readinto(self, buffer: memoryview) -> int:
        if self._connection is None or not len(buffer):
            return 0
        try:
            count = self._answer.readinto(buffer)
        except (http.client.IncompleteRead, ValueError):
            raise self._truncated() from None
        except http.client.HTTPException:
            raise Problem("the answer is not proper HTTP", kind=ProtocolError) from None
        if self._left is not None:
            self._left -= count
            if not count and self._left:
                raise self._truncated()
            if not self._left:
                self._release()
        elif not count:
            self._release()
        return count

    def _truncated(self) -> Problem:
        said = "" if self.length is None else f" after {self.length - (self._left or 0)} of {self.length} bytes"
        return Problem(f"the answer ended{said} before it was complete", kind=TruncatedError)

    def _release(self) -> None:
        """The answer is complete: keep the connection if the server does."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._answer.will_close or not connection.clean():
                connection.close()
            else:
                self._pool.put(connection)


def _begin(connection: Connection, method: str) -> http.client.HTTPResponse:
    """Read status and headers, after interim answers. Raises :class:`Problem`."""
    where = connection.origin.endpoint
    for _interim in range(_INTERIM):
        # http.client only calls makefile() of what it is given
        answer = http.client.HTTPResponse(cast("socket.socket", connection), method=method)
        try:
            answer.begin()
        except (http.client.HTTPException, ValueError):
            if not connection.ended:
                raise Problem(f"{where} does not answer as HTTP", kind=ProtocolError, permanent=True) from None
        if connection.ended:
            # http.client takes the end of the connection for the end of the headers
            if not connection.heard:
                raise Problem(f"{where} closed the connection without an answer", silent=True)
            raise Problem(f"{where} closed the connection within the headers of the answer", kind=TruncatedError)
        if answer.status >= 200:
            return answer
    raise Problem(f"{where} does not answer as HTTP", kind=ProtocolError, permanent=True)


def http_date(value: str) -> float | None:
    """Return the seconds since 1970 of a date in a header, None if it is none."""
    if not value:
        return None
    from email.utils import mktime_tz, parsedate_tz

    parts = parsedate_tz(value)
    try:
        return None if parts is None else float(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None


def _origin(url: str, asked: str) -> tuple[str, str, int, str]:
    """Return (scheme, host, port, path with query) of an address. Raises :class:`ProtocolError`."""
    reason = "it is not an address that starts with https:// or http://"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
        if parts.scheme in _PORTS and host:
            reason = "" if host[0] != "." else "its host or port cannot be understood"
        if parts.username is not None:
            reason = "user name and password do not belong into the address"
    except ValueError:
        reason, host, port = "its host or port cannot be understood", "", None
    if not reason and any(character <= " " or character == "\x7f" for character in url):
        reason = "it has spaces or control characters"
    if reason:
        raise ProtocolError(f"{brief(asked)} cannot be sent: {reason}.", request=brief(asked))
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    if not target.isascii():
        target = quote(target, safe=string.punctuation)
    return parts.scheme, host, port or _PORTS[parts.scheme], target


def _attempts(count: int) -> str:
    return f" ({count} attempts)" if count > 1 else ""


def _failed(
    asked: str, problem: Problem, attempts: int, hint: bool = False, *, sent: bool = False, pending: bool = False
) -> ApiError:
    maybe = "; it may have been processed all the same" if hint else ""
    text = f"{asked} failed: {problem}{_attempts(attempts)}{maybe}."
    return problem.kind(text, request=asked, unclear=sent, pending=pending)


def _late(asked: str, deadline: float | None, attempts: int, reason: str = "", *, sent: bool) -> DeadlineError:
    why = f": {reason}" if reason else ""
    text = f"{asked} did not succeed within {deadline or 0:g} s{_attempts(attempts)}{why}."
    return DeadlineError(text, request=asked, unclear=sent, pending=sent)
