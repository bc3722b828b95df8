# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who fetches what: the agreement between cache hosts by which each file leaves the internet once.

Private to the collection metalstack.provisioning. No clock, no network and no threads in here: a state machine that
the tests explore exhaustively.

Each host publishes a document (``state.json``) that says for each file it deals with one of:

``intent``
    it wants to fetch the file from the store and looks whether others do;
``downloading``
    it fetches the file;
``waiting``
    it leaves the file to another host and hinders nobody;
``done``
    it got the file in this run, with size, checksum and validators; only for files whose checksum the store does not
    tell, since others are found by it.

One round of a host is: :meth:`Claims.request` for some files, publish :meth:`Claims.document`, *then* read the
documents of all others, :meth:`Claims.observe` them, :meth:`Claims.resolve`, and publish again before anything is
fetched. Since both of two hosts publish their intent before they read, at least one of them sees the other:

* the other is downloading: wait;
* the other intends, and ranks higher: wait;
* the other intends, and ranks lower: it will see this host's intent at its next look and wait, or it looked before and
  is about to download, so keep the intent and look again;
* nobody else: download, but ask the others for the file first. Since everybody claims before that, whoever had it
  before has it now, and nobody begins with it meanwhile.

The rank differs from file to file (rendezvous hashing), so that hosts which start together share the work.
A host that cannot be read, whose document did not change for ``stale_after`` seconds of this host's own clock, or whose
claim made no progress for ``stall_after`` seconds, is not counted. Clocks of different hosts are never compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

INTENT = "intent"
WAITING = "waiting"
DOWNLOADING = "downloading"
DONE = "done"

STALE_AFTER = 30.0
STALL_AFTER = 120.0
VERSION = 1


@dataclass(frozen=True)
class Claim:
    """What a host says about one file; the last four are those of a file that is ``done``."""

    state: str
    progress: int = 0
    md5: str | None = None
    size: int | None = None
    etag: str | None = None
    last_modified: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the claim as JSON types, without what is not known."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class PeerState:
    """The document of another host: ``run`` differs between runs, ``sequence`` rises while the run is alive."""

    host: str
    run: str
    sequence: int
    files: Mapping[str, Claim]


@dataclass(frozen=True)
class Decision:
    """What a host does about a file: ``go`` (fetch it), ``wait`` for ``peer``, ``look`` (see the peers again first)
    or ``retry`` (whoever was waited for has finished or is gone: request the file again)."""

    action: str
    peer: str | None = None


GO = "go"
WAIT = "wait"
LOOK = "look"
RETRY = "retry"


def rank(key: str, host: str, run: str) -> tuple[str, str, str]:
    """Return what the hosts compare for a file; the greatest wins, and two runs never have the same."""
    return (hashlib.sha256(f"{host}\n{key}".encode()).hexdigest(), host, run)


def parse_state(data: object) -> PeerState | None:
    """Read the document of a peer; None when it is not one (a peer of another version, a broken answer)."""
    if not isinstance(data, dict) or data.get("version") != VERSION:
        return None
    host, run, sequence, files = (data.get(name) for name in ("host", "run", "sequence", "files"))
    if not isinstance(host, str) or not isinstance(run, str) or not isinstance(files, dict):
        return None
    if not isinstance(sequence, int):
        return None
    claims = {str(key): claim for key, claim in ((key, _claim(value)) for key, value in files.items()) if claim}
    return PeerState(host, run, sequence, claims)


def _claim(data: object) -> Claim | None:
    if not isinstance(data, dict) or data.get("state") not in (INTENT, WAITING, DOWNLOADING, DONE):
        return None
    progress, size = data.get("progress"), data.get("size")
    texts = {name: data[name] for name in ("md5", "etag", "last_modified") if isinstance(data.get(name), str)}
    return Claim(
        state=str(data["state"]),
        progress=progress if isinstance(progress, int) else 0,
        size=size if isinstance(size, int) else None,
        **texts,
    )


