#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steer the store of the test-bed: contents, throughput, faults, access log. Runs inside the store's container.

testbed-store put HOST/PATH --size 5M [--seed TEXT] [--no-md5] [--wrong-md5] [--dry-run]
                                                  make or replace a file (and its .md5); prints its checksums
testbed-store remove HOST/PATH...
testbed-store sums                                MD5 and size of every file
testbed-store limit 75m|off                       bytes a second of each connection
testbed-store fault HOST/PATH KIND                KIND: a status (503), hang, truncate, reset, slow
                                                  PATH "*": everything of the host
testbed-store heal                                no fault, no limit, the good certificate
testbed-store certificate good|unknown-ca|wrong-name|expired
testbed-store offline | online                    the cable of the whole internet: store, DNS and metal-api
testbed-store log [--since MARK]                  the access log, JSON lines; `mark` prints a mark
testbed-store downloads [--since MARK]            per file: content requests, bytes, clients
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path("/srv/store")
STATE = Path("/var/lib/testbed-store/state.json")
SNIPPETS = Path("/etc/nginx/testbed")
PKI = Path("/etc/testbed/pki")
LOG = Path("/var/log/nginx/store.jsonl")
HOSTS = ("images.metal-stack.io", "github.com", "release-assets.githubusercontent.example")
FAULT_PORT = 8098
SERIAL_URL = "http://127.0.0.1:8099/"
KINDS = ("hang", "truncate", "reset", "slow")


def size_of(text: str) -> int:
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if match is None:
        sys.exit(f"testbed-store: {text!r} is no size, write 512K, 5M or 1G")
    return int(match[1]) * {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}[match[2]]


