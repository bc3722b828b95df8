# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: from what the metal-api lists to what nginx serves. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from .._http import HttpClient, RetryPolicy
from . import report as reports
from .board import Board
from .changes import Item, inspect, sized
from .claims import Claims
from .config import Config
from .download import Downloader
from .generations import Generations
from .journal import Journal
from .manifest import FileEntry, ManifestError
from .obtain import DISK, PEER, Obtained, Obtainer
from .peers import Peers
from .planner import IMAGE, Plan, plan
from .problems import CacheError, DiskFullError, StoppedError, describe
from .refusals import Refusals
from .repair import mend
from .report import COMPLETE, FAILED, PARTIAL, Report, timestamp
from .session import Session
from .source import SourceError, SourceResult
from .space import Space
from .staging import REFUSALS, Staging
from .store import Hosts, Store
from .throttle import Throttle
from .work import Transfers, Workshop

PUBLISH_EVERY = 10.0


class Engine:
    """The parts of a run, wired once from the configuration; ``sync``, ``plan`` and ``verify`` share them."""

    def __init__(self, config: Config, journal: Journal, stop: threading.Event) -> None:
        self.config = config
        self.journal = journal
        self.stop = stop
        self.generations = Generations(config.directory)
        self.staging = Staging(config.directory / "staging")
        self.refusals = Refusals(config.directory / "staging" / REFUSALS)
        self.space = Space(config.directory)
        self.transfers = Transfers()
        small = RetryPolicy(attempts=3, backoff=0.5, retry_after_cap=20.0)
        self._store_http = HttpClient(tls=config.store.tls, timeout=config.store.timeout, retry=small)
        # peers are in the same network: a proxy of the environment is for what is outside
        self._peer_http = HttpClient(timeout=5.0, retry=RetryPolicy(attempts=1), proxies={})
        hosts = Hosts()
        self.store = Store(self._store_http, config.store, hosts)
        self.peers = Peers(self._peer_http, config.peers)
        self._from_store = Downloader(
            self._store_http, self.staging, self.space, hosts, stop, throttle=Throttle(config.store.bandwidth_limit)
        )
        self._from_peers = Downloader(
            self._peer_http, self.staging, self.space, Hosts(), stop, throttle=Throttle(None), attempts=2, backoff=0.2
        )

    def workshop(self, board: Board) -> Workshop:
        """Return what fetches files and tells peers on ``board``."""
        obtainer = Obtainer(
            generations=self.generations,
            staging=self.staging,
            refusals=self.refusals,
            store=self.store,
            peers=self.peers,
            from_store=self._from_store,
            from_peers=self._from_peers,
            finished=board.finished,
            journal=self.journal,
        )
        return Workshop(
            obtainer,
            board,
            self.peers.states,
            self.transfers,
            self.journal,
            self.stop,
            self.config.parallel,
        )

    def board(self) -> Board:
        """Return the board on which peers see this run."""
        claims = Claims(self.config.host, uuid.uuid4().hex)
        path = self.config.runtime_directory / "state.json"
        return Board(path, claims, self.journal, self.transfers.running)

    def manifest(self) -> tuple[int | None, dict[str, FileEntry]]:
        """Return (number of the current generation, its files); a broken manifest is as good as none."""
        number = self.generations.current()
        if number is None:
            return None, {}
        try:
            return number, dict(self.generations.manifest(number).files)
        except ManifestError as error:
            self.journal.error("the manifest cannot be used", generation=number, error=error)
            return number, {}

    def close(self) -> None:
        """Close idle connections."""
        self._store_http.close()
        self._peer_http.close()


def survey(
    engine: Engine, source: SourceResult, served: Mapping[str, FileEntry], damaged: Mapping[str, FileEntry]
) -> tuple[list[Item], Plan]:
    """Ask the store about all files that the policy may want; returns them and the plan with the sizes then known."""
    config = engine.config
    # the size bound needs the sizes, which are asked for only where the other rules leave a file
    unbounded = plan(source.candidates.candidates, replace(config.policy, max_cache_size=None))
    items = inspect(unbounded.wanted, served, damaged, engine.store, engine.peers, config.parallel, engine.stop.is_set)
    decided = plan(sized(items), config.policy)
    by_key = {item.key: item for item in items}
    dropped = (*unbounded.dropped, *decided.dropped)
    return (
        [by_key[candidate.key] for candidate in decided.wanted],
        Plan(decided.wanted, dropped, decided.total_bytes, decided.over_budget_bytes, decided.unknown_sizes),
    )