class _Watch:
    """When something was last seen to change, by the reader's own clock."""

    def __init__(self) -> None:
        self._seen: dict[object, tuple[object, float]] = {}

    def age(self, what: object, value: object, now: float) -> float:
        known = self._seen.get(what)
        if known is None or known[0] != value:
            self._seen[what] = (value, now)
            return 0.0
        return now - known[1]

    def keep(self, what: AbstractSet[object]) -> None:
        """Forget the rest: when it comes again it is something new."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in what}


class Claims:
    """The claims of this host and its view of the others."""

    def __init__(
        self, host: str, run: str, *, stale_after: float = STALE_AFTER, stall_after: float = STALL_AFTER
    ) -> None:
        self._host = host
        self._run = run
        self._sequence = 0
        self._own: dict[str, Claim] = {}
        self._announced: set[str] = set()
        self._peers: dict[str, PeerState] = {}
        self._documents = _Watch()
        self._progress = _Watch()
        self._stale_after = stale_after
        self._stall_after = stall_after

    def document(self) -> dict[str, Any]:
        """Return what to publish now; every call is one heartbeat."""
        self._sequence += 1
        self._announced = {key for key, claim in self._own.items() if claim.state == INTENT}
        return {
            "version": VERSION,
            "host": self._host,
            "run": self._run,
            "sequence": self._sequence,
            "files": {key: claim.to_json() for key, claim in sorted(self._own.items())},
        }

    def request(self, key: str) -> None:
        """Intend to fetch a file from the store; counts from the next :meth:`document` on."""
        self._own[key] = Claim(INTENT)

    def progress(self, key: str, received: int) -> None:
        """Note how many bytes of a file have arrived."""
        claim = self._own.get(key)
        if claim is not None and claim.state == DOWNLOADING:
            self._own[key] = Claim(DOWNLOADING, received)

    def done(self, key: str, claim: Claim) -> None:
        """Tell the others that this host has the file and what it is."""
        self._own[key] = claim

    def release(self, key: str) -> None:
        """Give a file up, so that others need not wait for it."""
        self._own.pop(key, None)

    def pending(self) -> bool:
        """Say whether some file has an intent or waits, so that another look is needed."""
        return any(claim.state in (INTENT, WAITING) for claim in self._own.values())

    def preferred(self, key: str) -> bool:
        """Say whether this host ranks highest for the file among all it has seen; such files are best taken first."""
        own = rank(key, self._host, self._run)
        return all(rank(key, peer.host, peer.run) < own for peer in self._peers.values())

    def observe(self, states: Mapping[str, PeerState | None], now: float) -> None:
        """Take note of what was read from all peers (name to document, None when there is none).

        ``now`` is in seconds of any clock that only goes forward.
        """
        self._peers = {}
        for name, state in states.items():
            # this host itself, reached under another address, is no other host
            if state is None or state.run == self._run:
                continue
            if self._documents.age(name, (state.run, state.sequence), now) >= self._stale_after:
                continue
            self._peers[name] = state
        active = {
            (name, key)
            for name, state in self._peers.items()
            for key, claim in state.files.items()
            if claim.state in (INTENT, DOWNLOADING)
        }
        self._progress.keep(active)

    def resolve(self, now: float) -> dict[str, Decision]:
        """Decide about every file with an announced intent or waiting, by what was observed after it was announced."""
        decisions: dict[str, Decision] = {}
        for key in [key for key, claim in self._own.items() if claim.state in (INTENT, WAITING)]:
            intent = self._own[key].state == INTENT
            if intent and key not in self._announced:
                continue
            decisions[key] = decision = self._decide(key, now)
            if decision.action == WAIT:
                self._own[key] = Claim(WAITING)
            elif not intent:
                # nobody to wait for any more
                self.release(key)
                decisions[key] = Decision(RETRY)
            elif decision.action == GO:
                self._own[key] = Claim(DOWNLOADING)
        return decisions

    def finished(self, key: str) -> list[tuple[str, Claim]]:
        """Return the peers that have the file in their present run, with what it is."""
        return [
            (name, state.files[key])
            for name, state in self._peers.items()
            if key in state.files and state.files[key].state == DONE
        ]

    def _decide(self, key: str, now: float) -> Decision:
        own = rank(key, self._host, self._run)
        look = False
        for name, state in self._active(key, now):
            if state.files[key].state == DOWNLOADING or rank(key, state.host, state.run) > own:
                return Decision(WAIT, name)
            look = True
        return Decision(LOOK) if look else Decision(GO)

    def _active(self, key: str, now: float) -> Iterable[tuple[str, PeerState]]:
        """Yield the peers that intend or download and get on with it."""
        for name, state in self._peers.items():
            claim = state.files.get(key)
            if claim is None or claim.state not in (INTENT, DOWNLOADING):
                continue
            if self._progress.age((name, key), (state.run, claim.state, claim.progress), now) < self._stall_after:
                yield name, state
