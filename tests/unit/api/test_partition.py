# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_partition and metal_partition_info against the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

LIST = "/metalstack.api.v2.PartitionService/List"
BOOT = {"image_url": "http://images.example.com/initrd", "kernel_url": "http://images.example.com/kernel"}
STORED = {
    "id": "fra-01",
    "name": "Frankfurt",
    "description": "the first",
    "bootconfig": {"imageurl": BOOT["image_url"], "kernelurl": BOOT["kernel_url"], "commandline": "panic=10"},
    "mgmtserviceaddress": "192.0.2.1:4150",
    "labels": {"site": "a"},
    "dns_servers": [{"ip": "192.0.2.53"}],
    "ntp_servers": [{"address": "ntp.example.com"}],
}
SUPER = {"id": "super", "partitionid": "fra-01", "prefixes": ["10.0.0.0/16"], "privatesuper": True}


def stored(api: MetalApi) -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = api.control.state()["partitions"]
    return partitions


@pytest.fixture
def partition(api: MetalApi) -> Runner:
    return Runner(api, "metal_partition")


@pytest.fixture
def fra(api: MetalApi) -> None:
    api.control.change_state(partitions=[STORED])


def test_create(api: MetalApi, partition: Runner) -> None:
    done = ok(partition(id="fra-01", **BOOT, labels={"ha": True, "racks": 2}))
    assert done["changed"]
    assert done["diff"]["before"] == {}
    assert done["partition"] == {
        "id": "fra-01",
        "name": "",
        "description": "",
        **BOOT,
        "commandline": "",
        "mgmt_service_addresses": [],
        "labels": {"ha": "true", "racks": "2"},
        "dns_servers": [],
        "ntp_servers": [],
    }
    assert writes(api) == ["PUT /v1/partition"]


@pytest.mark.usefixtures("fra")
def test_only_what_is_given_is_compared(api: MetalApi, partition: Runner) -> None:
    assert not ok(partition(id="fra-01"))["changed"]
    assert requests(api) == ["GET /v1/partition/fra-01"]


@pytest.mark.usefixtures("fra")
def test_an_update_that_has_nothing_to_do_with_booting(api: MetalApi, partition: Runner) -> None:
    """Without ``bootconfig`` the API follows a null pointer; with the URLs it would ask for both of them."""
    api.control.change_state(unreachable_urls=["images"])
    done = ok(partition(id="fra-01", description="the best"))
    assert done["diff"]["after"] == {**done["diff"]["before"], "description": "the best"}
    (after,) = stored(api)
    kept = {name: value for name, value in STORED.items() if name != "description"}
    assert {name: after[name] for name in kept} == kept


@pytest.mark.usefixtures("fra")
def test_servers_are_cleared_by_an_empty_list_and_kept_otherwise(api: MetalApi, partition: Runner) -> None:
    assert ok(partition(id="fra-01", dns_servers=[]))["partition"]["dns_servers"] == []
    (after,) = stored(api)
    assert after["dns_servers"] is None
    assert after["ntp_servers"] == STORED["ntp_servers"]
    assert not ok(partition(id="fra-01", dns_servers=[]))["changed"]


@pytest.mark.usefixtures("fra")
def test_labels_and_address_are_cleared(partition: Runner) -> None:
    done = ok(partition(id="fra-01", labels={}, mgmt_service_address=""))
    assert done["partition"]["labels"] == {}
    assert done["partition"]["mgmt_service_addresses"] == []
    assert not ok(partition(id="fra-01", labels={}, mgmt_service_address=""))["changed"]


@pytest.mark.usefixtures("fra")
def test_somebody_else_is_faster(api: MetalApi, partition: Runner) -> None:
    """The conflict of an update is answered with 400, and is tried again all the same."""
    api.control.add_fault("race", method="POST", path="/v1/partition$", count=1)
    done = ok(partition(id="fra-01", commandline="panic=30"))
    assert done["partition"]["commandline"] == "panic=30"
    assert [count for count in api.control.counts().items() if count[0].startswith("POST")] == [
        ("POST /metal/v1/partition 400", 1),
        ("POST /metal/v1/partition 200", 1),
    ]


