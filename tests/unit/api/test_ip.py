# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_ip and metal_ip_info against the emulator. Numbers of defects are those of metal-ansible-modules' list."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ConflictError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.ip_calls import V1Ips
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.options import connect
from ansible_collections.metalstack.provisioning.plugins.modules import metal_ip
from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

PROJECT, OTHER = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
HOLDER = "00000000-0000-0000-0000-00000000000a"
MACHINE = f"machine.metal-stack.io/id={HOLDER}"
STATE: dict[str, list[dict[str, Any]]] = {
    "partitions": [{"id": "p1"}],
    "projects": [{"id": PROJECT, "tenant_id": "metal-stack"}, {"id": OTHER, "tenant_id": "metal-stack"}],
    "networks": [
        {
            "id": "super",
            "partitionid": "p1",
            "prefixes": ["10.0.0.0/14", "2001:db8::/48"],
            "defaultchildprefixlength": {"IPv4": 22, "IPv6": 64},
            "networktype": "super",
        },
        {
            "id": "storage",
            "partitionid": "p1",
            "projectid": PROJECT,
            "parentnetworkid": "super",
            "prefixes": ["10.0.0.0/18", "2001:db8::/64"],
            "networktype": "child-shared",
        },
        {
            "id": "private",
            "partitionid": "p1",
            "projectid": PROJECT,
            "parentnetworkid": "super",
            "prefixes": ["10.1.0.0/22"],
            "networktype": "child",
        },
    ],
}
HERE = {"network": "storage", "project": PROJECT}
VIP = {"name": "vip", **HERE}


@pytest.fixture
def world(api: MetalApi) -> MetalApi:
    api.control.replace_state(**STATE)
    return api


@pytest.fixture
def ip(world: MetalApi) -> Runner:
    return Runner(world, "metal_ip", user="Metal-Edit")


def ips(api: MetalApi) -> list[dict[str, Any]]:
    found = api.control.state()["ips"]
    assert isinstance(found, list)
    return found


def addresses(api: MetalApi) -> list[str]:
    return sorted(entry["ipaddress"] for entry in ips(api))


def have(api: MetalApi, *entries: dict[str, Any]) -> None:
    api.control.change_state(ips=[{"networkid": "storage", "projectid": PROJECT, **entry} for entry in entries])


def test_defect_07_exactly_the_given_address_is_allocated(ip: Runner) -> None:
    result = ok(ip(ip="10.0.3.7", **HERE))
    assert result["changed"]
    assert result["ip"]["ip"] == "10.0.3.7"
    assert addresses(ip.api) == ["10.0.3.7"]
    assert writes(ip.api) == ["POST /v1/ip/allocate/10.0.3.7"]
    assert not ok(ip(ip="10.0.3.7", **HERE))["changed"]
    assert addresses(ip.api) == ["10.0.3.7"]


def test_check_mode_allocates_nothing_and_says_what_it_would(ip: Runner) -> None:
    result = ok(ip(check_mode=True, **VIP))
    assert result["changed"]
    assert result["ip"] == {**VIP, "type": "ephemeral", "tags": [], "description": ""}
    assert result["diff"]["before"] == {}
    assert ips(ip.api) == []


def test_any_address_is_known_by_its_name(ip: Runner) -> None:
    first = ok(ip(**VIP, address_family="IPv6"))["ip"]
    assert first["address_family"] == "IPv6"
    again = ok(ip(**VIP))
    assert not again["changed"]
    assert again["ip"] == first
    ok(ip(name="another", **HERE))
    assert len(ips(ip.api)) == 2


def test_the_same_name_elsewhere_is_another_address(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "name": "vip", "projectid": OTHER})
    assert ok(ip(**VIP))["changed"]
    assert len(ips(ip.api)) == 2


def test_several_addresses_of_one_name_are_listed(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "name": "vip"}, {"ipaddress": "10.0.0.8", "name": "vip"})
    for state in ("present", "absent"):
        assert "10.0.0.8, 10.0.0.9" in failure(ip(**VIP, state=state))
    assert len(ips(ip.api)) == 2


