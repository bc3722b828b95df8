# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting the content of one file among the blobs: what the threads of a run do.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .changes import Item, promised
from .checksums import Digests, difference
from .claims import Claim
from .download import ContentError, Downloader, Fetched, Transfer, Wanted
from .generations import Generations
from .journal import Journal
from .manifest import FileEntry
from .peers import Peers, same_content
from .problems import CacheError, DiskFullError, StoppedError, describe
from .refusals import Refusals
from .staging import Staging
from .store import Remote, Store

DISK, PEER, STORE = "disk", "peer", "store"
_BUFFER = 1024 * 1024


@dataclass(frozen=True)
class Obtained:
    """A file whose content is among the blobs now.

    ``source`` is ``disk``, ``peer`` or ``store``, ``received`` the bytes that came over the network for it.
    ``remote`` describes it as :class:`FileEntry` remembers it.
    """

    item: Item
    source: str
    md5: str
    size: int
    mtime: int
    remote: Remote
    received: int

    def entry(self, now: str) -> FileEntry:
        """Return what the manifest says about the file."""
        candidate = self.item.candidate
        return FileEntry(
            url=candidate.url,
            kind=candidate.kind,
            image_id=candidate.image_id,
            size=self.size,
            md5=self.md5,
            mtime=self.mtime,
            etag=self.remote.etag,
            last_modified=self.remote.last_modified,
            checksums={kind: value for kind, value in self.remote.checksums.items() if kind != "md5"},
            sidecars=tuple(self.remote.checksums),
            verified_at=now,
            fetched_at=now,
        )


