# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: networks on the wire, with the quirks that no client library shows."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .provision import INTERNET, OTHER, PROJECT, SECTIONS, STORAGE, SUPER
from .requests import RawClient

EXTERNAL = {"id": "mpls", "prefixes": ["203.0.113.0/24"], "destinationprefixes": [], "nat": False}
CHILD = {"projectid": PROJECT, "partitionid": "fra-01", "name": "net"}


@pytest.fixture(autouse=True)
def _provisioned(api: MetalApi) -> None:
    api.control.change_state(**SECTIONS)


def external(**settings: Any) -> dict[str, Any]:
    return {**EXTERNAL, "privatesuper": False, "underlay": False, **settings}


def super_network(**settings: Any) -> dict[str, Any]:
    lengths = {"IPv4": 22}
    return external(
        id="super2", prefixes=["172.16.0.0/12"], privatesuper=True, defaultchildprefixlength=lengths, **settings
    )


def stored(api: MetalApi, network_id: str) -> dict[str, Any]:
    (network,) = [one for one in api.control.state()["networks"] if one["id"] == network_id]
    return dict(network)


def test_an_empty_list_is_null_but_nothing_found_is_empty(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(networks=[])
    assert raw.v1("GET", "/v1/network").body == b"null"
    assert raw.v1("POST", "/v1/network/find", {}).body == b"[]"


def test_a_null_list_may_be_spoilt_as_well(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(networks=[])
    api.control.add_fault("empty_list", count=1)
    assert raw.v1("GET", "/v1/network").body == b"[]"


def test_response(raw: RawClient) -> None:
    network = raw.v1("GET", f"/v1/network/{SUPER}", role="view").json()
    assert network["networktype"] == "super"
    assert network["nattype"] == "none"
    assert network["parentnetworkid"] is None
    assert network["vrfshared"] is None
    assert network["additionalAnnouncableCIDRs"] == ["10.240.0.0/12"]
    assert network["consumption"]["ipv4"] == network["usage"]
    assert network["usage"] == {"available_ips": 65536, "used_ips": 2, "available_prefixes": 16128, "used_prefixes": 1}
    assert network["consumption"]["ipv6"]["available_ips"] == 2**31 - 1
    child = raw.v1("GET", f"/v1/network/{STORAGE}", role="view").json()
    assert child["defaultchildprefixlength"] is None
    assert child["consumption"]["ipv6"] is None
    assert "additionalAnnouncableCIDRs" not in child


def test_create_ignores_shared_parent_and_types(raw: RawClient) -> None:
    wish = external(shared=True, parentnetworkid=SUPER, networktype="child-shared", nattype="ipv4-masq")
    answer = raw.v1("PUT", "/v1/network", wish)
    assert answer.status == 201
    network = answer.json()
    assert network["shared"] is False
    assert network["parentnetworkid"] is None
    assert (network["networktype"], network["nattype"]) == ("external", "none")


def test_create_without_an_id(raw: RawClient) -> None:
    assert uuid.UUID(raw.v1("PUT", "/v1/network", external(id=None)).json()["id"])


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        (external(prefixes=[]), 400, "no prefixes given"),
        (external(prefixes=["10.0.0.0"]), 400, "given cidr 10.0.0.0 is not a valid ip with mask"),
        (external(prefixes=["10.0.128.0/24"]), 422, "10.0.128.0/24 overlaps 10.0.0.0/16"),
        (external(id=INTERNET), 409, "entity already exists"),
        (external(nat="yes"), 400, "json: cannot unmarshal str into Go field of nat"),
        (external(vrf=104009), 422, "cannot acquire a unique vrf id twice except vrfShared is set to true"),
        (external(destinationprefixes=["::/0"]), 400, "addressfamily:IPv6 of destination prefixes is not present"),
        (external(defaultchildprefixlength={"IPv4": 28}), 400, "can only be set for privatesuper networks"),
        (external(additionalAnnouncableCIDRs=["10.240.0.0/12"]), 400, "can only be set in a private super network"),
        (external(projectid="none"), 404, 'no project with id "none" found'),
        (external(partitionid="none"), 404, 'no partition with id "none" found'),
        (super_network(partitionid="fra-01"), 400, 'partition with id "fra-01" already has a private super network'),
        ({**super_network(partitionid="muc-01"), "nat": True}, 400, "is not supposed to NAT"),
        ({**super_network(), "defaultchildprefixlength": {}}, 400, "must always contain a defaultchildprefixlength"),
        ({**super_network(), "defaultchildprefixlength": {"IPv4": 12}}, 400, "12 is not greater than prefix length"),
        ({**super_network(), "defaultchildprefixlength": {"IPv5": 24}}, 400, 'given addressfamily:"IPv5" is invalid'),
        (
            {**super_network(), "prefixes": ["172.16.0.0/12", "2001:db9::/48"]},
            400,
            "must always contain a defaultchildprefixlength per addressfamily:IPv6",
        ),
        ({**super_network(), "additionalAnnouncableCIDRs": ["x"]}, 400, 'given cidr:"x" in additionalannouncablecidrs'),
    ],
)
def test_networks_that_cannot_be_created(
    api: MetalApi, raw: RawClient, wish: dict[str, Any], status: int, message: str
) -> None:
    answer = raw.v1("PUT", "/v1/network", wish)
    assert (answer.status, answer.json()["statuscode"]) == (status, status)
    assert message in answer.json()["message"]
    assert len(api.control.state()["networks"]) == 3


