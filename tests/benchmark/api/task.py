# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one item of a loop costs that finds everything as it should be."""

from __future__ import annotations

from statistics import median
from typing import Any

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement

from .landscape import NETWORK, PROJECT, address, metal_api, plays

ITEMS = 100
# each takes a third of a second
URI_ITEMS = 10
REPETITIONS = 3


def present() -> dict[str, Any]:
    """A loop over addresses that are there."""
    options = {"ip": "{{ item }}", "network": NETWORK, "project": PROJECT}
    return {
        "name": "Have addresses",
        "metalstack.provisioning.metal_ip": options,
        "loop": [address(number) for number in range(ITEMS)],
    }


def _uri(url: str, token: str) -> dict[str, Any]:
    options = {"url": f"{url}/v1/ip/{{{{ item }}}}", "headers": {"Authorization": f"Bearer {token}"}}
    return {
        "name": "Get addresses",
        "ansible.builtin.uri": options,
        "loop": [address(number) for number in range(URI_ITEMS)],
        "no_log": True,
    }


def _debug() -> dict[str, Any]:
    return {
        "name": "Say something",
        "ansible.builtin.debug": {"msg": "{{ item }}"},
        "loop": [address(number) for number in range(ITEMS)],
    }


def speed(_world: CacheWorld) -> Measurement:
    """Both loops in one run; each request of uri is one GET."""
    with metal_api(ITEMS) as api:
        timed = plays(api)
        uri = timed.seconds([_uri(api.v1, api.control.bearer())]) / URI_ITEMS
        ours = median(timed.seconds([present()]) for _unused in range(REPETITIONS)) / ITEMS
    return Measurement(
        uri / ours,
        f"{URI_ITEMS} addresses with uri {1000 * uri:.0f} ms each, {ITEMS} with metal_ip {1000 * ours:.1f} ms",
    )


def cost(_world: CacheWorld) -> Measurement:
    """What is left when debug does nothing for the same items, in turns within one playbook."""
    with metal_api(ITEMS) as api:
        seconds = plays(api).each([present(), _debug()] * REPETITIONS)
    ours, debug = median(seconds[::2]), median(seconds[1::2])
    return Measurement(1000 * (ours - debug) / ITEMS, f"{ITEMS} addresses: metal_ip {ours:.2f} s, debug {debug:.2f} s")


SPEED = Benchmark(
    name="api.task",
    summary="a loop over addresses that are there, in the controller",
    unit="times faster than uri",
    goal=20,
    measure=speed,
    more_is_better=True,
    hosts=False,
)
COST = Benchmark(
    name="api.task_cost",
    summary="an address that is there, above debug",
    unit="ms an item",
    goal=8,
    measure=cost,
    hosts=False,
)
