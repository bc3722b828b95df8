# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""machine_power and machine_delete: machines of an emulated metal-api, one of which is a storage server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.emulators.metal_api.process import MetalApi, running_metal_api
from tests.support.playbook import ROOT

from .world import CLUSTER, World

PROJECT = "00000000-0000-4000-8000-0000000000aa"
FREE, TAKEN, STORAGE = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))


@pytest.fixture(scope="module")
def metal() -> Iterator[MetalApi]:
    with running_metal_api() as api:
        yield api


@pytest.fixture
def world(tmp_path: Path, cluster: Lightbits, metal: MetalApi) -> World:
    allocation = {"project": PROJECT, "role": "machine", "name": "db-1", "image": "ubuntu-24.04.1", "networks": []}
    ipmi = {"address": "10.255.0.1:623", "powerstate": "ON"}
    metal.control.replace_state(
        partitions=[{"id": "fra-01"}],
        projects=[{"id": PROJECT, "name": "shop"}],
        sizes=[{"id": "s3"}],
        images=[{"id": "ubuntu-24.04.1", "url": "http://images.example.com/u.tar.lz4"}],
        machines=[
            {"id": FREE, "partition": "fra-01", "size": "s3", "ipmi": ipmi},
            {"id": TAKEN, "partition": "fra-01", "size": "s3", "ipmi": ipmi, "allocation": allocation},
            {"id": STORAGE, "partition": "fra-01", "size": "s3", "ipmi": ipmi},
        ],
    )
    made = World(tmp_path, cluster, servers=4, installed=True)
    made.host_variables = {
        name: {"metal_id": STORAGE if name == "server02" else f"00000000-0000-4000-8000-0000000000{number:02d}"}
        for number, name in enumerate(made.names, 10)
    }
    made.environment = {
        "METALCTL_API_URL": metal.v1,
        "METALCTL_HMAC": "metal-admin",
        "METALCTL_HMAC_AUTH_TYPE": "Metal-Admin",
    }
    metal.control.forget_requests()
    return made


def commands(metal: MetalApi) -> list[str]:
    """Return what was asked for that changes something."""
    return [
        f"{one['method']} {one['path']}"
        for one in metal.control.requests()
        if one["method"] != "GET" and not one["path"].endswith("/find")
    ]


@pytest.mark.once
@pytest.mark.parametrize(
    ("playbook", "variables", "sentence"),
    [
        ("machine_power.yml", {"machine_id": FREE}, "Set machine_id, and machine_command (on, off, reset, cycle"),
        ("machine_power.yml", {"machine_command": "off"}, "Set machine_id, and machine_command (on, off, reset, cycle"),
        ("machine_power.yml", {"machine_id": TAKEN, "machine_command": "cycle"}, "is allocated (db-1 of the project"),
        (
            "machine_power.yml",
            {"machine_id": "nowhere", "machine_command": "on"},
            "The metal-api has no machine nowhere.",
        ),
        (
            "machine_power.yml",
            {"machine_id": STORAGE, "machine_command": "off"},
            "is the storage server server02, which is Enabled in the cluster: disable it first (lightbits_server).",
        ),
        (
            "machine_delete.yml",
            {"machine_id": STORAGE, "machine_delete": STORAGE},
            "which is Enabled in the cluster: remove it from the cluster first (lightos_replace_server).",
        ),
        (
            "machine_delete.yml",
            {"machine_id": STORAGE, "machine_delete": STORAGE, "lightos_cluster_id": "0" * 8 + CLUSTER[8:]},
            "is the storage server server02. The API at",
        ),
        ("machine_delete.yml", {"machine_id": FREE}, "Set machine_id, and machine_delete to the same id."),
        ("machine_delete.yml", {"machine_id": TAKEN, "machine_delete": TAKEN}, "set machine_allocated=true to free it"),
    ],
)
def test_what_is_refused(
    world: World, metal: MetalApi, playbook: str, variables: dict[str, Any], sentence: str
) -> None:
    done = world.play(playbook, *(f"-e{name}={value}" for name, value in variables.items()))
    assert done.code != 0
    assert done.shows(sentence), done.output
    assert commands(metal) == []


