# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: IP addresses on the wire."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.emulators.common.controlclient import ControlError
from tests.emulators.metal_api.process import MetalApi

from .provision import INTERNET, OTHER, PROJECT, SECTIONS, STORAGE, SUPER
from .requests import RawClient

MACHINE = "c0000000-0000-4000-8000-000000000001"
WISH = {"networkid": STORAGE, "projectid": PROJECT, "type": "static", "name": "vip"}


@pytest.fixture(autouse=True)
def _provisioned(api: MetalApi) -> None:
    api.control.change_state(**SECTIONS)


def addresses(api: MetalApi) -> list[str]:
    return [ip["ipaddress"] for ip in api.control.state()["ips"]]


def test_allocated(raw: RawClient) -> None:
    answer = raw.v1("POST", "/v1/ip/allocate", {**WISH, "tags": ["b", "a", "b"], "machineid": MACHINE}, role="edit")
    assert answer.status == 201
    ip = answer.json()
    assert ip["ipaddress"] == "10.0.8.1"
    assert (ip["type"], ip["name"], ip["networkid"], ip["projectid"]) == ("static", "vip", STORAGE, PROJECT)
    assert ip["tags"] == ["a", "b", f"machine.metal-stack.io/id={MACHINE}"]
    assert raw.v1("GET", "/v1/ip/10.0.8.1", role="view").json() == ip
    assert raw.v1("GET", "/v1/ip", role="view").json() == [ip]
    again = raw.v1("POST", "/v1/ip/allocate", {**WISH, "type": "floating"}).json()
    assert (again["ipaddress"], again["type"], again["tags"]) == ("10.0.8.2", "ephemeral", [])


def test_an_empty_list(raw: RawClient) -> None:
    assert raw.v1("GET", "/v1/ip").body == b"[]"


def test_specific(raw: RawClient) -> None:
    assert raw.v1("POST", "/v1/ip/allocate/10.0.8.7", WISH, role="edit").json()["ipaddress"] == "10.0.8.7"
    answer = raw.v1("POST", "/v1/ip/allocate/10.0.8.7", WISH)
    assert (answer.status, answer.json()["message"]) == (409, "ip already allocated")


def test_the_lowest_free_address_is_next(api: MetalApi, raw: RawClient) -> None:
    for wanted in ("10.0.8.1", "10.0.8.3"):
        raw.v1("POST", f"/v1/ip/allocate/{wanted}", WISH)
    assert [raw.v1("POST", "/v1/ip/allocate", WISH).json()["ipaddress"] for _unused in range(2)] == [
        "10.0.8.2",
        "10.0.8.4",
    ]
    assert raw.v1("DELETE", "/v1/ip/free/10.0.8.2", role="edit").json()["ipaddress"] == "10.0.8.2"
    assert raw.v1("POST", "/v1/ip/allocate", WISH).json()["ipaddress"] == "10.0.8.2"
    assert sorted(addresses(api)) == ["10.0.8.1", "10.0.8.2", "10.0.8.3", "10.0.8.4"]


def test_a_full_network(api: MetalApi, raw: RawClient) -> None:
    wish = {**WISH, "networkid": INTERNET, "projectid": OTHER}
    answers = [raw.v1("POST", "/v1/ip/allocate", wish) for _unused in range(7)]
    assert [answer.status for answer in answers] == [201] * 6 + [422], "neither the first nor the last address of a /29"
    assert addresses(api) == [f"198.51.100.{number}" for number in range(1, 7)]
    usage = raw.v1("GET", f"/v1/network/{INTERNET}").json()["usage"]
    assert (usage["available_ips"], usage["used_ips"]) == (8, 8)


@pytest.mark.parametrize(
    ("path", "wish", "status", "message"),
    [
        ("", {"networkid": ""}, 400, "networkid should not be empty"),
        ("", {"projectid": ""}, 400, "projectid should not be empty"),
        ("", {"networkid": "none"}, 404, 'no network with id "none" found'),
        ("", {"projectid": "none"}, 404, 'no project with id "none" found'),
        ("", {"projectid": OTHER}, 422, "the network is not shared"),
        ("", {"addressfamily": "IPv6"}, 400, "there is no prefix for the given addressfamily:IPv6 present in network"),
        ("", {"addressfamily": "IPv5"}, 422, 'given addressfamily:"IPv5" is invalid'),
        ("", {"networkid": SUPER}, 422, "prefix 10.0.0.0/16 has childprefixes, acquire ip not possible"),
        ("/10.0.8.5", {"addressfamily": "IPv4"}, 400, "it is not possible to specify specificIP and addressfamily"),
        ("/10.1.0.5", {}, 422, "not contained in any of the defined prefixes"),
        ("/10.0.8.0", {}, 409, "ip already allocated"),
        ("/first", {}, 422, "unable to parse specific ip"),
        ("", {"tags": [1]}, 400, "cannot unmarshal"),
    ],
)
def test_refused(api: MetalApi, raw: RawClient, path: str, wish: dict[str, Any], status: int, message: str) -> None:
    answer = raw.v1("POST", f"/v1/ip/allocate{path}", {**WISH, **wish})
    assert answer.status == status
    assert message in answer.json()["message"]
    assert addresses(api) == []


