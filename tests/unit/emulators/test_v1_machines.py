# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: machines on the wire, their quirks and their lives. Time is stopped and goes on when a test says so."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .landscape import (
    FIREWALL_IMAGE,
    IMAGE,
    KEY,
    MACHINES,
    NEWER_IMAGE,
    PARTITION,
    PROJECT,
    SIZE,
    allocation,
    firewall,
    landscape,
    machine,
)
from .requests import Answer, RawClient

FIRST = MACHINES[0]
ADDRESS = "203.0.113.77"


@pytest.fixture
def cloud(api: MetalApi) -> MetalApi:
    """Machines that stay as they are until a test lets time pass."""
    api.control.replace_state(**landscape())
    api.control.life(paused=True)
    return api


def allocate(raw: RawClient, *networks: str, **settings: Any) -> Answer:
    return raw.v1("POST", "/v1/machine/allocate", allocation(*networks, **settings), role="edit")


def allocated(raw: RawClient, *networks: str, **settings: Any) -> dict[str, Any]:
    answer = allocate(raw, *networks, **settings)
    assert answer.status == 200, answer.body
    document: dict[str, Any] = answer.json()
    return document


def get(raw: RawClient, machine_id: str = FIRST) -> dict[str, Any]:
    document: dict[str, Any] = raw.v1("GET", f"/v1/machine/{machine_id}", role="view").json()
    return document


def events(document: dict[str, Any]) -> list[str]:
    """Oldest first."""
    return [event["event"] for event in reversed(document["events"]["log"])]


def newest(raw: RawClient, machine_id: str) -> str:
    event: str = get(raw, machine_id)["events"]["log"][0]["event"]
    return event


def power(raw: RawClient, name: str, machine_id: str = FIRST) -> Answer:
    return raw.v1("POST", f"/v1/machine/{machine_id}/power/{name}", {}, role="edit")


def powerstate(raw: RawClient, machine_id: str = FIRST) -> str:
    state: str = raw.v1("GET", f"/v1/machine/{machine_id}/ipmi", role="view").json()["ipmi"]["powerstate"]
    return state


