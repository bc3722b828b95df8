# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: firewalls, their rules and networks, and switches, on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .landscape import (
    FIREWALL_IMAGE,
    IMAGE,
    MACHINES,
    OTHER_PROJECT,
    PARTITION,
    PROJECT,
    allocation,
    firewall,
    landscape,
)
from .requests import Answer, RawClient

SWITCHES: list[dict[str, Any]] = [
    {
        "id": "leaf-1",
        "name": "leaf-1",
        "partition_id": PARTITION,
        "rack_id": "rack-1",
        "os": {"vendor": "SONiC", "version": "4.2"},
        "console_command": "ssh leaf-1",
        "nics": [{"name": "Ethernet0", "vrf": "default", "actual": "UP"}, {"name": "Ethernet4"}, {"name": "Ethernet8"}],
        "connections": [
            {"machine_id": MACHINES[0], "nic": "Ethernet0"},
            {"machine_id": MACHINES[1], "nic": "Ethernet4"},
        ],
    },
    {
        "id": "leaf-2",
        "name": "leaf-2",
        "partition_id": PARTITION,
        "rack_id": "rack-1",
        "os": {"vendor": "Cumulus"},
        "nics": [{"name": name} for name in ("Ethernet0", "Ethernet4", "Ethernet8")],
    },
]


@pytest.fixture
def cloud(api: MetalApi) -> MetalApi:
    api.control.replace_state(**landscape(switches=SWITCHES))
    api.control.life(paused=True)
    return api


def allocate(raw: RawClient, *networks: str, **settings: Any) -> Answer:
    return raw.v1("POST", "/v1/firewall/allocate", firewall(*networks, **settings), role="edit")


@pytest.mark.usefixtures("cloud")
def test_networks_of_a_firewall(raw: RawClient) -> None:
    answer = allocate(raw, "tenant", "internet", "storage", "storage-own", uuid=MACHINES[0])
    assert answer.status == 200, answer.body
    document = answer.json()
    networks = {network["networkid"]: network for network in document["allocation"]["networks"]}
    assert {name: network["networktype"] for name, network in networks.items()} == {
        "tenant": "privateprimaryunshared",
        "internet": "external",
        "storage": "privatesecondaryshared",
        "storage-own": "privatesecondaryshared",
        "underlay": "underlay",
    }
    assert networks["storage"]["projectid"] == OTHER_PROJECT
    assert networks["storage"]["ips"] == ["10.0.12.1"]
    assert networks["underlay"]["underlay"] is True
    (asn,) = {network["asn"] for network in networks.values()}
    assert asn >= 4210000000
    (ip,) = raw.v1("POST", "/v1/ip/find", {"ipaddress": "10.0.12.1"}, role="view").json()
    assert (ip["projectid"], ip["type"]) == (PROJECT, "ephemeral")

    other = raw.v1("POST", "/v1/machine/allocate", allocation(uuid=MACHINES[1])).json()
    assert other["allocation"]["networks"][0]["asn"] != asn
    assert [m["id"] for m in raw.v1("GET", "/v1/firewall", role="view").json()] == [MACHINES[0]]
    found = raw.v1("POST", "/v1/firewall/find", {"allocation_role": "machine"}, role="view").json()
    assert [m["id"] for m in found] == [MACHINES[0]], "the role cannot be chosen"
    answer = raw.v1("GET", f"/v1/firewall/{MACHINES[1]}")
    assert (answer.status, answer.json()["message"]) == (404, "machine is not a firewall")


