# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that go on in the background when the command that started them has ended, and how they are stopped.

Each has a file in the world's folder `processes` with its process id and the time it was started at, so that nobody
else's process is taken for one of them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .base import ROOT, KubernetesError, last_lines

_PATIENCE = 15.0


class Processes:
    """Those of one world; each writes what it says to `<name>.log`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._records = directory / "processes"
        # those that this process has started, which it has to bury
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        """What a program said."""
        return self._directory / f"{name}.log"

    def start(self, name: str, command: Sequence[object], env: Mapping[str, str] | None = None) -> None:
        """Start it; `wait` tells when it is ready."""
        self._records.mkdir(exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children[name] = process
        record = {"pid": process.pid, "began": _began(process.pid), "order": time.monotonic_ns()}
        (self._records / name).write_text(json.dumps(record))

    def wait(self, name: str, ready: Callable[[], bool], what: str, deadline: float = 90) -> None:
        """Until `ready` says yes; KubernetesError with the last words of the program when it ends or takes too long."""
        end = time.monotonic() + deadline
        while not ready():
            if not self.runs(name):
                raise KubernetesError(f"{what} ended: {self._said(name)}")
            if time.monotonic() > end:
                raise KubernetesError(f"{what} is not ready after {deadline:.0f} s: {self._said(name)}")
            time.sleep(0.1)

    def runs(self, name: str) -> bool:
        """Whether it still does."""
        record = self._record(name)
        return record is not None and _alive(record)

    def stop(self, *names: str) -> None:
        """Stop these, or all in the reverse order of their starts."""
        records = (
            {path.name: self._record(path.name) for path in self._records.glob("*")} if self._records.is_dir() else {}
        )
        for name, record in sorted(records.items(), key=lambda item: -(item[1] or {}).get("order", 0)):
            if not names or name in names:
                if record is not None:
                    _end(record)
                if name in self._children:
                    self._children.pop(name).wait()
                (self._records / name).unlink()

    def _record(self, name: str) -> dict[str, int] | None:
        path = self._records / name
        return json.loads(path.read_text()) if path.exists() else None

    def _said(self, name: str) -> str:
        log = self.log(name)
        return f"{last_lines(log.read_text(errors='replace'))} (all of it: {log})"


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind((address, 0))
        port: int = one.getsockname()[1]
        return port


def _began(pid: int) -> int:
    """When the process was started, in the kernel's ticks; 0 when it is over."""
    try:
        # the name of the command, in parentheses, may hold anything
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def _alive(record: Mapping[str, int]) -> bool:
    return record["began"] != 0 and _began(record["pid"]) == record["began"]


def _end(record: Mapping[str, int]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + _PATIENCE
        if _alive(record):
            os.kill(record["pid"], number)
        while _alive(record) and time.monotonic() < end:
            time.sleep(0.02)