@pytest.mark.parametrize("purge", [False, True])
def test_defect_08_tags_of_the_machine_survive(ip: Runner, purge: bool) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "tags": [MACHINE, "old", "cluster.metal-stack.io/id=c1"]})
    result = ok(ip(ip="10.0.0.9", tags=["a=1"], purge_tags=purge))
    assert result["changed"]
    kept = {MACHINE, "a=1", "cluster.metal-stack.io/id=c1"}
    assert set(ips(ip.api)[0]["tags"]) == (kept if purge else kept | {"old"})
    assert not ok(ip(ip="10.0.0.9", tags=["a=1"], purge_tags=purge))["changed"]


def test_a_tag_that_a_machine_gets_between_reading_and_writing_survives(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "allocationuuid": "u1"})
    calls = V1Ips(connect({}, ip.environ()))
    seen = calls.get("10.0.0.9", None)
    assert seen is not None
    have(ip.api, {"ipaddress": "10.0.0.9", "allocationuuid": "u1", "tags": [MACHINE]})
    calls.update(seen, {}, lambda now: (*now.tags, "a=1"))
    assert set(ips(ip.api)[0]["tags"]) == {MACHINE, "a=1"}


def test_an_address_that_is_freed_between_reading_and_writing_is_a_conflict(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "allocationuuid": "u1"})
    calls = V1Ips(connect({}, ip.environ()))
    seen = calls.get("10.0.0.9", None)
    assert seen is not None
    for now in ([], [{"ipaddress": "10.0.0.9", "allocationuuid": "u2"}]):
        have(ip.api, *now)
        with pytest.raises(ConflictError):
            calls.update(seen, {}, lambda now: (*now.tags, "a=1"))
    assert ips(ip.api)[0]["tags"] == []


def test_an_address_is_not_given_to_a_machine_by_a_tag(ip: Runner) -> None:
    assert "machine" in failure(ip(**VIP, tags=[MACHINE]))
    have(ip.api, {"ipaddress": "10.0.0.9", "tags": [MACHINE]})
    assert not ok(ip(ip="10.0.0.9", tags=[MACHINE]))["changed"]
    assert "machine" in failure(ip(ip="10.0.0.9", tags=["machine.metal-stack.io/id=m2"]))
    assert writes(ip.api) == []


def test_defect_09_a_static_address_stays_static_when_no_type_is_given(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "type": "static"})
    assert not ok(ip(ip="10.0.0.9"))["changed"]
    assert ok(ip(ip="10.0.0.9", description="x"))["ip"]["type"] == "static"
    ip.api.control.forget_requests()
    for check in (True, False):
        message = failure(ip(ip="10.0.0.9", type="ephemeral", check_mode=check))
        assert "type is ephemeral" in message
        assert "static" in message
    assert writes(ip.api) == []


def test_an_ephemeral_address_becomes_static(ip: Runner) -> None:
    assert ok(ip(**VIP))["ip"]["type"] == "ephemeral"
    result = ok(ip(**VIP, type="static"))
    assert result["changed"]
    assert result["diff"]["before"]["type"] == "ephemeral"
    assert ips(ip.api)[0]["type"] == "static"


def test_defect_10_absent_is_done_when_it_is_gone(ip: Runner) -> None:
    ok(ip(**VIP))
    assert ok(ip(**VIP, state="absent"))["changed"]
    again = ok(ip(**VIP, state="absent"))
    assert (again["changed"], again["ip"]) == (False, None)
    assert not ok(ip(ip="10.0.0.9", state="absent"))["changed"]


def test_defect_11_refusals_are_whole_sentences(ip: Runner) -> None:
    message = failure(ip(ip="192.0.2.1", **HERE))
    assert "specific ip 192.0.2.1 not contained" in message
    assert "%" not in message


def test_defect_12_all_options_are_documented_with_their_elements() -> None:
    documented = yaml.safe_load(metal_ip.DOCUMENTATION)["options"]
    assert set(metal_ip.ONE) <= set(documented)
    assert documented["tags"]["elements"] == metal_ip.ONE["tags"]["elements"] == "str"
    assert set(documented["resources"]["suboptions"]) == set(metal_ip.ONE)