@pytest.mark.usefixtures("cloud")
def test_rules(raw: RawClient) -> None:
    rules = {
        "egress": [{"protocol": "TCP", "ports": [443], "to": ["0.0.0.0/0"], "comment": "https out"}, {"to": []}],
        "ingress": [{"protocol": "udp", "ports": [53], "from": ["10.0.0.0/8"], "to": ["10.0.0.1/32"]}],
    }
    document = allocate(raw, firewall_rules=rules).json()
    assert document["allocation"]["firewall_rules"] == {
        "egress": [
            {"protocol": "tcp", "ports": [443], "to": ["0.0.0.0/0"], "comment": "https out"},
            {"protocol": "tcp", "ports": [], "to": []},
        ],
        "ingress": [{"protocol": "udp", "ports": [53], "from": ["10.0.0.0/8"], "to": ["10.0.0.1/32"]}],
    }


@pytest.mark.parametrize(
    ("kind", "rule", "message"),
    [
        ("egress", {"protocol": "icmp"}, "no such protocol: icmp"),
        ("egress", {"comment": "tcp/443"}, "egress rule with error:illegal character in comment found"),
        ("egress", {"comment": "a" * 101}, "egress rule with error:comments can not exceed 100 characters"),
        ("ingress", {"ports": [65536]}, "ingress rule with error:port is out of range"),
        ("ingress", {"ports": [-1]}, "ingress rule with error:port is out of range"),
        ("ingress", {"from": ["10.0.0.1"]}, "ingress rule with error:invalid cidr"),
        ("egress", {"to": ["10.0.0.300/8"]}, "egress rule with error:invalid cidr"),
        ("ingress", {"from": ["10.0.0.0/8"], "to": ["::/0"]}, "mixed address family in one rule is not supported"),
    ],
)
def test_wrong_rules(cloud: MetalApi, raw: RawClient, kind: str, rule: dict[str, Any], message: str) -> None:
    answer = allocate(raw, firewall_rules={kind: [rule]})
    assert (answer.status, message in answer.json()["message"]) == (400, True), answer.body
    assert all(machine["allocation"] is None for machine in cloud.control.state()["machines"])


@pytest.mark.parametrize(
    ("networks", "settings", "status", "message"),
    [
        (("tenant",), {"imageid": IMAGE}, 400, "given image is not usable for a firewall, features: machine"),
        (("storage-own", "storage-own-2"), {}, 422, "firewall needs an unshared private network"),
        (("tenant", "tenant-2"), {}, 422, "multiple private networks are specified"),
        (("storage", "internet"), {}, 422, "the given private network does not belong to the project"),
        (("underlay", "tenant"), {}, 422, "underlay networks are not allowed to be set explicitly: underlay"),
        (
            (),
            {"networks": [{"networkid": "tenant", "autoacquire": False}]},
            422,
            "when no ip is given at least one auto acquire network must be specified",
        ),
    ],
)
@pytest.mark.usefixtures("cloud")
def test_firewalls_that_fail(
    raw: RawClient, networks: tuple[str, ...], settings: dict[str, Any], status: int, message: str
) -> None:
    answer = allocate(raw, *networks, **settings)
    assert (answer.status, message in answer.json()["message"]) == (status, True), answer.body


def test_a_shared_network_alone_becomes_primary(cloud: MetalApi, raw: RawClient) -> None:
    document = allocate(raw, "storage-own", "internet").json()
    assert document["allocation"]["networks"][0]["networktype"] == "privateprimaryshared"
    state = cloud.control.state()
    cloud.control.change_state(networks=[network for network in state["networks"] if network["id"] != "underlay"])
    answer = allocate(raw, "storage-own", "internet")
    message = f"unable to gather networks:no underlay found in the given partition:{PARTITION}"
    assert (answer.status, answer.json()["message"]) == (422, message)


@pytest.mark.usefixtures("cloud")
def test_quota_of_a_project(raw: RawClient) -> None:
    raw.v1("GET", "/v1/project")
    document = raw.v1("GET", f"/v1/project/{PROJECT}").json()
    document["quotas"] = {"machine": {"quota": 1}}
    assert raw.v1("POST", "/v1/project", document).status == 200
    assert allocate(raw).status == 200
    answer = allocate(raw)
    assert (answer.status, answer.json()["message"]) == (422, "project quota for machines reached max:1")


