# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine and metal_firewall against the emulator."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.doc_fragments.allocation import ModuleDocFragment
from tests.emulators.metal_api.process import MetalApi

from . import machine_world as world
from .helpers import Runner, failure, ok, requests, writes
from .machine_world import QUICK, STORAGE_PROJECT, TENANT_PROJECT, allocation, machine, machine_id

NAMED = {"name": "one", "project": STORAGE_PROJECT, **QUICK}
CREATE: dict[str, Any] = {
    **NAMED,
    "partition": world.PARTITION,
    "size": world.SIZE,
    "image": "debian-12",
    "networks": [{"network": world.STORAGE}],
}
WALL: dict[str, Any] = {
    "name": "wall",
    "project": TENANT_PROJECT,
    "partition": world.PARTITION,
    "size": world.SIZE,
    "image": "firewall-ubuntu-3.0",
    "networks": [{"network": world.TENANT}, {"network": world.INTERNET}],
    **QUICK,
}
ALLOCATE = "POST /v1/machine/allocate"


@pytest.fixture
def run(api: MetalApi) -> Runner:
    """metal_machine with the edit key."""
    api.control.replace_state(**world.world())
    return Runner(api, "metal_machine", "Metal-Edit")


@pytest.fixture
def admin(api: MetalApi) -> Runner:
    return Runner(api, "metal_machine")


@pytest.fixture
def wall(api: MetalApi) -> Runner:
    """metal_firewall."""
    api.control.replace_state(**world.world())
    return Runner(api, "metal_firewall", "Metal-Edit")


def stored(api: MetalApi, number: int = 1) -> dict[str, Any]:
    """A machine of the emulator's state."""
    found = [one for one in api.control.state()["machines"] if one["id"] == machine_id(number)]
    assert len(found) == 1
    machine: dict[str, Any] = found[0]
    return machine


def allocated(api: MetalApi) -> list[dict[str, Any]]:
    return [one for one in api.control.state()["machines"] if one["allocation"]]


def only(api: MetalApi, *machines: dict[str, Any]) -> None:
    """Replace the machines."""
    api.control.replace_state(**world.world(*machines))
    api.control.forget_requests()


def test_it_allocates_any_machine_and_waits_until_it_phones_home(api: MetalApi, run: Runner) -> None:
    made = ok(run(**CREATE, hostname="h", tags=["a=b"], ssh_public_keys=[world.KEY], description="d"))
    assert made["changed"] and made["drift"] == []
    assert made["machine"]["last_event"]["event"] == "Phoned Home"
    assert made["machine"]["succeeded"] and made["machine"]["hardware"]["cores"] == 32
    (one,) = allocated(api)
    assert one["id"] == made["machine"]["id"]
    assert one["allocation"]["image"] == world.NEW_IMAGE
    assert one["allocation"]["ssh_pub_keys"] == [world.KEY]
    assert one["allocation"]["hostname"] == "h" and "a=b" in one["tags"]
    assert made["machine"]["networks"][0]["kind"] == "privateprimaryshared"
    again = ok(run(**CREATE))
    assert not again["changed"] and again["machine"] == made["machine"]


def test_nothing_to_change_costs_one_request(api: MetalApi, run: Runner) -> None:
    ok(run(**CREATE))
    api.control.forget_requests()
    ok(run(**CREATE))
    assert requests(api) == ["POST /v1/machine/find"]


def test_given_addresses_are_used(api: MetalApi, run: Runner) -> None:
    api.control.change_state(
        ips=[{"ipaddress": "10.0.0.77", "networkid": world.STORAGE, "projectid": STORAGE_PROJECT, "type": "static"}]
    )
    wish = {**CREATE, "networks": [{"network": world.STORAGE, "ips": ["10.0.0.77"]}]}
    made = ok(run(**wish))
    assert [one["ips"] for one in made["machine"]["networks"]] == [["10.0.0.77"]]
    assert not ok(run(**wish))["changed"]


