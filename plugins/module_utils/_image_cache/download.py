# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching one file into the staging area: resumed, throttled, verified, and safe on the disk.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path

from .._errors import ApiError, TransportError
from .._http import HttpClient, StreamResponse
from .checksums import Digests, difference
from .files import write_all
from .problems import CacheError, DiskFullError, StoppedError, describe
from .space import Reservation, Space
from .staging import Origin, Staging
from .store import Hosts, StoreError, answer_error, content_range
from .throttle import Throttle

# Enough that Python's part of the work does not count; what is in it when a connection breaks is fetched again.
_BUFFER = 256 * 1024
_RETRY_AFTER_CAP = 60.0
# A file that grew by this much since the last interruption is getting somewhere.
_GETTING_ON = 1024 * 1024


class ContentError(CacheError):
    """What arrived is not what was promised: another size or checksum.

    ``resumed`` says that a part of an earlier run was in it, so that a fresh start may help. ``found`` are the
    checksums of what arrived, empty when that was not seen to its end.
    """

    def __init__(self, sentence: str, *, resumed: bool = False, found: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.resumed = resumed
        self.found = found or {}


class _Interrupted(Exception):
    """The transfer broke off or was refused for now; what arrived is kept. ``delay`` is what the server asked for."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


@dataclass(frozen=True)
class Wanted:
    """A file to fetch from ``address``. ``checksums`` (kind to hex) and ``size`` are None or empty when not known.

    ``last_modified`` dates the file when the server does not say when it was modified.

    ``immutable`` says that the address names the content (a peer's blob), so that parts from anywhere else with the
    same MD5 can be continued there.
    """

    key: str
    address: str
    size: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    last_modified: str | None = None
    immutable: bool = False


@dataclass(frozen=True)
class Fetched:
    """A complete, verified and synced file in the staging area."""

    path: Path
    size: int
    checksums: Mapping[str, str]
    etag: str | None
    last_modified: str | None
    received: int


@dataclass
class Transfer:
    """How far a download is; written by its thread, read by others."""

    key: str
    source: str
    received: int = 0
    total: int | None = None
    resumed: int | None = None
    transferred: Callable[[], None] = lambda: None


class Downloader:
    """Fetches files from one kind of place (the store, or the peers)."""

    def __init__(
        self,
        http: HttpClient,
        staging: Staging,
        space: Space,
        hosts: Hosts,
        stop: threading.Event,
        *,
        throttle: Throttle,
        attempts: int = 5,
        backoff: float = 1.0,
    ) -> None:
        self._http = http
        self._staging = staging
        self._space = space
        self._hosts = hosts
        self._stop = stop
        self._throttle = throttle
        self._attempts = attempts
        self._backoff = backoff
        self._local = threading.local()

    def fetch(self, wanted: Wanted, transfer: Transfer) -> Fetched:
        """Fetch, resume after interruptions, verify, and wait until the content is on the disk.

        ``transfer.transferred`` is called when the network is no longer needed. Raises :class:`StoreError`,
        :class:`ContentError`, :class:`DiskFullError`, :class:`StoppedError`, :class:`CacheError`.
        """
        received = 0
        failures = 0
        best = 0
        while True:
            before = transfer.received
            try:
                fetched = self._attempt(wanted, transfer)
                return Fetched(**{**vars(fetched), "received": received + fetched.received})
            except _Interrupted as error:
                received += max(0, transfer.received - before)
                failures = 1 if transfer.received >= best + _GETTING_ON else failures + 1
                best = max(best, transfer.received)
                if failures >= self._attempts:
                    raise StoreError(f"{wanted.address} could not be fetched: {error}", away=True) from None
                delay = self._backoff * 2 ** (failures - 1) if error.delay is None else error.delay
                if self._stop.wait(min(delay, _RETRY_AFTER_CAP)):
                    raise StoppedError from None
            except OSError as error:
                problem = describe(error)
                if isinstance(problem, DiskFullError):
                    # a part that cannot grow only keeps the disk full
                    self._discard(wanted.key)
                raise problem from None

    def _attempt(self, wanted: Wanted, transfer: Transfer) -> Fetched:
        offset, validator = self._resumable(wanted)
        if offset and offset == wanted.size and wanted.checksums:
            # complete, and killed before it was taken over
            with self._space.reserve(0) as reservation:
                return self._receive(None, wanted, transfer, offset, reservation)
        with self._space.reserve(max(0, (wanted.size or 0) - offset)) as reservation:
            return self._request(wanted, transfer, offset, validator, reservation)

    def _request(
        self, wanted: Wanted, transfer: Transfer, offset: int, validator: str | None, reservation: Reservation
    ) -> Fetched:
        headers: dict[str, str] = {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if validator:
                headers["If-Range"] = validator
        self._hosts.check(wanted.address)
        try:
            stream = self._http.stream("GET", wanted.address, headers=headers)
        except TransportError as error:
            self._hosts.failed(wanted.address)
            raise _Interrupted(str(error)) from None
        except ApiError as error:
            raise StoreError(f"{wanted.address} cannot be had: {error}", away=False) from None
        with contextlib.closing(stream):
            self._hosts.answered(wanted.address)
            offset = self._accept(stream, wanted, offset, validator)
            return self._receive(stream, wanted, transfer, offset, reservation)

    def _resumable(self, wanted: Wanted) -> tuple[int, str | None]:
        """Return how many bytes are there to continue, and the validator that a server has to confirm."""
        leftover = self._staging.leftover(wanted.key)
        if leftover is None:
            return 0, None
        size, origin = leftover
        md5 = wanted.checksums.get("md5")
        if wanted.size is not None and size > wanted.size:
            return 0, None
        if md5 is not None:
            # the checksum finds out whether the parts fit together
            if origin.md5 != md5:
                return 0, None
            if wanted.immutable or size == wanted.size:
                return size, None
        elif not origin.boot or origin.boot != self._staging.boot:
            # after a power cut, a part may hold zeros where data never reached the disk, and nothing would notice
            return 0, None
        if origin.validator is None or origin.url != wanted.address:
            return 0, None
        return size, origin.validator

    def _accept(self, stream: StreamResponse, wanted: Wanted, offset: int, validator: str | None) -> int:
        """Check the answer; returns the offset from which it goes on."""
        status = stream.status
        if status == 206 and offset:
            first, total = content_range(stream.headers)
            etag = stream.headers.get("ETag")
            other = validator is not None and validator.startswith('"') and etag is not None and etag != validator
            if first == offset and not other and (total is None or wanted.size in (None, total)):
                return offset
            self._discard(wanted.key)
            raise _Interrupted("The server continued another file than the one that was begun.", 0.0)
        if status == 416 and offset:
            self._discard(wanted.key)
            raise _Interrupted("The server has less of the file than was there already.", 0.0)
        if status in (429, 500, 502, 503, 504):
            raise _Interrupted(str(answer_error(status, wanted.address)), _seconds(stream.headers.get("Retry-After")))
        if status != 200:
            raise answer_error(status, wanted.address)
        encoding = (stream.headers.get("Content-Encoding") or "identity").strip().lower()
        if encoding != "identity":
            raise ContentError(f"{wanted.address} is sent in the encoding {encoding}, not as the file itself.")
        kind = (stream.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if not wanted.checksums and kind == "text/html":
            raise ContentError(f"{wanted.address} is a web page and has no checksum, so it is not taken for a file.")
        if not wanted.checksums and stream.length is None and wanted.size is None:
            raise ContentError(f"{wanted.address} has neither a checksum nor a size, so it cannot be verified.")
        if stream.length is not None and wanted.size not in (None, stream.length):
            raise ContentError(f"{wanted.address} has {stream.length} bytes instead of {wanted.size}.")
        # what is there belongs to something else, and a link to a served file must never be written to
        self._discard(wanted.key)
        origin = Origin(wanted.address, _validator(stream), wanted.checksums.get("md5"), self._staging.boot)
        self._staging.begin(wanted.key, origin)
        return 0

    def _receive(
        self,
        stream: StreamResponse | None,
        wanted: Wanted,
        transfer: Transfer,
        offset: int,
        reservation: Reservation,
    ) -> Fetched:
        path = self._staging.part(wanted.key)
        total = offset if stream is None else wanted.size
        if stream is not None and stream.length is not None:
            total = offset + stream.length
        reservation.grow_to((total or 0) - offset)
        transfer.total = total
        digests = Digests(wanted.checksums)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        if offset:
            # it is read-only already when the run was killed just before the file became a blob
            path.chmod(0o600)
        descriptor = os.open(path, flags, 0o600)
        try:
            size = self._hash(descriptor, offset, digests)
            transfer.received = size
            if transfer.resumed is None:
                transfer.resumed = size
            if stream is not None:
                size = self._copy(stream, descriptor, size, digests, transfer, reservation)
            transfer.transferred()
            if total is not None and size != total:
                raise _Interrupted(f"The transfer ended after {size} of {total} bytes.")
            found = digests.hexdigests()
            problem = difference(wanted.checksums, found)
            if problem:
                self._discard(wanted.key)
                sentence = f"{wanted.address} is not what was promised: {problem}."
                raise ContentError(sentence, resumed=offset > 0, found=found)
            etag = None if stream is None else stream.headers.get("ETag")
            modified = None if stream is None else stream.headers.get("Last-Modified")
            _date(descriptor, modified or wanted.last_modified)
            os.fchmod(descriptor, 0o444)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return Fetched(path, size, found, etag, modified, size - offset)

    def _hash(self, descriptor: int, count: int, digests: Digests) -> int:
        """Take what is there already into the checksums; returns its length and leaves the position at its end."""
        view = self._view()
        done = 0
        while done < count:
            self._check_stop()
            read = os.readv(descriptor, [view[: min(len(view), count - done)]])
            if not read:
                raise _Interrupted("The begun file became shorter.")
            digests.update(view[:read])
            done += read
        return done

    def _copy(
        self,
        stream: StreamResponse,
        descriptor: int,
        size: int,
        digests: Digests,
        transfer: Transfer,
        reservation: Reservation,
    ) -> int:
        view = self._view()
        chunk = view[: self._throttle.chunk(len(view))]
        while True:
            self._check_stop()
            try:
                read = stream.readinto(chunk)
            except ApiError as error:
                raise _Interrupted(str(error)) from None
            if not read:
                return size
            data = chunk[:read]
            write_all(descriptor, data)
            digests.update(data)
            size += read
            transfer.received = size
            reservation.written(read)
            self._throttle.passed(read)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _view(self) -> memoryview:
        """Return the buffer of this thread, made once: no allocation and no copy for each piece."""
        if not hasattr(self._local, "view"):
            self._local.view = memoryview(bytearray(_BUFFER))
        view: memoryview = self._local.view
        return view

    def _discard(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._staging.discard(key)


def _validator(stream: StreamResponse) -> str | None:
    """Return the strong validator of an answer, fit for If-Range (RFC 9110 section 13.1.5), or None."""
    etag = stream.headers.get("ETag")
    if etag is not None:
        return etag if etag.startswith('"') else None
    modified, date = stream.headers.get("Last-Modified"), stream.headers.get("Date")
    if modified is None or date is None:
        return None
    try:
        # within a minute the file could have changed twice without another date
        old = (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds() >= 60
    except (TypeError, ValueError):
        return None
    return modified if old else None


def _date(descriptor: int, modified: str | None) -> None:
    """Give a file the modification time of the store, so that all cache hosts send the same validators."""
    try:
        seconds = int(parsedate_to_datetime(modified or "").timestamp())
    except (TypeError, ValueError, OverflowError):
        seconds = int(os.fstat(descriptor).st_mtime)
    os.utime(descriptor, (seconds, seconds))


def _seconds(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text) if text.isascii() and text.isdigit() else None
