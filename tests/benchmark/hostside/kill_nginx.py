# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a cache host of the test-bed: kill nginx again and again, each time after it is serving again.

kill_nginx.py SERVER STOP    until the file STOP exists; SERVER is haproxy's name of this nginx;
                             prints JSON: {"kills", "down": [seconds until nginx listened again, ...]}
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

STATISTICS = "http://127.0.0.1:65534/;csv"
HEALTH = "http://127.0.0.1:8089/-/image-cache/health"
#: requests that nginx answers between two deaths
SERVED = 20
PATIENCE = 60.0


def main_pid() -> int:
    command = ["systemctl", "show", "--property=MainPID", "--value", "nginx.service"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def answers() -> bool:
    try:
        with urllib.request.urlopen(HEALTH, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def in_haproxy(server: str) -> dict[str, str]:
    with urllib.request.urlopen(STATISTICS, timeout=5) as answer:
        lines = answer.read().decode().lstrip("# ").splitlines()
    return next(row for row in csv.DictReader(lines) if row["pxname"] == "nginx" and row["svname"] == server)


def wait_for(condition: Callable[[], bool], stop: Path, what: str) -> bool:
    """True when the condition holds, False when it is time to stop."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if stop.exists():
            return False
        if time.monotonic() > deadline:
            sys.exit(f"after {PATIENCE:.0f} s still not: {what}")
        time.sleep(0.02)
    return True


def serves_again(server: str, stop: Path) -> bool:
    """Wait until haproxy has given some requests to this nginx; False when it is time to stop."""
    if not wait_for(lambda: in_haproxy(server)["status"].startswith("UP"), stop, "haproxy takes nginx back"):
        return False
    before = int(in_haproxy(server)["stot"])
    return wait_for(lambda: int(in_haproxy(server)["stot"]) >= before + SERVED, stop, "nginx serves")


def kill() -> float:
    """SIGKILL to nginx and its workers; returns the seconds until systemd has brought it back."""
    before = main_pid()
    started = time.monotonic()
    subprocess.run(["systemctl", "kill", "--signal=SIGKILL", "nginx.service"], check=True)
    wait_for(lambda: main_pid() not in (0, before) and answers(), Path("/nonexistent"), "nginx returns")
    return round(time.monotonic() - started, 2)


def main() -> None:
    server, stop = sys.argv[1], Path(sys.argv[2])
    down: list[float] = []
    while not stop.exists() and serves_again(server, stop):
        down.append(kill())
    print(json.dumps({"kills": len(down), "down": down}))


if __name__ == "__main__":
    main()