def replace(path: Path, content: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(content)
    new.replace(path)


def put(key: str, size: int, seed: str, md5: bool, wrong: bool = False, dry_run: bool = False) -> dict[str, Any]:
    """Incompressible content that depends on nothing but the seed and the size; appears at once with its .md5."""
    path = ROOT / key
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(f"{key} {seed}")
    digest = {"md5": hashlib.md5(), "sha256": hashlib.sha256()}
    new = path.with_name(path.name + ".new")
    with new.open("wb") as stream:
        left = size
        while left:
            block = source.randbytes(min(left, 1 << 20))
            for state in digest.values():
                state.update(block)
            stream.write(block)
            left -= len(block)
    sums = {name: state.hexdigest() for name, state in digest.items()}
    if dry_run:
        new.unlink()
        return {"key": key, "size": size, **sums}
    new.replace(path)
    sidecar = path.with_name(path.name + ".md5")
    if md5:
        replace(sidecar, f"{hashlib.md5(b'wrong').hexdigest() if wrong else sums['md5']}  {path.name}\n")
    elif sidecar.exists():
        sidecar.unlink()
    return {"key": key, "size": size, **sums}


def sums() -> dict[str, dict[str, Any]]:
    files = [path for path in ROOT.rglob("*") if path.is_file() and path.suffix != ".md5"]
    return {
        str(path.relative_to(ROOT)): {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
        for path in sorted(files)
    }


def state() -> dict[str, Any]:
    if STATE.exists():
        found: dict[str, Any] = json.loads(STATE.read_text())
        return found
    return {"limit": None, "faults": {}, "serial": 0}


def render(new: dict[str, Any]) -> None:
    """Write the snippets that nginx includes."""
    SNIPPETS.mkdir(exist_ok=True)
    replace(SNIPPETS / "limit.conf", f"limit_rate {new['limit']};\n" if new["limit"] else "")
    replace(SNIPPETS / "serial.conf", f'return 200 "{new["serial"]}";\n')
    for host in HOSTS:
        lines = []
        for key, kind in new["faults"].items():
            at, _unused, path = key.partition("/")
            if at != host:
                continue
            location = "location ~ ^/ " if path == "*" else f"location = /{path} "
            if kind.isdigit():
                lines.append(f"{location}{{ return {kind}; }}")
            elif kind == "reset":
                lines.append(f"{location}{{ return 444; }}")
            elif kind == "slow":
                lines.append(f"{location}{{ limit_rate 64k; }}")
            else:
                lines.append(
                    f"{location}{{ proxy_pass http://127.0.0.1:{FAULT_PORT}; proxy_buffering off;"
                    f" proxy_read_timeout 1h; proxy_set_header X-Fault {kind}; proxy_set_header X-Key {host}$uri; }}"
                )
        replace(SNIPPETS / f"{host}.conf", "".join(f"{line}\n" for line in lines))
    replace(STATE, json.dumps(new))


def apply(new: dict[str, Any]) -> None:
    """Write the snippets, reload nginx and wait until no worker answers by the old ones."""
    render({**new, "serial": new["serial"] + 1})
    check = subprocess.run(["nginx", "-t", "-q"], capture_output=True, text=True, check=False)
    if check.returncode != 0:
        sys.exit(f"testbed-store: {check.stderr.strip()}")
    active = subprocess.run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).returncode == 0
    if not active:
        return
    subprocess.run(["systemctl", "reload", "nginx.service"], check=True)
    deadline = time.monotonic() + 10
    agreed = 0
    while agreed < 8:
        with urllib.request.urlopen(SERIAL_URL, timeout=5) as answer:
            agreed = agreed + 1 if answer.read().decode() == str(new["serial"] + 1) else 0
        if time.monotonic() > deadline:
            sys.exit("testbed-store: nginx still answers by its old configuration")


def certificate(name: str) -> None:
    for end in ("pem", "key"):
        link = PKI / f"current.{end}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(f"{name}.{end}")
        link.replace(PKI / f"current.{end}")


def entries(since: int) -> list[dict[str, Any]]:
    with LOG.open("rb") as stream:
        stream.seek(since)
        return [json.loads(line) for line in stream]


def downloads(since: int) -> dict[str, dict[str, Any]]:
    """Content that left the store: GET requests answered 200 or 206, without the small .md5 and .sha256 files.

    github.com only redirects; what left is counted for the host that sent it, under the name of github.com.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in entries(since):
        if (
            entry["method"] != "GET"
            or entry["status"] not in (200, 206)
            or entry["path"].endswith((".md5", ".sha256", ".sha512"))
        ):
            continue
        host = "github.com" if entry["host"].startswith("release-assets.") else entry["host"]
        one = found.setdefault(f"{host}{entry['path']}", {"requests": 0, "bytes": 0, "clients": []})
        one["requests"] += 1
        one["bytes"] += entry["bytes"]
        one["clients"] = sorted({*one["clients"], entry["client"]})
    return found


class Faults(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, path = self.headers["X-Fault"], ROOT / self.headers["X-Key"].split("?")[0]
        if kind == "hang":
            while self.connection.recv(1024):  # until the client gives up
                pass
        elif kind == "truncate":
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, *arguments: Any) -> None:
        """nginx logs already."""


def serve_faults() -> None:
    signal.signal(signal.SIGTERM, lambda *_unused: os._exit(0))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", FAULT_PORT), Faults)
    server.daemon_threads = True
    server.serve_forever()


def cable(up: bool) -> None:
    if not up:
        subprocess.run(["ip", "link", "set", "eth0", "down"], check=True)
        return
    subprocess.run(["ip", "link", "set", "eth0", "up"], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="testbed-store", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("put")
    one.add_argument("key")
    one.add_argument("--size", required=True, type=size_of)
    one.add_argument("--seed", default="")
    one.add_argument("--no-md5", action="store_true")
    one.add_argument("--wrong-md5", action="store_true")
    one.add_argument("--dry-run", action="store_true")
    one = commands.add_parser("put-all", help="JSON list of {key, size, seed, md5} on stdin")
    one = commands.add_parser("remove")
    one.add_argument("keys", nargs="+")
    one = commands.add_parser("limit")
    one.add_argument("rate")
    one = commands.add_parser("fault")
    one.add_argument("key")
    one.add_argument("kind")
    for name in ("heal", "mark", "serve-faults", "offline", "online", "render", "sums"):
        commands.add_parser(name)
    one = commands.add_parser("certificate")
    one.add_argument("name", choices=["good", "unknown-ca", "wrong-name", "expired"])
    for name in ("log", "downloads"):
        one = commands.add_parser(name)
        one.add_argument("--since", type=int, default=0)
    arguments = parser.parse_args()

    if arguments.command == "put":
        with_md5 = not arguments.no_md5
        print(
            json.dumps(
                put(arguments.key, arguments.size, arguments.seed, with_md5, arguments.wrong_md5, arguments.dry_run)
            )
        )
    elif arguments.command == "put-all":
        print(
            json.dumps(
                [
                    put(a["key"], size_of(str(a["size"])), a.get("seed", ""), a.get("md5", True))
                    for a in json.load(sys.stdin)
                ]
            )
        )
    elif arguments.command == "remove":
        for key in arguments.keys:
            (ROOT / key).unlink()
            (ROOT / f"{key}.md5").unlink(missing_ok=True)
    elif arguments.command == "limit":
        apply({**state(), "limit": None if arguments.rate == "off" else arguments.rate})
    elif arguments.command == "fault":
        if not (re.fullmatch(r"[45]\d\d", arguments.kind) or arguments.kind in KINDS):
            parser.error(f"{arguments.kind!r} is no kind of fault: a status such as 503, or one of {', '.join(KINDS)}")
        if arguments.key.partition("/")[0] not in HOSTS:
            parser.error(f"the store has no host {arguments.key.partition('/')[0]!r}, only {', '.join(HOSTS)}")
        now = state()
        apply({**now, "faults": {**now["faults"], arguments.key: arguments.kind}})
    elif arguments.command == "heal":
        certificate("good")
        apply({**state(), "limit": None, "faults": {}})
    elif arguments.command == "certificate":
        certificate(arguments.name)
        apply(state())
    elif arguments.command == "sums":
        print(json.dumps(sums()))
    elif arguments.command == "render":
        render(state())
    elif arguments.command == "mark":
        print(LOG.stat().st_size if LOG.exists() else 0)
    elif arguments.command == "log":
        for entry in entries(arguments.since):
            print(json.dumps(entry))
    elif arguments.command == "downloads":
        print(json.dumps(downloads(arguments.since), indent=1, sort_keys=True))
    elif arguments.command in ("offline", "online"):
        cable(arguments.command == "online")
    else:
        serve_faults()


if __name__ == "__main__":
    main()