def test_every_project_in_shared_and_external_networks(raw: RawClient) -> None:
    assert raw.v1("POST", "/v1/network", {"id": STORAGE, "shared": True}).status == 200
    for network in (STORAGE, INTERNET):
        assert raw.v1("POST", "/v1/ip/allocate", {**WISH, "networkid": network, "projectid": OTHER}).status == 201


def test_families(api: MetalApi, raw: RawClient) -> None:
    prefixes = ["2001:db8:1::/64", "192.0.2.0/24"]
    api.control.change_state(
        networks=[{"id": "dual", "prefixes": prefixes}, {"id": "v6", "prefixes": ["2001:db8:2::/64"]}]
    )
    wish = {**WISH, "networkid": "dual"}
    assert raw.v1("POST", "/v1/ip/allocate", wish).json()["ipaddress"] == "192.0.2.1"
    assert raw.v1("POST", "/v1/ip/allocate", {**wish, "addressfamily": "IPv6"}).json()["ipaddress"] == "2001:db8:1::1"
    assert raw.v1("POST", "/v1/ip/allocate", {**wish, "networkid": "v6"}).json()["ipaddress"] == "2001:db8:2::1"
    found = raw.v1("POST", "/v1/ip/find", {"addressfamily": "IPv6"}).json()
    assert [ip["ipaddress"] for ip in found] == ["2001:db8:1::1", "2001:db8:2::1"]


def test_updates(raw: RawClient) -> None:
    raw.v1("POST", "/v1/ip/allocate", {**WISH, "type": "ephemeral", "machineid": MACHINE})
    same = raw.v1("POST", "/v1/ip", {"ipaddress": "10.0.8.1", "type": ""}, role="edit").json()
    assert (same["name"], same["type"], len(same["tags"])) == ("vip", "ephemeral", 1)
    answer = raw.v1("DELETE", "/v1/ip/free/10.0.8.1")
    assert (answer.status, answer.json()["message"]) == (400, "ip with machine scope can not be deleted")
    static = raw.v1("POST", "/v1/ip", {"ipaddress": "10.0.8.1", "type": "static", "tags": ["z", "a", "z"]}).json()
    assert (static["type"], static["tags"]) == ("static", ["a", "z"]), "which took it from the machine"
    answer = raw.v1("POST", "/v1/ip", {"ipaddress": "10.0.8.1", "type": "ephemeral"})
    message = "cannot change type of ip address from static to ephemeral"
    assert (answer.status, answer.json()["message"]) == (400, message)
    assert raw.v1("DELETE", "/v1/ip/free/10.0.8.1").status == 200
    for method, path in (("GET", "/v1/ip/10.0.8.1"), ("DELETE", "/v1/ip/free/10.0.8.1")):
        assert raw.v1(method, path).status == 404
    assert raw.v1("POST", "/v1/ip", {"ipaddress": "10.0.8.1", "type": "static"}).status == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [1, 2, 3]),
        ({"ipaddress": "10.0.8.2"}, [2]),
        ({"ipaddress": "10.0.8.9"}, []),
        ({"name": "b"}, [2]),
        ({"networkid": STORAGE}, [1, 2]),
        ({"networkid": STORAGE, "projectid": OTHER}, []),
        ({"projectid": OTHER}, [3]),
        ({"networkprefix": "10.0.8.0/22"}, [1, 2]),
        ({"tags": ["x"]}, [1, 2]),
        ({"tags": ["x", "y=1"]}, [1]),
        ({"type": "static"}, [1, 3]),
        ({"machineid": MACHINE}, [2]),
        ({"allocationuuid": "d0000000-0000-4000-8000-000000000003"}, [3]),
        ({"addressfamily": "IPv4"}, [1, 2, 3]),
    ],
)
def test_find(api: MetalApi, raw: RawClient, query: dict[str, Any], found: list[int]) -> None:
    tag = f"machine.metal-stack.io/id={MACHINE}"
    uuid = "d0000000-0000-4000-8000-000000000003"
    first = {"ipaddress": "10.0.8.1", "name": "a", "networkid": STORAGE, "projectid": PROJECT, "tags": ["x", "y=1"]}
    second = {**first, "ipaddress": "10.0.8.2", "name": "b", "tags": ["x", tag]}
    third = {"ipaddress": "198.51.100.3", "networkid": INTERNET, "projectid": OTHER, "allocationuuid": uuid}
    api.control.change_state(ips=[{**first, "type": "static"}, second, {**third, "type": "static"}])
    answer = raw.v1("POST", "/v1/ip/find", query, role="view").json()
    assert [int(ip["ipaddress"].rpartition(".")[2]) for ip in answer] == found


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/ip/allocate", WISH),
        ("POST", "/v1/ip/allocate/10.0.8.2", WISH),
        ("POST", "/v1/ip", {"ipaddress": "10.0.8.1", "type": "static"}),
        ("DELETE", "/v1/ip/free/10.0.8.1", None),
    ],
)
def test_viewers_change_nothing(raw: RawClient, method: str, path: str, body: object) -> None:
    raw.v1("POST", "/v1/ip/allocate", WISH)
    assert raw.v1(method, path, body, role="view").status == 403
    assert raw.v1(method, path, body, role="edit").status in (200, 201)


