# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time the inventory plugin within Ansible, in a process of its own.

parse_inventory.py SOURCE CACHED URL COUNT    prints JSON: {"bare", "cold", "warm"}, seconds of the fastest of several
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, inventory_loader

REPETITIONS = 3


def bare(url: str) -> int:
    """Fetch and decode all machines with nothing but the standard library; returns how many there are."""
    # not before Ansible has its own way of importing collections
    from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import HmacAuth

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", f"{parts.path}/v1/machine", headers=HmacAuth("metal-view").headers("GET"))
    machines = json.loads(connection.getresponse().read())
    connection.close()
    return len(machines)


def parse(source: str) -> int:
    """Parse the source as ansible-inventory does; returns how many hosts there are."""
    inventory = InventoryData()
    plugin = inventory_loader.get("metalstack.provisioning.metal")
    assert plugin.verify_file(source)
    plugin.parse(inventory, DataLoader(), source)
    if getattr(plugin, "_cache", False):
        plugin.update_cache_if_changed()
    return len(inventory.hosts)


def fastest(action: Callable[[], int], count: int) -> float:
    """Seconds of the fastest repetition; each must find that many machines."""
    found = []
    for _unused in range(REPETITIONS):
        began = time.perf_counter()
        if action() != count:
            sys.exit("not all machines are there")
        found.append(time.perf_counter() - began)
    return min(found)


def main() -> None:
    source, cached, url, count = *sys.argv[1:4], int(sys.argv[4])
    init_plugin_loader()
    bare(url)
    parse(cached)
    figures = {
        "bare": fastest(lambda: bare(url), count),
        "cold": fastest(lambda: parse(source), count),
        "warm": fastest(lambda: parse(cached), count),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