class Obtainer:
    """Gets one file at a time for each calling thread."""

    def __init__(
        self,
        *,
        generations: Generations,
        staging: Staging,
        refusals: Refusals,
        store: Store,
        peers: Peers,
        from_store: Downloader,
        from_peers: Downloader,
        finished: Callable[[str], list[tuple[str, Claim]]],
        journal: Journal,
    ) -> None:
        self._generations = generations
        self._staging = staging
        self._refusals = refusals
        self._store = store
        self._peers = peers
        self._from_store = from_store
        self._from_peers = from_peers
        self._finished = finished
        self._journal = journal

    def obtain(self, item: Item, transfer: Transfer) -> Obtained:
        """Take the content from this disk, from a peer, or from the store. Raises :class:`CacheError`.

        The file is claimed: who had it before is seen here, and nobody else begins with it meanwhile.
        """
        found = self._nearby(item, transfer)
        if found is not None:
            return found
        if item.store_away:
            raise item.problem or CacheError("The store is away, and no other cache host has the file.")
        return self._fetch(item, transfer)

    def _nearby(self, item: Item, transfer: Transfer) -> Obtained | None:
        remote = item.remote or Remote()
        if remote.md5 is not None and self._adopt(remote.md5, remote):
            return self._result(item, DISK, remote.md5, remote, 0)
        for name, known in self._offers(item.key, remote):
            md5 = known.checksums["md5"]
            # what the store promises counts, a peer only says how to find it
            checksums = {**known.checksums, **remote.checksums}
            address = self._peers.blob(name, md5)
            wanted = Wanted(item.key, address, known.size, checksums, known.last_modified, immutable=True)
            transfer.source = f"peer {name}"
            try:
                fetched = self._from_peers.fetch(wanted, transfer)
                self._take(item.key, fetched)
            except (DiskFullError, StoppedError):
                raise
            except CacheError as error:
                self._journal.debug("a peer does not give a file", file=item.key, peer=name, error=error)
                continue
            described = Remote(fetched.size, known.etag, known.last_modified, remote.checksums)
            if item.store_away:
                described = Remote(fetched.size, known.etag, known.last_modified, checksums)
            return self._result(item, PEER, md5, described, fetched.received)
        return None

    def _fetch(self, item: Item, transfer: Transfer) -> Obtained:
        remote = item.remote or Remote()
        refused = self._refusals.reason(item.key, remote)
        if refused is not None:
            raise CacheError(
                f"{self._store.address(item.candidate.url)} is not what was promised: {refused}. "
                "The same arrived twice, so it is fetched again when the store has another checksum or another file."
            )
        transfer.source = STORE
        received = 0
        for last in (False, True):
            wanted = Wanted(
                item.key, self._store.address(item.candidate.url), remote.size, remote.checksums, remote.last_modified
            )
            try:
                fetched = self._from_store.fetch(wanted, transfer)
                break
            except ContentError as error:
                received += transfer.received
                # replaced between the look at its checksum and the download?
                now = self._store.describe(item.candidate.url)
                if last or not (error.resumed or now != remote):
                    if now == remote and error.found and not error.resumed:
                        self._refuse(item.key, remote, error.found)
                    raise
                remote = now
        md5 = fetched.checksums["md5"]
        self._take(item.key, fetched)
        # the validators of the answer that brought the content, in case the store changed after it was asked
        described = Remote(
            fetched.size, fetched.etag or remote.etag, fetched.last_modified or remote.last_modified, remote.checksums
        )
        return self._result(item, STORE, md5, described, received + fetched.received)

    def _refuse(self, key: str, remote: Remote, found: Mapping[str, str]) -> None:
        try:
            self._refusals.note(key, remote, found)
        except OSError as error:
            # only costs another download
            self._journal.warning("what was refused could not be noted", file=key, error=describe(error))

    def _offers(self, key: str, remote: Remote) -> list[tuple[str, Remote]]:
        """Return which peers may have the content, and what they would send."""
        usable = self._peers.usable()
        if remote.md5 is not None:
            return [(name, remote) for name in usable]
        offers = []
        for name, claim in self._finished(key):
            if claim.md5 and same_content(remote, claim.size, claim.etag, claim.last_modified):
                known = Remote(claim.size, claim.etag, claim.last_modified, {"md5": claim.md5})
                offers.append((name, known))
        for name, entry in self._peers.served(key):
            if same_content(remote, entry.size, entry.etag, entry.last_modified):
                offers.append((name, promised(entry)))
        return [(name, known) for name, known in offers if name in usable]

    def _adopt(self, md5: str, remote: Remote) -> bool:
        """Say whether the content is among the blobs; read again, since nothing tells how old the blob is."""
        path = self._generations.pin(md5)
        try:
            if not path.exists():
                return False
            found, size = read_digests(path, remote.checksums)
            if remote.size in (None, size) and not difference({"md5": md5, **remote.checksums}, found):
                return True
            # damaged; what is served of it is found by its own name
            path.unlink()
        except OSError as error:
            raise describe(error) from None
        self._journal.warning("a damaged blob was removed", blob=md5)
        return False

    def _take(self, key: str, fetched: Fetched) -> None:
        self._generations.add_blob(fetched.path, fetched.checksums["md5"])
        try:
            self._staging.forget(key)
        except OSError as error:
            raise describe(error) from None

    def _result(self, item: Item, source: str, md5: str, remote: Remote, received: int) -> Obtained:
        try:
            status = self._generations.blob(md5).stat()
        except OSError as error:
            raise describe(error) from None
        return Obtained(item, source, md5, status.st_size, int(status.st_mtime), remote, received)


def read_digests(
    path: os.PathLike[str], kinds: Mapping[str, str], pause: Callable[[int], None] = lambda _count: None
) -> tuple[Mapping[str, str], int]:
    """Read a file once and return (checksums, size in bytes). ``pause`` is told what was read. Raises OSError."""
    digests = Digests(kinds)
    view = memoryview(bytearray(_BUFFER))
    size = 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while True:
            count = os.readv(descriptor, [view])
            if not count:
                return digests.hexdigests(), size
            digests.update(view[:count])
            size += count
            pause(count)
    finally:
        os.close(descriptor)
