# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role's gate costs, before and after each server, in a cluster as big as LightOS allows."""

from __future__ import annotations

import functools
import http.client
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.benchmark.lightbits.landscape import lightbits
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.support.playbook import play

SERVERS = 16
VOLUMES = 5000
REPETITIONS = 5
TASK = "Wait until nothing is wrong"
# what says whether a cluster is well
LISTS = ("/clusterinfo", "/cluster", "/servers", "/nodes", "/nvmeDevices")


@dataclass(frozen=True)
class Found:
    """Seconds of the gate and of nothing but asking the API, at best, and how many requests each of them made."""

    ours: float
    bare: float
    requests: int
    bare_requests: int

    def detail(self) -> str:
        """In words."""
        return (
            f"{SERVERS} servers, {VOLUMES} volumes: {self.requests} requests and {1000 * self.ours:.0f} ms, as a task"
            f" of the role; fetched and decoded with {self.bare_requests} requests in {1000 * self.bare:.0f} ms"
        )


@functools.cache
def _found() -> Found:
    with lightbits(VOLUMES, SERVERS) as cluster:
        bare = [_bare(cluster) for _unused in range(REPETITIONS)]
        bare_requests = len(cluster.control.requests()) / REPETITIONS
        cluster.control.forget_requests()
        ours = _ours(cluster)
        # the role has looked at the cluster once before, with the same question
        requests = len(cluster.control.requests()) / (REPETITIONS + 1)
    return Found(min(ours), min(bare), round(requests), round(bare_requests))


def _bare(cluster: Lightbits) -> float:
    """Seconds to fetch and decode what the gate looks at, with nothing but the standard library."""
    parts = urlsplit(cluster.urls[0])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": f"Bearer {keys.token()}"}
    began = time.perf_counter()
    for path in LISTS:
        connection.request("GET", f"/api/v2{path}", headers=headers)
        json.loads(connection.getresponse().read())
    connection.close()
    return time.perf_counter() - began


def _ours(cluster: Lightbits) -> list[float]:
    """Seconds of the role's own task, each time it is passed; it opens at once."""
    look, gate = (
        {"name": name, "ansible.builtin.include_role": {"name": "metalstack.provisioning.lightos", "tasks_from": name}}
        for name in ("look", "gate")
    )
    variables = {"lightos_api_endpoints": list(cluster.urls[:2]), "lightos_api_token": keys.token()}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        done = play(Path(directory), [look, *[gate] * REPETITIONS], variables=variables)
    found = [result for result in done.results if result.name.endswith(TASK)]
    if len(found) != REPETITIONS or any(result.failed or not result.values["health"]["ok"] for result in found):
        raise BenchmarkError(f"the gate did not open: {done.output[-500:]}")
    return [result.seconds for result in found]


def measure_time(_world: CacheWorld) -> Measurement:
    """Seconds beside those of the API."""
    found = _found()
    return Measurement(found.ours / found.bare, found.detail())


def measure_requests(_world: CacheWorld) -> Measurement:
    """Requests beside those that the API needs; volumes are asked for only when something is wrong with them."""
    found = _found()
    return Measurement(found.requests / found.bare_requests, found.detail())


TIME = Benchmark(
    name="lightos.gate",
    summary="the role's gate in a big cluster",
    unit="of fetching and decoding",
    goal=2,
    measure=measure_time,
    hosts=False,
)
REQUESTS = Benchmark(
    name="lightos.gate_requests",
    summary="requests for the same",
    unit="of the requests that the API needs",
    goal=1,
    measure=measure_requests,
    count=True,
    hosts=False,
)