def test_rules_are_checked_before_anything_is_allocated(api: MetalApi, run: Runner) -> None:
    wish = {**CREATE, "project": TENANT_PROJECT}
    for check_mode in (True, False):
        said = failure(run(check_mode=check_mode, **wish))
        assert "storage as the primary private network, which belongs to project" in said
    assert "more than one private network" in failure(
        run(**{**wish, "networks": [{"network": world.TENANT}, {"network": world.STORAGE}]})
    )
    assert ALLOCATE not in requests(api)


def test_defect_17_a_machine_given_by_id_is_allocated(api: MetalApi, run: Runner) -> None:
    wish = {"id": machine_id(3), "project": STORAGE_PROJECT, "image": "debian-12", **QUICK}
    wish["networks"] = [{"network": world.STORAGE}]
    made = ok(run(**wish))
    assert made["changed"] and [one["id"] for one in allocated(api)] == [machine_id(3)]
    assert not ok(run(**wish))["changed"]


def test_defect_18_absent_is_fine_when_it_is_gone_or_was_never_allocated(api: MetalApi, run: Runner) -> None:
    assert not ok(run(**NAMED, state="absent"))["changed"]
    assert not ok(run(id=machine_id(1), state="absent"))["changed"]
    assert not ok(run(id="00000000-0000-0000-0000-ffffffffffff", state="absent"))["changed"]
    assert writes(api) == []


def test_defect_19_absent_by_id_needs_no_project(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation()))
    assert ok(run(id=machine_id(1), state="absent", **QUICK))["changed"]
    assert allocated(api) == []


def test_defect_20_drift_is_shown_and_nothing_is_changed(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation(user_data="b2xk")))
    result = ok(
        run(
            **{**CREATE, "image": "debian-13", "hostname": "other", "networks": [{"network": world.TENANT}]},
            user_data="#new",
            filesystem_layout="large",
            dns_servers=["192.0.2.1"],
        )
    )
    assert not result["changed"] and writes(api) == []
    drift = {one["option"]: (one["is"], one["wanted"]) for one in result["drift"]}
    assert set(drift) == {"image", "hostname", "networks", "user_data", "filesystem_layout", "dns_servers"}
    assert drift["image"] == (world.OLD_IMAGE, "debian-13")
    assert drift["hostname"] == ("one", "other")
    assert drift["networks"][0] == [{"network": "storage", "ips": ["10.0.0.9"]}]
    assert len(result["warnings"]) == 6
    assert "hostname of the machine one is 'one' and not 'other', which cannot be changed" in " ".join(
        result["warnings"]
    )
    assert "#new" not in json.dumps(result) and "b2xk" not in json.dumps(result)


def test_defect_21_the_partition_limits_the_search_by_name(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, partition=world.OTHER_PARTITION, allocation=allocation()), machine(2))
    assert ok(run(**CREATE))["machine"]["id"] == machine_id(2)
    assert ok(run(**NAMED, partition=world.OTHER_PARTITION))["machine"]["id"] == machine_id(1)
    said = failure(run(**NAMED))
    assert "2 machines of that name" in said and machine_id(1) in said and machine_id(2) in said


def test_defect_22_an_unknown_id_is_told_in_a_sentence(run: Runner) -> None:
    said = failure(run(**{**CREATE, "id": "00000000-0000-0000-0000-ffffffffffff"}))
    assert said == "id is 00000000-0000-0000-0000-ffffffffffff, but there is no such machine."


def test_defect_23_user_data_arrives_in_base64_and_is_never_shown(api: MetalApi, run: Runner) -> None:
    secret = "#cloud-config\npassword: nobody-may-see\n"
    result = ok(run(**CREATE, user_data=secret))
    (one,) = allocated(api)
    assert base64.b64decode(one["allocation"]["user_data"]).decode() == secret
    shown = json.dumps(result)
    assert "nobody-may-see" not in shown and base64.b64encode(secret.encode()).decode() not in shown
    assert len(result["diff"]["after"]["user_data_sha256"]) == 64
    assert not ok(run(**CREATE, user_data=base64.b64encode(secret.encode()).decode()))["changed"]


