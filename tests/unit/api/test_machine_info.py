# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine_info and metal_switch_info against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from . import machine_world as world
from .helpers import Runner, failure, ok, requests
from .machine_world import STORAGE_PROJECT, allocation, machine, machine_id

BUSY = machine(1, tags=["a=1", "b=2"], allocation=allocation(), liveliness="Alive")
IDLE = machine(2, state={"value": "RESERVED", "description": "mine"})
DEAD = machine(3, liveliness="Dead", partition=world.OTHER_PARTITION)
WALL = machine(
    4,
    allocation=allocation(
        world.TENANT_PROJECT,
        role="firewall",
        name="wall",
        image=world.FIREWALL_IMAGE,
        networks=[{"networkid": world.TENANT, "ips": ["10.0.4.9"], "vrf": 11, "asn": 4210000007}],
    ),
)


@pytest.fixture
def info(api: MetalApi) -> Runner:
    api.control.replace_state(**world.world(BUSY, IDLE, DEAD, WALL))
    return Runner(api, "metal_machine_info", "Metal-View")


def numbers(result: dict[str, Any]) -> list[int]:
    """Which machines were returned."""
    return sorted(int(one["id"][-2:]) for one in ok(result)["machines"])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"id": machine_id(2)}, [2]),
        ({"id": "none"}, []),
        ({"name": "wall"}, [4]),
        ({"project": STORAGE_PROJECT}, [1]),
        ({"partition": world.OTHER_PARTITION}, [3]),
        ({"rack": "rack1"}, [1, 3]),
        ({"size": world.SIZE, "role": "firewall"}, [4]),
        ({"image": "debian-12"}, [1]),
        ({"image": world.FIREWALL_IMAGE}, [4]),
        ({"image": world.NEW_IMAGE}, []),
        ({"hostname": "one"}, [1, 4]),
        ({"allocated": False}, [2, 3]),
        ({"allocated": True, "succeeded": True}, [1, 4]),
        ({"state": "reserved"}, [2]),
        ({"state": "available", "allocated": False}, [3]),
        ({"liveliness": "Dead"}, [3]),
        ({"tags": ["b=2", "a=1"]}, [1]),
        ({"tags": ["b=2", "c=3"]}, []),
        ({"memory": 2**37}, [1, 2, 3, 4]),
        ({"network": {"ids": [world.STORAGE]}}, [1]),
        ({"network": {"ips": ["10.0.4.9"], "vrfs": [11], "asns": [4210000007]}}, [4]),
        ({"nic": {"mac_addresses": ["aa:aa:aa:aa:aa:03"], "neighbor_names": ["Ethernet0"]}}, [3]),
        ({"disk": {"names": ["/dev/nvme0n1"], "sizes": [10**12]}}, [1, 2, 3, 4]),
        ({"ipmi": {"address": "10.255.0.2:623", "user": "metal"}}, [2]),
        ({"fru": {"product_serial": "unknown"}}, []),
    ],
)
def test_machines_are_found_by(info: Runner, options: dict[str, Any], found: list[int]) -> None:
    assert numbers(info(**options)) == found


def test_every_filter_of_the_api_is_offered() -> None:
    from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_query import machine_query
    from ansible_collections.metalstack.provisioning.plugins.modules.metal_machine_info import SPEC
    from tests.emulators.metal_api.machines.search import CRITERIA

    value: dict[str, Any] = {"str": "a-1.2.3", "int": 1, "bool": True, "list": ["x"]}
    given = {
        name: {key: value[sub["type"]] for key, sub in option["options"].items()}
        if "options" in option
        else value.get(option["type"])
        for name, option in SPEC.options.items()
    }
    assert set(machine_query(given)) == set(CRITERIA) - {"state_value"}, "states are compared here, see TAINTED"


def test_one_request_is_enough(api: MetalApi, info: Runner) -> None:
    ok(info())
    assert requests(api) == ["POST /v1/machine/find"]


