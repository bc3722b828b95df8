# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugin adds to fetching and decoding the answer of the API."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.emulators.metal_api.process import KEYS, running_metal_api
from tests.support.playbook import ROOT, settings

MACHINES = 5000
FEWER = 1000
MEASURE = Path(__file__).parent / "parse_inventory.py"


@functools.cache
def _measured(machines: int) -> dict[str, float]:
    """Seconds to fetch and decode, to parse without a cache, and to parse with one."""
    with running_metal_api() as api, tempfile.TemporaryDirectory(prefix="benchmark-") as text:
        directory = Path(text)
        api.control.replace_state(**_state(machines))
        source, cached = directory / "metal.yml", directory / "cached.metal.yml"
        options = {"plugin": "metalstack.provisioning.metal", "api_url": api.v1}
        cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": f"{text}/cache"}
        source.write_text(json.dumps(options))
        cached.write_text(json.dumps({**options, **cache}))
        environment = {
            **settings(directory),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'build/collections'}:{ROOT}",
            "METALCTL_HMAC": KEYS["Metal-View"],
            "METALCTL_HMAC_AUTH_TYPE": "Metal-View",
        }
        done = subprocess.run(
            [sys.executable, str(MEASURE), str(source), str(cached), api.v1, str(machines)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise BenchmarkError(f"the inventory could not be measured: {done.stderr.strip()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _state(machines: int) -> dict[str, Any]:
    """Half of the machines are allocated, in twenty racks and ten projects."""
    projects = [f"00000000-0000-0000-0000-{number:012d}" for number in range(10)]
    networks = [
        {
            "id": f"private-{number}",
            "partitionid": "fra-01",
            "projectid": project,
            "parentnetworkid": "super",
            "prefixes": [f"10.{number}.0.0/16"],
            "networktype": "child",
        }
        for number, project in enumerate(projects)
    ]
    super_network = {"id": "super", "partitionid": "fra-01", "prefixes": ["10.0.0.0/8"], "networktype": "super"}
    return {
        "partitions": [{"id": "fra-01"}],
        "sizes": [{"id": "c1-large-x86"}],
        "images": [
            {"id": "ubuntu-24.04.20251010", "url": "http://images.example.com/u.tar.lz4", "features": ["machine"]}
        ],
        "projects": [{"id": project, "tenant_id": "metal-stack"} for project in projects],
        "networks": [super_network, *networks],
        "machines": [_machine(number, projects) for number in range(machines)],
    }


def _machine(number: int, projects: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": f"10000000-0000-0000-0000-{number:012d}",
        "partition": "fra-01",
        "size": "c1-large-x86",
        "rackid": f"fra-01-rack{number % 20:02d}",
    }
    if number % 2:
        private = number % 10
        made["allocation"] = {
            "name": f"worker-{number}",
            "hostname": f"worker-{number}",
            "project": projects[private],
            "image": "ubuntu-24.04.20251010",
            "role": "machine",
            "networks": [
                {
                    "networkid": f"private-{private}",
                    "networktype": "privateprimaryunshared",
                    "ips": [f"10.{private}.{number // 250}.{number % 250 + 1}"],
                    "prefixes": [f"10.{private}.0.0/16"],
                    "asn": 4210000000 + number,
                }
            ],
        }
    return made


def cold(_world: CacheWorld) -> Measurement:
    """Without a cache."""
    found = _measured(MACHINES)
    return Measurement(found["cold"] / found["bare"], _detail(found, "cold"))


def warm(_world: CacheWorld) -> Measurement:
    """From the cache, against fetching all the same."""
    found = _measured(MACHINES)
    return Measurement(found["warm"] / found["bare"], _detail(found, "warm"))


def growth(_world: CacheWorld) -> Measurement:
    """How the time grows from few machines to many, beside their number."""
    few, many = _measured(FEWER), _measured(MACHINES)
    return Measurement(
        many["cold"] / few["cold"] / (MACHINES / FEWER),
        f"{FEWER} machines {few['cold']:.2f} s, {MACHINES} machines {many['cold']:.2f} s",
    )


def _detail(found: dict[str, float], kind: str) -> str:
    return f"{MACHINES} machines: {found[kind]:.2f} s, fetched and decoded in {found['bare']:.2f} s"


COLD = Benchmark(
    name="inventory.parse",
    summary="the inventory of many machines",
    unit="of fetching and decoding",
    goal=4,
    measure=cold,
    hosts=False,
)
WARM = Benchmark(
    name="inventory.parse_warm",
    summary="the same from its cache",
    unit="of fetching and decoding",
    goal=2,
    measure=warm,
    hosts=False,
)
GROWTH = Benchmark(
    name="inventory.growth",
    summary="time for more machines, in proportion to their number",
    unit="of growth in proportion",
    goal=1.1,
    measure=growth,
    hosts=False,
)