def test_a_lost_answer_left_its_address(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("reset", when="after", path="/ip/allocate", count=1)
    with pytest.raises(ConnectionResetError):
        raw.v1("POST", "/v1/ip/allocate", WISH)
    assert addresses(api) == ["10.0.8.1"]


def test_somebody_else_changes_the_address_first(api: MetalApi, raw: RawClient) -> None:
    raw.v1("POST", "/v1/ip/allocate", WISH)
    api.control.add_fault("race", method="POST", path="/ip$", count=1)
    change = {"ipaddress": "10.0.8.1", "type": "static", "tags": ["mine"]}
    assert [raw.v1("POST", "/v1/ip", change).status for _unused in range(2)] == [409, 200]


def test_many_at_once(api: MetalApi) -> None:
    wanted, threads = 200, 10
    failed: list[int] = []

    def allocate() -> None:
        with RawClient(api.v1) as client:
            for _unused in range(wanted // threads):
                answer = client.v1("POST", "/v1/ip/allocate", WISH)
                if answer.status != 201:
                    failed.append(answer.status)

    workers = [threading.Thread(target=allocate) for _unused in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert len(set(addresses(api))) == len(addresses(api)) == wanted


def test_thousands_are_loaded_and_found_quickly(api: MetalApi, raw: RawClient) -> None:
    ips = [
        {"ipaddress": f"10.0.{8 + number // 250}.{1 + number % 250}", "networkid": STORAGE, "projectid": PROJECT}
        for number in range(1000)
    ]
    children = [
        {"id": f"n{n}", "parentnetworkid": SUPER, "prefixes": [f"2001:db8:0:{n:x}::/64"], "vrf": n + 10000}
        for n in range(5000)
    ]
    api.control.change_state(networks=[*SECTIONS["networks"], *children], ips=ips)
    api.control.forget_requests()
    assert len(raw.v1("POST", "/v1/ip/find", {"projectid": PROJECT}).json()) == 1000
    allocated = raw.v1("POST", "/v1/network/allocate", {"projectid": PROJECT, "partitionid": "fra-01"}).json()
    assert allocated["prefixes"] == ["10.0.0.0/22", "2001:db8:0:1388::/64"]


@pytest.mark.parametrize(
    ("ip", "message"),
    [
        ({"ipaddress": "10.0.8.1", "networkid": "none"}, "there is no network 'none'"),
        ({"ipaddress": "10.9.8.1", "networkid": STORAGE}, "is in no prefix of network"),
        ({"ipaddress": "first", "networkid": STORAGE}, "does not appear to be an IPv4 or IPv6 address"),
        ({"ipaddress": "10.0.8.1", "networkid": STORAGE, "type": "x"}, "'type' is one of ephemeral, static"),
        ({"ipaddress": "10.0.8.1", "networkid": STORAGE, "colour": "x"}, "unknown key 'colour'"),
    ],
)
def test_addresses_that_cannot_be_loaded(api: MetalApi, ip: dict[str, Any], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        api.control.change_state(ips=[ip])
