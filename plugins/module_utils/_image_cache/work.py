# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting many files, several at a time: the coordinator of the threads that fetch.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .board import Board
from .changes import Item
from .claims import DONE, GO, LOOK, RETRY, Claim, PeerState
from .download import Transfer
from .journal import Journal
from .obtain import Obtained, Obtainer
from .problems import CacheError, DiskFullError, StoppedError

_TICK = 0.5
_LOOK_AGAIN = 0.3
_WAIT_AGAIN = 1.0
_STOP_WITHIN = 3.0
PROGRESS_EVERY = 10.0


class Results(Protocol):
    """Who takes the results; called in the thread of :meth:`Workshop.run` only."""

    def obtained(self, obtained: Obtained) -> None:
        """A file is there."""

    def failed(self, item: Item, problem: CacheError) -> None:
        """A file cannot be had in this run."""

    def idle(self) -> None:
        """Called at least every half second."""

    def make_room(self) -> int:
        """The disk is full: free what is not needed, and return how many bytes that were."""


class Transfers:
    """The transfers that run, for the journal and for the peers. Safe to use from all threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Transfer, float]] = {}

    def begin(self, transfer: Transfer) -> None:
        """Count a transfer as running."""
        with self._lock:
            self._running[transfer.key] = (transfer, self._clock())

    def end(self, transfer: Transfer) -> None:
        """It runs no more."""
        with self._lock:
            self._running.pop(transfer.key, None)

    def running(self) -> list[Transfer]:
        """Return all that run."""
        with self._lock:
            return [transfer for transfer, _began in self._running.values()]

    def tell(self, journal: Journal) -> None:
        """Write one line for each transfer that runs for long."""
        now = self._clock()
        with self._lock:
            running = list(self._running.values())
        for transfer, began in running:
            seconds = now - began
            if seconds < PROGRESS_EVERY or not transfer.received:
                continue
            rate = max(0, transfer.received - (transfer.resumed or 0)) / seconds
            percent = remaining = None
            if transfer.total:
                percent = round(100 * transfer.received / transfer.total, 1)
                remaining = round((transfer.total - transfer.received) / rate) if rate else None
            journal.info(
                "downloading",
                file=transfer.key,
                source=transfer.source,
                percent=percent,
                bytes=transfer.received,
                total=transfer.total,
                bytes_per_second=round(rate),
                remaining_seconds=remaining,
            )


@dataclass
class _Job:
    """One file on its way. ``slot`` is true while its transfer counts against the limit."""

    item: Item
    slot: bool = False
    made_room: bool = False


@dataclass(frozen=True)
class _Event:
    """What a worker tells: the network is free again (``done`` false), or how it ended."""

    job: _Job
    done: bool = True
    obtained: Obtained | None = None
    problem: BaseException | None = None


class Workshop:
    """Gets files with at most ``parallel`` transfers; as many more may wait for the disk."""

    def __init__(
        self,
        obtainer: Obtainer,
        board: Board,
        look: Callable[[], dict[str, PeerState | None]],
        transfers: Transfers,
        journal: Journal,
        stop: threading.Event,
        parallel: int,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._obtainer = obtainer
        self._board = board
        self._look = look
        self._transfers = transfers
        self._journal = journal
        self._stop = stop
        self._parallel = parallel
        self._clock = clock
        self._ready: list[_Job] = []
        self._looking: dict[str, _Job] = {}
        self._waiting: dict[str, _Job] = {}
        self._slots = 0
        self._running = 0
        self._next_round = 0.0
        self._next_progress = 0.0
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def run(self, items: Sequence[Item], results: Results) -> None:
        """Get all ``items``, about in their order; returns when each has succeeded, failed, or the run was stopped.

        Raises whatever a worker raised that is no :class:`CacheError`.
        """
        self._ready.extend(_Job(item) for item in items)
        self._next_progress = self._clock() + PROGRESS_EVERY
        # no more threads than there is work for
        for _number in range(min(len(items), 2 * self._parallel)):
            thread = threading.Thread(target=self._work, name="fetch", daemon=True)
            thread.start()
            self._threads.append(thread)
        try:
            while self._busy() and not self._stop.is_set():
                if not self._round_due() or not self._round():
                    results.idle()
                    self._progress()
                    self._next_event(results)
        finally:
            for _thread in self._threads:
                self._calls.put(None)
            self._end(results)

    def _busy(self) -> bool:
        return bool(self._ready or self._looking or self._waiting or self._running)

    def _free(self) -> int:
        """Return how many transfers may begin now; what looks at the peers is about to."""
        used = max(self._slots, self._running - self._parallel)
        return self._parallel - used - len(self._looking)

    def _round_due(self) -> bool:
        fresh = bool(self._ready) and self._free() > 0
        return fresh or (bool(self._looking or self._waiting) and self._clock() >= self._next_round)

    def _round(self) -> bool:
        """Claim as many files as can begin now, those first that are this host's share; true when one began."""
        chosen = self._choose(max(0, self._free()))
        for job in chosen:
            self._ready.remove(job)
            self._looking[job.item.key] = job
        pending = {**self._waiting, **self._looking}
        decisions = self._board.round([job.item.key for job in chosen], self._look, self._clock)
        self._looking, self._waiting = {}, {}
        began = False
        for key, job in pending.items():
            action = decisions[key].action
            if action == GO:
                self._begin(job)
                began = True
            elif action == LOOK:
                self._looking[key] = job
            elif action == RETRY:
                self._ready.insert(0, job)
            else:
                if job in chosen:
                    self._journal.info("another cache host fetches this file", file=key, peer=decisions[key].peer)
                self._waiting[key] = job
        self._next_round = self._clock() + (_LOOK_AGAIN if self._looking else _WAIT_AGAIN)
        return began

    def _choose(self, count: int) -> list[_Job]:
        """Return the next files: this host's share first, in the order of the plan."""
        chosen: list[_Job] = []
        others: list[_Job] = []
        for job in self._ready:
            if len(chosen) == count:
                break
            (chosen if self._board.preferred(job.item.key) else others).append(job)
        return chosen + others[: count - len(chosen)]

    def _begin(self, job: _Job) -> None:
        job.slot = True
        self._slots += 1
        self._running += 1

        def call() -> None:
            transfer = Transfer(job.item.key, "", transferred=lambda: self._events.put(_Event(job, done=False)))
            self._transfers.begin(transfer)
            try:
                event = _Event(job, obtained=self._obtainer.obtain(job.item, transfer))
            except BaseException as error:  # noqa: BLE001 - handed to the coordinator, which raises it
                event = _Event(job, problem=error)
            finally:
                self._transfers.end(transfer)
            self._events.put(event)

        self._calls.put(call)

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                return
            call()

    def _next_event(self, results: Results) -> None:
        timeout = _TICK
        if self._looking or self._waiting:
            timeout = min(timeout, max(0.0, self._next_round - self._clock()))
        try:
            self._settle(self._events.get(timeout=timeout), results)
        except queue.Empty:
            return

    def _settle(self, event: _Event, results: Results) -> None:
        job = event.job
        if job.slot:
            job.slot = False
            self._slots -= 1
        if not event.done:
            return
        self._running -= 1
        key = job.item.key
        if event.obtained is not None:
            got = event.obtained
            if got.remote.md5:
                # peers find it by the checksum that they have from the store, too
                self._board.release(key)
            else:
                self._board.done(
                    key, Claim(DONE, got.size, got.md5, got.size, got.remote.etag, got.remote.last_modified)
                )
            results.obtained(got)
        elif event.problem is not None:
            self._board.release(key)
            if not isinstance(event.problem, CacheError):
                raise event.problem
            if isinstance(event.problem, DiskFullError) and not job.made_room and results.make_room():
                job.made_room = True
                self._ready.append(job)
            else:
                results.failed(job.item, event.problem)

    def _progress(self) -> None:
        if self._clock() >= self._next_progress:
            self._next_progress = self._clock() + PROGRESS_EVERY
            self._transfers.tell(self._journal)

    def _end(self, results: Results) -> None:
        """Wait for the workers, which notice the stop soon unless they hang, and report what is left."""
        deadline = self._clock() + _STOP_WITHIN
        while self._running and self._clock() < deadline:
            try:
                self._settle(self._events.get(timeout=max(0.0, deadline - self._clock())), results)
            except queue.Empty:
                break
        for job in [*self._ready, *self._looking.values(), *self._waiting.values()]:
            self._board.release(job.item.key)
            results.failed(job.item, StoppedError())
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