def test_an_url_that_the_api_cannot_read(api: MetalApi, partition: Runner) -> None:
    api.control.change_state(unreachable_urls=["kernel"])
    done = partition(id="fra-01", **BOOT)
    assert "not accessible" in failure(done)
    assert done["failure"]["status"] == 400
    assert stored(api) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"id": "", **BOOT}, "id is empty"),
        ({"id": "a", "image_url": "http://x/i"}, "kernel_url is missing"),
        ({"id": "a", "kernel_url": "http://x/k"}, "image_url is missing"),
        ({"id": "a", **BOOT, "kernel_url": "/boot/kernel"}, "kernel_url is '/boot/kernel'"),
        ({"id": "a", **BOOT, "dns_servers": ["dns.example.com"]}, "dns_servers has 'dns.example.com'"),
        ({"id": "a", **BOOT, "dns_servers": ["1.1.1.1"] * 4}, "dns_servers has 4 servers"),
        ({"id": "a", **BOOT, "ntp_servers": ["a b"]}, "ntp_servers has 'a b'"),
        ({"id": "a", **BOOT, "ntp_servers": ["1.1.1.1"] * 6}, "ntp_servers has 6 servers"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    api: MetalApi, partition: Runner, options: dict[str, Any], said: str
) -> None:
    assert said in failure(partition(**options))
    assert writes(api) == []


@pytest.mark.usefixtures("fra")
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_partition_with_a_network_is_not_deleted(api: MetalApi, partition: Runner, check_mode: bool) -> None:
    api.control.change_state(networks=[SUPER])
    message = failure(partition(id="fra-01", state="absent", check_mode=check_mode))
    assert "1 network (super)" in message
    assert "force" in message
    assert [one["id"] for one in stored(api)] == ["fra-01"]


@pytest.mark.usefixtures("fra")
def test_a_partition_with_a_network_is_deleted_with_force(api: MetalApi, partition: Runner) -> None:
    api.control.change_state(networks=[SUPER])
    assert ok(partition(id="fra-01", state="absent", force=True))["partition"] is None
    assert stored(api) == []


@pytest.mark.usefixtures("fra")
def test_an_answer_that_is_lost(api: MetalApi, partition: Runner) -> None:
    api.control.add_fault("reset", when="after", method="DELETE", count=1)
    assert ok(partition(id="fra-01", state="absent"))["changed"]
    assert stored(api) == []
    api.control.add_fault("reset", when="after", method="PUT", count=1)
    assert ok(partition(id="fra-01", **BOOT))["changed"]
    assert [one["id"] for one in stored(api)] == ["fra-01"]


@pytest.mark.usefixtures("fra")
def test_the_key_that_is_needed_is_said(api: MetalApi) -> None:
    message = failure(Runner(api, "metal_partition", user="Metal-Edit")(id="fra-01", name="x"))
    assert "Metal-Admin" in message


# metal_partition_info


@pytest.fixture
def two(api: MetalApi) -> None:
    second = {**STORED, "id": "ber-01", "labels": {"site": "b"}, "dns_servers": None, "ntp_servers": None}
    api.control.change_state(partitions=[STORED, second])


SHOWN = {
    "id": "fra-01",
    "name": "Frankfurt",
    "description": "the first",
    **BOOT,
    "commandline": "panic=10",
    "mgmt_service_addresses": ["192.0.2.1:4150"],
    "labels": {"site": "a"},
    "dns_servers": ["192.0.2.53"],
    "ntp_servers": ["ntp.example.com"],
}


@pytest.mark.usefixtures("two")
def test_info(api: MetalApi) -> None:
    info = Runner(api, "metal_partition_info", user="Metal-View")
    assert [one["id"] for one in ok(info())["partitions"]] == ["ber-01", "fra-01"]
    assert ok(info(id="fra-01"))["partitions"] == [SHOWN]
    assert ok(info(id="fra"))["partitions"] == []
    assert [one["id"] for one in ok(info(labels={"site": "b"}))["partitions"]] == ["ber-01"]
    assert ok(info(labels={"site": "b", "x": 1}))["partitions"] == []


@pytest.mark.usefixtures("two")
def test_info_v2(api: MetalApi) -> None:
    info = Runner(api, "metal_partition_info", methods=[LIST])
    assert ok(info(id="fra-01"))["partitions"] == [{**SHOWN, "name": ""}]
    assert [one["id"] for one in ok(info(labels={"site": "b"}, api_version="v2"))["partitions"]] == ["ber-01"]


