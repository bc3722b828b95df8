#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Download as a machine of the partition does: resolve the name anew, plain HTTP, follow redirects, check the MD5.

machine.py get [--count 100] [--parallel 10] [--at ADDRESS] [--direct] [--within SECONDS] URL MD5 [URL MD5 ...]
    Downloads the URLs in turn until `count` are done. Prints JSON: {"ok", "failed": [...], "seconds", "bytes",
    "redirected", "served_by": {address: n}}. Ends with 1 when one failed. --direct: a redirect is a failure.
    --within: try the whole again for that long, until nothing fails.

machine.py watch --until FILE URL MD5[,MD5...] [URL MD5...]
    Downloads the URLs one after the other, again and again, until FILE exists (at most ten minutes); every answer must
    be 200, complete and have one of the given contents. Prints the same JSON, and "seen": {url: [md5 in order]}.

machine.py look [--at ADDRESS] URL...
    One request each, no redirect is followed. Prints {url: {"status", "location", "md5", "text", "served_by"}};
    status 0 when there was no answer, text is the start of a small text.

machine.py dns [--seconds 5] ADDRESS NAME...
    Asks the DNS server at ADDRESS, by UDP and TCP; with --seconds all the time for that long. Prints
    {name: {"udp": [..], "tcp": [..]}}: each different answer once, a list of addresses or a status such as "REFUSED".

--at ADDRESS sends every plain request, and HTTPS for the intercepted names, to that host, whatever DNS says.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

INTERCEPTED = ("images.metal-stack.io", "github.com")
CA = "/usr/local/share/ca-certificates/testbed.crt"


@dataclass
class Download:
    url: str
    facts: dict[str, Any] = field(default_factory=dict)
    md5: str = ""
    size: int = 0
    start: bytes = b""
    exit_code: int = 0
    said: str = ""
    problem: str = ""

    @property
    def served_by(self) -> str:
        return str(self.facts["remote_ip"] or "")


def curl(url: str, at: str | None, *options: str) -> Download:
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", CA, "--connect-timeout", "30",
               "--max-time", "120", "--write-out", "%{stderr}\n%{json}", *options]  # fmt: skip
    if at is not None:
        names = ["*:80", "*:8089", *(f"{name}:443" for name in INTERCEPTED)]
        command += [word for name in names for word in ("--resolve", f"{name}:{at}")]
    one, digest = Download(url), hashlib.md5()
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        while block := process.stdout.read(1 << 18):
            digest.update(block)
            one.size += len(block)
            one.start = one.start or block[:200]
        one.said, _unused, facts_text = process.stderr.read().decode().rpartition("\n")
    one.facts, one.md5, one.exit_code = json.loads(facts_text), digest.hexdigest(), process.returncode
    return one


def download(url: str, allowed: set[str], at: str | None = None, direct: bool = False) -> Download:
    one = curl(url, at, "--fail", "--location")
    if one.exit_code != 0:
        where = f"status {one.facts['http_code']}, from {one.served_by or 'nowhere'}"
        one.problem = f"{url}: curl ended with {one.exit_code}: {one.said.strip()} ({where})"
    elif one.md5 not in allowed:
        one.problem = f"{url}: MD5 {one.md5} of {one.size} bytes from {one.served_by} is none of {sorted(allowed)}"
    elif direct and one.facts["num_redirects"]:
        one.problem = f"{url}: came by redirect, from {one.facts['url_effective']}"
    return one


def report(done: list[Download], seconds: float, **more: Any) -> int:
    failed = [one.problem for one in done if one.problem]
    served_by = collections.Counter(one.served_by for one in done if not one.problem)
    result = {
        "ok": len(done) - len(failed),
        "failed": failed[:10],
        "seconds": round(seconds, 2),
        "bytes": sum(one.size for one in done),
        "redirected": sum(1 for one in done if one.facts["num_redirects"]),
        "served_by": dict(sorted(served_by.items())),
        **more,
    }
    print(json.dumps(result))
    return 1 if failed or not done else 0


def get(
    wanted: list[tuple[str, set[str]]], count: int, parallel: int, at: str | None, direct: bool, within: float
) -> int:
    started = time.monotonic()
    while True:
        began = time.monotonic()
        with ThreadPoolExecutor(parallel) as pool:
            pairs = [wanted[number % len(wanted)] for number in range(count)]
            done = list(pool.map(lambda pair: download(pair[0], pair[1], at, direct), pairs))
        if not any(one.problem for one in done) or time.monotonic() - started >= within:
            return report(done, time.monotonic() - began)
        time.sleep(0.2)


def watch(wanted: list[tuple[str, set[str]]], until: str) -> int:
    started = time.monotonic()
    done: list[Download] = []
    seen: dict[str, list[str]] = {url: [] for url, _unused in wanted}
    while not os.path.exists(until) and time.monotonic() - started < 600:
        for url, allowed in wanted:
            one = download(url, allowed)
            done.append(one)
            if not one.problem and one.md5 not in seen[url]:
                seen[url].append(one.md5)
    return report(done, time.monotonic() - started, seen=seen)


def look(urls: list[str], at: str | None) -> int:
    found = {}
    for url in urls:
        one = curl(url, at, "--max-time", "20")
        found[url] = {
            "status": one.facts["http_code"],
            "location": one.facts["redirect_url"] or "",
            "md5": one.md5,
            "text": one.start.decode() if one.start.isascii() else "",
            "served_by": one.served_by,
        }
    print(json.dumps(found))
    return 0


def dns(server: str, names: list[str], seconds: float) -> int:
    found: dict[str, dict[str, list[Any]]] = {name: {"udp": [], "tcp": []} for name in names}
    started = time.monotonic()
    while True:
        for name in names:
            for transport, option in (("udp", "+notcp"), ("tcp", "+tcp")):
                command = ["dig", option, "+tries=1", "+time=4", f"@{server}", name]
                answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
                status = re.search(r"status: (\w+)", answer)
                addresses = sorted(re.findall(r"^\S+\s+\d+\s+IN\s+A\s+(\S+)$", answer, re.MULTILINE))
                result = addresses or (status[1] if status else "no answer")
                if result not in found[name][transport]:
                    found[name][transport].append(result)
        if time.monotonic() - started >= seconds:
            print(json.dumps(found))
            return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("get")
    one.add_argument("--count", type=int)
    one.add_argument("--parallel", type=int, default=4)
    one.add_argument("--at")
    one.add_argument("--direct", action="store_true")
    one.add_argument("--within", type=float, default=0)
    one.add_argument("pairs", nargs="+", metavar="URL MD5")
    one = commands.add_parser("watch")
    one.add_argument("--until", required=True)
    one.add_argument("pairs", nargs="+", metavar="URL MD5")
    one = commands.add_parser("look")
    one.add_argument("--at")
    one.add_argument("urls", nargs="+")
    one = commands.add_parser("dns")
    one.add_argument("--seconds", type=float, default=0)
    one.add_argument("server")
    one.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "look":
        return look(arguments.urls, arguments.at)
    if arguments.command == "dns":
        return dns(arguments.server, arguments.names, arguments.seconds)
    if len(arguments.pairs) % 2:
        parser.error("each URL needs its MD5")
    wanted = [(url, set(sums.split(","))) for url, sums in zip(arguments.pairs[::2], arguments.pairs[1::2])]
    if arguments.command == "watch":
        return watch(wanted, arguments.until)
    count = arguments.count or len(wanted)
    return get(wanted, count, arguments.parallel, arguments.at, arguments.direct, arguments.within)


if __name__ == "__main__":
    sys.exit(main())
