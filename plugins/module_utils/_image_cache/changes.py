# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be fetched: comparing what is served with what the store says, by one small request a file.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from .manifest import FileEntry
from .peers import Peers
from .planner import Candidate
from .problems import CacheError, StoppedError
from .store import Remote, Store, StoreError

# Small requests wait for the network, not for this machine.
_PROBES_A_DOWNLOAD = 4


@dataclass(frozen=True)
class Item:
    """A file that should be there, and what is known about it.

    ``entry`` is what is served; ``remote`` is set when the file has to be fetched, and is what has to arrive;
    ``problem`` is set when the store could not be asked. With ``store_away`` only peers can be asked for the file.
    """

    candidate: Candidate
    entry: FileEntry | None = None
    remote: Remote | None = None
    problem: CacheError | None = None
    store_away: bool = False

    @property
    def key(self) -> str:
        """The name of the file."""
        return self.candidate.key

    @property
    def needed(self) -> bool:
        """Whether the content has to be fetched."""
        return self.remote is not None

    @property
    def size(self) -> int | None:
        """How many bytes the file will have."""
        if self.remote is not None and self.remote.size is not None:
            return self.remote.size
        return self.entry.size if self.entry is not None else None


def inspect(
    candidates: Iterable[Candidate],
    served: Mapping[str, FileEntry],
    damaged: Mapping[str, FileEntry],
    store: Store,
    peers: Peers,
    parallel: int,
    stopped: Callable[[], bool],
) -> list[Item]:
    """Ask the store about every candidate, in parallel, and keep their order.

    ``served`` are the whole files of the current generation; ``damaged`` those that were there, and have to be fetched.
    """

    def one(candidate: Candidate) -> Item:
        if stopped():
            return Item(candidate, served.get(candidate.key), problem=StoppedError())
        entry = served.get(candidate.key)
        if entry is not None:
            # the same file may be described differently by the API now
            entry = replace(entry, url=candidate.url, kind=candidate.kind, image_id=candidate.image_id)
        try:
            if entry is not None:
                return _known(candidate, entry, store)
            return Item(candidate, None, store.describe(candidate.url))
        except StoreError as error:
            return _unasked(candidate, entry, damaged.get(candidate.key), error, peers)

    with ThreadPoolExecutor(parallel * _PROBES_A_DOWNLOAD) as pool:
        return list(pool.map(one, candidates))


def sized(items: Iterable[Item]) -> list[Candidate]:
    """Return the candidates with the sizes that are known now."""
    return [replace(item.candidate, size=item.size) for item in items]


def _known(candidate: Candidate, entry: FileEntry, store: Store) -> Item:
    if not store.changed(entry):
        return Item(candidate, entry)
    remote = store.describe(candidate.url)
    if remote.md5 == entry.md5:
        # uploaded again with the same content: only what is noted about it is new
        entry = replace(
            entry,
            etag=remote.etag,
            last_modified=remote.last_modified,
            checksums={kind: value for kind, value in remote.checksums.items() if kind != "md5"},
            sidecars=tuple(remote.checksums),
        )
        return Item(candidate, entry)
    return Item(candidate, entry, remote)


def _unasked(
    candidate: Candidate, entry: FileEntry | None, damaged: FileEntry | None, error: StoreError, peers: Peers
) -> Item:
    """While the store is away, a file that is missing here may be had from a peer, which verified it."""
    if entry is None and error.away:
        known = [damaged] if damaged is not None else [found for _name, found in peers.served(candidate.key)]
        if known:
            remote = promised(known[0])
            return Item(candidate, None, remote, error, store_away=True)
    return Item(candidate, entry, None, error)


def promised(entry: FileEntry) -> Remote:
    """Return what has to arrive so that it is the content of ``entry`` again."""
    return Remote(entry.size, entry.etag, entry.last_modified, {"md5": entry.md5, **entry.checksums})