def test_defect_24_absent_waits_until_the_machine_waits(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation()))
    assert ok(run(**NAMED, state="absent"))["changed"]
    assert stored(api)["events"]["log"][0]["event"] == "Waiting"
    only(api, machine(1, allocation=allocation()))
    api.control.life(paused=True)
    assert ok(run(**NAMED, state="absent", wait=False))["changed"]
    assert stored(api)["events"]["log"][0]["event"] == "Machine Reclaim"
    api.control.life(paused=False)
    assert not ok(run(id=machine_id(1), state="absent", **QUICK))["changed"]
    assert stored(api)["events"]["log"][0]["event"] == "Waiting", "the second run waits for what the first has begun"


def test_defect_25_rules_of_a_firewall_are_checked(api: MetalApi, wall: Runner) -> None:
    with pytest.raises(AssertionError, match="missing required arguments: ports"):
        wall(**WALL, firewall_rules={"egress": [{"to": ["0.0.0.0/0"]}]})
    with pytest.raises(AssertionError, match=r"ingress\.source\. Supported parameters include"):
        wall(**WALL, firewall_rules={"ingress": [{"source": ["0.0.0.0/0"], "ports": [22], "from": []}]})
    rules = {"egress": [{"ports": [99999], "to": ["0.0.0.0/0"]}]}
    assert failure(wall(**WALL, firewall_rules=rules)).startswith("firewall_rules: egress rule 1 has the port 99999")
    assert requests(api) == []


def test_defect_26_user_data_and_keys_are_documented() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {"user_data", "ssh_public_keys"} <= set(documented)
    assert documented["user_data"]["aliases"] == ["userdata"]
    assert documented["ssh_public_keys"]["aliases"] == ["ssh_pub_keys"]


def test_defect_27_a_firewall_takes_a_filesystem_layout(wall: Runner) -> None:
    made = ok(wall(**WALL, filesystem_layout="default"))
    assert made["firewall"]["filesystem_layout"] == "default"
    assert not ok(wall(**WALL, filesystem_layout="default"))["changed"]


def test_a_firewall_joins_the_storage_network_of_another_project(api: MetalApi, wall: Runner) -> None:
    networks = [*WALL["networks"], {"network": world.STORAGE}]
    rules = {"egress": [{"ports": [4420], "to": ["10.0.0.0/22"]}], "ingress": [{"ports": [22], "from": ["0.0.0.0/0"]}]}
    wish = {**WALL, "networks": networks, "firewall_rules": rules}
    made = ok(wall(**wish))["firewall"]
    kinds = {one["network"]: one["kind"] for one in made["networks"]}
    assert kinds[world.TENANT] == "privateprimaryunshared" and kinds[world.STORAGE] == "privatesecondaryshared"
    assert kinds["underlay"] == "underlay"
    assert made["role"] == "firewall" and made["firewall_rules"]["egress"][0]["ports"] == [4420]
    again = ok(wall(**wish))
    assert not again["changed"] and again["drift"] == []
    less = ok(wall(**{**wish, "firewall_rules": {"egress": rules["egress"]}}))
    assert [one["option"] for one in less["drift"]] == ["firewall_rules"]
    assert "metal_firewall" in failure(Runner(api, "metal_machine")(id=made["id"], state="absent"))


def test_a_machine_of_another_project_is_left_alone(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation(TENANT_PROJECT)))
    for state in ("present", "absent"):
        said = failure(run(id=machine_id(1), project=STORAGE_PROJECT, state=state))
        assert f"belongs to the project {TENANT_PROJECT}" in said
    said = failure(run(id=machine_id(1), name="two", state="absent"))
    assert "whose name is one and not two" in said
    assert writes(api) == []


def test_a_locked_machine_is_neither_freed_nor_reinstalled_nor_allocated(api: MetalApi, run: Runner) -> None:
    locked = {"value": "LOCKED", "description": "evidence"}
    only(api, machine(1, state=locked, allocation=allocation()), machine(2, state=locked))
    for options in ({"state": "absent"}, {"reinstall": "always"}):
        said = failure(run(**NAMED, **options))
        assert "is locked (evidence)" in said and "metal_machine_state" in said
    assert "which is locked (evidence)" in failure(run(**{**CREATE, "name": "two", "id": machine_id(2)}))
    assert writes(api) == []


