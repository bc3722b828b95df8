# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other cache hosts of the partition, seen through their nginx.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .._errors import ApiError
from .._http import HttpClient, Response
from .claims import PeerState, parse_state
from .config import Peer
from .manifest import FileEntry, Manifest, ManifestError, parse
from .store import Remote

_PREFIX = "/-/image-cache"
_STATE_LIMIT = 16 * 1024 * 1024
_MANIFEST_LIMIT = 256 * 1024 * 1024
# In seconds: a host in the same partition answers at once, or not at all.
_DEADLINE = 5.0
_AVOID = 15.0


class Peers:
    """Asks all peers; one that does not answer is left alone for a while and counts as not there."""

    def __init__(self, http: HttpClient, peers: Sequence[Peer], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._urls = {peer.name: peer.url.rstrip("/") for peer in peers}
        self._clock = clock
        self._lock = threading.Lock()
        self._avoid: dict[str, float] = {}
        self._manifests: dict[str, Manifest | None] = {}
        self._runs: dict[str, str | None] = {}

    def names(self) -> list[str]:
        """Return the names of all peers, reachable or not."""
        return list(self._urls)

    def blob(self, name: str, md5: str) -> str:
        """Return the address of a content at a peer."""
        return f"{self._urls[name]}{_PREFIX}/blobs/{md5}"

    def states(self) -> dict[str, PeerState | None]:
        """Read the documents of all peers at the same time; None for a peer without a run, or without an answer."""
        if not self._urls:
            return {}
        with ThreadPoolExecutor(len(self._urls)) as pool:
            return dict(zip(self._urls, pool.map(self._state, self._urls)))

    def served(self, key: str) -> list[tuple[str, FileEntry]]:
        """Return what the peers serve as ``key``, by their manifests (read once, and again after a run of theirs)."""
        found = []
        for name in self._urls:
            manifest = self._manifest(name)
            if manifest is not None and key in manifest.files:
                found.append((name, manifest.files[key]))
        return found

    def usable(self) -> list[str]:
        """Return the peers that are not left alone at the moment."""
        now = self._clock()
        with self._lock:
            return [name for name in self._urls if self._avoid.get(name, now) <= now]

    def _state(self, name: str) -> PeerState | None:
        response = self._get(name, "state.json", _STATE_LIMIT)
        state = None
        if response is not None:
            try:
                state = parse_state(response.json())
            except ApiError:
                state = None
        run = None if state is None else state.run
        with self._lock:
            if self._runs.get(name) != run:
                # a run has ended or begun: what it did in the end is in the manifest now
                self._manifests.pop(name, None)
            self._runs[name] = run
        return state

    def _manifest(self, name: str) -> Manifest | None:
        with self._lock:
            if name in self._manifests:
                return self._manifests[name]
        response = self._get(name, "manifest.json", _MANIFEST_LIMIT)
        manifest = None
        if response is not None:
            try:
                manifest = parse(response.body)
            except ManifestError:
                manifest = None
        with self._lock:
            self._manifests[name] = manifest
        return manifest

    def _get(self, name: str, path: str, limit: int) -> Response | None:
        if name not in self.usable():
            return None
        try:
            response = self._http.request(
                "GET", f"{self._urls[name]}{_PREFIX}/{path}", deadline=_DEADLINE, max_body=limit
            )
        except ApiError:
            with self._lock:
                self._avoid[name] = self._clock() + _AVOID
            return None
        return response if response.status == 200 else None


def same_content(remote: Remote, size: int | None, etag: str | None, last_modified: str | None) -> bool:
    """Say whether the validators of the store prove that a file is what the store has now."""
    if remote.size is not None and size is not None and remote.size != size:
        return False
    if remote.etag is not None and etag is not None:
        strong = remote.etag.startswith('"')
        return remote.etag == etag and (strong or remote.last_modified == last_modified)
    both = remote.last_modified is not None and remote.size is not None
    return both and (remote.size, remote.last_modified) == (size, last_modified)
