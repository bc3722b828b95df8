#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for secrets on this host. A JSON list of them comes on stdin, never on the command line.

find_secrets.py              in all files, command lines of processes, and the journal
find_secrets.py PATH...      in these directories only

Prints {"files": number searched, "exposed": [files with a secret that others can read], "protected": [files with a
secret that only their owner and group can read], "journal": number of journal lines with a secret}. The token that
image-cache-sync has refreshed is searched for as well.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

ROOTS = ("/etc", "/var", "/run", "/usr/local", "/tmp", "/root", "/home", "/dev/shm")
REFRESHED = Path("/var/lib/image-cache-sync/metal-api-token.json")
LARGEST = 8 << 20  # images are not searched: they are random and checked by their MD5


def open_to_others(path: str) -> bool:
    """Whether another user can read the file: its mode and that of every directory above."""
    if not os.stat(path).st_mode & stat.S_IROTH:
        return False
    return all(os.stat(parent).st_mode & stat.S_IXOTH for parent in Path(path).parents)


def main() -> None:
    needles = [one.encode() for one in json.load(sys.stdin)]
    if REFRESHED.exists():
        needles += [
            value.encode()
            for value in json.loads(REFRESHED.read_text()).values()
            if isinstance(value, str) and value.count(".") == 2
        ]
    files = 0
    exposed: list[str] = []
    protected: list[str] = []
    only = sys.argv[1:]
    for root in only or ROOTS:
        for directory, _unused, names in os.walk(root):
            for name in names:
                path = os.path.join(directory, name)
                if not stat.S_ISREG(os.lstat(path).st_mode) or os.stat(path).st_size > LARGEST:
                    continue
                files += 1
                content = Path(path).read_bytes()
                if any(needle in content for needle in needles):
                    (exposed if open_to_others(path) else protected).append(path)
    if only:
        print(json.dumps({"files": files, "exposed": exposed, "protected": protected, "journal": 0}))
        return
    for process in Path("/proc").glob("[0-9]*/cmdline"):  # any user can read these
        try:
            content = process.read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        if any(needle in content for needle in needles):
            exposed.append(str(process))
    journal = subprocess.run(
        ["journalctl", "--quiet", "--all", "--output=json"], capture_output=True, check=True
    ).stdout
    lines = sum(any(needle in line for needle in needles) for line in journal.splitlines())
    print(json.dumps({"files": files, "exposed": exposed, "protected": protected, "journal": lines}))


if __name__ == "__main__":
    main()
