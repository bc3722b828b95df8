# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The global image store: what it says about a file, by small requests.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from .._errors import ApiError, TransportError
from .._http import HttpClient, Response
from . import checksums
from .config import StoreConfig
from .manifest import FileEntry
from .problems import CacheError

# Nothing that calls itself a checksum file is larger.
_SIDECAR_LIMIT = 64 * 1024
_MISSING = (404, 410)
# Object stores that may not be listed answer "forbidden" for what does not exist.
_NO_SIDECAR = (403, *_MISSING)
# Answers after which a HEAD is worth repeating as the beginning of a GET: signed addresses often allow only that.
_NO_HEAD = (400, 403, 405, 501)
_HOST_FAILURES = 4


class StoreError(CacheError):
    """The store does not give a file; ``away`` is true when that may be different tomorrow."""

    def __init__(self, sentence: str, *, away: bool) -> None:
        super().__init__(sentence)
        self.away = away


@dataclass(frozen=True)
class Remote:
    """A file as the store describes it now. ``checksums`` maps md5, sha256, sha512 to hex, as far as it has them."""

    size: int | None = None
    etag: str | None = None
    last_modified: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)

    @property
    def md5(self) -> str | None:
        """The MD5 that the store promises, if any."""
        return self.checksums.get("md5")


class Headers(Protocol):
    """What is needed of the headers of an answer."""

    def get(self, name: str, /) -> str | None:
        """Return a header by its name in any case."""


class Hosts:
    """Which hosts of the store do not answer: after some failures in a row the rest of the run leaves them alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}

    def check(self, url: str) -> None:
        """Raise :class:`StoreError` when the host of ``url`` was given up."""
        host = urlsplit(url).netloc
        with self._lock:
            failures = self._failures.get(host, 0)
        if failures >= _HOST_FAILURES:
            raise StoreError(f"{host} did not answer {failures} times in a row and is left alone for now.", away=True)

    def failed(self, url: str) -> None:
        """Count one connection that came to nothing."""
        host = urlsplit(url).netloc
        with self._lock:
            self._failures[host] = self._failures.get(host, 0) + 1

    def answered(self, url: str) -> None:
        """The host is alive, whatever it said."""
        with self._lock:
            self._failures.pop(urlsplit(url).netloc, None)


class Store:
    """Asks about files. All methods raise :class:`StoreError` and may be called from many threads."""

    def __init__(self, http: HttpClient, config: StoreConfig, hosts: Hosts) -> None:
        self._http = http
        self._config = config
        self._hosts = hosts

    def address(self, url: str) -> str:
        """Return where a file is fetched: the API says ``http://`` for machines, the cache itself uses HTTPS."""
        parts = urlsplit(url)
        if parts.scheme == "http" and not self._config.allow_http:
            return urlunsplit(parts._replace(scheme="https"))
        return url

    def checksum(self, url: str, kind: str) -> str | None:
        """Return the checksum from ``<url>.<kind>``, or None when the store has no such file."""
        address = f"{self.address(url)}.{kind}"
        response = self._request("GET", address)
        if response.status in _NO_SIDECAR:
            return None
        self._expect(response.status, address)
        try:
            return checksums.parse(response.body, kind, urlsplit(url).path.rpartition("/")[2])
        except checksums.ChecksumError as error:
            raise StoreError(f"The checksum file {address} cannot be used: {error}.", away=False) from None

    def head(self, url: str) -> Remote:
        """Return size and validators of a file."""
        address = self.address(url)
        response = self._request("HEAD", address)
        if response.status in _NO_HEAD:
            return self._first_byte(address)
        self._expect(response.status, address)
        return describe(response.headers, _number(response.headers.get("Content-Length")))

    def describe(self, url: str) -> Remote:
        """Return all that is needed before a file is fetched: size, validators and all checksums of the store."""
        found = {kind: self.checksum(url, kind) for kind in checksums.KINDS}
        remote = self.head(url)
        known = {kind: value for kind, value in found.items() if value}
        return Remote(remote.size, remote.etag, remote.last_modified, known)

    def changed(self, entry: FileEntry) -> bool:
        """Say, by one small request, whether the store has other content than this host."""
        if "md5" in entry.sidecars:
            md5 = self.checksum(entry.url, "md5")
            if md5 is not None:
                return md5 != entry.md5
        remote = self.head(entry.url)
        if remote.size is not None and remote.size != entry.size:
            return True
        if remote.etag is not None and entry.etag is not None:
            return remote.etag != entry.etag
        return remote.last_modified != entry.last_modified

    def _first_byte(self, address: str) -> Remote:
        """Do what HEAD would, by the beginning of a GET."""
        try:
            with self._http.stream("GET", address, headers={"Range": "bytes=0-0"}) as stream:
                status, headers, length = stream.status, stream.headers, stream.length
        except ApiError as error:
            raise StoreError(f"{address} cannot be had: {error}", away=isinstance(error, TransportError)) from None
        if status == 206:
            return describe(headers, content_range(headers)[1])
        self._expect(status, address)
        return describe(headers, length)

    def _request(self, method: str, url: str) -> Response:
        self._hosts.check(url)
        try:
            response = self._http.request(method, url, redirects=5, max_body=_SIDECAR_LIMIT)
        except TransportError as error:
            self._hosts.failed(url)
            raise StoreError(f"{url} cannot be had: {error}", away=True) from None
        except ApiError as error:
            raise StoreError(f"{url} cannot be had: {error}", away=False) from None
        self._hosts.answered(url)
        return response

    @staticmethod
    def _expect(status: int, url: str) -> None:
        if status != 200:
            raise answer_error(status, url)


def answer_error(status: int, url: str) -> StoreError:
    """Return the error for an answer that holds no file."""
    if status in _MISSING:
        return StoreError(f"{url} does not exist in the store (status {status}).", away=False)
    return StoreError(f"{url} was answered with status {status}.", away=status >= 500 or status == 429)


def describe(headers: Headers, size: int | None) -> Remote:
    """Return size and validators as the headers of an answer say."""
    return Remote(size, headers.get("ETag"), headers.get("Last-Modified"))


def content_range(headers: Headers) -> tuple[int | None, int | None]:
    """Return (first byte, total) of a partial answer; None for what it does not say."""
    unit, _space, rest = (headers.get("Content-Range") or "").partition(" ")
    span, _slash, total = rest.partition("/")
    if unit.strip().lower() != "bytes":
        return None, None
    return _number(span.partition("-")[0]), _number(total)


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
