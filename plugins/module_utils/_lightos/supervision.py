# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long command that goes on whatever becomes of who has started it, with a log that holds no secrets.

A run of the installer takes an hour. It must not end halfway because a laptop was closed, and must not be started a
second time beside the first. So it is a process of its own; a lock that it and its children hold tells that it goes on,
and who comes later follows its log. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

from .._errors import UsageError
from .._image_cache.files import write_all, write_atomic
from .._redact import HIDDEN, redact

_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
# of Ansible, but not of the vendor's: these would change what the installer does
_FOREIGN = ("ANSIBLE_",)
_PAUSE = 0.1
_MOST = 256 * 1024


@dataclass(frozen=True)
class Job:
    """What to run. ``environment`` is added to that of this process.

    ``files`` are texts by path, for their owner alone: written when it begins, and removed when it ends.
    """

    label: str
    command: Sequence[str]
    directory: str
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """What became of it: new ``lines``, where to go on, and ``code``, None while it runs or when nobody knows."""

    label: str
    lines: list[str]
    offset: int
    running: bool
    code: int | None
    log: str


class AtWorkError(UsageError):
    """Another run goes on."""


class Supervision:
    """Runs in a directory, one at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = directory / "run.lock"
        self._record = directory / "run.json"

    def at_work(self, label: str) -> bool:
        """Return whether a run goes on. Raises AtWorkError when it is one of another label."""
        lock = self._try_lock()
        if lock is not None:
            os.close(lock)
            return False
        self._refuse_another(label)
        return True

    def begin(self, job: Job, detach: Callable[[Callable[[], None]], None] | None = None) -> bool:
        """Start it, unless one of the same label goes on; return whether it was started.

        Raises AtWorkError when another one goes on.
        """
        lock = self._try_lock()
        if lock is None:
            self._refuse_another(job.label)
            return False
        try:
            for path, text in job.files.items():
                write_atomic(Path(path), text.encode(), mode=0o600)
            log = self._new_log(job.label)
            started = {"label": job.label, "log": str(log), "started": _now()}
            self._write(started)
            (detach or _detach)(lambda: self.supervise(job, started, lock))
        finally:
            os.close(lock)
        return True

    def supervise(self, job: Job, started: Mapping[str, Any], lock: int) -> None:
        """Run it to its end."""
        code: int | None = None
        log = os.open(started["log"], os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            code = _run(job, lock, lambda line: write_all(log, f"{line}\n".encode("utf-8", "replace")))
        finally:
            os.close(log)
            for path in job.files:
                Path(path).unlink(missing_ok=True)
            self._write({**started, "ended": _now(), "code": code})

    def follow(self, offset: int, wait: float) -> Progress:
        """Return what is logged since ``offset`` within so many seconds, or until its end, or until it is much."""
        end = time.monotonic() + wait
        while True:
            # in this order: what was written before the end is seen when the end is
            lock = self._try_lock()
            if lock is not None:
                os.close(lock)
            record = self._read()
            running = lock is None and "code" not in record
            log = Path(str(record.get("log", "")))
            if not running or time.monotonic() >= end or _size(log) - offset >= _MOST:
                lines, position = _lines(log, offset, whole=not running)
                code = record.get("code")
                return Progress(
                    label=str(record.get("label", "")),
                    lines=lines,
                    offset=position,
                    # what has ended is told in pieces as well, and has ended for the reader with the last one
                    running=running or position < _size(log),
                    code=code if isinstance(code, int) else None,
                    log=str(log),
                )
            time.sleep(_PAUSE)

    def _refuse_another(self, label: str) -> None:
        """Raise AtWorkError when the run that goes on has another label."""
        found = str(self._read().get("label"))
        if found != label:
            raise AtWorkError(
                f"The installer is at work already, with {found}; wait for its end, then run {label} again."
            )

    def _new_log(self, label: str) -> Path:
        """Return a new, empty file with the label and the time in its name."""
        name = f"{re.sub(r'[^A-Za-z0-9.-]+', '-', label)}-{_now().replace(':', '')}"
        for number in range(100):
            log = self._directory / (f"{name}-{number}.log" if number else f"{name}.log")
            try:
                os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                # two runs within a second
                continue
            return log
        raise UsageError(f"directory is {self._directory}, which is full of logs of this second.")

    def _try_lock(self) -> int | None:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._record.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, record: Mapping[str, Any]) -> None:
        write_atomic(self._record, json.dumps(record).encode(), mode=0o600)


class Cleaner:
    """Takes secrets out of lines, keys that go over many lines as well."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets
        self._inside = False

    def clean(self, line: str) -> str | None:
        """Return the line as it may be kept, None for one within a key."""
        if self._inside:
            ends = _KEY_ENDS.search(line)
            if ends is None:
                return None
            self._inside = False
            line = HIDDEN + line[ends.end() :]
        begins = [match.start() for match in _KEY_BEGINS.finditer(line)]
        if begins and _KEY_ENDS.search(line, begins[-1]) is None:
            self._inside = True
        return redact(_KEY.sub(HIDDEN, line), self._secrets)


def _run(job: Job, lock: int, write: Callable[[str], None]) -> int | None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    try:
        # it outlives the module, so it is none that AnsibleModule.run_command could wait for
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(job.command),
            cwd=job.directory,
            env={**kept, "PYTHONUNBUFFERED": "1", **job.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # as long as the command lives, even without us, nobody starts another one
            pass_fds=(lock,),
        )
    except OSError as error:
        write(f"{job.command[0]} cannot be started: {error.strerror}.")
        return 127
    cleaner = Cleaner(job.secrets)
    with process:
        for raw in process.stdout or ():
            line = cleaner.clean(raw.decode("utf-8", "replace").rstrip("\r\n"))
            if line is not None:
                write(line)
    return process.returncode


def _detach(work: Callable[[], None]) -> None:
    """Do it in a process of its own that belongs to nobody."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            # whoever reads our output waits until nobody has it open any more
            for standard in (0, 1, 2):
                os.dup2(null, standard)
            work()
    finally:
        # never back into the module
        os._exit(0)


def _lines(log: Path, offset: int, *, whole: bool) -> tuple[list[str], int]:
    """Return complete lines from ``offset`` on, and where they end; with ``whole`` the rest as well."""
    if not log.is_file():
        return [], offset
    with log.open("rb") as file:
        file.seek(offset)
        data = file.read(_MOST)
    if not whole or len(data) == _MOST:
        data = data[: data.rfind(b"\n") + 1]
    return data.decode("utf-8", "replace").splitlines(), offset + len(data)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