def test_one_underlay_and_shared_vrfs(raw: RawClient) -> None:
    underlay = external(id="underlay", underlay=True, partitionid="fra-01")
    assert raw.v1("PUT", "/v1/network", underlay).json()["networktype"] == "underlay"
    answer = raw.v1("PUT", "/v1/network", {**underlay, "id": "second", "prefixes": ["192.0.2.0/24"]})
    assert (answer.status, "already has an underlay network" in answer.json()["message"]) == (422, True)
    same_vrf = external(id="other", prefixes=["192.0.2.0/24"], vrf=104009, vrfshared=True)
    assert raw.v1("PUT", "/v1/network", same_vrf).status == 201


def test_allocated_children(raw: RawClient) -> None:
    first = raw.v1("POST", "/v1/network/allocate", {**CHILD, "shared": True, "nat": True}, role="edit")
    assert first.status == 201
    network = first.json()
    assert network["prefixes"] == ["10.0.0.0/22", "2001:db8::/64"]
    assert network["parentnetworkid"] == SUPER
    assert (network["networktype"], network["nattype"], network["shared"]) == ("child-shared", "ipv4-masq", True)
    assert network["vrf"] not in (0, 4711, 104009)
    second = raw.v1("POST", "/v1/network/allocate", {**CHILD, "length": {"IPv4": 21}, "addressfamily": "ipv4"}).json()
    assert second["prefixes"] == ["10.0.16.0/21"], "10.0.8.0/22 is taken, and a /21 begins at a multiple of its size"
    assert raw.v1("DELETE", f"/v1/network/free/{network['id']}", role="edit").status == 200
    third = raw.v1("POST", "/v1/network/allocate", {**CHILD, "addressfamily": "IPv6"}).json()
    assert third["prefixes"] == ["2001:db8::/64"], "what is given back is given away again"


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        ({"projectid": ""}, 400, "projectid should not be empty"),
        ({"partitionid": ""}, 400, "partitionid should not be empty"),
        ({"projectid": "none"}, 404, 'no project with id "none" found'),
        ({"partitionid": "none"}, 404, 'no partition with id "none" found'),
        ({"partitionid": "muc-01"}, 404, "no network found"),
        ({"addressfamily": "IPv5"}, 400, "addressfamily is invalid"),
        ({"length": {"IPv5": 24}}, 400, "addressfamily of length is invalid"),
        ({"length": {"IPv4": 16}}, 422, "could not allocate child prefix in parent network"),
        ({"destinationprefixes": ["x"]}, 400, "given cidr x is not a valid ip with mask"),
    ],
)
def test_children_that_cannot_be_allocated(raw: RawClient, wish: dict[str, Any], status: int, message: str) -> None:
    answer = raw.v1("POST", "/v1/network/allocate", {**CHILD, **wish})
    assert answer.status == status
    assert message in answer.json()["message"]


def test_a_full_super_network(api: MetalApi, raw: RawClient) -> None:
    whole = {**SECTIONS["networks"][0], "prefixes": ["10.0.0.0/22"], "defaultchildprefixlength": {"IPv4": 23}}
    api.control.change_state(networks=[whole])
    prefixes = [raw.v1("POST", "/v1/network/allocate", CHILD).json()["prefixes"] for _unused in range(2)]
    assert prefixes == [["10.0.0.0/23"], ["10.0.2.0/23"]]
    assert raw.v1("POST", "/v1/network/allocate", CHILD).status == 422