def test_life_of_a_machine(cloud: MetalApi, raw: RawClient) -> None:
    document = allocated(raw, uuid=FIRST)
    assert events(document) == ["Waiting"]
    assert document["allocation"]["succeeded"] is False
    assert document["allocation"]["boot_info"] is None
    for event, succeeded in (("Installing", False), ("Booting New Kernel", True), ("Phoned Home", True)):
        cloud.control.life(advance=1)
        document = get(raw)
        assert (events(document)[-1], document["allocation"]["succeeded"]) == (event, succeeded)
    assert document["allocation"]["boot_info"]["image_id"] == IMAGE
    assert document["changed"] == get(raw)["changed"], "events are no change of the machine"

    assert raw.v1("POST", f"/v1/machine/{FIRST}/reinstall", {"id": FIRST, "imageid": NEWER_IMAGE}).status == 200
    document = get(raw)
    assert (document["allocation"]["reinstall"], events(document)[-1]) == (True, "Phoned Home")
    assert document["allocation"]["boot_info"]["image_id"] == IMAGE, "the old one is still on the disk"
    cloud.control.life(advance=7)
    document = get(raw)
    assert (document["allocation"]["reinstall"], document["allocation"]["image"]["id"]) == (False, NEWER_IMAGE)
    assert document["allocation"]["boot_info"]["image_id"] == NEWER_IMAGE
    assert events(document)[-3:] == ["Installing", "Booting New Kernel", "Phoned Home"]

    freed = raw.v1("DELETE", f"/v1/machine/{FIRST}/free", role="edit").json()
    assert (freed["allocation"], freed["tags"]) == (None, [])
    assert events(freed)[-1] == "Phoned Home", "the answer is made before the reclaim"
    assert newest(raw, FIRST) == "Machine Reclaim"
    cloud.control.life(advance=5)
    boot = ["Planned Reboot", "PXE Booting", "Preparing", "Registering", "Waiting"]
    assert events(get(raw))[-5:] == boot
    times = [event["time"] for event in get(raw)["events"]["log"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == 17


def test_time_goes_on_by_itself(cloud: MetalApi, raw: RawClient) -> None:
    cloud.control.life(paused=False, step=0.01)
    machine_id = allocated(raw)["id"]
    deadline = time.monotonic() + 10
    while newest(raw, machine_id) != "Phoned Home":
        assert time.monotonic() < deadline


def test_time_goes_on_with_the_clock(api: MetalApi, raw: RawClient) -> None:
    api.control.replace_state(**landscape())
    api.control.life(step=20)
    machine_id = allocated(raw)["id"]
    assert newest(raw, machine_id) == "Waiting"
    for shift in (61, 0):  # life does not go back
        api.control.shift_clock(shift)
        document = raw.v1("GET", f"/v1/machine/{machine_id}", role="admin").json()
        assert events(document) == ["Waiting", "Installing", "Booting New Kernel", "Phoned Home"]


def test_a_crash(cloud: MetalApi, raw: RawClient) -> None:
    cloud.control.life(crash={FIRST: True})
    allocated(raw, uuid=FIRST)
    cloud.control.life(advance=9)
    document = get(raw)
    assert events(document) == ["Waiting", "Installing", "Crashed"]
    assert document["events"]["crash_loop"] is True
    assert document["events"]["last_error_event"]["event"] == "Crashed"
    assert document["allocation"]["succeeded"] is False
    found = raw.v1("POST", "/v1/machine/issues/evaluate", {"severity": "major"}).json()
    assert found == [{"machineid": FIRST, "issues": ["crashloop"]}]
    cloud.control.life(crash={FIRST: False})
    raw.v1("DELETE", f"/v1/machine/{FIRST}/free")
    cloud.control.life(advance=5)
    assert newest(raw, FIRST) == "Waiting"
    assert get(raw)["events"]["crash_loop"] is False


@pytest.mark.parametrize(("allocate_first", "liveliness"), [(False, "Dead"), (True, "Unknown")])
def test_power_off_and_on(cloud: MetalApi, raw: RawClient, allocate_first: bool, liveliness: str) -> None:
    if allocate_first:
        allocated(raw, uuid=FIRST)
        cloud.control.life(advance=3)
    ready = newest(raw, FIRST)
    assert powerstate(raw) == "ON"
    answer = power(raw, "off")
    assert (answer.status, answer.json()["events"]["log"][0]["message"]) == (200, "OFF")
    assert (powerstate(raw), newest(raw, FIRST)) == ("ON", "Planned Reboot"), "metal-bmc has not reported yet"
    cloud.control.life(advance=1)
    assert (powerstate(raw), get(raw)["liveliness"]) == ("OFF", "Alive")
    cloud.control.life(advance=4)
    assert get(raw)["liveliness"] == liveliness
    assert power(raw, "reset").status == 200
    cloud.control.life(advance=9)
    assert (powerstate(raw), get(raw)["liveliness"]) == ("OFF", liveliness), "a reset switches nothing on"
    power(raw, "on")
    cloud.control.life(advance=4)
    assert (powerstate(raw), newest(raw, FIRST), get(raw)["liveliness"]) == ("ON", ready, "Alive")


@pytest.mark.parametrize("command", ["bios", "disk", "pxe", "on"])
def test_commands_that_change_nothing(cloud: MetalApi, raw: RawClient, command: str) -> None:
    before = get(raw)
    assert power(raw, command).status == 200
    cloud.control.life(advance=5)
    assert get(raw) == before
    assert power(raw, command, "none").status == 404


@pytest.mark.usefixtures("cloud")
def test_led(raw: RawClient) -> None:
    assert get(raw)["ledstate"] == {"value": "", "description": ""}
    answer = power(raw, "chassis-identify-led-on?description=broken")
    assert answer.json()["ledstate"] == get(raw)["ledstate"] == {"value": "LED-ON", "description": "broken"}
    power(raw, "chassis-identify-led-off")
    assert get(raw)["ledstate"] == {"value": "LED-OFF", "description": ""}


def test_states(cloud: MetalApi, raw: RawClient) -> None:
    def set_state(**body: str) -> Answer:
        return raw.v1("POST", f"/v1/machine/{FIRST}/state", body, role="edit")

    def find(value: str) -> list[str]:
        return [m["id"] for m in raw.v1("POST", "/v1/machine/find", {"state_value": value}).json()]

    assert set_state(value="LOCKED").json()["message"] == "you must supply a description"
    assert set_state(value="BROKEN", description="x").json()["message"] == "unknown MachineState:BROKEN"
    document = set_state(value="RESERVED", description="mine").json()
    shown = {
        "value": "RESERVED",
        "description": "mine",
        "issuer": "metal-edit@metal-stack.io",
        "metal_hammer_version": "",
    }
    assert document["state"] == shown
    assert (find("RESERVED"), find("TAINTED")) == ([], [FIRST]), "it is stored under another name"
    assert cloud.control.state()["machines"][0]["state"]["value"] == "TAINTED"
    assert {allocated(raw)["id"] for _unused in range(3)} == set(MACHINES[1:]), "never at random"
    assert allocate(raw).json()["message"] == "no machine available"
    assert allocated(raw, uuid=FIRST)["id"] == FIRST

    set_state(value="LOCKED", description="keep")
    answer = raw.v1("DELETE", f"/v1/machine/{FIRST}/free")
    assert (answer.status, answer.json()["message"]) == (422, "machine is locked")
    answer = raw.v1("POST", f"/v1/machine/{FIRST}/reinstall", {"id": FIRST, "imageid": IMAGE})
    message = "machine either locked, not allocated yet or invalid image ID specified"
    assert (answer.status, answer.json()["message"]) == (400, message)
    document = set_state(value="", description="").json()
    assert document["state"] == {"value": "", "description": "", "metal_hammer_version": ""}
    assert raw.v1("DELETE", f"/v1/machine/{FIRST}/free").status == 200


def test_reinstall_needs_an_exact_image_and_a_layout_that_wipes(cloud: MetalApi, raw: RawClient) -> None:
    def reinstall(image: str) -> Answer:
        return raw.v1("POST", f"/v1/machine/{FIRST}/reinstall", {"id": FIRST, "imageid": image}, role="edit")

    assert reinstall(IMAGE).status == 400
    allocated(raw, uuid=FIRST)
    assert reinstall("ubuntu-24.04").status == 404
    assert reinstall("").status == 400
    layouts = cloud.control.state()["filesystem_layouts"]
    layouts[0]["disks"][0]["wipeonreinstall"] = False
    cloud.control.change_state(filesystem_layouts=layouts)
    answer = reinstall(IMAGE)
    message = "filesystemlayout:default is not reinstallable, abort reinstallation"
    assert (answer.status, answer.json()["message"]) == (422, message)


def test_delete_from_the_database(cloud: MetalApi, raw: RawClient) -> None:
    def delete(machine_id: str) -> Answer:
        return raw.v1("DELETE", f"/v1/machine/{machine_id}", role="admin")

    switch = {"id": "leaf-1", "nics": [{"name": "swp1"}], "connections": [{"machine_id": FIRST, "nic": "swp1"}]}
    cloud.control.change_state(switches=[switch])
    alive = "can only delete dead machines, if you power off this machine it will reach dead state."
    assert (delete(FIRST).status, delete(FIRST).json()["message"]) == (422, alive)
    allocated(raw, uuid=MACHINES[1])
    assert delete(MACHINES[1]).json()["message"] == "cannot delete machine that is allocated"
    power(raw, "off")
    cloud.control.life(advance=6)
    assert delete(FIRST).status == 200
    assert delete(FIRST).status == 404
    assert cloud.control.state()["switches"][0]["connections"] == []
    assert FIRST not in [m["id"] for m in raw.v1("GET", "/v1/machine").json()]


@pytest.mark.usefixtures("cloud")
def test_without_an_event_container(raw: RawClient) -> None:
    reports = {MACHINES[0]: {"BMCIp": "10.255.0.9:623", "PowerState": "OFF"}, "new": {"BMCIp": "10.255.0.10:623"}}
    answer = raw.v1("POST", "/v1/machine/ipmi", {"partitionid": PARTITION, "reports": reports}, role="edit")
    assert answer.json() == {"updated": [MACHINES[0]], "created": ["new"]}
    (listed,) = raw.v1("POST", "/v1/machine/find", {"id": "new"}).json()
    assert (listed["liveliness"], listed["events"]["log"]) == ("", [])
    message = (
        'error finding provisioning event container for machine "new": '
        'no provisioningeventcontainer with id "new" found'
    )
    answers = [raw.v1("GET", "/v1/machine/new"), power(raw, "pxe", "new"), power(raw, "chassis-identify-led-on", "new")]
    assert [(answer.status, answer.json()["message"]) for answer in answers] == [(404, message)] * 3
    (listed,) = raw.v1("POST", "/v1/machine/find", {"id": "new"}).json()
    assert listed["ledstate"]["value"] == "LED-ON", "it was done nevertheless"
    evaluated = raw.v1("POST", "/v1/machine/issues/evaluate", {"id": "new"}).json()
    assert evaluated == [{"machineid": "new", "issues": ["no-event-container"]}]
    assert raw.v1("DELETE", "/v1/machine/new").status == 404
    assert raw.v1("POST", "/v1/machine/find", {"id": "new"}).json() == [], "it was done nevertheless"


@pytest.mark.usefixtures("cloud")
def test_tags(raw: RawClient) -> None:
    wanted = ["plain", "a=1", "a=2", "machine.metal-stack.io/rack=mine"]
    document = allocated(raw, uuid=FIRST, tags=wanted)
    (network,) = document["allocation"]["networks"]
    system = {
        "machine.metal-stack.io/rack=rack-1",
        "machine.metal-stack.io/chassis=chassis-1",
        f"machine.metal-stack.io/network.primary.asn={network['asn']}",
    }
    assert set(document["tags"]) == {"plain", "a=2", *system}
    assert document["tags"] != [*sorted(document["tags"])]

    update = {"id": FIRST, "description": "new", "tags": ["b=1"], "ssh_pub_keys": []}
    document = raw.v1("POST", "/v1/machine", update).json()
    assert set(document["tags"]) == {"b=1", *system}
    assert (document["allocation"]["description"], document["allocation"]["ssh_pub_keys"]) == ("new", [KEY])
    document = raw.v1("POST", "/v1/machine", {**update, "tags": []}).json()
    assert set(document["tags"]) == {"b=1", *system}, "they cannot be cleared"
    answer = raw.v1("POST", "/v1/machine", {"id": MACHINES[1], "description": "x"})
    assert (answer.status, answer.json()["message"]) == (400, "only allocated machines can be updated")
    assert raw.v1("POST", "/v1/machine", update, role="edit").status == 403


def test_nulls_and_zeros(cloud: MetalApi, raw: RawClient) -> None:
    bare = machine(FIRST, ipmi={"address": "10.255.0.1:623"})
    bare["allocation"] = {"project": PROJECT, "image": IMAGE, "ssh_pub_keys": None}
    cloud.control.change_state(machines=[bare])
    document = raw.v1("GET", f"/v1/machine/{FIRST}/ipmi", role="view").json()
    assert document["hardware"]["cpu_cores"] == 0
    assert document["allocation"]["ssh_pub_keys"] is None
    assert (document["ipmi"]["powermetric"], document["ipmi"]["powersupplies"]) == (None, None)
    assert "dns_servers" not in document["allocation"]


def test_the_bmc_is_shown_with_its_password(cloud: MetalApi, raw: RawClient) -> None:
    documents = raw.v1("POST", "/v1/machine/ipmi/find", {"ipmi_address": "10.255.0.2:623"}, role="view").json()
    assert [(d["id"], d["ipmi"]["password"], d["ipmi"]["mac"]) for d in documents] == [
        (MACHINES[1], "bmc-secret", "cc:cc:cc:cc:cc:02")
    ]
    assert "ipmi" not in get(raw)
    assert "bmc-secret" not in str(cloud.control.state())


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, MACHINES),
        ({"id": FIRST}, MACHINES[:1]),
        ({"name": "web-1"}, []),
        ({"allocation_name": "web-1"}, MACHINES[:1]),
        ({"allocation_hostname": "web-1", "allocation_image_id": IMAGE}, MACHINES[:1]),
        ({"allocation_role": "firewall"}, []),
        ({"allocation_project": PROJECT, "allocation_succeeded": False}, MACHINES[:1]),
        ({"allocation_succeeded": True}, []),
        ({"partition_id": PARTITION, "sizeid": SIZE, "rackid": "rack-0"}, [MACHINES[1], MACHINES[3]]),
        ({"tags": ["machine.metal-stack.io/rack=rack-1"]}, MACHINES[:1]),
        ({"network_ids": ["tenant"], "network_vrfs": [11]}, MACHINES[:1]),
        ({"network_ids": ["tenant", "other"]}, []),
        ({"network_prefixes": ["10.0.0.0/22"], "network_ips": ["10.0.0.1"]}, MACHINES[:1]),
        ({"network_destination_prefixes": ["0.0.0.0/0"]}, []),
        ({"network_asns": [4210000001]}, MACHINES[:1]),
        ({"nics_mac_addresses": ["aa:aa:aa:aa:aa:03"], "nics_names": ["lan0"]}, [MACHINES[2]]),
        ({"nics_neighbor_names": ["swp1"], "nics_neighbor_mac_addresses": ["bb"]}, MACHINES),
        ({"nics_vrfs": ["x"]}, []),
        ({"disk_names": ["/dev/sda"], "disk_sizes": [480_000_000_000]}, MACHINES),
        ({"disk_sizes": [1]}, []),
        ({"disk_names": ["/dev/sda", "/dev/sdb"]}, []),
        ({"nics_neighbor_names": ["swp1", "swp2"]}, []),
        ({"hardware_memory": 137438953472}, MACHINES),
        ({"hardware_memory": 1}, []),
        ({"ipmi_mac_address": "cc:cc:cc:cc:cc:04", "ipmi_user": "metal", "ipmi_interface": "lanplus"}, [MACHINES[3]]),
        ({"fru_chassis_part_serial": "chassis-2"}, [MACHINES[1]]),
        ({"fru_board_mfg": "x"}, []),
        ({"state_value": ""}, MACHINES),
    ],
)
def test_find(raw: RawClient, query: dict[str, Any], found: list[str]) -> None:
    allocated(raw, uuid=FIRST)
    assert [m["id"] for m in raw.v1("POST", "/v1/machine/find", query, role="view").json()] == found


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (allocation(networks=None), 400, "network ids cannot be nil"),
        (allocation(networks=[]), 400, "network ids cannot be empty"),
        (allocation(imageid="debian-12"), 400, "no image for id:debian-12 found"),
        (allocation(imageid=FIREWALL_IMAGE), 400, "given image is not usable for a machine, features: firewall"),
        (allocation(sizeid="s9"), 400, 'size:s9 not found err:no size with id "s9" found'),
        (allocation(partitionid=""), 400, "when no machine id is given, a partition id must be specified"),
        (allocation(uuid="none"), 400, "uuid given but no machine found with uuid:none"),
        (allocation(dns_servers=[{"ip": "x"}]), 400, "for dns server not correct"),
        (allocation(projectid=""), 422, "project id must be specified"),
        (allocation(projectid="none"), 404, 'no project with id "none" found'),
        (allocation(ssh_pub_keys=["rubbish"]), 422, "invalid public SSH key: rubbish"),
        (allocation(ips=["10.0.0"]), 422, '"10.0.0" is not a valid IP address'),
        (allocation(networks=[{"networkid": "tenant", "autoacquire": False}]), 422, "missing ip(s) for network(s)"),
        (allocation("none"), 404, 'unable to gather networks:no network with id "none" found'),
        (allocation(ips=["10.0.0.9"]), 404, 'unable to gather networks:no ip with id "10.0.0.9" found'),
        (allocation("underlay"), 422, "unable to gather networks:underlay networks are not allowed to be set"),
        (allocation("super"), 422, "unable to gather networks:private super networks are not allowed to be set"),
        (allocation("tenant", "tenant-2"), 422, "unable to gather networks:multiple private networks are specified"),
        (allocation("internet", "internet"), 422, "unable to gather networks:given network ids are not unique"),
        (allocation("internet"), 422, "unable to gather networks:no private network given"),
        (allocation("storage-own", "storage-own-2"), 422, "not allowed to be placed into multiple private, shared"),
        (allocation("tenant", "storage"), 422, "machines are not allowed to be placed into multiple private networks"),
        (allocation("other"), 422, "the given private network does not belong to the project"),
        (allocation("storage"), 422, "the given private network does not belong to the project"),
        (allocation("tenant-muc"), 422, "must be located in the partition where the machine is going to be placed"),
        (allocation(ips=[ADDRESS]), 422, "is not in any of the given networks, which is required"),
        (allocation(partitionid="muc-01"), 422, "no machine available"),
        (allocation(filesystemlayoutid="none"), 404, 'no filesystemlayout with id "none" found'),
    ],
)
def test_allocations_that_fail(cloud: MetalApi, raw: RawClient, body: Any, status: int, message: str) -> None:
    cloud.control.change_state(ips=[{"ipaddress": ADDRESS, "networkid": "internet", "projectid": PROJECT}])
    before = cloud.control.state()
    answer = raw.v1("POST", "/v1/machine/allocate", body, role="edit")
    assert answer.status == status, answer.body
    assert message in answer.json()["message"]
    after = cloud.control.state()
    assert (after["machines"], after["ips"]) == (before["machines"], before["ips"])


