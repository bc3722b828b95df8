# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine: find it, install and start it where that is possible, stop it only if we started it.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "testbed"

#: Everything the test-bed makes in the engine carries this label, so that ``make clean`` finds all of it.
LABEL = "metalstack.provisioning"

#: systemd, haproxy and nginx each count their descriptors: the engine's default can be lower or (worse) a billion.
DOCKERD = ("dockerd", "--default-ulimit", "nofile=16384:16384")


class TestbedError(Exception):
    """One sentence for the person at the keyboard: what is missing and how to get it."""

    __test__ = False  # not a test class, whatever pytest thinks of its name


def say(message: str) -> None:
    sys.stderr.write(f"testbed: {message}\n")  # one write: several threads report
    sys.stderr.flush()


@contextlib.contextmanager
def progress(what: str, every: float = 10.0) -> Iterator[None]:
    """Say that `what` began, that it is still going on every ten seconds, and how long it took."""
    started = time.monotonic()
    finished = threading.Event()

    def tell() -> None:
        while not finished.wait(every):
            say(f"{what}: {time.monotonic() - started:.0f} s so far")

    say(f"{what} ...")
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
    say(f"{what}: done in {time.monotonic() - started:.1f} s")


def run(
    command: Sequence[str], *, data: str | None = None, timeout: float | None = None, env: dict[str, str] | None = None
) -> str:
    """Run a command, return its stdout; on failure raise with the last line of what it said."""
    try:
        result = subprocess.run(
            list(command), input=data, capture_output=True, text=True, timeout=timeout, env=env, check=False
        )
    except FileNotFoundError:
        raise TestbedError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise TestbedError(f"`{' '.join(command[:4])} ...` did not finish in {timeout:.0f} s") from None
    if result.returncode != 0:
        said = [line for line in (result.stderr + "\n" + result.stdout).splitlines() if line.strip()]
        raise TestbedError(
            f"`{' '.join(command)}` failed with {result.returncode}: {' / '.join(said[-3:]) or 'no output'}"
        )
    return result.stdout


def docker(*arguments: str, data: str | None = None, timeout: float | None = 120) -> str:
    return run(["docker", *arguments], data=data, timeout=timeout)


def inspect(kind: str, name: str) -> dict[str, object] | None:
    """`docker <kind> inspect`, or None when there is no such thing."""
    result = subprocess.run(["docker", kind, "inspect", name], capture_output=True, text=True, timeout=60, check=False)
    if result.returncode != 0:
        if "no such" in result.stderr.lower() or "not found" in result.stderr.lower():
            return None
        raise TestbedError(f"docker {kind} inspect {name}: {result.stderr.strip()}")
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found[0]


def answers() -> str | None:
    """The engine's version, or None when no engine answers."""
    if shutil.which("docker") is None:
        return None
    result = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return result.stdout.strip() if result.returncode == 0 else None


def install(packages: Sequence[str], why: str) -> None:
    """Install Debian packages, or say in one sentence why that cannot be done here."""
    with progress(f"{why} is missing, installing {' '.join(packages)}"):
        run([str(REPOSITORY / "tools" / "debian-packages"), "install", *packages], timeout=1800)


def _start() -> None:
    log = BUILD / "dockerd.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with progress("starting the Docker engine"), log.open("wb") as stream:
        process = subprocess.Popen(
            DOCKERD, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while answers() is None:
            if process.poll() is not None:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise TestbedError(f"dockerd ended with {process.returncode}: {' '.join(last)} (all of it: {log})")
            if time.monotonic() > deadline:
                process.terminate()
                raise TestbedError(f"dockerd does not answer after 60 s, see {log}")
            time.sleep(0.2)
    (BUILD / "dockerd.pid").write_text(f"{process.pid}\n")


def ensure() -> str:
    """Make sure that an engine answers; return its version."""
    version = answers()
    if version is not None:
        return version
    host = os.environ.get("DOCKER_HOST")
    if host:
        raise TestbedError(f"no Docker engine answers at DOCKER_HOST={host}: start it, or unset the variable")
    # who is not root often has no sbin in the path
    if (
        shutil.which("docker") is None
        or shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None
    ):
        install(["docker.io"], "the Docker engine")
        version = answers()
        if version is not None:
            return version
    if os.geteuid() != 0:
        raise TestbedError(
            "no Docker engine answers: run as root, or start it (`systemctl start docker`) and join the group docker"
        )
    _start()
    version = answers()
    if version is None:
        raise TestbedError("the Docker engine was started but does not answer")
    return version


def allow_inotify(least: int = 1024) -> None:
    """Let many systemds run here: each has some inotify objects, and the kernel's limit (128 for all) ends at twenty.

    A host that gets none hangs while it boots. The new limit holds until the next boot of this machine.
    """
    limit = Path("/proc/sys/fs/inotify/max_user_instances")
    if int(limit.read_text()) >= least:
        return
    try:
        limit.write_text(f"{least}\n")
    except OSError:
        say(f"hosts may hang at boot beside others: as root, `sysctl fs.inotify.max_user_instances={least}` helps")
    else:
        say(f"raised fs.inotify.max_user_instances to {least}, which many systemds on one machine need")


def stop() -> bool:
    """Stop the engine if `ensure` started it; say whether it did."""
    record = BUILD / "dockerd.pid"
    if not record.exists():
        return False
    pid = int(record.read_text())
    command = Path(f"/proc/{pid}/cmdline")
    if command.exists() and b"dockerd" in command.read_bytes():
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 60
        while command.exists() and command.read_bytes():
            if time.monotonic() > deadline:
                raise TestbedError(f"dockerd (pid {pid}) does not stop")
            time.sleep(0.2)
    record.unlink()
    return True
