# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many new volumes in one task."""

from __future__ import annotations

from typing import Any

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement

from .landscape import lightbits, name, plays, state

ITEMS = 500
# One after the other takes so long that a part of them has to do; the figure is for each volume.
PART = 10
LATENCY = 0.02
# How long the cluster takes to make a volume, and how often both ways look whether it has.
CREATION = 0.2
INTERVAL = 0.1

WISH = {"size": "1GiB", "replica_count": 2}
BULK = {
    "name": "Have volumes",
    "metalstack.provisioning.lightbits_volume": {"resources": "{{ wanted }}", "wait_interval": INTERVAL},
}
LOOP = {
    "name": "Have volumes",
    "metalstack.provisioning.lightbits_volume": {"name": "{{ item }}", "wait_interval": INTERVAL, **WISH},
    "loop": "{{ names }}",
}


def _variables(items: int) -> dict[str, Any]:
    names = [name(number) for number in range(items)]
    return {"names": names, "wanted": [{"name": one, **WISH} for one in names]}


def measure(_world: CacheWorld) -> Measurement:
    """New volumes, when each answer of the API takes a while, and each volume after it."""
    with lightbits(0) as cluster:
        timed = plays(cluster)
        cluster.control.add_fault("latency", seconds=LATENCY)
        cluster.control.pace(step=CREATION)
        loop = timed.seconds([LOOP], changed=True, variables=_variables(PART)) / PART
        cluster.control.replace_state(**state(0))
        cluster.control.pace(step=CREATION)
        bulk = timed.seconds([BULK], changed=True, variables=_variables(ITEMS)) / ITEMS
    return Measurement(
        loop / bulk,
        f"{ITEMS} new volumes in one task {1000 * bulk:.1f} ms each, {PART} one after the other {1000 * loop:.0f} ms"
        f" each; the API takes {1000 * LATENCY:.0f} ms for an answer, the cluster {1000 * CREATION:.0f} ms for each",
    )


BENCHMARK = Benchmark(
    name="lightbits.bulk",
    summary="many new volumes in one task",
    unit="times faster than one after the other",
    goal=8,
    measure=measure,
    more_is_better=True,
    hosts=False,
)