def test_ipv6_is_found_in_any_spelling(ip: Runner) -> None:
    ok(ip(ip="2001:0DB8:0::00A", **HERE))
    assert addresses(ip.api) == ["2001:db8::a"]
    assert not ok(ip(ip="2001:db8:0:0:0:0:0:a", **HERE))["changed"]
    assert ok(ip(ip="2001:DB8::A", state="absent"))["changed"]
    assert ips(ip.api) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ip": "10.0.0.9", "network": "private"}, "network is private, but the IP 10.0.0.9 has storage"),
        ({"ip": "10.0.0.9", "project": OTHER}, "project is"),
        ({"ip": "10.0.0.9", "project": OTHER, "state": "absent"}, "project is"),
        ({"ip": "10.0.0.9", "name": "other", "state": "absent"}, "name is other, but the IP 10.0.0.9 is called vip"),
        ({**VIP, "address_family": "IPv6"}, "address_family is IPv6"),
        ({"ip": "10.0.0.9", "address_family": "IPv6"}, "address_family is IPv6"),
        ({"ip": "10.0.0.300"}, "ip is '10.0.0.300'"),
        ({"name": "vip", "project": PROJECT}, "network is missing"),
        ({"ip": "10.0.0.1"}, "network is missing"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(ip: Runner, options: dict[str, Any], said: str) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "name": "vip"})
    assert said in failure(ip(**options))
    assert writes(ip.api) == []


def test_an_address_that_a_machine_holds_is_not_freed(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "tags": [MACHINE]})
    message = failure(ip(ip="10.0.0.9", state="absent"))
    assert f"machine {HOLDER}" in message
    assert writes(ip.api) == []


def test_a_view_key_is_told_which_key_it_needs(world: MetalApi) -> None:
    result = Runner(world, "metal_ip", user="Metal-View")(**VIP)
    assert "Metal-Edit" in failure(result)
    assert result["failure"]["status"] == 403


@pytest.mark.parametrize("options", [VIP, {"ip": "10.0.0.9", **HERE}])
@pytest.mark.parametrize(
    "fault", [{"action": "reset", "when": "after"}, {"action": "status", "status": 500, "when": "after"}]
)
def test_a_lost_answer_makes_exactly_one(ip: Runner, options: dict[str, Any], fault: dict[str, Any]) -> None:
    fault = dict(fault)
    ip.api.control.add_fault(fault.pop("action"), path="/ip/allocate", count=1, **fault)
    assert ok(ip(**options))["changed"]
    assert len(ips(ip.api)) == 1


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_allocation_that_goes_on_behind_a_gateway_is_not_repeated(ip: Runner, ip_v2: Runner, version: str) -> None:
    run, path = (ip, "/ip/allocate") if version == "v1" else (ip_v2, "IPService/Create")
    page = {"path": path, "body": "<html>", "content_type": "text/html", "count": 1}
    run.api.control.add_fault("status", status=504, **page)
    message = failure(run(**VIP, api_version=version))
    assert "status 504; it may have been processed all the same." in message
    assert [path in asked for asked in requests(run.api)].count(True) == 1
    # one that says that it did nothing is asked again, and one that is seen to be there is enough
    run.api.control.add_fault("status", status=503, **page)
    assert ok(run(**VIP, api_version=version))["changed"]
    run.api.control.add_fault("status", status=504, when="after", **page)
    assert ok(run(**{**VIP, "name": "second"}, api_version=version))["changed"]
    assert len(ips(run.api)) == 2


def test_a_lost_answer_to_freeing_is_no_failure(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9"})
    ip.api.control.add_fault("reset", method="DELETE", when="after", count=1)
    assert ok(ip(ip="10.0.0.9", state="absent"))["changed"]
    assert ips(ip.api) == []


def test_what_somebody_else_got_meanwhile_is_not_freed(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "allocationuuid": "mine"})
    theirs = {"ipaddress": "10.0.0.9", "allocationuuid": "theirs", "networkid": "storage", "projectid": OTHER}
    asked = {"method": "GET|DELETE", "path": "10.0.0.9", "count": 1}
    # after the address was read and freed
    ip.api.control.add_fault("change", change={"ips": [theirs]}, when="before", skip=2, **asked)
    ip.api.control.add_fault("status", status=502, when="after", **{**asked, "method": "DELETE"})
    result = ok(ip(ip="10.0.0.9", state="absent", retries=2))
    assert result["changed"]
    assert [entry["allocationuuid"] for entry in ips(ip.api)] == ["theirs"]
    assert writes(ip.api) == ["DELETE /v1/ip/free/10.0.0.9"]


