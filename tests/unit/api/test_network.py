# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_network and metal_network_info. Numbers of defects are those of metal-ansible-modules' list."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ConflictError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.network_calls import V1Networks
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import connect
from ansible_collections.metalstack.provisioning.plugins.modules import metal_network
from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

PROJECT, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
SUPER: dict[str, Any] = {
    "id": "super",
    "partitionid": "p1",
    "prefixes": ["10.0.0.0/14", "2001:db8::/48"],
    "defaultchildprefixlength": {"IPv4": 22, "IPv6": 64},
    "additionalAnnouncableCIDRs": ["10.240.0.0/12"],
    "networktype": "super",
}
CHILD: dict[str, Any] = {
    "id": "child",
    "name": "storage",
    "partitionid": "p1",
    "projectid": PROJECT,
    "parentnetworkid": "super",
    "prefixes": ["10.0.4.0/22"],
    "labels": {"a": "1"},
    "vrf": 3982,
    "networktype": "child",
}
SHARED = {**CHILD, "id": "shared", "networktype": "child-shared"}
INTERNET: dict[str, Any] = {
    "id": "internet",
    "prefixes": ["203.0.113.0/24"],
    "destinationprefixes": ["0.0.0.0/0"],
    "nat": True,
    "networktype": "external",
    "vrf": 104010,
}
STORAGE = {"name": "storage", "project": PROJECT, "partition": "p1"}


@pytest.fixture
def world(api: MetalApi) -> MetalApi:
    api.control.replace_state(
        partitions=[{"id": "p1"}, {"id": "p2"}],
        projects=[{"id": PROJECT, "tenant_id": "metal-stack"}, {"id": OTHER, "tenant_id": "metal-stack"}],
        networks=[SUPER],
    )
    return api


@pytest.fixture
def network(world: MetalApi) -> Runner:
    return Runner(world, "metal_network")


@pytest.fixture
def edit(world: MetalApi) -> Runner:
    return Runner(world, "metal_network", user="Metal-Edit")


def have(api: MetalApi, *networks: dict[str, Any], ips: tuple[dict[str, Any], ...] = ()) -> None:
    api.control.change_state(networks=[SUPER, *networks], ips=list(ips))


def stored(api: MetalApi) -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in api.control.state()["networks"]}


def children(api: MetalApi) -> list[dict[str, Any]]:
    return [entry for entry in stored(api).values() if entry["parentnetworkid"]]


def test_a_private_shared_network_needs_only_the_edit_key(edit: Runner) -> None:
    options: dict[str, Any] = {**STORAGE, "shared": True, "prefix_length": {"ipv4": 24}, "address_family": "IPv4"}
    planned = ok(edit(**options, nat=True, destination_prefixes=["10.9.0.0/16"], check_mode=True))
    assert planned["changed"]
    assert children(edit.api) == []
    done = ok(edit(**options, nat=True, destination_prefixes=["10.9.0.0/16"]))
    assert done["diff"] == planned["diff"]
    made = done["network"]
    assert made["prefixes"] == ["10.0.0.0/24"]
    assert (made["kind"], made["shared"], made["nat"]) == ("child", True, True)
    assert made["destination_prefixes"] == ["10.9.0.0/16"]
    assert writes(edit.api) == ["POST /v1/network/allocate"]
    assert children(edit.api)[0]["networktype"] == "child-shared"
    assert not ok(edit(**options))["changed"]
    assert len(children(edit.api)) == 1


def test_prefixes_follow_the_super_network(network: Runner) -> None:
    made = ok(network(**STORAGE))["network"]
    assert made["prefixes"] == ["10.0.0.0/22", "2001:db8::/64"]
    assert "address_family is IPv4" in failure(network(**STORAGE, address_family="IPv4"))
    message = failure(network(**STORAGE, prefix_length={"ipv4": 24}))
    assert "prefix_length is 24 for ipv4" in message
    assert "22" in message
    assert not ok(network(**STORAGE, prefix_length={"ipv4": 22, "ipv6": 64}))["changed"]


