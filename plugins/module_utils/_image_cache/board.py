# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing the claims of this host while a run lasts. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .claims import Claim, Claims, Decision, PeerState
from .download import Transfer
from .files import write_atomic
from .journal import Journal

HEARTBEAT = 2.0


class Board:
    """``state.json`` in the runtime directory, rewritten at every step and by a heartbeat, removed at the end."""

    def __init__(
        self, path: Path, claims: Claims, journal: Journal, transfers: Callable[[], Iterable[Transfer]]
    ) -> None:
        self._path = path
        self._claims = claims
        self._journal = journal
        self._transfers = transfers
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._complained = False
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Board:
        self.publish()
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        self._thread.join()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            self._journal.warning("the state of the run stays behind", file=self._path, error=error.strerror)

    def publish(self) -> None:
        """Write the document. A failure is told once: peers then fetch for themselves, which costs only bandwidth."""
        with self._lock:
            for transfer in self._transfers():
                self._claims.progress(transfer.key, transfer.received)
            content = json.dumps(self._claims.document()).encode()
            try:
                write_atomic(self._path, content, durable=False)
            except OSError as error:
                if not self._complained:
                    self._journal.warning("peers cannot see this run", file=self._path, error=error.strerror)
                self._complained = True

    def round(
        self, keys: Iterable[str], look: Callable[[], Mapping[str, PeerState | None]], clock: Callable[[], float]
    ) -> dict[str, Decision]:
        """Request ``keys`` and decide about them and all that is pending; the order of the steps is the protocol."""
        with self._lock:
            for key in keys:
                self._claims.request(key)
        self.publish()
        states = look()
        with self._lock:
            self._claims.observe(states, clock())
            decisions = self._claims.resolve(clock())
        self.publish()
        return decisions

    def done(self, key: str, claim: Claim) -> None:
        """Show from the next publication on that this host has a file."""
        with self._lock:
            self._claims.done(key, claim)

    def release(self, key: str) -> None:
        """Show from the next publication on that this host gave a file up."""
        with self._lock:
            self._claims.release(key)

    def preferred(self, key: str) -> bool:
        """Say whether this host should take the file before others."""
        with self._lock:
            return self._claims.preferred(key)

    def finished(self, key: str) -> list[tuple[str, Claim]]:
        """Return which peers have the file since their run began."""
        with self._lock:
            return self._claims.finished(key)

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT):
            self.publish()
