# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the playbook costs that has nothing to do, against as many tasks that do nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement
from tests.benchmark.scenario import noted

NAME = "lightos-noop"
SERVERS = ("storage-1", "storage-2", "storage-3")


@dataclass(frozen=True)
class Counted:
    """How many tasks a run did on all hosts, and how many on fewer, most of them on one for all."""

    on_all: int
    on_one: int

    @property
    def each(self) -> int:
        """Tasks of the host that has most."""
        return self.on_all + self.on_one


def measure(_world: CacheWorld) -> Measurement:
    """As the scenario has noted it."""
    found = noted(NAME)
    tasks = Counted(found["on_all"], found["on_one"])
    ours, pings = found["ours"], found["pings"]
    return Measurement(
        ours / pings,
        f"{tasks.each} tasks of a host, {tasks.on_all} of them on all {len(SERVERS)}: {ours:.1f} s,"
        f" as many pings: {pings:.1f} s",
    )


BENCHMARK = Benchmark(
    name="lightos.noop",
    summary="second run of lightos.yml on three hosts",
    unit="of as many tasks of ansible.builtin.ping",
    goal=1.5,
    measure=measure,
    hosts=False,
)
