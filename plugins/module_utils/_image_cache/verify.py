# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading everything that is served again, withdrawing what is damaged, and repairing it.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from . import report as reports
from .changes import Item, promised
from .generations import Generations, checksum_line
from .lock import LockedError, run_lock
from .manifest import FileEntry, ManifestError
from .obtain import Obtained
from .planner import Candidate
from .problems import CacheError, DiskFullError, StoppedError
from .repair import flaw, mend
from .report import COMPLETE, FAILED, PARTIAL, Report, timestamp
from .sync import Engine
from .throttle import Throttle

# Changing needs the lock of sync, which the first run holds for hours where the line is slow. So reading goes on
# meanwhile, and only what is left at its end waits, in seconds.
PATIENCE = 12 * 3600.0


class VerifyRun:
    """One check of all served files. Reading needs no lock, since blobs never change; changing takes it."""

    def __init__(
        self,
        engine: Engine,
        *,
        rate: int | None = None,
        patience: float = PATIENCE,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._generations = engine.generations
        self._journal = engine.journal
        self._throttle = Throttle(rate, wait=engine.stop.wait)
        self._patience = patience
        self._now = now
        self._clock = clock
        self._began = clock()
        # what is damaged and still served; None is a file that belongs to nothing
        self._due: dict[str, FileEntry | None] = {}
        self._lost: dict[str, FileEntry] = {}
        self._repaired: dict[str, FileEntry] = {}
        self.report = Report("verify", engine.config.host, engine.config.partition, timestamp(now()))

    def run(self) -> Report:
        """Check, withdraw, repair. Raises nothing but programming errors; the caller writes the report."""
        report = self.report
        try:
            with contextlib.suppress(StoppedError):
                self._check()
            self._finish()
            report.result = PARTIAL if report.failures else COMPLETE
            if report.failures:
                first = report.failures[0]["reason"]
                report.reason = f"{len(report.failures)} damaged files were not repaired, the first because: {first}"
            if self._engine.stop.is_set():
                report.result, report.reason = PARTIAL, "The check was stopped."
        except CacheError as error:
            report.result = FAILED
            report.reason = self._journal.redact(str(error))
            self._journal.error("the check failed", error=error)
        number, files = self._engine.manifest()
        report.generation = number
        report.files = dict(Counter(entry.kind for entry in files.values()))
        report.bytes = sum({entry.md5: entry.size for entry in files.values()}.values())
        previous = reports.load(self._engine.config.directory / "verify.json")
        report.finish(self._now(), self._clock() - self._began, previous)
        return report

    def _check(self) -> None:
        number, files = self._served()
        good: dict[str, str | None] = {}
        for key, entry in sorted(files.items()):
            if self._engine.stop.is_set():
                raise StoppedError
            if entry.md5 not in good:
                good[entry.md5] = flaw(self._generations.blob(entry.md5), entry, self._read)
            problem = good[entry.md5] or served_problem(self._generations, number, key, entry)
            if problem is not None:
                self._found(key, entry, problem)
            self._withdraw_now()
        for name in foreign(self._generations, number, files):
            self._found(name, None, "it does not belong to the generation")
        self._withdraw_now()

    def _served(self) -> tuple[int, dict[str, FileEntry]]:
        """Return (number of the current generation, its files). A broken manifest must not pass for an empty one."""
        number = self._generations.current()
        if number is None:
            raise CacheError("Nothing is served yet, so there is nothing to check: run sync first.")
        try:
            return number, dict(self._generations.manifest(number).files)
        except ManifestError as error:
            raise CacheError(f"The manifest of generation {number} cannot be used: {error}.") from None

    def _read(self, count: int) -> None:
        self.report.read_bytes += count
        self._throttle.passed(count)
        if self._engine.stop.is_set():
            raise StoppedError

    def _found(self, key: str, entry: FileEntry | None, problem: str) -> None:
        self._due[key] = entry
        self.report.corrupt.append({"file": key, "reason": problem})
        self._journal.error("a served file is damaged", file=key, damage=problem)

    def _lock(self, patience: float) -> AbstractContextManager[None]:
        return run_lock(self._engine.config.directory / "lock", patience=patience, wait=self._engine.stop.wait)

    def _withdraw_now(self) -> None:
        """Withdraw what is due, unless a run of sync is at work: then after the next file, or at the end."""
        if self._due:
            # a lock that cannot be had at all fails the end of the check, not its reading
            with contextlib.suppress(CacheError), self._lock(0.0):
                self._withdraw()

    def _finish(self) -> None:
        """Withdraw what is still due, and fetch what is lost; a run of sync that is at work comes to its end first."""
        if not self._due and not self._lost:
            return
        if self._due:
            self._journal.notice(
                "damaged files are withdrawn as soon as the synchronisation has ended", files=len(self._due)
            )
        try:
            with self._lock(self._patience):
                self._withdraw()
                if self._lost:
                    self._restore()
        except LockedError:
            for what, files in (("withdrawn", self._due), ("fetched again", self._lost)):
                for key in files:
                    self._fail(key, f"It could not be {what} because a synchronisation is at work.")

    def _withdraw(self) -> None:
        """Stop serving what is due, unless it can be mended from this disk, which is as quick. The lock is held."""
        due, self._due = self._due, {}
        lost: dict[str, FileEntry] = {}
        try:
            number, files = self._served()
            # a run of sync may have replaced it meanwhile
            damaged = {key: entry for key, entry in due.items() if entry is None or files.get(key) == entry}
            if not damaged:
                return
            for key, entry in damaged.items():
                # nobody but this program writes there: a new generation has only what the manifest names
                if entry is None or key in lost or mend(self._generations, number, key, entry):
                    continue
                for other in [name for name, its in files.items() if its.md5 == entry.md5]:
                    lost[other] = files.pop(other)
            self._publish(files)
            self._lost.update(lost)
        except CacheError as error:
            for key in due:
                self._fail(key, f"It could not be withdrawn: {error}")

    def _publish(self, files: Mapping[str, FileEntry]) -> int:
        created = timestamp(self._now())
        try:
            return self._generations.publish(files, created)
        except DiskFullError:
            self.make_room()
            return self._generations.publish(files, created)

    def _restore(self) -> None:
        """Fetch what is lost, from a peer or from the store, and serve it again. The lock is held."""
        self._generations.prepare()
        self._engine.staging.prepare()
        items = [
            Item(Candidate(entry.url, key, entry.kind, entry.image_id), None, promised(entry))
            for key, entry in sorted(self._lost.items())
        ]
        with self._engine.board() as board:
            self._engine.workshop(board).run(items, self)
            if self._repaired:
                _number, files = self._served()
                number = self._publish({**files, **self._repaired})
                self._journal.notice("repaired files are served again", generation=number, files=len(self._repaired))

    # what the workshop tells

    def obtained(self, obtained: Obtained) -> None:
        """A lost file is there again."""
        key = obtained.item.key
        self._repaired[key] = replace(
            obtained.entry(timestamp(self._now())),
            sidecars=self._lost[key].sidecars,
            etag=self._lost[key].etag or obtained.remote.etag,
            last_modified=self._lost[key].last_modified or obtained.remote.last_modified,
        )
        if obtained.source != "disk":
            self.report.downloaded[obtained.source] += obtained.received
        self.report.fetched.append({"file": key, "source": obtained.source, "bytes": obtained.size})
        self._journal.notice("a damaged file was fetched again", file=key, source=obtained.source)

    def failed(self, item: Item, problem: CacheError) -> None:
        """A lost file cannot be had now; the next run of sync tries again."""
        self._fail(item.key, str(problem))

    def _fail(self, key: str, reason: str) -> None:
        sentence = self._journal.redact(reason)
        self.report.failures.append({"file": key, "reason": sentence})
        self._journal.error("a damaged file was not repaired", file=key, error=sentence)

    def idle(self) -> None:
        """Nothing to do in between: repairs are few."""

    def make_room(self) -> int:
        """Free what only old generations need."""
        return self._generations.prune(1, None)


def served_problem(generations: Generations, number: int, key: str, entry: FileEntry) -> str | None:
    """Say what is wrong with the names of a file whose blob is whole: the served file or its checksum file."""
    problem = generations.damage(number, key, entry)
    if problem is not None:
        return problem
    try:
        content = Path(f"{generations.served(number, key)}.md5").read_bytes()
    except OSError as error:
        return f"its checksum file cannot be read: {error.strerror}"
    return None if content == checksum_line(key, entry.md5) else "its checksum file says something else"


def foreign(generations: Generations, number: int, files: Mapping[str, FileEntry]) -> list[str]:
    """Return what lies in a generation and is neither a file of the manifest nor the checksum file of one."""
    root = generations.served(number, "")
    expected = {name for key in files for name in (key, f"{key}.md5")}
    found = []
    for directory, _directories, names in os.walk(root):
        for name in names:
            relative = os.path.relpath(os.path.join(directory, name), root)
            if relative not in expected:
                found.append(relative)
    return sorted(found)
