# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a cache host: stop nginx as soon as it has answered some requests more.

stop_nginx.py SERVER REQUESTS    SERVER is haproxy's name of this nginx. Prints "ready" when it watches, then how many
                                 requests nginx had answered when it was stopped.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
import urllib.request


def answered(server: str) -> int:
    with urllib.request.urlopen("http://127.0.0.1:65534/;csv", timeout=5) as answer:
        lines = answer.read().decode().lstrip("# ").splitlines()
    return next(
        int(row["stot"]) for row in csv.DictReader(lines) if (row["pxname"], row["svname"]) == ("nginx", server)
    )


def main() -> None:
    server, wanted = sys.argv[1], int(sys.argv[2])
    before = answered(server)
    print("ready", flush=True)
    deadline = time.monotonic() + 120
    while answered(server) < before + wanted:
        if time.monotonic() > deadline:
            sys.exit("nothing is downloaded through this host")
        time.sleep(0.005)
    subprocess.run(["systemctl", "stop", "nginx.service"], check=True)
    print(answered(server) - before)


if __name__ == "__main__":
    main()
