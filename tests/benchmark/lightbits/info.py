# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs to know all of a big cluster, against nothing but asking the API for it.

Ansible's own work with the result of a task (moving it between processes, keeping it as a variable) is not counted: it
is the same for any module that returns as much.
"""

from __future__ import annotations

import functools
import http.client
import importlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, perform
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._api_action import without_secrets
from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.benchmark.interleave import Comparison, compare
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits

from .landscape import lightbits

SERVERS = 16
VOLUMES = 5000
REPETITIONS = 5
PAGE = 1000
LISTS = ("/clusterinfo", "/cluster", "/servers", "/nodes", "/nvmeDevices")
MODULES = ("lightbits_cluster_info", "lightbits_volume_info")
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Found:
    """Seconds of each repetition, and how many requests one of them made."""

    seconds: Comparison
    ours: int
    bare: int

    def detail(self) -> str:
        """In words."""
        ours, bare = min(self.seconds.ours), min(self.seconds.theirs)
        return (
            f"{SERVERS} servers and {VOLUMES} volumes: {self.ours} requests, at best {ours:.2f} s; fetched and decoded"
            f" with {self.bare} requests, at best {bare:.2f} s"
        )


@functools.cache
def _found() -> Found:
    with lightbits(VOLUMES, SERVERS) as cluster:
        requests = []
        for action in (_ours, _bare):
            cluster.control.forget_requests()
            action(cluster)
            requests.append(len(cluster.control.requests()))
        seconds = compare(lambda: _seconds(_ours, cluster), lambda: _seconds(_bare, cluster), REPETITIONS)
    return Found(seconds, *requests)


def _seconds(action: Callable[[Lightbits], int], cluster: Lightbits) -> float:
    began = time.perf_counter()
    if action(cluster) != VOLUMES:
        raise BenchmarkError("not all volumes are there")
    return time.perf_counter() - began


def _bare(cluster: Lightbits) -> int:
    """Fetch and decode everything with nothing but the standard library; returns how many volumes there are."""
    parts = urlsplit(cluster.urls[0])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    headers = {"Authorization": f"Bearer {keys.token()}"}

    def get(path: str) -> Any:
        connection.request("GET", f"/api/v2{path}", headers=headers)
        return json.loads(connection.getresponse().read())

    for path in LISTS:
        get(path)
    volumes: list[Any] = []
    while True:
        after = f"&offsetUUID={volumes[-1]['UUID']}" if volumes else ""
        page = get(f"/volumes?limit={PAGE}{after}").get("volumes", [])
        volumes += page
        if len(page) < PAGE:
            connection.close()
            return len(volumes)


def _ours(cluster: Lightbits) -> int:
    """Do the same with tasks in the controller; each is a process of its own there, which knows nothing yet."""
    found: dict[str, Any] = {}
    for name in MODULES:
        module = importlib.import_module(f"ansible_collections.metalstack.provisioning.plugins.modules.{name}")
        # another token is another client
        token = keys.token(lifetime=86400 + next(_NUMBERS))
        environ = {"LIGHTBITS_API_ENDPOINTS": cluster.urls[0], "LIGHTBITS_API_TOKEN": token}
        checked = ArgumentSpecValidator(**module.SPEC.arguments()).validate({})
        done = perform(module.run, Task(checked.validated_parameters, environ=environ))
        found |= without_secrets(done, {token})
    return len(found.get("volumes", ()))


def measure_time(_world: CacheWorld) -> Measurement:
    """Seconds beside those of the API."""
    found = _found()
    return Measurement(found.seconds.ratio, found.detail())


def measure_requests(_world: CacheWorld) -> Measurement:
    """Requests beside those that the API needs."""
    found = _found()
    return Measurement(found.ours / found.bare, found.detail())


TIME = Benchmark(
    name="lightbits.info",
    summary="all of a big cluster with all volumes, in the controller",
    unit="of fetching and decoding",
    goal=1.5,
    measure=measure_time,
    hosts=False,
)
REQUESTS = Benchmark(
    name="lightbits.info_requests",
    summary="requests for the same",
    unit="of the requests that the API needs",
    goal=1.5,
    measure=measure_requests,
    count=True,
    hosts=False,
)