def test_defect_01_a_description_that_is_not_given_is_not_touched(edit: Runner) -> None:
    have(edit.api, {**CHILD, "description": "kept"})
    for _run in range(2):
        assert not ok(edit(**STORAGE))["changed"]
    assert writes(edit.api) == []
    message = failure(edit(**STORAGE, description="new"))
    assert "Metal-Admin" in message


def test_defect_02_a_shared_network_stays_shared_when_nothing_is_said(network: Runner) -> None:
    have(network.api, SHARED)
    assert not ok(network(**STORAGE))["changed"]
    assert ok(network(**STORAGE, description="x"))["network"]["shared"] is True
    network.api.control.forget_requests()
    for check in (True, False):
        assert "shared is false" in failure(network(**STORAGE, shared=False, check_mode=check))
    assert writes(network.api) == []


def test_defect_03_absent_by_an_id_that_is_gone_is_done(network: Runner) -> None:
    gone = ok(network(id="gone", state="absent"))
    assert (gone["changed"], gone["network"]) == (False, None)
    assert "id is gone, but there is no such network" in failure(network(id="gone"))


def test_defect_04_labels_are_brought_to_what_is_wanted(network: Runner) -> None:
    have(network.api, CHILD)
    assert ok(network(**STORAGE, labels={"b": 2, "c": True}))["network"]["labels"] == {"b": "2", "c": "true"}
    assert not ok(network(**STORAGE, labels={"b": "2", "c": "true"}))["changed"]
    assert not ok(network(**STORAGE))["changed"]
    assert ok(network(**STORAGE, labels={}))["network"]["labels"] == {}
    assert "labels" in failure(network(**STORAGE, labels={"b": ["x"]}))


def test_defect_05_all_options_are_documented_and_id_is_enough(network: Runner) -> None:
    documented = yaml.safe_load(metal_network.DOCUMENTATION)["options"]
    assert set(metal_network.ONE) <= set(documented)
    assert set(documented["resources"]["suboptions"]) == set(metal_network.ONE)
    have(network.api, SHARED)
    assert not ok(network(id="shared", shared=True))["changed"]


def test_defect_06_a_network_is_renamed_by_its_id(network: Runner) -> None:
    have(network.api, CHILD)
    assert ok(network(id="child", name="renamed"))["network"]["name"] == "renamed"
    assert list(stored(network.api)) == ["super", "child"]


def test_several_networks_of_one_name_are_listed(network: Runner) -> None:
    have(network.api, CHILD, {**CHILD, "id": "twin", "prefixes": ["10.0.8.0/22"], "vrf": 3983})
    for state in ("present", "absent"):
        assert "child, twin" in failure(network(**STORAGE, state=state))
    assert writes(network.api) == []


def test_the_same_name_elsewhere_is_another_network(network: Runner) -> None:
    have(network.api, {**CHILD, "projectid": OTHER}, {**INTERNET, "name": "storage", "projectid": PROJECT})
    assert ok(network(**STORAGE))["changed"]
    assert len(children(network.api)) == 2