def test_update_changes_only_what_is_given(raw: RawClient) -> None:
    before = raw.v1("GET", f"/v1/network/{INTERNET}").json()
    after = raw.v1("POST", "/v1/network", {"id": INTERNET, "description": "new", "prefixes": [], "labels": {}}).json()
    assert {key for key in after if after[key] != before[key]} == {"description", "labels", "changed"}


def test_announcable_cidrs_are_always_overwritten(api: MetalApi, raw: RawClient) -> None:
    answer = raw.v1("POST", "/v1/network", {"id": SUPER, "name": "new"})
    message = 'you cannot remove "10.240.0.0/12" from additionalannouncablecidrs without force flag set'
    assert (answer.status, answer.json()["message"]) == (400, message)
    both = ["10.240.0.0/12", "10.232.0.0/16"]
    assert raw.v1("POST", "/v1/network", {"id": SUPER, "additionalAnnouncableCIDRs": both}).status == 200
    assert raw.v1("POST", "/v1/network?force=true", {"id": SUPER, "name": "new"}).status == 200
    assert "additionalAnnouncableCIDRs" not in stored(api, SUPER)


def test_sharing_is_for_ever_and_leaves_the_type(raw: RawClient) -> None:
    shared = raw.v1("POST", "/v1/network", {"id": STORAGE, "shared": True}).json()
    assert (shared["shared"], shared["networktype"]) == (True, "child")
    answer = raw.v1("POST", "/v1/network", {"id": STORAGE, "shared": False})
    message = "once a network is marked as shared it is not possible to unshare it"
    assert (answer.status, answer.json()["message"]) == (400, message)


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        ({"id": "none"}, 404, 'no network with id "none" found'),
        ({"id": INTERNET, "prefixes": ["192.0.2.0/24"]}, 422, "prefix 198.51.100.0/29 has ip 198.51.100.1 in use"),
        ({"id": INTERNET, "prefixes": ["198.51.100.0/29", "10.0.3.0/24"]}, 422, "10.0.3.0/24 overlaps 10.0.0.0/16"),
        ({"id": INTERNET, "defaultchildprefixlength": {"IPv4": 30}}, 422, "can only be set on privatesuper"),
        ({"id": INTERNET, "destinationprefixes": ["::/0"]}, 400, "is not present in existing prefixes"),
        ({"id": INTERNET, "additionalAnnouncableCIDRs": ["10.0.0.0/8"]}, 422, "only be set in a private super network"),
    ],
)
def test_updates_that_are_refused(
    api: MetalApi, raw: RawClient, wish: dict[str, Any], status: int, message: str
) -> None:
    api.control.change_state(ips=[{"ipaddress": "198.51.100.1", "networkid": INTERNET, "projectid": OTHER}])
    answer = raw.v1("POST", "/v1/network", wish)
    assert answer.status == status
    assert message in answer.json()["message"]