def test_networks_of_a_machine(cloud: MetalApi, raw: RawClient) -> None:
    cloud.control.change_state(
        ips=[{"ipaddress": ADDRESS, "networkid": "internet", "projectid": PROJECT, "type": "static", "tags": ["keep"]}]
    )
    document = allocated(raw, "storage-own", "internet", ips=[ADDRESS], uuid=FIRST)
    storage, internet = document["allocation"]["networks"]
    assert (storage["networktype"], storage["private"]) == ("privateprimaryshared", True)
    assert (storage["ips"], storage["vrf"], storage["projectid"]) == (["10.0.16.1"], 15, PROJECT)
    assert (storage["networktypev2"], storage["asn"]) == ("child-shared", internet["asn"])
    assert (internet["networktype"], internet["ips"], internet["nat"]) == ("external", [ADDRESS], True)
    assert internet["destinationprefixes"] == ["0.0.0.0/0"]
    assert document["allocation"]["image"]["id"] == IMAGE
    assert document["allocation"]["creator"] == "metal-edit@metal-stack.io"

    ips = {ip["ipaddress"]: ip for ip in cloud.control.state()["ips"]}
    tag = f"machine.metal-stack.io/id={FIRST}"
    assert (ips["10.0.16.1"]["type"], ips["10.0.16.1"]["tags"]) == ("ephemeral", [tag])
    assert set(ips[ADDRESS]["tags"]) == {"keep", tag}
    raw.v1("DELETE", f"/v1/machine/{FIRST}/free")
    assert [(ip["ipaddress"], ip["tags"]) for ip in cloud.control.state()["ips"]] == [(ADDRESS, ["keep"])]


