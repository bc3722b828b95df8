# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario default runs for the benchmark lightos.noop: python -m tests.benchmark.lightos.note_noop

The world is that of TESTBED_WORLD.
"""

from __future__ import annotations

import json
import re

from tests.benchmark.definition import BenchmarkError
from tests.benchmark.interleave import compare
from tests.benchmark.scenario import NOTES
from tests.testbed import playbook
from tests.testbed.engine import REPOSITORY, TestbedError
from tests.testbed.storage import StorageWorld

from .noop import NAME, SERVERS, Counted

# the goal is far away, so once will do
REPETITIONS = 1
PLAYBOOK = REPOSITORY / "playbooks" / "lightos.yml"
_SCENARIO = REPOSITORY / "molecule" / "default"
INVENTORIES = (_SCENARIO / "inventory.yml", _SCENARIO / "inventory_servers.metal.yml")
_DONE = re.compile(r"^(?:ok|changed): \[([^\] ]+)")


def counted(output: str) -> Counted:
    """Count the tasks in what ansible-playbook prints. What is skipped or only included does nothing."""
    tasks: list[set[str]] = []
    for line in output.splitlines():
        done = _DONE.match(line)
        if line.startswith("TASK ["):
            tasks.append(set())
        elif done is not None and tasks:
            tasks[-1].add(done[1])
    on_all = sum(len(hosts) == len(SERVERS) for hosts in tasks)
    return Counted(on_all, sum(0 < len(hosts) < len(SERVERS) for hosts in tasks))


def note(world: StorageWorld) -> None:
    """Measure it on a cluster that the role has installed, and write it down.

    Both as a whole, with the start of ansible-playbook and all connections.
    """
    second = playbook.play(world, "running lightos.yml again", playbook=PLAYBOOK, inventories=INVENTORIES)
    if sorted(second.recap) != sorted(SERVERS) or any(one["changed"] for one in second.recap.values()):
        raise BenchmarkError(f"the second run was not one on three servers without a change: {second.recap}")
    tasks = counted(second.output)
    pings = world.directory / "pings.yml"
    pings.write_text(_pings(tasks), encoding="utf-8")
    found = compare(
        lambda: playbook.play(world, "running it once more", playbook=PLAYBOOK, inventories=INVENTORIES).seconds,
        lambda: playbook.play(world, "running as many pings", playbook=pings, inventories=INVENTORIES).seconds,
        REPETITIONS,
    )
    results = {"on_all": tasks.on_all, "on_one": tasks.on_one, "ours": min(found.ours), "pings": min(found.theirs)}
    (NOTES / f"{NAME}.json").write_text(json.dumps(results), encoding="utf-8")


def _pings(tasks: Counted) -> str:
    """The playbook to compare with, in JSON, which is YAML."""
    ping = {"name": "Ping", "ansible.builtin.ping": {}}
    many = [ping] * tasks.on_all + [{**ping, "run_once": True}] * tasks.on_one
    return json.dumps([{"name": "Pings", "hosts": "storage_servers", "gather_facts": False, "tasks": many}])


if __name__ == "__main__":
    try:
        note(StorageWorld())
    except (BenchmarkError, TestbedError) as error:
        raise SystemExit(f"{NAME}: {error}") from None
