# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of the scenario speaks of the world that is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.testbed.engine import TestbedError
from tests.testbed.world import HOSTS, World

SCENARIO = Path(__file__).resolve().parents[3] / "molecule" / "image_cache"


def hosts_of(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for group in tree.values():
        found.update({name: variables or {} for name, variables in (group.get("hosts") or {}).items()})
        found.update(hosts_of(group.get("children") or {}))
    return found


def test_every_host_of_the_inventory_is_a_host_of_the_world_with_its_address() -> None:
    numbers = {host.name: host.number for host in HOSTS}
    named = hosts_of(yaml.safe_load((SCENARIO / "inventory.yml").read_text()))
    assert set(named) - {"localhost"} == set(numbers)
    for file in ("inventory.yml", "inventory_scale_out.yml", "inventory_scale_in.yml"):
        for name, variables in hosts_of(yaml.safe_load((SCENARIO / file).read_text())).items():
            if "ansible_host" in variables:
                assert variables["ansible_host"] == f"{{{{ testbed_network }}}}.{numbers[name]}"
            if "ansible_docker_host" in variables:
                assert variables["ansible_docker_host"] == f"{{{{ testbed_prefix }}}}-{name}"


@pytest.mark.parametrize("variable", [{"name": "No Good"}, {"network": "172.30"}, {"network": "172.30.53.0/24"}])
def test_a_wrong_name_or_network_is_one_sentence(variable: dict[str, str]) -> None:
    with pytest.raises(TestbedError, match="TESTBED_"):
        World(**variable)


def test_an_unknown_host_is_told_with_those_there_are() -> None:
    with pytest.raises(TestbedError, match="no host 'nobody', only store, cache-1"):
        World().container("nobody")