@pytest.mark.usefixtures("cloud")
def test_an_image_is_resolved_and_used(raw: RawClient) -> None:
    document = allocated(raw, imageid="ubuntu-24.04")
    assert document["allocation"]["image"]["id"] == NEWER_IMAGE
    images = raw.v1("GET", "/v1/image?show-usage=true").json()
    assert {image["id"]: image["usedby"] for image in images} == {
        IMAGE: None,
        NEWER_IMAGE: [document["id"]],
        FIREWALL_IMAGE: None,
    }
    assert raw.v1("DELETE", f"/v1/image/{NEWER_IMAGE}").status == 422


@pytest.mark.usefixtures("cloud")
def test_machines_are_spread_over_racks(raw: RawClient) -> None:
    assert {allocated(raw)["rackid"] for _unused in range(2)} == {"rack-0", "rack-1"}
    assert len({machine["id"] for machine in (allocated(raw), allocated(raw))}) == 2
    assert allocate(raw).status == 422


def test_networks_that_are_full(cloud: MetalApi, raw: RawClient) -> None:
    networks = cloud.control.state()["networks"]
    for network in networks:
        if network["id"] == "internet":
            network["prefixes"] = ["203.0.113.0/30"]
    cloud.control.change_state(networks=networks)
    assert allocate(raw, "tenant", "internet").status == 200
    assert allocate(raw, "tenant", "internet").status == 200
    before = cloud.control.state()["ips"]
    answer = allocate(raw, "tenant", "internet")
    message = "unable to make networks:unable to allocate an ip in network: internet"
    assert (answer.status, answer.json()["message"].startswith(message)) == (422, True)
    assert cloud.control.state()["ips"] == before, "what was acquired already is given back"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/machine", {"id": FIRST, "description": "x"}),
        ("POST", f"/v1/machine/{FIRST}/state", {"value": "LOCKED", "description": "x"}),
        ("POST", f"/v1/machine/{FIRST}/reinstall", {"id": FIRST, "imageid": IMAGE}),
        ("POST", f"/v1/machine/{FIRST}/power/chassis-identify-led-on", {}),
        ("DELETE", f"/v1/machine/{FIRST}/free", None),
        ("POST", "/v1/machine/allocate", allocation(uuid=MACHINES[1])),
    ],
)
def test_race(cloud: MetalApi, raw: RawClient, method: str, path: str, body: Any) -> None:
    allocated(raw, uuid=FIRST)
    before = cloud.control.state()
    cloud.control.add_fault("race", path=path.removesuffix("?"), count=1)
    answer = raw.v1(method, path, body)
    assert (answer.status, "the entity was changed from another, please retry" in answer.json()["message"]) == (
        409,
        True,
    )
    after = cloud.control.state()
    assert [m["allocation"] for m in after["machines"]] == [m["allocation"] for m in before["machines"]]
    assert sorted(ip["ipaddress"] for ip in after["ips"]) == sorted(ip["ipaddress"] for ip in before["ips"])
    assert raw.v1(method, path, body).status == 200


