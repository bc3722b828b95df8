# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one item of a loop costs that finds its volume as it should be."""

from __future__ import annotations

from statistics import median
from typing import Any

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement
from tests.emulators.lightbits import keys

from .landscape import lightbits, name, plays

ITEMS = 100
# uri needs so long that a part of them has to do; the figure is for each volume.
PART = 10
REPETITIONS = 3
NAMES = [name(number) for number in range(ITEMS)]


def _ours() -> dict[str, Any]:
    options = {"name": "{{ item }}", "size": "1GiB"}
    return {"name": "Have volumes", "metalstack.provisioning.lightbits_volume": options, "loop": NAMES}


def _uri(url: str) -> dict[str, Any]:
    options = {
        "url": f"{url}/api/v2/projects/default/volumes/?name={{{{ item }}}}",
        "headers": {"Authorization": f"Bearer {keys.token()}"},
    }
    return {"name": "Get volumes", "ansible.builtin.uri": options, "loop": NAMES[:PART], "no_log": True}


def measure(_world: CacheWorld) -> Measurement:
    """Both loops in one run; each request of uri is one GET."""
    with lightbits(ITEMS) as cluster:
        timed = plays(cluster)
        uri = timed.seconds([_uri(cluster.urls[0])]) / PART
        ours = median(timed.seconds([_ours()]) for _unused in range(REPETITIONS)) / ITEMS
    return Measurement(
        uri / ours,
        f"{PART} volumes with uri {1000 * uri:.0f} ms each, {ITEMS} with lightbits_volume {1000 * ours:.1f} ms",
    )


BENCHMARK = Benchmark(
    name="lightbits.task",
    summary="a loop over volumes that are there, in the controller",
    unit="times faster than uri",
    goal=20,
    measure=measure,
    more_is_better=True,
    hosts=False,
)