@pytest.mark.usefixtures("cloud")
def test_switches(raw: RawClient) -> None:
    listed = raw.v1("GET", "/v1/switch", role="view").json()
    assert [(s["id"], s["partition"]["id"], s["mode"]) for s in listed] == [
        ("leaf-1", PARTITION, "operational"),
        ("leaf-2", PARTITION, "operational"),
    ]
    assert raw.v1("GET", "/v1/switch/leaf-1", role="view").json() == listed[0]
    found = raw.v1("POST", "/v1/switch/find", {"osvendor": "Cumulus", "rackid": "rack-1"}, role="view").json()
    assert [s["id"] for s in found] == ["leaf-2"]
    changed = raw.v1("POST", "/v1/switch", {"id": "leaf-1", "description": "x", "name": "y", "mode": "replace"}).json()
    assert (changed["name"], changed["description"], changed["mode"]) == ("leaf-1", "x", "replace")
    assert changed["console_command"] == "", "what is not given is overwritten"
    assert raw.v1("POST", "/v1/switch", {"id": "leaf-1"}, role="edit").status == 403


@pytest.mark.usefixtures("cloud")
def test_ports_of_a_switch(raw: RawClient) -> None:
    def toggle(nic: str, status: str) -> Answer:
        return raw.v1("POST", "/v1/switch/leaf-1/port", {"nic": nic, "status": status})

    assert toggle("Ethernet0", "UNKNOWN").status == 400
    assert toggle("Ethernet99", "UP").status == 404
    answer = toggle("Ethernet8", "UP")
    message = 'switch "leaf-1" does not have a connected machine at port "Ethernet8"'
    assert (answer.status, answer.json()["message"]) == (400, message)
    document = toggle("ethernet0", "DOWN").json()
    assert document["nics"][0]["actual"] == "DOWN", "what is wanted"
    assert document["connections"][0]["nic"]["actual"] == "UP", "what the switch reported"


@pytest.mark.usefixtures("cloud")
def test_what_a_machine_may_announce(raw: RawClient) -> None:
    raw.v1("POST", "/v1/machine/allocate", allocation(uuid=MACHINES[1]))
    raw.v1("POST", "/v1/ip/allocate/203.0.113.9", {"networkid": "internet", "projectid": PROJECT, "type": "static"})
    allocate(raw, uuid=MACHINES[0], imageid=FIREWALL_IMAGE)
    nics = {nic["name"]: nic for nic in raw.v1("GET", "/v1/switch/leaf-1").json()["nics"]}
    assert {"10.0.0.0/22", "10.240.0.0/12", "203.0.113.9/32"} <= set(nics["Ethernet4"]["filter"]["cidrs"])
    assert nics["Ethernet0"]["filter"] == {"vnis": ["11", "104009"], "cidrs": ["10.1.0.1/32"]}
    assert nics["Ethernet8"]["filter"] is None


@pytest.mark.usefixtures("cloud")
def test_migrate_and_delete_a_switch(raw: RawClient) -> None:
    answer = raw.v1("DELETE", "/v1/switch/leaf-1", role="edit")
    assert (answer.status, "still has machines connected" in answer.json()["message"]) == (400, True)
    move = {"old_switch_id": "leaf-1", "new_switch_id": "leaf-2"}
    document = raw.v1("POST", "/v1/switch/migrate", move).json()
    assert [connection["machine_id"] for connection in document["connections"]] == MACHINES[:2]
    assert document["nics"][0]["vrf"] == "default"
    assert raw.v1("POST", "/v1/switch/migrate", move).status == 400
    assert raw.v1("DELETE", "/v1/switch/leaf-1", role="edit").status == 200
    assert raw.v1("DELETE", "/v1/switch/leaf-2?force=true", role="edit").status == 200
    assert raw.v1("GET", "/v1/switch").json() == []