class SyncRun:
    """State of one run of ``sync``; it is what takes the results of the workshop."""

    def __init__(
        self,
        engine: Engine,
        environment: Mapping[str, str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._config = engine.config
        self._journal = engine.journal
        self._generations = engine.generations
        self._session = Session(engine.config, environment, engine.journal)
        self._now = now
        self._clock = clock
        self._began = clock()
        self._started = now()
        self._number: int | None = None
        self._shown: dict[str, FileEntry] = {}
        self._current: dict[str, FileEntry] = {}
        self._obtained: dict[str, FileEntry] = {}
        self._publisher: threading.Thread | None = None
        self._published_at = clock()
        self._changed = False
        self.report = Report("sync", engine.config.host, engine.config.partition, timestamp(self._started))

    def run(self) -> Report:
        """Do the run. The caller holds the lock and writes the report. Raises nothing but programming errors."""
        try:
            self._run()
        except (CacheError, SourceError) as error:
            self.report.result = FAILED
            self.report.reason = self._journal.redact(str(error))
            self._journal.error("the run failed, what is served stays", error=error)
        finally:
            self._session.close()
            self._join_publisher()
            self._describe()
        return self.report

    # the steps

    def _run(self) -> None:
        self._journal.info("the run begins", host=self._config.host, partition=self._config.partition)
        self._generations.prepare()
        with _files():
            self._engine.staging.prepare()
        damaged = self._examine()
        self._session.open(self._started, refresh=True)
        self.report.token_expires_at = _optional_time(self._session.token_expires_at)
        source = self._session.read(self._now())
        for warning in source.warnings:
            self._warn(warning)
        self.report.skipped = [
            {"file": name, "reason": self._journal.redact(reason)} for name, reason in source.candidates.skipped
        ]
        items, _decided = survey(self._engine, source, self._current, damaged)
        self._take_known(items)
        needed = [item for item in items if item.needed]
        if needed:
            # until all is published: a peer finds a file among the claims of this run or in the manifest
            with self._engine.board() as board:
                self._engine.workshop(board).run(needed, self)
                self._finish(source)
        else:
            self._finish(source)
        self._session.ping(self._started)
        self._conclude(items, source)

    def _examine(self) -> dict[str, FileEntry]:
        """Compare what is served with its manifest, without reading; returns the files whose content is lost."""
        self._number, self._shown = self._engine.manifest()
        self._current = dict(self._shown)
        damaged: dict[str, FileEntry] = {}
        if self._number is None:
            return damaged
        for key, entry in self._shown.items():
            problem = self._generations.damage(self._number, key, entry)
            if problem is None:
                continue
            whole = mend(self._generations, self._number, key, entry)
            self._journal.warning("a served file was damaged", file=key, damage=problem, content_lost=not whole)
            self._changed = True
            if not whole:
                damaged[key] = self._current.pop(key)
        if damaged:
            # withdrawn at once: a machine gets it from another cache host or from the store
            self._publish_or_make_room(self._current)
        return damaged

    def _take_known(self, items: list[Item]) -> None:
        for item in items:
            if item.entry is not None and not item.needed:
                self._current[item.key] = item.entry
            if item.problem is not None and not item.needed:
                self._fail(item, item.problem)

    def _finish(self, source: SourceResult) -> None:
        """Publish what is wanted of what is there, and prune."""
        self._join_publisher()
        available = {**self._current, **self._obtained}
        removed: dict[str, str] = {}
        if self._engine.stop.is_set():
            target = available
        else:
            target, removed = self._choose(source, available)
        if self._generations.current() is None or target != self._shown or self._changed:
            self._publish_or_make_room(target)
        for key, reason in sorted(removed.items()):
            if key in self._current:
                self._journal.notice("a file was removed", file=key, reason=reason)
                self.report.removed.append({"file": key, "reason": reason})
        self._prune()

    def _choose(
        self, source: SourceResult, available: Mapping[str, FileEntry]
    ) -> tuple[dict[str, FileEntry], dict[str, str]]:
        """Return (what to serve, what not to serve any more and why).

        The policy is applied to what is really there: an old image gives way to a new one only when that has arrived.
        """
        there = [
            replace(candidate, size=available[candidate.key].size)
            for candidate in source.candidates.candidates
            if candidate.key in available
        ]
        final = plan(there, self._config.policy)
        self.report.over_budget_bytes = final.over_budget_bytes
        target = {candidate.key: available[candidate.key] for candidate in final.wanted}
        reasons = {candidate.key: reason for candidate, reason in final.dropped}
        images = dict(source.candidates.skipped)
        for key, entry in available.items():
            if key in target or key in reasons:
                continue
            if source.partitions is None and entry.kind != IMAGE and not _in_the_way(key, target):
                target[key] = entry
            else:
                reasons[key] = images.get(entry.image_id or "", "the metal-api does not list it any more")
        return target, reasons

    def _prune(self) -> None:
        if self._engine.stop.is_set():
            return
        self._generations.unpin()
        self._generations.prune(self._config.generations, self._config.policy.max_cache_size)
        failed = [failure["file"] for failure in self.report.failures]
        with _files():
            self._engine.refusals.keep(failed)
            self._engine.staging.prune(failed)

    def _conclude(self, items: list[Item], source: SourceResult) -> None:
        report = self.report
        report.result = COMPLETE
        if report.over_budget_bytes:
            self._warn(
                f"The cache is {report.over_budget_bytes} bytes above max_cache_size, because min_images_per_name "
                "demands them."
            )
        if source.partitions_problem:
            report.result = PARTIAL
            report.reason = f"{source.partitions_problem} What is served of kernels and boot images stays."
            self._warn(report.reason)
        if report.failures:
            whole = len(report.failures) < len(items)
            report.result = PARTIAL if whole else FAILED
            first = report.failures[0]["reason"]
            report.reason = f"{len(report.failures)} of {len(items)} files failed, the first because: {first}"
        if self._engine.stop.is_set():
            report.result = PARTIAL
            report.reason = "The run was stopped; the next one goes on where it ended."

    # what the workshop tells

    def obtained(self, obtained: Obtained) -> None:
        """A file is among the blobs."""
        key = obtained.item.key
        self._obtained[key] = obtained.entry(timestamp(self._now()))
        if obtained.source != DISK:
            where = "peer" if obtained.source == PEER else "store"
            self.report.downloaded[where] += obtained.received
        self.report.fetched.append({"file": key, "source": obtained.source, "bytes": obtained.size})
        self._journal.notice(
            "a file arrived", file=key, source=obtained.source, bytes=obtained.size, received=obtained.received
        )

    def failed(self, item: Item, problem: CacheError) -> None:
        """A file cannot be had in this run; what is served of it stays."""
        self._fail(item, problem)

    def idle(self) -> None:
        """Publish what has arrived, now and then, so that a long run is useful before its end."""
        if self._publisher is not None and not self._publisher.is_alive():
            self._publisher = None
        fresh = {**self._current, **self._obtained}
        due = self._clock() - self._published_at >= PUBLISH_EVERY
        if due and self._publisher is None and fresh != self._shown:
            self._published_at = self._clock()
            self._publisher = threading.Thread(target=self._publish_aside, args=(fresh,), name="publish", daemon=True)
            self._publisher.start()

    def make_room(self) -> int:
        """Free what only old generations need."""
        self._join_publisher()
        try:
            freed = self._generations.prune(1, None)
        except CacheError as error:
            self._journal.warning("old generations cannot be removed", error=error)
            return 0
        if freed:
            self._journal.warning("the disk is full: old generations were removed", freed=freed)
        return freed

    # parts

    def _publish(self, files: Mapping[str, FileEntry]) -> None:
        self._number = self._generations.publish(files, timestamp(self._now()))
        self._shown = dict(files)
        self._changed = False
        self._published_at = self._clock()
        self._journal.notice("published", generation=self._number, files=len(files))

    def _publish_aside(self, files: Mapping[str, FileEntry]) -> None:
        try:
            self._publish(files)
        except CacheError as error:
            # the publication at the end tells whether that matters
            self._journal.warning("what has arrived could not be published yet", error=error)

    def _publish_or_make_room(self, files: Mapping[str, FileEntry]) -> None:
        try:
            self._publish(files)
        except DiskFullError:
            if self.make_room():
                with contextlib.suppress(DiskFullError):
                    self._publish(files)
                    return
            # what has arrived must not keep the disk full; it can be fetched again
            self._obtained.clear()
            self._generations.unpin()
            self.make_room()
            raise

    def _join_publisher(self) -> None:
        if self._publisher is not None:
            self._publisher.join()
            self._publisher = None

    def _fail(self, item: Item, problem: CacheError) -> None:
        sentence = self._journal.redact(str(problem))
        self.report.failures.append({"file": item.key, "reason": sentence})
        if not isinstance(problem, StoppedError):
            self._journal.error("a file failed", file=item.key, served=item.entry is not None, error=sentence)

    def _warn(self, sentence: str) -> None:
        self.report.warnings.append(self._journal.redact(sentence))
        self._journal.warning(sentence)

    def _describe(self) -> None:
        """Fill in what is served at the end, whatever happened."""
        report = self.report
        report.generation = self._generations.current()
        report.files = dict(Counter(entry.kind for entry in self._shown.values()))
        report.bytes = sum({entry.md5: entry.size for entry in self._shown.values()}.values())
        report.max_cache_size = self._config.policy.max_cache_size
        report.finish(self._now(), self._clock() - self._began, reports.load(self._config.directory / "report.json"))


def _in_the_way(key: str, target: Mapping[str, FileEntry]) -> bool:
    """Say whether a file cannot be served beside those of ``target``: one path would be a directory and a file."""
    for other in target:
        for name in (other, f"{other}.md5"):
            if (
                key == name
                or f"{key}.md5" == name
                or key.startswith(f"{name}/")
                or name.startswith((f"{key}/", f"{key}.md5/"))
            ):
                return True
    return False


def _optional_time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


@contextlib.contextmanager
def _files() -> Iterator[None]:
    """Turn a failed operation on files into its sentence."""
    try:
        yield
    except OSError as error:
        raise describe(error) from None