def test_an_existing_network_is_shared_only_on_request(network: Runner, edit: Runner) -> None:
    have(network.api, CHILD)
    assert "share_existing" in failure(network(**STORAGE, shared=True))
    assert writes(network.api) == []
    assert "Metal-Admin" in failure(edit(**STORAGE, shared=True, share_existing=True))
    done = ok(network(**STORAGE, shared=True, share_existing=True))
    assert done["network"]["shared"] is True
    assert "cannot be undone" in done["warnings"][0]
    assert "warnings" not in ok(network(**STORAGE, shared=True, share_existing=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"id": "child", "kind": "super"}, "kind is super, but the network child has child"),
        ({"id": "child", "project": OTHER}, "project is"),
        ({"id": "child", "partition": "p2"}, "partition is p2"),
        ({"id": "child", "nat": True}, "nat is true"),
        ({"id": "child", "vrf": 7}, "vrf is 7"),
        ({"id": "child", "prefixes": ["10.0.0.0/22"]}, "prefixes is"),
        ({"id": "child", "additional_announcable_cidrs": ["10.0.0.0/8"]}, "only super networks"),
        ({"id": "child", "default_child_prefix_length": {"ipv4": 26}}, "only super networks"),
        ({"id": "child", "name": "other", "state": "absent"}, "name is other"),
        ({"id": "internet", "destination_prefixes": []}, "destination_prefixes is empty"),
        ({"id": "internet", "prefixes": []}, "prefixes is empty"),
        ({"id": "internet", "shared": True}, "only children are shared"),
        ({"id": "super", "additional_announcable_cidrs": []}, "lacks 10.240.0.0/12"),
        ({"id": "super", "nat": True}, "never translated"),
        ({"name": "new", "project": PROJECT}, "partition is missing"),
        ({"name": "new", "kind": "super"}, "id is missing"),
        ({**STORAGE, "name": "new", "prefixes": ["10.0.0.0/22"]}, "prefixes is given"),
        ({**STORAGE, "name": "new", "vrf": 7}, "vrf is given"),
        ({**STORAGE, "name": "new", "prefix_length": {"ipv4": 33}}, "between 1 and 32"),
        ({"id": "new", "kind": "external"}, "prefixes is missing"),
        ({"id": "new", "kind": "super", "prefixes": ["10.8.0.0/16"]}, "default_child_prefix_length is missing"),
        (
            {"id": "n", "kind": "super", "prefixes": ["10.8.0.0/16"], "default_child_prefix_length": {"ipv6": 64}},
            "default_child_prefix_length has ipv6",
        ),
        (
            {"id": "n", "kind": "super", "prefixes": ["10.8.0.0/16"], "default_child_prefix_length": {"ipv4": 16}},
            "longer than that of the prefix 10.8.0.0/16",
        ),
        ({"id": "n", "kind": "underlay", "prefixes": ["10.8.0.0/16"], "nat": True}, "nat is true"),
        ({"id": "n", "kind": "external", "prefixes": ["10.8.0.0/16"], "shared": True}, "shared is true"),
        ({"id": "n", "kind": "external", "prefixes": ["10.8.0.1/16"]}, "'10.8.0.1/16'"),
        ({"id": "n", "kind": "external", "prefixes": ["10.8.0.0"]}, "'10.8.0.0'"),
        (
            {
                "id": "n",
                "kind": "underlay",
                "prefixes": ["10.8.0.0/16"],
                "additional_announcable_cidrs": ["10.0.0.0/8"],
            },
            "only super networks",
        ),
        ({"id": "n", "kind": "external", "prefixes": ["10.8.0.0/16"], "prefix_length": {"ipv4": 24}}, "only new child"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    network: Runner, options: dict[str, Any], said: str
) -> None:
    have(network.api, CHILD, INTERNET)
    for check in (True, False):
        assert said in failure(network(**options, check_mode=check))
    assert writes(network.api) == []


def test_external_and_underlay_networks(network: Runner) -> None:
    external: dict[str, Any] = {
        "id": "external",
        "kind": "external",
        "prefixes": ["198.51.100.0/24"],
        "destination_prefixes": ["0.0.0.0/0"],
        "nat": True,
        "vrf": 104009,
    }
    underlay = {"id": "underlay", "kind": "underlay", "partition": "p1", "prefixes": ["10.100.0.0/16"]}
    for options in (external, underlay):
        planned = ok(network(check_mode=True, **options))
        done = ok(network(**options))
        assert done["diff"] == planned["diff"]
        assert options.items() <= done["network"].items()
        assert not ok(network(**options))["changed"]
    assert "vrf" in failure(network(**{**external, "id": "second", "prefixes": ["198.51.101.0/24"]}))
    assert ok(network(**{**external, "id": "second", "prefixes": ["198.51.101.0/24"]}, vrf_shared=True))["changed"]
    more = ["198.51.100.0/24", "198.51.102.0/24"]
    assert ok(network(id="external", prefixes=more))["network"]["prefixes"] == more
    assert ok(network(id="external", state="absent"))["changed"]
    assert "DELETE /v1/network/external" in requests(network.api)