def test_console_password(cloud: MetalApi, raw: RawClient) -> None:
    def ask(reason: str) -> Answer:
        return raw.v1("GET", "/v1/machine/consolepassword", {"id": FIRST, "reason": reason}, role="edit")

    assert ask("short").status == 400
    assert (ask("incident 4711").status, ask("incident 4711").json()["statuscode"]) == (422, 422)
    allocated(raw, uuid=FIRST)
    answer = ask("incident 4711")
    assert (answer.status, len(answer.json()["console_password"])) == (200, 16)
    assert answer.json()["console_password"] not in str(cloud.control.state())


def test_issues(cloud: MetalApi, raw: RawClient) -> None:
    known = raw.v1("GET", "/v1/machine/issues", role="view").json()
    assert [issue["id"] for issue in known][:3] == ["no-partition", "liveliness-dead", "liveliness-unknown"]
    assert {issue["severity"] for issue in known} == {"minor", "major", "critical"}

    def evaluate(**body: Any) -> Any:
        return raw.v1("POST", "/v1/machine/issues/evaluate", body, role="view").json()

    assert evaluate() is None, "without any issue it is null, not an empty list"
    machines = [
        machine(MACHINES[0], partition="", liveliness="Dead"),
        machine(MACHINES[1], events={"log": [{"event": "Phoned Home", "time": "2026-01-01T00:00:00Z"}]}),
        machine(MACHINES[2], ipmi={**machine(MACHINES[3])["ipmi"], "mac": "", "last_updated": "2026-01-01T00:00:00Z"}),
        machine(MACHINES[3]),
    ]
    cloud.control.change_state(machines=machines)
    found = {entry["machineid"]: entry["issues"] for entry in evaluate()}
    assert found == {
        MACHINES[0]: ["no-partition", "liveliness-dead"],
        MACHINES[1]: ["failed-machine-reclaim"],
        MACHINES[2]: ["bmc-without-mac", "bmc-info-outdated", "bmc-no-distinct-ip"],
        MACHINES[3]: ["bmc-no-distinct-ip"],
    }
    assert evaluate(severity="critical") == [{"machineid": MACHINES[1], "issues": ["failed-machine-reclaim"]}]
    assert evaluate(only=["no-partition"]) == [{"machineid": MACHINES[0], "issues": ["no-partition"]}]
    assert evaluate(only=["no-partition"], omit=["no-partition"]) is None
    assert evaluate(only=["none"])["message"] == "unknown issue type: none"
    assert evaluate(severity="huge")["message"] == "unknown issue severity: huge"


