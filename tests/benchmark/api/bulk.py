# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many addresses in one task."""

from __future__ import annotations

from statistics import median
from typing import Any

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement

from .landscape import NETWORK, PROJECT, address, metal_api, plays, state
from .task import present

ITEMS = 1000
# One after the other takes so long that a part of them has to do; the figure is for each address.
PART = 50
LATENCY = 0.02
REPETITIONS = 3


BULK = {"name": "Have addresses", "metalstack.provisioning.metal_ip": {"resources": "{{ wanted }}"}}
LOOP = {**present(), "loop": "{{ addresses }}"}


def _variables(items: int) -> dict[str, Any]:
    addresses = [address(number) for number in range(items)]
    wanted = [{"ip": one, "network": NETWORK, "project": PROJECT} for one in addresses]
    return {"addresses": addresses, "wanted": wanted}


def nothing_to_do(_world: CacheWorld) -> Measurement:
    """The bulk task against the loop, both with all addresses there."""
    with metal_api(ITEMS) as api:
        timed = plays(api)
        loop = timed.seconds([LOOP], variables=_variables(ITEMS))
        bulk = median(timed.seconds([BULK], variables=_variables(ITEMS)) for _unused in range(REPETITIONS))
    return Measurement(loop / bulk, f"{ITEMS} addresses that are there: loop {loop:.1f} s, bulk {bulk:.2f} s")


def creation(_world: CacheWorld) -> Measurement:
    """New addresses, when each answer of the API takes a while."""
    with metal_api(0) as api:
        timed = plays(api)
        api.control.add_fault("latency", seconds=LATENCY)
        loop = timed.seconds([LOOP], changed=True, variables=_variables(PART)) / PART
        api.control.replace_state(**state(0))
        bulk = timed.seconds([BULK], changed=True, variables=_variables(ITEMS)) / ITEMS
    return Measurement(
        loop / bulk,
        f"{ITEMS} new addresses in one task {1000 * bulk:.1f} ms each, {PART} one after the other {1000 * loop:.0f} ms"
        f" each; the API takes {1000 * LATENCY:.0f} ms for an answer",
    )


PRESENT = Benchmark(
    name="api.bulk",
    summary="many addresses that are there, in one task",
    unit="times faster than a loop",
    goal=10,
    measure=nothing_to_do,
    more_is_better=True,
    hosts=False,
)
CREATION = Benchmark(
    name="api.bulk_create",
    summary="many new addresses in one task",
    unit="times faster than one after the other",
    goal=6,
    measure=creation,
    more_is_better=True,
    hosts=False,
)
