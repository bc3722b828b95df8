# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes until every host of a storage network has tried every other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.benchmark.cacheworld import TOOLS, CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.testbed.engine import REPOSITORY, docker

HOST = "client"
FEW, MANY = 4, 16
REPETITIONS = 3


@contextlib.contextmanager
def _network(world: CacheWorld, count: int) -> Iterator[None]:
    """Network namespaces on one host: the probe sees interfaces, routes and packets as on hosts of their own."""
    command = ("python3", f"{TOOLS}/members.py")
    world.world.exec(HOST, *command, "up", str(count))
    try:
        yield
    finally:
        world.world.exec(HOST, *command, "down", str(count))


def _all_pairs(world: CacheWorld, count: int) -> dict[str, Any]:
    with _network(world, count):
        runs: list[dict[str, Any]] = [world.tool(HOST, "members", "run", str(count)) for _unused in range(REPETITIONS)]
    wrong = [problem for one in runs for problem in one["problems"]]
    if wrong:
        raise BenchmarkError(f"{count} hosts do not reach each other, so nothing was measured: {wrong[0]}")
    if runs[0]["paths"] != count * (count - 1):
        raise BenchmarkError(f"{count} hosts tried {runs[0]['paths']} paths, not {count * (count - 1)}")
    return {**runs[0], "seconds": median(one["seconds"] for one in runs)}


def measure(world: CacheWorld) -> Measurement:
    """All probes are started at the same time, as the forks of Ansible are; the start of their interpreters counts."""
    docker("cp", f"{REPOSITORY}/plugins/module_utils", f"{world.world.container(HOST)}:{TOOLS}/module_utils")
    few, many = _all_pairs(world, FEW), _all_pairs(world, MANY)
    said = [
        f"{count} hosts {one['seconds']:.2f} s for {one['paths']} paths and {one['ports']} ports"
        for count, one in ((FEW, few), (MANY, many))
    ]
    return Measurement(many["seconds"] / few["seconds"], "; ".join(said))


BENCHMARK = Benchmark(
    name="storage_network.verify",
    summary=f"all pairs of {MANY} hosts against all pairs of {FEW}: {MANY * (MANY - 1)} against {FEW * (FEW - 1)}",
    unit="times the time",
    goal=MANY / FEW,
    measure=measure,
)
