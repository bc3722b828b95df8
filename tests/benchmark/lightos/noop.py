# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the playbook costs that has nothing to do, against as many tasks that do nothing at all."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.benchmark.interleave import compare
from tests.testbed import engine, images, playbook
from tests.testbed.engine import REPOSITORY
from tests.testbed.storage import HOSTS, StorageWorld

WORLD, NETWORK = "bench-storage", "172.30.59"
SERVERS = ("storage-1", "storage-2", "storage-3")
REPETITIONS = 2
PLAYBOOK = REPOSITORY / "playbooks" / "lightos.yml"
NETWORK_PLAYBOOK = REPOSITORY / "playbooks" / "storage_network.yml"
# only what is in the metal-api: the inventory comes from there
ALLOCATION = ("--tags", "storage_network_metal_api", "--limit", "localhost")
_DONE = re.compile(r"^(?:ok|changed): \[([^\] ]+)")


@dataclass(frozen=True)
class Counted:
    """How many tasks a run did on all hosts, and how many on fewer, most of them on one for all."""

    on_all: int
    on_one: int

    @property
    def each(self) -> int:
        """Tasks of the host that has most."""
        return self.on_all + self.on_one


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


@contextlib.contextmanager
def _cluster() -> Iterator[StorageWorld]:
    """A cluster of three servers, installed by the role."""
    engine.ensure()
    images.ensure()
    hosts = tuple(host for host in HOSTS if host.name in ("control", *SERVERS))
    world = StorageWorld.beside(WORLD, NETWORK, hosts)
    world.up()
    try:
        playbook.play(world, "allocating three servers", *ALLOCATION, playbook=NETWORK_PLAYBOOK)
        playbook.play(world, "installing a cluster with the role", playbook=PLAYBOOK)
        yield world
    finally:
        world.down()


def measure(_world: CacheWorld) -> Measurement:
    """Both as a whole, with the start of ansible-playbook and all connections."""
    with _cluster() as world:
        second = playbook.play(world, "running the playbook again", playbook=PLAYBOOK)
        if sorted(second.recap) != sorted(SERVERS) or any(one["changed"] for one in second.recap.values()):
            raise BenchmarkError(f"the second run was not one on three servers without a change: {second.recap}")
        tasks = counted(second.output)
        pings = world.directory / "pings.yml"
        pings.write_text(_pings(tasks), encoding="utf-8")
        found = compare(
            lambda: playbook.play(world, "running it once more", playbook=PLAYBOOK).seconds,
            lambda: playbook.play(world, "running as many pings", playbook=pings).seconds,
            REPETITIONS,
        )
    ours, theirs = (f"{min(side):.1f} s" for side in (found.ours, found.theirs))
    return Measurement(
        min(found.ours) / min(found.theirs),
        f"{tasks.each} tasks of a host, {tasks.on_all} of them on all {len(SERVERS)}: {ours}, as many pings: {theirs}",
    )


def _pings(tasks: Counted) -> str:
    """The playbook to compare with, in JSON, which is YAML."""
    ping = {"name": "Ping", "ansible.builtin.ping": {}}
    many = [ping] * tasks.on_all + [{**ping, "run_once": True}] * tasks.on_one
    return json.dumps([{"name": "Pings", "hosts": "storage_servers", "gather_facts": False, "tasks": many}])


BENCHMARK = Benchmark(
    name="lightos.noop",
    summary="second run of lightos.yml on three hosts",
    unit="of as many tasks of ansible.builtin.ping",
    goal=1.5,
    measure=measure,
    hosts=False,
)
