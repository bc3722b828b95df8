#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a cache host, and do to it what happens to hosts. Runs on the cache host; prints JSON.

cachehost.py facts                 units, their exposure by systemd-analyze security, users of processes, open sockets,
                                   what haproxy says of each nginx
cachehost.py run UNIT              run a oneshot service: {"status": its exit code, "journal": [lines of this run]}
cachehost.py served                what is published: {"generation", "manifest": MD5, "files": [keys]}
cachehost.py fingerprint           processes and files of the services: any change of either shows
cachehost.py remains               what the role has left behind: units, user, files, sockets
cachehost.py damage KEY            flip a byte of a cached file, leaving size and times; KEY is host/path
cachehost.py md5 KEY
cachehost.py fill BYTES            fill the cache's file system but for BYTES;  `unfill` undoes it
cachehost.py swap FILE             replace a credential by what comes on stdin;  `unswap FILE` undoes it
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

CACHE = Path("/var/lib/image-cache")
PUBLISHED = CACHE / "current/www"
FILLER = CACHE / "filler"
SERVICES = ("haproxy.service", "nginx.service", "unbound.service")
TIMERS = ("image-cache-sync.timer", "image-cache-sync-verify.timer")
HARDENED = (*SERVICES, "image-cache-sync.service", "image-cache-sync-verify.service")
PORTS = (53, 80, 443, 8089, 65534)
CONFIGURATION = (
    "/etc/haproxy", "/etc/nginx/nginx.conf", "/etc/unbound/unbound.conf", "/etc/image-cache-sync",
    "/etc/systemd/system", "/usr/local/bin/image-cache-sync",
)  # fmt: skip


def output(*command: str, check: bool = True) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=check).stdout


def listening() -> list[str]:
    """Addresses with a listening socket, "address:port"."""
    sockets = output("ss", "--no-header", "--listening", "--numeric", "--tcp", "--udp").splitlines()
    return sorted({line.split()[4] for line in sockets})


def backends() -> dict[str, str]:
    """Each nginx that haproxy may ask: {cache host: state}."""
    with urllib.request.urlopen("http://127.0.0.1:65534/;csv", timeout=10) as answer:
        rows = csv.reader(answer.read().decode().splitlines())
    # name of the backend, of the server, ..., state
    return {row[1]: row[17] for row in rows if row and row[0] == "nginx" and row[1] != "BACKEND"}


def facts() -> dict[str, Any]:
    exposure = {}
    for unit in HARDENED:
        said = output("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        exposure[unit] = float(found[1]) if found else None
    processes = output("ps", "-o", "user=,comm=", "-C", "haproxy,nginx,unbound").split()
    return {
        "units": {
            unit: [output("systemctl", word, unit, check=False).strip() for word in ("is-active", "is-enabled")]
            for unit in (*SERVICES, *TIMERS)
        },
        "exposure": exposure,
        "users": {name: user for user, name in zip(processes[::2], processes[1::2])},
        "listening": listening(),
        "backends": backends(),
    }


def run(unit: str) -> dict[str, Any]:
    cursor = re.search(r"cursor: (.*)", output("journalctl", "--quiet", "--lines=0", "--show-cursor"))
    assert cursor is not None
    output("systemctl", "start", unit, check=False)
    journal = output("journalctl", "--quiet", "--output=cat", f"--unit={unit}", f"--after-cursor={cursor[1]}")
    status = int(output("systemctl", "show", "--property=ExecMainStatus", "--value", unit))
    return {"status": status, "journal": journal.splitlines()}


def served() -> dict[str, Any]:
    manifest = (CACHE / "current/manifest.json").read_bytes()
    return {
        "generation": os.readlink(CACHE / "current"),
        "manifest": hashlib.md5(manifest).hexdigest(),
        "files": sorted(json.loads(manifest)["files"]),
    }


def fingerprint() -> dict[str, Any]:
    properties = "--property=Id,MainPID,ActiveEnterTimestamp,StateChangeTimestamp"
    files = [
        file for name in CONFIGURATION for file in ([Path(name)] if Path(name).is_file() else Path(name).rglob("*"))
    ]
    return {
        "processes": output("systemctl", "show", properties, *SERVICES, *TIMERS).splitlines(),
        "files": {str(file): hashlib.md5(file.read_bytes()).hexdigest() for file in sorted(files) if file.is_file()},
    }


def remains() -> dict[str, Any]:
    found = output("find", "/", "-xdev", "(", "-path", "/opt/testbed", "-o", "-path", "/var/log/journal", ")", "-prune",
                   "-o", "-name", "*image[-_]cache*", "-print")  # fmt: skip
    return {
        "units": output("systemctl", "list-unit-files", "--no-legend", "image-cache*", check=False).split(),
        "users": output("getent", "passwd", "image-cache-sync", check=False).split(),
        "files": found.split(),
        "listening": [one for one in listening() if int(one.rpartition(":")[2]) in PORTS],
    }


def damage(key: str) -> dict[str, Any]:
    path = PUBLISHED / key
    before = path.stat()
    with path.open("r+b") as stream:
        stream.seek(before.st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(before.st_size // 2)
        stream.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return md5(key)


def md5(key: str) -> dict[str, Any]:
    return {"md5": hashlib.md5((PUBLISHED / key).read_bytes()).hexdigest()}


def fill(left: str) -> dict[str, Any]:
    space = os.statvfs(CACHE)
    with FILLER.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, space.f_bavail * space.f_frsize - int(left))
    return served()


def unfill() -> dict[str, Any]:
    FILLER.unlink()
    return {}


def swap(file: str) -> dict[str, Any]:
    shutil.copy2(file, f"{file}.right")
    Path(file).write_text(sys.stdin.read())
    return {"mode": f"{Path(file).stat().st_mode & 0o777:o}"}


def unswap(file: str) -> dict[str, Any]:
    os.replace(f"{file}.right", file)
    return {}


COMMANDS = {
    one.__name__: one for one in (facts, run, served, fingerprint, remains, damage, md5, fill, unfill, swap, unswap)
}


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