def test_networks_in_use_stay(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(ips=[{"ipaddress": "10.0.8.9", "networkid": STORAGE, "projectid": PROJECT}])
    for method, path, message in (
        ("DELETE", f"/v1/network/{SUPER}", "there are children of this network"),
        ("DELETE", f"/v1/network/{STORAGE}", "prefix 10.0.8.0/22 has ip 10.0.8.9 in use"),
        ("DELETE", f"/v1/network/free/{STORAGE}", "prefix 10.0.8.0/22 has ips"),
        ("DELETE", f"/v1/network/free/{INTERNET}", "prefix 198.51.100.0/29 is no child prefix"),
    ):
        answer = raw.v1(method, path)
        assert answer.status == 422
        assert message in answer.json()["message"]
    assert len(api.control.state()["networks"]) == 3


def test_freeing_without_a_body(raw: RawClient) -> None:
    answer = raw.v1("POST", f"/v1/network/free/{STORAGE}", role="edit")
    assert (answer.status, answer.json()["consumption"]) == (200, {"ipv4": None, "ipv6": None})
    assert raw.v1("GET", f"/v1/network/{STORAGE}").status == 404
    assert raw.v1("DELETE", f"/v1/network/{SUPER}").status == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [SUPER, INTERNET, STORAGE]),
        ({"id": INTERNET}, [INTERNET]),
        ({"name": "storage", "projectid": PROJECT}, [STORAGE]),
        ({"name": "storage", "projectid": OTHER}, []),
        ({"partitionid": "fra-01"}, [SUPER, STORAGE]),
        ({"privatesuper": True}, [SUPER]),
        ({"nat": True, "underlay": False}, [INTERNET]),
        ({"vrf": 4711}, [STORAGE]),
        ({"parentnetworkid": SUPER}, [STORAGE]),
        ({"parentnetworkid": ""}, [SUPER, INTERNET]),
        ({"prefixes": ["10.0.8.0/22"]}, [STORAGE]),
        ({"destinationprefixes": ["0.0.0.0/0"]}, [INTERNET]),
        ({"labels": {"network.metal-stack.io/default": ""}}, [INTERNET]),
        ({"addressfamily": "IPv6"}, [SUPER]),
        ({"shared": True}, [SUPER, INTERNET, STORAGE]),
    ],
)
def test_find(raw: RawClient, query: dict[str, Any], found: list[str]) -> None:
    assert [network["id"] for network in raw.v1("POST", "/v1/network/find", query, role="view").json()] == found


def test_find_with_a_wrong_prefix(raw: RawClient) -> None:
    assert raw.v1("POST", "/v1/network/find", {"prefixes": ["x"]}).status == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "/v1/network", None, "view"),
        ("POST", "/v1/network/find", {}, "view"),
        ("POST", "/v1/network/allocate", CHILD, "edit"),
        ("DELETE", f"/v1/network/free/{STORAGE}", None, "edit"),
        ("PUT", "/v1/network", external(), "admin"),
        ("POST", "/v1/network", {"id": INTERNET}, "admin"),
        ("DELETE", f"/v1/network/{STORAGE}", None, "admin"),
    ],
)
def test_roles(raw: RawClient, method: str, path: str, body: object, allowed: str) -> None:
    roles = ["view", "edit", "admin"]
    for role in roles[: roles.index(allowed)]:
        assert raw.v1(method, path, body, role=role).status == 403
    assert raw.v1(method, path, body, role=allowed).status in (200, 201)


def test_somebody_else_changes_the_network_first(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("race", method="POST", path="/network$", count=1)
    answer = raw.v1("POST", "/v1/network", {"id": INTERNET, "name": "new"})
    assert (answer.status, "please retry" in answer.json()["message"]) == (409, True)
    assert stored(api, INTERNET)["name"] == ""
    assert raw.v1("POST", "/v1/network", {"id": INTERNET, "name": "new"}).status == 200
    assert stored(api, INTERNET)["generation"] == 2


def test_networks_older_than_their_types(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(networks=[{**SECTIONS["networks"][1], "networktype": None, "nattype": None}])
    network = raw.v1("GET", f"/v1/network/{INTERNET}").json()
    assert (network["networktype"], network["nattype"], network["nat"]) == (None, None, True)


@pytest.mark.parametrize(
    ("given", "follows"),
    [
        ({"networktype": "child-shared", "parentnetworkid": SUPER}, {"shared": True, "privatesuper": False}),
        ({"shared": True, "parentnetworkid": SUPER}, {"networktype": "child-shared"}),
        ({"parentnetworkid": SUPER}, {"networktype": "child", "shared": False}),
        ({"shared": True, "networktype": "child", "parentnetworkid": SUPER}, {"networktype": "child", "shared": True}),
        ({"networktype": "super"}, {"privatesuper": True}),
        ({"underlay": True}, {"networktype": "underlay"}),
        ({"nattype": "ipv4-masq"}, {"nat": True, "networktype": "external"}),
    ],
)
def test_types_and_booleans_follow_from_each_other(
    api: MetalApi, given: dict[str, Any], follows: dict[str, Any]
) -> None:
    api.control.change_state(networks=[{"id": "one", "prefixes": ["192.0.2.0/24"], **given}])
    network = stored(api, "one")
    assert {key: network[key] for key in follows} == follows


def test_state_comes_back_as_it_went(api: MetalApi) -> None:
    state = api.control.state()
    api.control.replace_state(**{name: state[name] for name in SECTIONS})
    assert api.control.state() == state