def test_capacity(cloud: MetalApi, raw: RawClient) -> None:
    allocated(raw, uuid=FIRST)
    raw.v1("POST", f"/v1/machine/{MACHINES[1]}/state", {"value": "LOCKED", "description": "x"})
    power(raw, "off", MACHINES[2])
    cloud.control.life(advance=6)
    body = {"projectid": PROJECT}
    (partition,) = raw.v1("POST", "/v1/partition/capacity", body, role="view").json()
    assert partition["id"] == PARTITION
    assert partition["servers"] == [
        {
            "size": SIZE,
            "total": 4,
            "allocated": 1,
            "allocatable": 1,
            "free": 1,
            "unavailable": 2,
            "phoned_home": 1,
            "waiting": 2,
            "other": 1,
            "othermachines": [MACHINES[2]],
            "faulty": 1,
            "faultymachines": [MACHINES[2]],
        }
    ]
    assert raw.v1("POST", "/v1/partition/capacity", {**body, "sizeid": "other"}).json() == []


def test_state_and_back(cloud: MetalApi, raw: RawClient) -> None:
    allocated(raw, uuid=FIRST, tags=["a=1"])
    firewall_id = raw.v1("POST", "/v1/firewall/allocate", firewall(uuid=MACHINES[1])).json()["id"]
    cloud.control.life(advance=3)
    listed = raw.v1("GET", "/v1/machine").json()
    state = cloud.control.state()
    state.pop("components")
    cloud.control.replace_state(**state)
    cloud.control.life(paused=True)
    again = raw.v1("GET", "/v1/machine").json()
    for one in listed:
        if one["allocation"]:
            one["allocation"].pop("vpn")
    for one in again:
        if one["allocation"]:
            one["allocation"].pop("vpn")
    assert again == listed
    assert raw.v1("GET", f"/v1/firewall/{firewall_id}").status == 200