def test_announcable_cidrs_survive_every_update(network: Runner) -> None:
    assert ok(network(id="super", description="x"))["changed"]
    assert stored(network.api)["super"]["additionalAnnouncableCIDRs"] == ["10.240.0.0/12"]
    both = ["10.240.0.0/12", "2001:db8:f::/48"]
    assert ok(network(id="super", additional_announcable_cidrs=both[::-1]))["changed"]
    assert not ok(network(id="super", additional_announcable_cidrs=both))["changed"]
    assert "set force" in failure(network(id="super", additional_announcable_cidrs=both[:1]))
    done = ok(network(id="super", additional_announcable_cidrs=both[:1], force=True))
    assert done["network"]["additional_announcable_cidrs"] == both[:1]
    assert done["network"]["description"] == "x"


def test_a_cidr_that_somebody_else_adds_meanwhile_is_not_lost(network: Runner) -> None:
    calls = V1Networks(connect({}, network.environ()))
    seen = calls.get("super", None)
    assert seen is not None
    more = [*SUPER["additionalAnnouncableCIDRs"], "10.128.0.0/12"]
    network.api.control.change_state(networks=[{**SUPER, "additionalAnnouncableCIDRs": more}])
    with pytest.raises(ConflictError):
        calls.update(seen, {"description": "x"}, force=False)
    assert stored(network.api)["super"]["additionalAnnouncableCIDRs"] == more


def test_a_concurrent_change_is_read_and_planned_again(network: Runner) -> None:
    network.api.control.add_fault("race", method="POST", path="/v1/network$", count=1)
    assert ok(network(id="super", description="mine"))["changed"]
    assert stored(network.api)["super"]["description"] == "mine"
    assert writes(network.api) == ["POST /v1/network"] * 2


@pytest.mark.parametrize("fault", [{"action": "reset"}, {"action": "status", "status": 500}, {"action": "truncate"}])
def test_a_lost_answer_makes_exactly_one(network: Runner, fault: dict[str, Any]) -> None:
    network.api.control.add_fault(**fault, path="/network/allocate", when="after", count=1)
    assert ok(network(**STORAGE))["changed"]
    assert len(children(network.api)) == 1
    network.api.control.add_fault(**fault, method="PUT", when="after", count=1)
    assert ok(network(id="new", kind="external", prefixes=["198.51.100.0/24"]))["changed"]
    assert len(stored(network.api)) == 3


def test_an_allocation_that_may_still_come_is_not_repeated(network: Runner) -> None:
    network.api.control.add_fault("latency", path="/network/allocate", seconds=2.5, count=1)
    # what only reads is repeated, so that a busy machine does not matter
    assert "allocate" in failure(network(**STORAGE, timeout=1, retries=5))
    network.api.control.wait_until_idle()
    assert len(children(network.api)) == 1
    assert not ok(network(**STORAGE))["changed"]
    assert len(children(network.api)) == 1
    assert writes(network.api) == ["POST /v1/network/allocate"]


def test_a_child_is_freed_and_a_refusal_is_explained(edit: Runner) -> None:
    have(edit.api, CHILD, ips=({"ipaddress": "10.0.4.5", "networkid": "child", "projectid": PROJECT},))
    assert "no IP" in failure(edit(**STORAGE, state="absent"))
    edit.api.control.change_state(ips=[])
    planned = ok(edit(**STORAGE, state="absent", check_mode=True))
    done = ok(edit(**STORAGE, state="absent"))
    assert done["diff"] == planned["diff"]
    assert done["network"] is None
    assert children(edit.api) == []
    assert not ok(edit(**STORAGE, state="absent"))["changed"]


