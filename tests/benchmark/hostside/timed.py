# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host of the test-bed: run a command and say what it needed.

timed.py COMMAND...    prints JSON: {"seconds", "cpu" (seconds, user and system), "read" (bytes, of files, and of the
                       network as far as it is read like a file), "returncode", "said" (the end of its output)}
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time


def read_by_children() -> int:
    """What this process has read, its children that have ended included."""
    with open("/proc/self/io") as file:
        return int(next(line for line in file if line.startswith("rchar:")).split()[1])


def main() -> None:
    with tempfile.TemporaryFile() as output:
        read = read_by_children()
        own = read_by_children() - read
        started = time.monotonic()
        result = subprocess.run(
            sys.argv[1:], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        seconds = time.monotonic() - started
        read = read_by_children() - read - 2 * own
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        output.seek(max(0, output.seek(0, 2) - 4000))
        said = output.read().decode(errors="replace")
    found = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "read": max(0, read)}
    print(json.dumps({**found, "returncode": result.returncode, "said": said}))


if __name__ == "__main__":
    main()
