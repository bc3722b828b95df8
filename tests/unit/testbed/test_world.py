# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of the scenario speaks of the world that is built."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators.metal_api.process import running_metal_api
from tests.testbed import storagecontent
from tests.testbed.engine import TestbedError
from tests.testbed.imagecache import HOSTS, ImageCacheWorld
from tests.testbed.kinds import KINDS, find
from tests.testbed.storage import StorageWorld
from tests.testbed.world import KIND_FILE, PAYLOADS, World

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


def test_the_storage_network_of_the_scenario_is_the_data_network_of_the_world() -> None:
    inventory = yaml.safe_load((SCENARIO.parent / "storage_network" / "inventory.yml").read_text())
    hosts = {host.name: host for host in StorageWorld.hosts}
    for number, server in enumerate(inventory["all"]["vars"]["storage_network_servers"], 1):
        assert server["id"] == storagecontent.machine_id(number)
        assert server["ip"] == f"{{{{ testbed_network }}}}.{hosts[server['name']].further[0]}"
    named = hosts_of(inventory)
    assert set(named) == {"client-1", "control", "localhost"}
    assert named["client-1"]["storage_network_address"] == f"{{{{ testbed_network }}}}.{hosts['client-1'].further[0]}"
    assert named["control"]["ansible_docker_host"] == "{{ testbed_prefix }}-control"


def test_the_whole_partition_of_the_scenario_default_is_that_of_the_worlds() -> None:
    variables = yaml.safe_load((SCENARIO.parent / "default" / "inventory.yml").read_text())["all"]["vars"]
    hosts = {host.name: host for host in StorageWorld.hosts}
    for number, server in enumerate(variables["storage_network_servers"], 1):
        assert server["id"] == storagecontent.machine_id(number)
        assert server["ip"] == f"{{{{ testbed_network }}}}.{hosts[server['name']].further[0]}"
    assert variables["metal_partition_id"] == storagecontent.PARTITION
    # of the metal-api, which duros-controller's preflight asks for it
    assert variables["duros_controller_project"] == storagecontent.PROJECT


@pytest.mark.parametrize("variable", [{"name": "No Good"}, {"network": "172.30"}, {"network": "172.30.53.0/24"}])
def test_a_wrong_name_or_network_is_one_sentence(variable: dict[str, str]) -> None:
    with pytest.raises(TestbedError, match="TESTBED_"):
        ImageCacheWorld(**variable)


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_addresses_of_a_world_are_in_its_networks_and_its_own(kind: type[World]) -> None:
    world = kind("some", "172.30.1")
    networks = [ip_network(f"{world.network}.{network.part}") for network in world.networks]
    used = [world.address(network.gateway) for network in world.networks]
    for host in world.hosts:
        used += map(world.address, (host.number, *host.more_addresses, *host.further))
        assert {ip_address(world.address(number)) in networks[0] for number in (host.number, *host.more_addresses)} == {
            True
        }
        for number, network in zip(host.further, networks[1:]):
            assert ip_address(world.address(number)) in network
    assert len(used) == len(set(used))


def test_a_world_that_is_up_is_found_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.testbed.world.BUILD", tmp_path)
    monkeypatch.setenv("TESTBED_WORLD", "mine")
    monkeypatch.delenv("TESTBED_NETWORK", raising=False)
    assert isinstance(find(), ImageCacheWorld)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / KIND_FILE).write_text("storage")
    world = find()
    assert isinstance(world, StorageWorld)
    assert (world.name, world.network) == ("mine", "172.30.57")


def test_what_the_metal_api_of_a_storage_world_knows_is_taken(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps(storagecontent.metal_api(StorageWorld("some", "172.30.1").address)))
    with running_metal_api("--state", str(state)) as api:
        assert len(api.control.call("GET", "/state")["machines"]) == 5


def test_an_unknown_host_is_told_with_those_there_are() -> None:
    with pytest.raises(TestbedError, match="no host 'nobody', only store, cache-1"):
        ImageCacheWorld().container("nobody")


def test_hosts_keep_bytecode_where_this_machine_does(monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[str] = []
    monkeypatch.setattr("tests.testbed.world.docker", lambda *words: created.extend(words))
    for path, kept in (("/somewhere", False), (f"{PAYLOADS}:/somewhere", True)):
        monkeypatch.setenv("PYTHONPATH", path)
        created.clear()
        world = ImageCacheWorld()
        monkeypatch.setattr(world, "options", lambda _host: [])
        monkeypatch.setattr(world, "prepare_host", lambda _host: None)
        world._start(world.hosts[0])
        assert (f"{PAYLOADS}:/opt/testbed/payloads:ro" in created) == kept
        assert ("PYTHONPATH=/opt/testbed/payloads" in created) == kept


def test_the_worlds_of_one_person_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TESTBED_WORLD", "TESTBED_NETWORK"):
        monkeypatch.delenv(name, raising=False)
    alone = ImageCacheWorld.beside("bench", "172.30.56", HOSTS)
    assert (alone.name, alone.network) == ("bench", "172.30.56")
    monkeypatch.setenv("TESTBED_WORLD", "mine")
    monkeypatch.setenv("TESTBED_NETWORK", "172.30.54")
    mine = ImageCacheWorld.beside("bench", "172.30.56", HOSTS)
    assert (mine.name, mine.network) == ("mine-bench", "172.30.54")