def test_a_reserved_machine_is_allocated_by_its_id(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, state={"value": "RESERVED", "description": "mine"}))
    made = ok(run(**{**CREATE, "id": machine_id(1)}))
    assert made["machine"]["state"] == "reserved"


def test_a_machine_that_does_not_wait_is_not_allocated(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, liveliness="Dead"))
    said = failure(run(**{**CREATE, "id": machine_id(1)}))
    assert "does not wait for an allocation (last event Waiting at" in said and "liveliness Dead" in said


@pytest.mark.parametrize(("option", "value"), [("partition", world.OTHER_PARTITION), ("size", "s1")])
def test_what_follows_from_the_id_must_agree(run: Runner, option: str, value: str) -> None:
    said = failure(run(**{**CREATE, "id": machine_id(1), option: value}))
    assert said.startswith(f"{option} is {value}, but the machine {machine_id(1)} is of the {option}")


def test_tags_are_merged_and_need_the_admin_key(api: MetalApi, run: Runner, admin: Runner) -> None:
    ok(run(**CREATE, tags=["a=1", "mine"]))
    api.control.forget_requests()
    said = failure(run(**NAMED, tags=["a=2"]))
    assert "needs the role admin" in said
    check = ok(admin(check_mode=True, **NAMED, tags=["a=2", "new"]))
    assert check["drift"] == [], "what will be changed is no drift"
    changed = ok(admin(**NAMED, tags=["a=2", "new"]))
    assert changed["diff"] == check["diff"] and "warnings" not in changed
    assert changed["diff"]["before"]["tags"] == ["a=1", "mine"]
    assert changed["diff"]["after"]["tags"] == ["a=2", "mine", "new"]
    tags = changed["machine"]["tags"]
    assert {"a=2", "mine", "new"} < set(tags) and any("/network.primary.asn=" in tag for tag in tags)
    assert not ok(admin(**NAMED, tags=["new"]))["changed"]


def test_an_update_keeps_what_was_not_given(api: MetalApi, admin: Runner) -> None:
    only(api, machine(1, tags=["a=1"], allocation=allocation(description="kept")))
    ok(admin(**NAMED, ssh_public_keys=[world.KEY]))
    one = stored(api)
    assert one["allocation"]["description"] == "kept" and "a=1" in one["tags"]
    assert one["allocation"]["ssh_pub_keys"] == [world.KEY]


def test_a_list_that_the_api_cannot_empty_is_drift(api: MetalApi, admin: Runner) -> None:
    only(api, machine(1, allocation=allocation(ssh_pub_keys=[world.KEY])))
    result = ok(admin(**NAMED, ssh_public_keys=[]))
    assert not result["changed"]
    assert result["drift"] == [{"option": "ssh_public_keys", "is": [world.KEY], "wanted": []}]


def test_reinstall_on_image_change(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation()))
    wish = {**NAMED, "reinstall": "on_image_change"}
    assert not ok(run(**wish, image="debian-12"))["changed"], "any image of the version will do"
    said = failure(run(**wish, image="debian-13"))
    assert "image is debian-13, but a reinstallation needs the exact id" in said
    check = ok(run(check_mode=True, **wish, image=world.NEW_IMAGE))
    assert check["changed"] and writes(api) == []
    done = ok(run(**wish, image=world.NEW_IMAGE))
    assert done["diff"] == check["diff"]
    assert done["diff"]["after"]["reinstalled"] is True and done["drift"] == []
    assert done["machine"]["image"] == world.NEW_IMAGE and done["machine"]["last_event"]["event"] == "Phoned Home"
    assert not done["machine"]["reinstalling"]
    assert not ok(run(**wish, image=world.NEW_IMAGE))["changed"]
    assert writes(api) == [f"POST /v1/machine/{machine_id(1)}/reinstall"]


