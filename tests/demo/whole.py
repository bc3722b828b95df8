# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All worlds of the story as one partition, by the inventory of the scenario default, which knows them all."""

from __future__ import annotations

from pathlib import Path

from tests.testbed import playbook
from tests.testbed.engine import REPOSITORY

from .partition import Partition
from .storage import PLAYBOOKS, Rack

_DEFAULT = REPOSITORY / "molecule" / "default"
INVENTORIES = (
    _DEFAULT / "inventory.yml",
    _DEFAULT / "inventory_servers.metal.yml",
    Path(__file__).with_name("inventory.yml"),
)


def environment(partition: Partition) -> dict[str, str]:
    """How that inventory finds the world of the image cache; it finds the others by the world of the storage."""
    return {"TESTBED_CACHE_WORLD": partition.world.name, "TESTBED_CACHE_NETWORK": partition.world.network}


def play(partition: Partition, rack: Rack, what: str, name: str) -> playbook.Played:
    """Run a playbook of the collection on the whole partition."""
    return playbook.play(
        rack.world, what, playbook=PLAYBOOKS / f"{name}.yml", inventories=INVENTORIES, more=environment(partition)
    )