def test_a_concurrent_change_is_read_and_planned_again(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9", "tags": ["old"]})
    ip.api.control.add_fault("race", method="POST", path="/v1/ip$", count=1)
    assert ok(ip(ip="10.0.0.9", tags=["a=1"], description="mine"))["changed"]
    stored = ips(ip.api)[0]
    assert set(stored["tags"]) >= {"old", "a=1"}
    assert stored["description"] == "mine"
    assert writes(ip.api) == ["POST /v1/ip"] * 2


def test_a_thousand_addresses_that_are_right_cost_one_list(ip: Runner) -> None:
    numbers = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    have(ip.api, *({"ipaddress": number, "name": f"n-{number}"} for number in numbers))
    result = ok(ip(resources=[{"ip": number, "name": f"n-{number}", **HERE} for number in numbers]))
    assert not result["changed"]
    assert len(result["ips"]) == 1000
    assert ip.api.control.counts() == {"GET /metal/v1/ip 200": 1}


def test_bulk_changes_what_differs_and_tells_of_each(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.9"}, {"ipaddress": "10.0.0.10", "tags": [MACHINE]}, {"ipaddress": "10.0.0.11"})
    resources = [
        {"ip": "10.0.0.9", "description": "changed"},
        {**VIP},
        {"ip": "10.0.0.11", "state": "absent"},
        {"ip": "10.0.0.12", **HERE},
        {"ip": "192.0.2.1", **HERE},
    ]
    planned = ok(ip(resources=resources, check_mode=True))
    assert [entry["changed"] for entry in planned["ips"]] == [True] * 5
    result = ip(resources=resources)
    assert "1 of 5 failed" in failure(result)
    assert "192.0.2.1" in failure(result)
    assert [bool(entry.get("failed")) for entry in result["ips"]] == [False] * 4 + [True]
    assert result["ips"][1]["ip"]["name"] == "vip"
    left = addresses(ip.api)
    assert "10.0.0.11" not in left
    assert len(left) == 4
    assert not ok(ip(resources=resources[:4]))["changed"]


def test_bulk_refuses_the_same_address_twice(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "2001:db8::a", "name": "vip"})
    twice = "more than once: 2001:db8::a"
    assert twice in failure(ip(resources=[{"ip": "2001:db8::a"}, {"ip": "2001:DB8:0::a"}]))
    assert twice in failure(ip(resources=[{"ip": "2001:db8::a"}, VIP]))
    assert "vip in the network storage" in failure(ip(resources=[VIP, {**VIP}]))


def test_purge_stays_in_its_scope_and_spares_machines(ip: Runner) -> None:
    have(
        ip.api,
        {"ipaddress": "10.0.0.9", "name": "vip"},
        {"ipaddress": "10.0.0.10", "name": "surplus"},
        {"ipaddress": "10.0.0.11", "tags": [MACHINE]},
        {"ipaddress": "10.0.0.12", "projectid": OTHER},
        {"ipaddress": "10.1.0.5", "networkid": "private"},
        {"ipaddress": "10.0.0.13"},
    )
    options: dict[str, Any] = {
        "resources": [VIP, {"ip": "10.0.0.13", "network": "storage"}],
        "purge": True,
        "purge_scope": HERE,
    }
    planned = ok(ip(check_mode=True, **options))
    assert [entry["steps"] for entry in planned["ips"]] == [[], [], ["free the IP 10.0.0.10"]]
    assert len(ips(ip.api)) == 6
    assert writes(ip.api) == []
    # By number, because the scope says where to look.
    assert set(requests(ip.api)) == {"POST /v1/ip/find"}
    result = ok(ip(**options))
    assert result["changed"]
    assert result["diff"] == planned["diff"]
    assert addresses(ip.api) == ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.9", "10.1.0.5"]
    assert not ok(ip(**options))["changed"]


def test_nothing_is_purged_when_something_failed(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.10"})
    result = ip(resources=[{"ip": "10.0.0.0", **HERE}], purge=True, purge_scope=HERE, retries=0)
    assert "Nothing was purged" in failure(result)
    assert addresses(ip.api) == ["10.0.0.10"]


def test_what_was_done_is_told_when_the_purge_cannot_look(ip: Runner) -> None:
    have(ip.api, {"ipaddress": "10.0.0.10"})
    # the list, and the one after the allocation
    ip.api.control.add_fault("status", status=500, path="/ip/find", skip=2)
    result = ip(resources=[VIP], purge=True, purge_scope=HERE)
    assert "1 of 2 failed: the IP 10.0.0.10: " in failure(result)
    assert result["changed"]
    assert [entry["changed"] for entry in result["ips"]] == [True, False]
    assert result["ips"][0]["ip"]["name"] == "vip"
    assert result["ips"][1]["failure"]["status"] == 500


def test_bulk_of_one_network_asks_for_that_only(ip: Runner) -> None:
    ok(ip(resources=[VIP, {"name": "second", **HERE}]))
    assert requests(ip.api)[0] == "POST /v1/ip/find"
    assert len(ips(ip.api)) == 2


@pytest.fixture
def ip_v2(world: MetalApi) -> Runner:
    return Runner(world, "metal_ip", methods=[], rights=(("project_roles", {PROJECT: "EDITOR"}),))


def admin(api: MetalApi, module: str) -> Runner:
    return Runner(api, module, methods=[], rights=(("admin_role", "EDITOR"),))


def test_v2_does_the_same(ip: Runner, ip_v2: Runner) -> None:
    v2 = {"api_version": "v2"}
    predicted = ok(ip_v2(**VIP, tags=["a=1", "pure"], check_mode=True, **v2))
    made = ok(ip_v2(**VIP, tags=["a=1", "pure"], **v2))
    assert predicted["diff"] == made["diff"]
    assert made["ip"]["tags"] == ["a=1", "pure"]
    changed = ok(ip_v2(**VIP, type="static", tags=["a=2"], description="x", **v2))
    assert changed["ip"]["tags"] == ["a=2", "pure"]
    assert changed["ip"]["type"] == "static"
    assert not ok(ip_v2(**VIP, type="static", tags=["a=2", "pure"], description="x", **v2))["changed"]
    assert "static" in failure(ip_v2(**VIP, type="ephemeral", **v2))
    # v1 shows the label without a value as "pure=".
    seen = ok(ip(**VIP))["ip"]
    assert {**seen, "tags": [tag.rstrip("=") for tag in seen["tags"]]} == changed["ip"]
    assert ok(ip_v2(**VIP, purge_tags=True, tags=[], **v2))["ip"]["tags"] == []
    assert ok(ip_v2(**VIP, state="absent", **v2))["changed"]
    assert not ok(ip_v2(**VIP, state="absent", **v2))["changed"]
    assert ips(ip.api) == []


def test_v2_is_told_once_to_free_what_it_frees_later(ip_v2: Runner) -> None:
    have(ip_v2.api, {"ipaddress": "10.0.0.9"}, {"ipaddress": "10.0.0.10"})
    ip_v2.api.control.tasks(delay=2)
    one = ok(ip_v2(ip="10.0.0.9", project=PROJECT, state="absent", api_version="v2"))
    assert one["changed"]
    assert one["diff"]["after"] == {}
    assert addresses(ip_v2.api) == ["10.0.0.10"]
    assert requests(ip_v2.api).count("POST /metalstack.api.v2.IPService/Delete") == 1
    bulk = ok(ip_v2(resources=[{"ip": "10.0.0.10", "project": PROJECT, "state": "absent"}], api_version="v2"))
    assert bulk["changed"]
    assert addresses(ip_v2.api) == []
    assert requests(ip_v2.api).count("POST /metalstack.api.v2.IPService/Delete") == 2


def test_v2_takes_a_given_address_and_leaves_that_of_a_machine(ip_v2: Runner) -> None:
    v2 = {"api_version": "v2", **HERE}
    assert ok(ip_v2(ip="10.0.0.77", **v2))["ip"]["ip"] == "10.0.0.77"
    have(ip_v2.api, {"ipaddress": "10.0.0.9", "tags": [MACHINE, "old=1"]})
    result = ok(ip_v2(ip="10.0.0.9", tags=["a=1"], purge_tags=True, **v2))
    assert result["ip"]["tags"] == ["a=1", MACHINE]
    assert f"machine {HOLDER}" in failure(ip_v2(ip="10.0.0.9", state="absent", **v2))


def test_v2_refuses_two_values_of_a_label(ip_v2: Runner) -> None:
    assert "tags has a more than once" in failure(ip_v2(**VIP, tags=["a=1", "a=2"], api_version="v2"))


def test_v2_makes_exactly_one_when_the_answer_is_lost(ip_v2: Runner) -> None:
    ip_v2.api.control.add_fault("reset", path="IPService/Create", when="after", count=1)
    assert ok(ip_v2(**VIP, api_version="v2"))["changed"]
    assert len(ips(ip_v2.api)) == 1


def test_v2_never_loses_the_update_of_somebody_else(ip_v2: Runner) -> None:
    have(ip_v2.api, {"ipaddress": "10.0.0.9", "tags": ["old=1"]})
    ip_v2.api.control.add_fault("race", path="IPService/Update", count=1)
    assert ok(ip_v2(ip="10.0.0.9", tags=["a=1"], api_version="v2", **HERE))["changed"]
    assert set(ips(ip_v2.api)[0]["tags"]) >= {"a=1", "old=1"}


def test_v2_bulk_lists_each_project_once(ip_v2: Runner) -> None:
    resources = [VIP, {"name": "second", **HERE}]
    assert ok(ip_v2(resources=resources, api_version="v2"))["changed"]
    ip_v2.api.control.forget_requests()
    assert not ok(ip_v2(resources=resources, api_version="v2"))["changed"]
    assert requests(ip_v2.api) == ["POST /metalstack.api.v2.IPService/List"]


def test_v2_without_a_project_needs_the_admin_service(ip_v2: Runner, world: MetalApi) -> None:
    have(world, {"ipaddress": "10.0.0.9"})
    assert "metalstack.admin.v2.IPService/List" in failure(ip_v2(ip="10.0.0.9", api_version="v2"))
    assert not ok(admin(world, "metal_ip")(ip="10.0.0.9", api_version="v2"))["changed"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["10.0.0.9", "10.0.0.10", "10.1.0.5", "2001:db8::a"]),
        ({"ip": "2001:DB8::000A"}, ["2001:db8::a"]),
        ({"name": "vip"}, ["10.0.0.9"]),
        ({"network": "private"}, ["10.1.0.5"]),
        ({"project": OTHER}, ["10.0.0.10"]),
        ({"type": "static"}, ["10.1.0.5"]),
        ({"machine": HOLDER}, ["10.0.0.9"]),
        ({"machine_scoped": True}, ["10.0.0.9"]),
        ({"machine_scoped": False, "network": "storage"}, ["10.0.0.10", "2001:db8::a"]),
        ({"prefix": "10.1.0.0/22"}, ["10.1.0.5"]),
        ({"address_family": "IPv6"}, ["2001:db8::a"]),
        ({"tags": ["a=1"]}, ["10.0.0.10"]),
        ({"allocation_uuid": "00000000-0000-0000-0000-0000000000aa"}, ["2001:db8::a"]),
        ({"name": "nobody"}, []),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_info_filters(world: MetalApi, version: str, filters: dict[str, Any], expected: list[str]) -> None:
    have(
        world,
        {"ipaddress": "10.0.0.9", "name": "vip", "tags": [MACHINE]},
        {"ipaddress": "10.0.0.10", "projectid": OTHER, "tags": ["a=1"]},
        {"ipaddress": "10.1.0.5", "networkid": "private", "type": "static"},
        {"ipaddress": "2001:db8::a", "allocationuuid": "00000000-0000-0000-0000-0000000000aa"},
    )
    user = Runner(world, "metal_ip_info", user="Metal-View")
    info = user if version == "v1" else admin(world, "metal_ip_info")
    result = ok(info(**filters, api_version=version))
    assert not result["changed"]
    assert [entry["ip"] for entry in result["ips"]] == expected


def test_v2_bulk_without_a_project_lists_once_with_the_admin_service(world: MetalApi) -> None:
    have(world, {"ipaddress": "10.0.0.9"})
    result = ok(admin(world, "metal_ip")(resources=[{"ip": "10.0.0.9"}], api_version="v2"))
    assert not result["changed"]
    assert requests(world) == ["POST /metalstack.admin.v2.IPService/List"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('[{"ipaddress": "10.0.0.9", "name": 5}]', "the IP 10.0.0.9, which cannot be understood: its name is not text"),
        ('[{"name": "x"}]', "it has no address"),
        ("[5]", "not a JSON object"),
        ('{"ips": []}', "not a list"),
    ],
)
def test_an_odd_answer_is_one_sentence(world: MetalApi, body: str, said: str) -> None:
    world.control.add_fault("status", status=200, body=body, content_type="application/json", path="/v1/ip$")
    assert said in failure(Runner(world, "metal_ip_info")())


def test_info_names_the_machines(world: MetalApi) -> None:
    have(world, {"ipaddress": "10.0.0.9", "tags": [MACHINE]})
    assert ok(Runner(world, "metal_ip_info", user="Metal-View")())["ips"][0]["machines"] == [HOLDER]