def test_reinstall_always_does_it_once_in_a_run(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation()))
    # So fast that it is over when the module looks again.
    api.control.life(step=0.0001)
    for _time in range(2):
        api.control.forget_requests()
        assert ok(run(**NAMED, reinstall="always"))["changed"]
        assert writes(api) == [f"POST /v1/machine/{machine_id(1)}/reinstall"]
    assert stored(api)["allocation"]["image"] == world.OLD_IMAGE


def test_an_interrupted_reinstallation_goes_on(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation()))
    api.control.life(paused=True)
    assert ok(run(**NAMED, reinstall="always", wait=False))["changed"]
    api.control.life(paused=False, step=0.05)
    again = ok(run(**NAMED, reinstall="always"))
    assert not again["changed"] and again["machine"]["last_event"]["event"] == "Phoned Home"


@pytest.mark.parametrize("action", [{"action": "reset", "when": "after"}, {"action": "status", "status": 500}])
def test_a_lost_answer_never_allocates_twice(api: MetalApi, run: Runner, action: dict[str, Any]) -> None:
    api.control.add_fault(**action, path="/machine/allocate", count=1)
    assert ok(run(**CREATE))["changed"]
    assert [fault["hits"] for fault in api.control.faults()] == [1]
    assert len(allocated(api)) == 1


def test_a_crash_loop_is_hopeless(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, crash=True))
    result = run(**{**CREATE, "wait_timeout": 600})
    said = failure(result)
    assert "is given up: it is in a crash loop; the last state was: last event Crashed" in said
    assert result["failure"]["request"] is None


def test_waiting_ends_with_the_last_event(api: MetalApi, run: Runner) -> None:
    api.control.life(paused=True)
    said = failure(run(**{**CREATE, "wait_timeout": 0}))
    assert said.startswith("Waited 0 s for the machine ") and "to phone home, in vain" in said
    assert "last event Waiting" in said


def test_a_machine_that_was_switched_off_is_not_waited_for(api: MetalApi, run: Runner) -> None:
    only(
        api,
        machine(
            1, allocation=allocation(), events={"log": [{"event": "Planned Reboot", "time": "2026-01-01T00:00:00Z"}]}
        ),
    )
    assert not ok(run(**{**NAMED, "wait_timeout": 0}))["changed"]


def test_a_change_of_tags_does_not_wait_for_a_machine_that_was_switched_off(api: MetalApi, admin: Runner) -> None:
    log = [{"event": event, "time": "2026-01-01T00:00:00Z"} for event in ("Planned Reboot", "Phoned Home")]
    only(api, machine(1, allocation=allocation(), events={"log": log}))
    changed = ok(admin(**{**NAMED, "tags": ["a=1"], "wait_timeout": 0}))
    assert changed["changed"]
    assert changed["machine"]["last_event"]["event"] == "Planned Reboot"


def test_what_somebody_else_got_meanwhile_is_not_freed(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, allocation=allocation(allocationuuid="mine")))
    theirs = {"machines": [machine(1, allocation=allocation(TENANT_PROJECT, allocationuuid="theirs"))]}
    # after the machine was read and freed
    api.control.add_fault("change", change=theirs, when="before", path="/v1/machine/", skip=2, count=1)
    api.control.add_fault("status", status=502, when="after", method="DELETE", count=1)
    api.control.forget_requests()
    assert ok(run(id=machine_id(1), state="absent", retries=2, wait=False))["changed"]
    assert stored(api)["allocation"]["allocationuuid"] == "theirs"
    assert writes(api) == [f"DELETE /v1/machine/{machine_id(1)}/free"]


REMOVE = {"id": machine_id(1), "state": "absent", "remove_from_database": True}


