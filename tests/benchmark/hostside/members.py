# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage network of network namespaces on this host: every member tries all others, as the role's verify does.

up COUNT    one bridge, COUNT members with an address each
run COUNT   start the probe of all members at the same time; prints {"seconds", "problems", "ports", "paths"}
look        the probe of one member, run in its namespace; its addresses and targets are read as JSON
down COUNT  remove all of it

The collection's module_utils lie beside this file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from module_utils._storage_network.look import look
from module_utils._storage_network.plan import probes
from module_utils._storage_network.verdict import problems

MTU = 9000
#: As in the role's defaults.
PORTS = [
    {"port": port, "name": str(port), "from": groups}
    for port, groups in (
        (443, ["servers", "clients", "management"]),
        (2379, ["servers"]),
        (2380, ["servers"]),
        (4001, ["servers"]),
        (4007, ["servers"]),
        (4420, ["clients"]),
        (4421, ["clients"]),
        (8009, ["clients"]),
        (8090, ["management"]),
        (22226, ["servers"]),
        (22227, ["servers"]),
    )
]


def members(count: int) -> list[dict[str, Any]]:
    return [{"name": f"member{one}", "role": "server", "addresses": [f"10.99.0.{one}"]} for one in range(1, count + 1)]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def up(count: int) -> None:
    ip("link", "add", "members", "mtu", str(MTU), "type", "bridge")
    ip("link", "set", "members", "up")
    for number, one in enumerate(members(count), 1):
        name = one["name"]
        ip("netns", "add", name)
        ip(
            "link",
            "add",
            f"port{number}",
            "mtu",
            str(MTU),
            "type",
            "veth",
            "peer",
            "data",
            "mtu",
            str(MTU),
            "netns",
            name,
        )
        ip("link", "set", f"port{number}", "master", "members", "up")
        ip("-n", name, "address", "add", f"{one['addresses'][0]}/24", "dev", "data")
        ip("-n", name, "link", "set", "data", "up")
        ip("-n", name, "link", "set", "lo", "up")
    # a new port of a bridge forwards at once only without its protocol; the first echo shows that all do
    for one in members(count)[1:]:
        ip("netns", "exec", "member1", "ping", "-q", "-c", "1", "-w", "30", one["addresses"][0])


def down(count: int) -> None:
    for one in members(count):
        ip("netns", "del", one["name"])
    ip("link", "del", "members")


def run_command(arguments: Sequence[str], data: str) -> str:
    return subprocess.run(arguments, input=data, capture_output=True, text=True, check=False).stdout


def look_from_here() -> dict[str, Any]:
    job = json.load(sys.stdin)
    return look(job["addresses"], ["data"], job["targets"], MTU, 4.0, run_command)


def run(count: int) -> dict[str, Any]:
    network = members(count)
    jobs = {
        one["name"]: json.dumps(
            {"addresses": one["addresses"], "targets": probes(one["name"], network, PORTS, filtered=False)}
        )
        for one in network
    }
    began = time.monotonic()
    running = {}
    for name, job in jobs.items():
        command = ["ip", "netns", "exec", name, sys.executable, __file__, "look"]
        running[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stdin = running[name].stdin
        if stdin is not None:
            stdin.write(job)
            stdin.close()
    reports = {}
    for name, process in running.items():
        stdout = process.stdout
        reports[name] = json.load(stdout) if stdout is not None else {}
        process.wait()
    seconds = time.monotonic() - began
    return {
        "seconds": seconds,
        "problems": problems(network, reports, MTU),
        "ports": sum(len(report["ports"]) for report in reports.values()),
        "paths": sum(len(report["echoes"]) for report in reports.values()),
    }


def main() -> None:
    word, *counts = sys.argv[1:]
    if word == "look":
        print(json.dumps(look_from_here()))
    elif word == "run":
        print(json.dumps(run(int(counts[0]))))
    else:
        {"up": up, "down": down}[word](int(counts[0]))


if __name__ == "__main__":
    main()
