#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download as a machine of the partition does: resolve the name anew, plain HTTP, follow redirects, check the MD5.

machine.py get [--count 100] [--parallel 10] URL MD5 [URL MD5 ...]
    Downloads the URLs in turn until `count` are done. Prints JSON: {"ok", "failed": [...], "seconds", "bytes",
    "redirected", "served_by": {address: n}}. Ends with 1 when one failed.

machine.py watch --until FILE URL MD5[,MD5...] [URL MD5...]
    Downloads the URLs one after the other, again and again, until FILE exists (at most ten minutes); every answer must be
    200, complete and have one of the given contents. Prints the same JSON, and "seen": {url: [md5 in order of appearance]}.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

CA = "/usr/local/share/ca-certificates/testbed.crt"


@dataclass
class Download:
    url: str
    md5: str = ""
    size: int = 0
    served_by: str = ""
    redirects: int = 0
    problem: str = ""


def download(url: str, allowed: set[str]) -> Download:
    command = ["curl", "--silent", "--show-error", "--fail", "--location", "--noproxy", "*", "--cacert", CA, "--connect-timeout", "10",
               "--max-time", "120", "--write-out", "%{stderr}\n%{json}", url]  # fmt: skip
    digest, size = hashlib.md5(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        while block := process.stdout.read(1 << 18):
            digest.update(block)
            size += len(block)
        said, _, facts_text = process.stderr.read().decode().rpartition("\n")
    facts = json.loads(facts_text)
    one = Download(url, digest.hexdigest(), size, facts["remote_ip"] or "", facts["num_redirects"])
    if process.returncode != 0:
        one.problem = f"{url}: curl ended with {process.returncode}: {said.strip()} (status {facts['http_code']}, from {one.served_by})"
    elif one.md5 not in allowed:
        one.problem = f"{url}: MD5 {one.md5} of {size} bytes from {one.served_by} is none of {sorted(allowed)}"
    return one


def report(done: list[Download], seconds: float, **more: Any) -> int:
    failed = [one.problem for one in done if one.problem]
    served_by = collections.Counter(one.served_by for one in done if not one.problem)
    result = {
        "ok": len(done) - len(failed),
        "failed": failed[:10],
        "seconds": round(seconds, 2),
        "bytes": sum(one.size for one in done),
        "redirected": sum(1 for one in done if one.redirects),
        "served_by": dict(sorted(served_by.items())),
        **more,
    }
    print(json.dumps(result))
    return 1 if failed or not done else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    get, watch = commands.add_parser("get"), commands.add_parser("watch")
    get.add_argument("--count", type=int)
    get.add_argument("--parallel", type=int, default=4)
    watch.add_argument("--until", required=True)
    for one in (get, watch):
        one.add_argument("pairs", nargs="+", metavar="URL MD5")
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("each URL needs its MD5")
    wanted = [(url, set(md5s.split(","))) for url, md5s in zip(arguments.pairs[::2], arguments.pairs[1::2])]
    started = time.monotonic()
    if arguments.command == "get":
        count = arguments.count or len(wanted)
        with ThreadPoolExecutor(arguments.parallel) as pool:
            done = list(pool.map(lambda number: download(*wanted[number % len(wanted)]), range(count)))
        return report(done, time.monotonic() - started)

    done, seen = [], collections.defaultdict[str, list[str]](list)
    while not os.path.exists(arguments.until) and time.monotonic() - started < 600:
        for url, allowed in wanted:
            one = download(url, allowed)
            done.append(one)
            if not one.problem and one.md5 not in seen[url]:
                seen[url].append(one.md5)
    return report(done, time.monotonic() - started, seen=seen)


if __name__ == "__main__":
    sys.exit(main())