def test_life_that_goes_on_with_each_request(cloud: MetalApi, raw: RawClient) -> None:
    cloud.control.life(per_request=1, paused=False)
    allocated(raw, uuid=FIRST)
    looks = [raw.v1("GET", f"/v1/machine/{FIRST}").json()["events"]["log"][0]["event"] for _look in range(3)]
    assert looks == ["Installing", "Booting New Kernel", "Phoned Home"]


def test_state_that_is_brought_back_keeps_the_lives_of_machines(cloud: MetalApi, raw: RawClient) -> None:
    allocated(raw, uuid=FIRST)
    cloud.control.life(advance=3)
    before = raw.v1("GET", "/v1/machine").json()
    cloud.control.keep_state()
    for _time in range(2):
        assert raw.v1("DELETE", f"/v1/machine/{FIRST}/free").status == 200
        cloud.control.life(advance=3)
        assert raw.v1("GET", "/v1/machine").json() != before
        cloud.control.restore_state()
        assert raw.v1("GET", "/v1/machine").json() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": 0}, "'step' is the number of seconds"),
        ({"paused": 1}, "'paused' is true or false"),
        ({"advance": -1}, "'advance' is a number of steps"),
        ({"per_request": -1}, "'per_request' is a number of steps, 0 for none"),
        ({"crash": {"none": True}}, "there is no machine 'none'"),
        ({"speed": 1}, "there is no 'speed' in 'life'"),
    ],
)
def test_wrong_lives(cloud: MetalApi, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        cloud.control.life(**settings)


def test_many_machines(api: MetalApi, raw: RawClient) -> None:
    """What the benchmark of the inventory builds on."""
    sections = landscape()
    sections["machines"] = [
        {**machine(FIRST), "id": f"{number:08}", "allocation": {"project": PROJECT, "image": IMAGE}}
        for number in range(5000)
    ]
    api.control.replace_state(**sections)
    listed = raw.v1("GET", "/v1/machine").json()
    assert len(listed) == 5000
    assert raw.v1("GET", "/v1/machine").json() == listed