@pytest.mark.once
def test_guard_knows_each_storage_server_or_stops(world: World, metal: MetalApi) -> None:
    del world.host_variables["server02"]
    wanted = [f"-emachine_id={STORAGE}", f"-emachine_delete={STORAGE}"]
    done = world.play("machine_delete.yml", *wanted)
    assert done.code != 0
    assert done.shows(f"has no metal_id for server02, so nobody knows whether {STORAGE} is a storage server"), (
        done.output
    )
    assert metal.control.requests() == []
    # a word of its own, which is not asked about those that are known
    world.host_variables["server01"] = {"metal_id": FREE}
    for machine, code in ((FREE, 2), (STORAGE, 0)):
        more = [f"-emachine_id={machine}", "-emachine_command=cycle", "-emachine_is_storage=false"]
        assert world.play("machine_power.yml", *more).code == code
    assert [one.split("/")[-3] for one in commands(metal)] == [STORAGE]


@pytest.mark.once
@pytest.mark.parametrize(
    ("playbook", "more"),
    [("machine_delete.yml", f"-emachine_delete={STORAGE}"), ("machine_power.yml", "-emachine_command=off")],
)
def test_guard_is_not_left_out_by_a_limit(world: World, metal: MetalApi, playbook: str, more: str) -> None:
    done = world.play(playbook, "-i", "localhost,", "--limit", "localhost", f"-emachine_id={STORAGE}", more)
    assert done.code != 0
    assert done.shows("none of them was in this run, so nobody has looked whether"), done.output
    assert commands(metal) == []


@pytest.mark.once
@pytest.mark.parametrize(
    ("playbook", "more"),
    [("machine_delete.yml", f"-emachine_delete={STORAGE}"), ("machine_power.yml", "-emachine_command=off")],
)
def test_guard_misses_storage_servers_that_nobody_gave(world: World, metal: MetalApi, playbook: str, more: str) -> None:
    world.names = []
    # what localhost knows is enough, each of it alone
    example = ["-i", str(ROOT / "docs/examples/site/inventory.yml")]
    for known in (example, ["-elightos_cluster_id=one"]) if playbook == "machine_power.yml" else (example,):
        done = world.play(playbook, *known, f"-emachine_id={STORAGE}", more)
        assert done.code != 0
        assert done.shows("give the inventory of the storage servers too (-i servers.metal.yml)"), done.output
    assert metal.control.requests() == []


@pytest.mark.once
def test_guard_lets_a_partition_without_storage_servers_work(world: World, metal: MetalApi) -> None:
    world.names = []
    wanted = [f"-emachine_id={FREE}", "-emachine_command=cycle"]
    example = ["-i", str(ROOT / "docs/examples/site/inventory.yml"), "-emachine_is_storage=false"]
    for more in ([], example):
        done = world.play("machine_power.yml", *more, *wanted)
        assert done.code == 0, done.output
    assert len(commands(metal)) == 2


@pytest.mark.once
def test_power(world: World, metal: MetalApi) -> None:
    for machine, more in ((FREE, []), (TAKEN, ["-emachine_allocated=true"])):
        done = world.play("machine_power.yml", f"-emachine_id={machine}", "-emachine_command=cycle", *more)
        assert done.code == 0, done.output
    world.cluster.control.change_state(servers=[{"name": "server02", "state": "Disabled"}])
    done = world.play("machine_power.yml", f"-emachine_id={STORAGE}", "-emachine_command=cycle")
    assert done.code == 0, done.output
    assert [one.split("/")[-3:] for one in commands(metal)] == [
        [machine, "power", "cycle"] for machine in (FREE, TAKEN, STORAGE)
    ]


@pytest.mark.once
def test_delete(world: World, metal: MetalApi) -> None:
    wanted = [f"-emachine_id={FREE}", f"-emachine_delete={FREE}", "-emachine_wait_interval=1"]
    check = world.play("machine_delete.yml", "--check", *wanted)
    assert check.code == 0, check.output
    assert commands(metal) == []
    done = world.play("machine_delete.yml", *wanted)
    assert done.code == 0, done.output
    assert FREE not in {machine["id"] for machine in metal.control.state()["machines"]}
    assert world.play("machine_delete.yml", *wanted).code == 0