def test_a_network_that_somebody_else_frees_first_is_gone(edit: Runner) -> None:
    have(edit.api, CHILD)
    edit.api.control.add_fault("reset", method="DELETE", when="after", count=1)
    assert ok(edit(**STORAGE, state="absent", retries=1))["changed"]
    assert edit.api.control.counts()["DELETE /metal/v1/network/free/child 404"] == 1


def test_a_super_network_with_children_stays(network: Runner) -> None:
    have(network.api, CHILD)
    message = failure(network(id="super", state="absent"))
    assert "children" in message
    assert "no child network is left" in message
    assert set(stored(network.api)) == {"super", "child"}


def test_bulk_reads_once_and_writes_what_differs(edit: Runner) -> None:
    resources = [{**STORAGE, "name": f"n-{number}"} for number in range(20)]
    assert ok(edit(resources=resources))["changed"]
    assert len(children(edit.api)) == 20
    edit.api.control.forget_requests()
    result = ok(edit(resources=resources))
    assert not result["changed"]
    assert [entry["network"]["name"] for entry in result["networks"]] == [item["name"] for item in resources]
    assert requests(edit.api) == ["POST /v1/network/find"]


def test_bulk_refuses_the_same_network_twice(network: Runner) -> None:
    have(network.api, CHILD)
    assert "more than once: storage of the project" in failure(network(resources=[STORAGE, {**STORAGE}]))
    assert "more than once: child" in failure(network(resources=[{**STORAGE}, {"id": "child"}]))


def test_purge_frees_only_children_of_its_scope(network: Runner) -> None:
    have(
        network.api,
        CHILD,
        {**CHILD, "id": "surplus", "name": "surplus", "prefixes": ["10.0.8.0/22"], "vrf": 1},
        {**CHILD, "id": "foreign", "projectid": OTHER, "prefixes": ["10.0.12.0/22"], "vrf": 2},
        {**INTERNET, "projectid": PROJECT, "partitionid": "p1"},
    )
    options: dict[str, Any] = {
        "resources": [STORAGE],
        "purge": True,
        "purge_scope": {"project": PROJECT, "partition": "p1"},
    }
    planned = ok(network(check_mode=True, **options))
    assert [entry["steps"] for entry in planned["networks"]] == [[], ["free the network surplus"]]
    assert set(stored(network.api)) == {"super", "child", "surplus", "foreign", "internet"}
    assert ok(network(**options))["diff"] == planned["diff"]
    assert set(stored(network.api)) == {"super", "child", "foreign", "internet"}
    assert not ok(network(**options))["changed"]


def test_networks_older_than_the_types_are_understood(network: Runner) -> None:
    have(network.api, {**CHILD, "networktype": None, "nattype": None})
    assert not ok(network(**STORAGE, kind="child"))["changed"]
    network.api.control.change_state(networks=[{**SUPER, "networktype": None, "privatesuper": True}])
    assert not ok(network(id="super", kind="super"))["changed"]


@pytest.fixture
def project(world: MetalApi) -> Runner:
    return Runner(world, "metal_network", methods=[], rights=(("project_roles", {PROJECT: "EDITOR"}),))


@pytest.fixture
def admin(world: MetalApi) -> Runner:
    return Runner(world, "metal_network", methods=[], rights=(("admin_role", "EDITOR"),))


V2 = {"api_version": "v2"}