def test_bmcs_are_shown_on_request_and_passwords_on_a_second_one(info: Runner) -> None:
    assert "bmc" not in json.dumps(ok(info()))
    shown = ok(info(bmc=True, id=machine_id(1)))["machines"][0]["bmc"]
    assert shown["address"] == "10.255.0.1:623" and shown["power_state"] == "ON" and "password" not in shown
    assert "bmc-secret" not in json.dumps(info(bmc=True))
    assert ok(info(bmc=True, bmc_password=True))["machines"][0]["bmc"]["password"] == "bmc-secret"
    assert "set both" in failure(info(bmc_password=True))


def test_issues_are_evaluated_on_request(api: MetalApi, info: Runner) -> None:
    only_dead = ok(info(issues=True, issues_only=["liveliness-dead"]))["machines"]
    issues = {int(one["id"][-2:]): [issue["id"] for issue in one["issues"]] for one in only_dead}
    assert issues == {1: [], 2: [], 3: ["liveliness-dead"], 4: []}
    (issue,) = [issue for one in only_dead for issue in one["issues"]]
    assert issue["severity"] == "major" and issue["description"] and issue["reference"].startswith("http")
    api.control.forget_requests()
    ok(info(issues=True, issues_severity="critical", issues_omit=["crashloop"], issues_last_error_threshold=60))
    assert requests(api)[0] == "POST /v1/machine/find" and len(requests(api)) == 3
    assert "issues is false" in failure(info(issues_severity="minor"))
    assert "not positive" in failure(info(issues=True, issues_last_error_threshold=0))


def test_nothing_wrong_is_a_null_list(info: Runner) -> None:
    machines = ok(info(issues=True, id=machine_id(1), issues_only=["crashloop"]))["machines"]
    assert [one["issues"] for one in machines] == [[]]


def test_all_events_are_shown_on_request(info: Runner) -> None:
    (one,) = ok(info(id=machine_id(1), events=True))["machines"]
    assert [event["event"] for event in one["events"]] == ["Phoned Home"]
    assert "events" not in ok(info(id=machine_id(1)))["machines"][0]


def test_a_bad_image_is_told(info: Runner) -> None:
    assert failure(info(image="24.04")).startswith("image: '24.04' is not an image id")


def test_an_odd_machine_is_left_out_with_a_warning(api: MetalApi, info: Runner) -> None:
    body = json.dumps([{"id": "good"}, {"id": "odd", "tags": "none"}, 7])
    api.control.add_fault("status", status=200, body=body, content_type="application/json", path="/machine/find")
    result = ok(info())
    assert [one["id"] for one in result["machines"]] == ["good"]
    assert result["warnings"] == [
        "The machine odd of the metal-api is left out: its tags are not a list of text.",
        "The machine ? of the metal-api is left out: it has no id.",
    ]


def switch(name: str, **settings: Any) -> dict[str, Any]:
    return {
        "id": name,
        "partition_id": world.PARTITION,
        "rack_id": "rack1",
        "nics": [{"name": "Ethernet0"}],
        **settings,
    }


def test_switches_are_listed(api: MetalApi) -> None:
    connected = [{"machine_id": machine_id(1), "nic": "Ethernet0"}]
    sync = {"time": "2026-01-01T00:00:00Z", "duration": 250000000}
    api.control.replace_state(
        **world.world(
            switches=[
                switch("leaf02", mode="replace"),
                switch("leaf01", connections=connected, last_sync=sync, os={"vendor": "SONiC", "version": "202211"}),
            ]
        )
    )
    run = Runner(api, "metal_switch_info", "Metal-View")
    one, two = ok(run())["switches"]
    assert (one["id"], two["id"], two["mode"]) == ("leaf01", "leaf02", "replace")
    assert one["ports"][0]["machine"] == machine_id(1) and two["ports"][0]["machine"] is None
    assert one["last_sync"] == {"time": "2026-01-01T00:00:00Z", "duration": 0.25, "error": None}
    assert one["os"]["vendor"] == "SONiC" and two["last_sync"] is None
    for options, found in (
        ({"id": "leaf01"}, 1), ({"mode": "replace"}, 1), ({"rack": "rack2"}, 0), ({"machine": machine_id(1)}, 1),
        ({"partition": world.PARTITION}, 2), ({"machine": "none"}, 0),
    ):  # fmt: skip
        assert len(ok(run(**options))["switches"]) == found, options
