# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an emulator as a process of its own: start it, read its ready line, stop it.

Every emulator prints exactly one line of JSON to its standard output when it serves (its URLs and its process id),
writes messages to standard error, and, with ``--until-stdin-closes``, ends when its standard input closes. So an
emulator never outlives the test that started it, not even when that test is killed.

Use::

    with running("tests.emulators.metal_api") as emulator:
        emulator.ready["v1"]
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class EmulatorError(RuntimeError):
    """The emulator did not start, or not in time; the message ends with the last lines of its standard error."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator: what its ready line said (URLs, ``pid``) and where its messages go."""

    process: subprocess.Popen[bytes]
    ready: Mapping[str, Any]
    log: Path

    def messages(self) -> str:
        """Everything the emulator has written to its standard error."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def running(
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    interpreter: str = sys.executable,
    deadline: float = 60.0,
) -> Iterator[Emulator]:
    """Start ``python -m module arguments`` and yield it when it is ready; it is stopped when the block ends.

    :param environment: variables in addition to those of this process (keys go here, never into arguments).
    :param deadline: seconds until the ready line must have come.
    :raises EmulatorError: when it ends or stays silent instead.
    """
    with tempfile.TemporaryDirectory(prefix="emulator-") as directory:
        log = Path(directory) / "stderr"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [interpreter, "-m", module, "--until-stdin-closes", *arguments],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        try:
            yield Emulator(process, _ready(process, module, log, deadline), log)
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[bytes], module: str, log: Path, deadline: float) -> dict[str, Any]:
    assert process.stdout is not None
    line = _first_line(process.stdout.fileno(), deadline)
    if not line.endswith(b"\n"):
        _stop(process)
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise EmulatorError(f"{module} was not ready within {deadline:g} s (exit status {process.returncode}):\n{tail}")
    ready = json.loads(line)
    assert isinstance(ready, dict)
    return ready


def _first_line(descriptor: int, deadline: float) -> bytes:
    """The first line of a pipe; without its newline when the pipe closed or the deadline passed before."""
    end = time.monotonic() + deadline
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                break
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            line += chunk
    return line


def _stop(process: subprocess.Popen[bytes]) -> None:
    streams: Sequence[Any] = (process.stdin, process.stdout)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in streams:
        if stream is not None:
            stream.close()