def test_v2_manages_a_child(project: Runner, network: Runner) -> None:
    options: dict[str, Any] = {**STORAGE, "labels": {"a": "1"}, "prefix_length": {"ipv4": 24}, "address_family": "IPv4"}
    planned = ok(project(**options, **V2, check_mode=True))
    done = ok(project(**options, **V2))
    assert done["diff"] == planned["diff"]
    assert done["network"]["prefixes"] == ["10.0.0.0/24"]
    assert ok(network(**STORAGE))["network"] == done["network"]
    assert not ok(project(**options, **V2))["changed"]
    changed = ok(project(**STORAGE, labels={}, description="x", **V2))
    assert (changed["network"]["labels"], changed["network"]["description"]) == ({}, "x")
    assert not ok(project(**STORAGE, labels={}, nat=False, **V2))["changed"]
    assert "nat" in failure(project(**STORAGE, nat=True, **V2))
    assert "destination_prefixes" in failure(project(**STORAGE, destination_prefixes=["10.9.0.0/16"], **V2))
    assert "v2 cannot share" in failure(project(**STORAGE, shared=True, share_existing=True, **V2))
    assert "inherits" in failure(project(**{**STORAGE, "name": "another"}, nat=False, **V2))
    assert ok(project(**STORAGE, state="absent", **V2))["changed"]
    assert not ok(project(**STORAGE, state="absent", **V2))["changed"]
    assert children(project.api) == []


def test_v2_is_told_once_to_free_what_it_frees_later(project: Runner) -> None:
    have(project.api, CHILD)
    project.api.control.tasks(delay=2)
    assert ok(project(**STORAGE, state="absent", **V2))["changed"]
    assert children(project.api) == []
    assert requests(project.api).count("POST /metalstack.api.v2.NetworkService/Delete") == 1


def test_v2_makes_a_shared_network_with_the_admin_service(project: Runner, admin: Runner) -> None:
    options: dict[str, Any] = {**STORAGE, "shared": True, **V2}
    assert "/metalstack.admin.v2.NetworkService/Create" in failure(project(**options))
    assert ok(admin(**options))["network"]["shared"] is True
    assert not ok(project(**options))["changed"]
    assert "shared is false" in failure(project(**{**options, "shared": False}))
    assert "only one child shared network" in failure(admin(**{**options, "name": "second"}))


def test_v2_manages_other_networks_with_the_admin_service(admin: Runner, network: Runner) -> None:
    external: dict[str, Any] = {"id": "external", "kind": "external", "prefixes": ["198.51.100.0/24"]}
    assert "vrf is missing" in failure(admin(**external, **V2))
    assert "vrf_shared" in failure(admin(**external, vrf=1, vrf_shared=True, **V2))
    options = {**external, "vrf": 104009, "destination_prefixes": ["0.0.0.0/0"], "nat": True}
    planned = ok(admin(**options, **V2, check_mode=True))
    done = ok(admin(**options, **V2))
    assert done["diff"] == planned["diff"]
    assert not ok(admin(**options, **V2))["changed"]
    assert ok(admin(id="external", name="Internet", **V2))["network"]["prefixes"] == ["198.51.100.0/24"]
    assert ok(admin(id="external", nat=False, destination_prefixes=["198.51.0.0/16"], **V2))["network"]["nat"] is False
    assert not ok(admin(resources=[{"id": "external", "nat": False}], **V2))["changed"]
    assert ok(admin(id="external", state="absent", **V2))["changed"]
    assert not ok(admin(id="external", state="absent", **V2))["changed"]
    both = ["10.240.0.0/12", "2001:db8:f::/48"]
    assert ok(admin(id="super", description="x", **V2))["network"]["additional_announcable_cidrs"] == both[:1]
    assert ok(admin(id="super", additional_announcable_cidrs=both, **V2))["changed"]
    assert stored(admin.api)["super"]["additionalAnnouncableCIDRs"] == both
    assert "set force" in failure(admin(id="super", additional_announcable_cidrs=both[1:], **V2))
    assert ok(admin(id="super", additional_announcable_cidrs=both[1:], force=True, **V2))["changed"]
    lengths = ok(admin(id="super", default_child_prefix_length={"ipv4": 24}, **V2))["network"]
    assert lengths["default_child_prefix_length"] == {"ipv4": 24, "ipv6": 64}
    assert ok(network(id="super"))["network"] == lengths