@pytest.mark.usefixtures("two")
def test_capacity_is_asked_only_on_request(api: MetalApi) -> None:
    info = Runner(api, "metal_partition_info", user="Metal-View")
    ok(info(id="fra-01"))
    assert requests(api) == ["GET /v1/partition"]
    api.control.forget_requests()
    (found,) = ok(info(id="fra-01", capacity=True))["partitions"]
    assert found == {**SHOWN, "capacity": []}
    assert requests(api) == ["GET /v1/partition", "POST /v1/partition/capacity"]
    assert ok(info(id="gone", capacity=True))["partitions"] == []


def test_capacity_with_machines(api: MetalApi) -> None:
    machines = [
        {"id": f"m{number}", "partition": "fra-01", "size": size}
        for number, size in enumerate(["s3-large", "s3-large", "c1-small"])
    ]
    sizes = [{"id": "s3-large"}, {"id": "c1-small"}]
    api.control.change_state(partitions=[STORED], machines=machines, sizes=sizes)
    info = Runner(api, "metal_partition_info", user="Metal-View")
    (found,) = ok(info(capacity=True))["partitions"]
    assert [(one["size"], one["total"], one["allocated"]) for one in found["capacity"]] == [
        ("c1-small", 1, 0),
        ("s3-large", 2, 0),
    ]
    (found,) = ok(info(capacity=True, size="s3-large", project="p"))["partitions"]
    assert [one["size"] for one in found["capacity"]] == ["s3-large"]


ZERO = {
    "size": "s",
    "total": 0,
    "phoned_home": 0,
    "waiting": 0,
    "other": 0,
    "other_machines": [],
    "allocated": 0,
    "allocatable": 0,
    "free": 0,
    "unavailable": 0,
    "faulty": 0,
    "faulty_machines": [],
    "reservations": 0,
    "used_reservations": 0,
    "remaining_reservations": 0,
}


def capacity(api: MetalApi, version: str, answer: object) -> dict[str, Any]:
    """Return the result when the API answers with this."""
    v1 = version == "v1"
    api.control.change_state(partitions=[STORED])
    path = "/partition/capacity$" if v1 else "admin.v2.PartitionService/Capacity$"
    content = {"content_type": "application/json", "path": path}
    api.control.add_fault("status", status=200, body=json.dumps(answer), **content)
    methods = [LIST, "/metalstack.admin.v2.PartitionService/Capacity"]
    rights = (("admin_role", "VIEWER"),)
    info = Runner(api, "metal_partition_info", methods=None if v1 else methods, rights=rights)
    return info(id="fra-01", capacity=True, size="s", project="p", api_version=version)


def test_numbers_of_the_capacity_that_are_left_out_are_zero(api: MetalApi) -> None:
    server = {"size": "s", "total": 3, "free": 2, "usedreservations": 1, "faultymachines": ["b", "a"]}
    (found,) = ok(capacity(api, "v1", [{"id": "fra-01", "servers": [server]}]))["partitions"]
    shown = {**ZERO, "total": 3, "free": 2, "used_reservations": 1, "faulty_machines": ["a", "b"]}
    assert found["capacity"] == [shown]


def test_capacity_v2(api: MetalApi) -> None:
    """Numbers of 64 bits are text."""
    server = {"size": "s", "total": "3", "phonedHome": "2", "usedReservations": "1", "otherMachines": ["b", "a"]}
    answer = {"partitionCapacity": [{"partition": "fra-01", "machineSizeCapacities": [server]}]}
    (found,) = ok(capacity(api, "v2", answer))["partitions"]
    shown = {**ZERO, "total": 3, "phoned_home": 2, "used_reservations": 1, "other_machines": ["a", "b"]}
    assert found["capacity"] == [shown]


@pytest.mark.parametrize("answer", [[1], [{"id": 1}], [{"servers": [1]}], [{"servers": [{"total": True}]}]])
def test_a_capacity_that_cannot_be_understood(api: MetalApi, answer: object) -> None:
    assert "The capacity of the partitions cannot be understood" in failure(capacity(api, "v1", answer))


@pytest.mark.parametrize("option", ["size", "project"])
def test_what_belongs_to_the_capacity(api: MetalApi, option: str) -> None:
    assert "set capacity to true" in failure(Runner(api, "metal_partition_info")(**{option: "x"}))
