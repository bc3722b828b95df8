# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the playbook costs that has nothing to do, against as many tasks that do nothing at all."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.benchmark.interleave import compare
from tests.testbed import engine, images, playbook
from tests.testbed.emulated import KEYS_FILE, METAL_API_PORT
from tests.testbed.engine import REPOSITORY, progress
from tests.testbed.storage import CONTROL, HOSTS, StorageWorld

WORLD, NETWORK = "bench-storage", "172.30.59"
SERVERS = ("storage-1", "storage-2", "storage-3")
REPETITIONS = 2
SCENARIO = REPOSITORY / "molecule" / "lightos"
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


class Provider:
    """Runs playbooks as the provider of the scenario lightos does."""

    def __init__(self, world: StorageWorld) -> None:
        self._world = world
        self.directory = world.directory
        self._environment = playbook.environment(world)

    def know_the_api(self) -> None:
        """Learn the key of the metal-api, which is another one in each world."""
        keys = json.loads((self.directory / KEYS_FILE).read_text(encoding="utf-8"))
        self._environment |= {
            "TESTBED_CA": str(self.directory / "pki/ca.pem"),
            "METALCTL_API_URL": f"https://{self._world.address(CONTROL)}:{METAL_API_PORT}/metal",
            "METALCTL_HMAC": keys["view"],
            "METALCTL_HMAC_AUTH_TYPE": "Metal-View",
        }

    def run(self, file: Path, *options: str) -> tuple[float, str]:
        """Seconds and output of a playbook, which must succeed."""
        inventories = ("--inventory", str(SCENARIO / "inventory.yml"))
        inventories += ("--inventory", str(SCENARIO / "inventory_servers.metal.yml"))
        began = time.perf_counter()
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), *inventories, *options, str(file)],
            cwd=REPOSITORY,
            env={**os.environ, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"{file.name} ended with {done.returncode}: {done.stdout[-500:]}")
        return time.perf_counter() - began, done.stdout


@contextlib.contextmanager
def _cluster() -> Iterator[Provider]:
    """A cluster of three servers, installed by the role."""
    engine.ensure()
    images.ensure()
    hosts = tuple(host for host in HOSTS if host.name in ("control", *SERVERS))
    world = StorageWorld.beside(WORLD, NETWORK, hosts)
    provider = Provider(world)
    world.up()
    try:
        provider.know_the_api()
        with progress("installing a cluster with the role"):
            provider.run(REPOSITORY / "playbooks/storage_network.yml", *ALLOCATION)
            provider.run(REPOSITORY / "playbooks/lightos.yml")
        yield provider
    finally:
        world.down()


def measure(_world: CacheWorld) -> Measurement:
    """Both as a whole, with the start of ansible-playbook and all connections."""
    lightos = REPOSITORY / "playbooks/lightos.yml"
    with _cluster() as provider:
        _seconds, output = provider.run(lightos)
        recap = playbook.read_recap(output)
        if any(one["changed"] for one in recap.values()) or sorted(recap) != sorted(SERVERS):
            raise BenchmarkError(f"the second run was not one on three servers without a change: {recap}")
        tasks = counted(output)
        pings = provider.directory / "pings.yml"
        pings.write_text(_pings(tasks), encoding="utf-8")
        found = compare(lambda: provider.run(lightos)[0], lambda: provider.run(pings)[0], REPETITIONS)
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