def test_a_dead_machine_is_removed_from_the_database(api: MetalApi, admin: Runner) -> None:
    only(api, machine(1, liveliness="Dead"), machine(2))
    check = ok(admin(check_mode=True, **REMOVE))
    assert check["changed"] and writes(api) == []
    done = ok(admin(**REMOVE))
    assert done["diff"] == check["diff"] and done["machine"] is None
    assert "metal-bmc enters the machine again" in done["warnings"][0]
    assert [one["id"] for one in api.control.state()["machines"]] == [machine_id(2)]
    assert not ok(admin(**REMOVE))["changed"]


def test_a_machine_without_events_is_removed_though_the_api_answers_404(api: MetalApi, admin: Runner) -> None:
    only(api, machine(1, events=None), machine(2))
    assert ok(admin(**REMOVE))["changed"]
    assert f"DELETE /metal/v1/machine/{machine_id(1)} 404" in api.control.counts()
    assert [one["id"] for one in api.control.state()["machines"]] == [machine_id(2)]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"allocation": allocation(), "liveliness": "Dead"}, "is allocated to the project"),
        ({}, "is not dead (last event Waiting"),
        ({"liveliness": "Unknown"}, "liveliness Unknown): switch it off with metal_machine_power"),
    ],
)
def test_a_machine_that_may_live_is_not_removed(
    api: MetalApi, admin: Runner, settings: dict[str, Any], says: str
) -> None:
    only(api, machine(1, **settings))
    assert says in failure(admin(**REMOVE))
    assert writes(api) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"id": machine_id(1), "remove_from_database": True}, "state is present"),
        ({"name": "one", "state": "absent", "remove_from_database": True}, "id is missing"),
        ({**REMOVE, "project": "p"}, "leave name and project out"),
        ({"name": "one"}, "project is missing"),
        ({"id": machine_id(1), "state": "absent", "reinstall": "always"}, "reinstall is always, but state is absent"),
    ],
)
def test_options_that_make_no_sense_together(api: MetalApi, admin: Runner, options: dict[str, Any], says: str) -> None:
    assert says in failure(admin(**options))
    assert requests(api) == []


def test_a_machine_without_events_is_freed_though_the_api_answers_404(api: MetalApi, run: Runner) -> None:
    only(api, machine(1, events=None, allocation=allocation()))
    assert ok(run(**NAMED, state="absent"))["changed"]
    assert allocated(api) == []


def lost_404(api: MetalApi, path: str, when: str = "after") -> None:
    """Let the API do it and answer 404 (or only that), as it does where it lacks the events of a machine."""
    api.control.add_fault("status", status=404, message="no event container", when=when, path=path, count=1)


def test_a_404_is_no_failure_when_it_was_done(api: MetalApi, run: Runner, admin: Runner) -> None:
    lost_404(api, "/machine/allocate")
    made = ok(run(**CREATE))["machine"]
    assert [one["id"] for one in allocated(api)] == [made["id"]]
    lost_404(api, f"/machine/{made['id']}/reinstall")
    assert ok(run(**NAMED, reinstall="always", image=world.OLD_IMAGE))["machine"]["image"] == world.OLD_IMAGE
    only(api, machine(1, events=None, allocation=allocation()))
    assert ok(admin(**{**NAMED, "description": "d", "wait": False}))["machine"]["description"] == "d"
    assert "POST /metal/v1/machine 404" in api.control.counts()


def test_a_404_is_a_failure_when_it_was_not_done(api: MetalApi, run: Runner) -> None:
    lost_404(api, "/machine/allocate", when="before")
    assert "404: no event container" in failure(run(**CREATE))
    only(api, machine(1, allocation=allocation()))
    lost_404(api, "/reinstall", when="before")
    assert "404: no event container" in failure(run(**NAMED, reinstall="always"))


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"wait_interval": -1}, "wait_interval is -1; it must be more than 0 seconds."),
        ({"wait_timeout": -1}, "wait_timeout is -1; it must be 0 seconds or more."),
    ],
)
def test_a_wait_that_cannot_be_is_refused_before_anything_is_done(
    api: MetalApi, run: Runner, wish: dict[str, Any], message: str, check_mode: bool
) -> None:
    assert failure(run(**{**CREATE, **wish}, check_mode=check_mode)) == message
    assert requests(api) == []
