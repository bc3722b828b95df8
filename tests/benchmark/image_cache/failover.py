# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads that fail while the nginx of one cache host dies and returns."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.benchmark.cacheworld import SMALL, STORE, CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement

DOWNLOADS = 1000
PARALLEL = 4
LEAST_DEATHS = 3
STOP = "/run/benchmark-stop"


def measure(world: CacheWorld) -> Measurement:
    """A machine with two cache hosts as name servers downloads; nginx of one gets SIGKILL whenever it serves again."""
    world.world.exec("cache-1", "rm", "-f", STOP)
    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(world.tool, "cache-1", "kill_nginx", "cache-1", STOP, timeout=600)
        try:
            got = download(world)
        finally:
            world.world.exec("cache-1", "touch", STOP)
            deaths: dict[str, Any] = killer.result()
            world.world.exec("cache-1", "rm", "-f", STOP)
    if deaths["kills"] < LEAST_DEATHS:
        raise BenchmarkError(
            f"nginx died only {deaths['kills']} times during {DOWNLOADS} downloads, which shows little"
        )
    hosts = [world.world.address(21), world.world.address(22)]
    if sorted(got["served_by"]) != hosts or got["ok"] + got["failures"] != DOWNLOADS:
        raise BenchmarkError(f"{DOWNLOADS} downloads from {' and '.join(hosts)} were meant, not {got}")
    failed = f"; the first that failed: {got['failed'][0]}" if got["failed"] else ""
    away = f"away for {min(deaths['down'])} to {max(deaths['down'])} s"
    return Measurement(
        got["failures"],
        f"{got['ok']} of {DOWNLOADS} downloads of {SMALL[2] >> 10} KiB in {got['seconds']:.1f} s while nginx of one"
        f" of two hosts was killed {deaths['kills']} times ({away}){failed}",
    )


def download(world: CacheWorld) -> dict[str, Any]:
    """Let the machine download; its report, with the number of failures."""
    pairs = [word for file in world.kept(*SMALL) for word in (f"http://{STORE}/{file.path}", file.md5)]
    machine = ["/opt/testbed/tools/machine.py", "get", "--count", str(DOWNLOADS), "--parallel", str(PARALLEL), *pairs]
    # it ends with 1 when a download failed, which is a result here
    said = world.world.exec("client", "sh", "-c", '"$@" || test $? -eq 1', "-", *machine, timeout=600)
    report: dict[str, Any] = json.loads(said)
    return {**report, "failures": DOWNLOADS - report["ok"]}


BENCHMARK = Benchmark(
    name="image_cache.failover",
    summary="failed downloads of 1000 while one nginx dies and returns",
    unit="downloads",
    goal=0,
    count=True,
    measure=measure,
)