def test_v2_makes_exactly_one_when_the_answer_is_lost(project: Runner) -> None:
    project.api.control.add_fault("reset", path="NetworkService/Create", when="after", count=1)
    assert ok(project(**STORAGE, **V2))["changed"]
    assert len(children(project.api)) == 1


def test_v2_never_loses_the_update_of_somebody_else(project: Runner) -> None:
    have(project.api, CHILD)
    project.api.control.add_fault("race", path="NetworkService/Update", count=1)
    assert ok(project(**STORAGE, labels={"b": "2"}, **V2))["changed"]
    assert stored(project.api)["child"]["labels"] == {"b": "2"}


def test_v2_bulk_lists_each_project_once(project: Runner) -> None:
    resources = [STORAGE, {**STORAGE, "name": "second"}]
    assert ok(project(resources=resources, **V2))["changed"]
    project.api.control.forget_requests()
    assert not ok(project(resources=resources, **V2))["changed"]
    assert requests(project.api) == ["POST /metalstack.api.v2.NetworkService/List"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["internet", "child", "shared", "super"]),
        ({"id": "child"}, ["child"]),
        ({"name": "storage"}, ["child", "shared"]),
        ({"project": PROJECT}, ["child", "shared"]),
        ({"partition": "p1", "kind": "super"}, ["super"]),
        ({"kind": "child"}, ["child", "shared"]),
        ({"kind": "external"}, ["internet"]),
        ({"kind": "underlay"}, []),
        ({"shared": True}, ["shared"]),
        ({"shared": False, "kind": "child"}, ["child"]),
        ({"nat": True}, ["internet"]),
        ({"vrf": 3982}, ["child"]),
        ({"parent": "super"}, ["child", "shared"]),
        ({"prefixes": ["10.0.4.0/22"]}, ["child"]),
        ({"destination_prefixes": ["0.0.0.0/0"]}, ["internet"]),
        ({"labels": {"a": 1}}, ["child"]),
        ({"address_family": "IPv6"}, ["super"]),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_info_filters(world: MetalApi, version: str, filters: dict[str, Any], expected: list[str]) -> None:
    have(world, CHILD, {**SHARED, "prefixes": ["10.0.8.0/22"], "vrf": 3983, "labels": {}}, INTERNET)
    user = Runner(world, "metal_network_info", user="Metal-View")
    admin = Runner(world, "metal_network_info", methods=[], rights=(("admin_role", "EDITOR"),))
    result = ok((user if version == "v1" else admin)(**filters, api_version=version))
    assert [entry["id"] for entry in result["networks"]] == expected
    assert not result["changed"]


def test_info_tells_the_consumption_the_same_in_both_generations(world: MetalApi) -> None:
    have(world, CHILD, ips=({"ipaddress": "10.0.4.5", "networkid": "child", "projectid": PROJECT},))
    user = Runner(world, "metal_network_info", user="Metal-View")
    seen = ok(user(id="child"))["networks"][0]
    assert seen["consumption"]["ipv4"] == {
        "available_ips": 1024,
        "used_ips": 3,
        "available_prefixes": 0,
        "used_prefixes": 0,
    }
    assert seen["consumption"]["ipv6"] is None
    member = Runner(world, "metal_network_info", methods=[], rights=(("project_roles", {PROJECT: "VIEWER"}),))
    assert ok(member(id="child", project=PROJECT, **V2))["networks"] == [seen]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('[{"id": "n", "labels": {"a": 1}}]', "the network n, which cannot be understood: its labels"),
        ('[{"name": "x"}]', "it has no id"),
        ("[null]", "not a JSON object"),
    ],
)
def test_an_odd_answer_is_one_sentence(world: MetalApi, body: str, said: str) -> None:
    world.control.add_fault("status", status=200, body=body, content_type="application/json", path="/v1/network$")
    assert said in failure(Runner(world, "metal_network_info")())


def test_info_without_any_network(api: MetalApi) -> None:
    assert ok(Runner(api, "metal_network_info", user="Metal-View")())["networks"] == []
