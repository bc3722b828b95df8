# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``image-cache-sync`` many times, each in a process of its own that is killed at a chosen moment.

One line of JSON on standard input a run: ``{"arguments": [..], "environment": {..}, "kill_at_event": n | null,
"kill_after": seconds | null}``; one line of JSON on standard output for its end. The program is imported once and
forked, so that hundreds of runs take seconds. Events are operations of the file system below ``root``, as
Python's audit hooks see them *before* they happen; the program itself knows nothing of all this.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_EVENTS = {"open", "os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.utime"}


def main() -> None:
    """Serve runs until standard input ends."""
    sys.path[:0] = [str(ROOT / "build" / "collections"), str(ROOT)]
    from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import cli

    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _run(cli.main, order, writing)
        os.close(writing)
        status = _wait(child, order.get("kill_after"))
        with os.fdopen(reading) as pipe:
            # a byte an event, so that nothing is lost when the process is killed
            events = len(pipe.read())
        result = {"code": os.waitstatus_to_exitcode(status), "events": events, "seconds": time.monotonic() - began}
        print(json.dumps(result), flush=True)


def _wait(child: int, kill_after: float | None) -> int:
    if kill_after is not None:
        timer = threading.Timer(kill_after, os.kill, (child, signal.SIGKILL))
        timer.start()
        # without reaping, so that the process number cannot belong to anybody else when the timer fires
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        timer.cancel()
        timer.join()
    return os.waitpid(child, 0)[1]


def _run(program: Any, order: dict[str, Any], pipe: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    os.dup2(os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        os.environ.pop(name, None)
    os.environ.update(order["environment"])
    limit, root, count = order.get("kill_at_event"), order["root"], 0
    lock = threading.Lock()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in _EVENTS or not any(str(argument).startswith(root) for argument in arguments[:2]):
            return
        with lock:
            count += 1
            os.write(pipe, b".")
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    sys.addaudithook(hook)
    os._exit(program(order["arguments"]))


if __name__ == "__main__":
    main()
