# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: machines and switches, driven by the official client of PyPI (metal-stack-api)."""

from __future__ import annotations

import time
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.admin.v2 import machine_pb2 as admin_machine_pb2  # type: ignore[import-untyped]
from metalstack.admin.v2 import switch_pb2 as admin_switch_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import common_pb2, machine_pb2  # type: ignore[import-untyped]
from metalstack.client.client import Client  # type: ignore[import-untyped]

from tests.emulators.metal_api.process import MetalApi

from .landscape import FIREWALL_IMAGE, IMAGE, KEY, MACHINES, OTHER_PROJECT, PARTITION, PROJECT, SIZE, landscape

PHONED_HOME = machine_pb2.MACHINE_PROVISIONING_EVENT_TYPE_PHONED_HOME
WAITING = machine_pb2.MACHINE_PROVISIONING_EVENT_TYPE_WAITING
FIREWALL = machine_pb2.MACHINE_ALLOCATION_TYPE_FIREWALL
MACHINE = machine_pb2.MACHINE_ALLOCATION_TYPE_MACHINE


class Cloud:
    """The API as an editor of a project, and as an administrator, see it."""

    def __init__(self, api: MetalApi) -> None:
        self.api = api
        client = Client(api.v2)
        self.machines, self.admin = client.apiv2().machine(), client.adminv2().machine()
        self.switches = client.adminv2().switch()
        token = api.control.token([], user="ann", project_roles={PROJECT: "EDITOR"})
        self.mine = {"Authorization": f"Bearer {token}"}
        self.all = {"Authorization": f"Bearer {api.control.token([], admin_role='EDITOR')}"}

    def create(self, *networks: str, headers: dict[str, str] | None = None, **settings: Any) -> Any:
        wish = {
            "project": PROJECT,
            "partition": PARTITION,
            "size": SIZE,
            "image": IMAGE,
            "name": "web-1",
            "ssh_public_keys": [KEY],
            "allocation_type": MACHINE,
            "networks": [{"network": network} for network in networks or ("tenant",)],
            **settings,
        }
        request = machine_pb2.MachineServiceCreateRequest(**{k: v for k, v in wish.items() if v is not None})
        return self.machines.create(request=request, headers=headers or self.mine).machine

    def get(self, machine_id: str) -> Any:
        request = admin_machine_pb2.MachineServiceGetRequest(uuid=machine_id)
        return self.admin.get(request=request, headers=self.all).machine

    def list(self, **query: Any) -> list[str]:
        request = admin_machine_pb2.MachineServiceListRequest(query=query)
        return [machine.uuid for machine in self.admin.list(request=request, headers=self.all).machines]

    def until(self, machine_id: str, event: int) -> Any:
        deadline = time.monotonic() + 20
        while (machine := self.get(machine_id)).recent_provisioning_events.events[0].event != event:
            assert time.monotonic() < deadline
        return machine


@pytest.fixture
def cloud(api: MetalApi) -> Cloud:
    api.control.replace_state(**landscape())
    return Cloud(api)


def test_life_of_a_machine(cloud: Cloud) -> None:
    created = cloud.create(labels={"labels": {"team": "a", "old": "x"}}, image="ubuntu-24.04")
    assert created.allocation.created_by == "ann"
    machine = cloud.until(created.uuid, PHONED_HOME)
    assert machine.status.liveliness == machine_pb2.MACHINE_LIVELINESS_ALIVE
    assert machine.status.condition.state == machine_pb2.MACHINE_STATE_AVAILABLE
    assert (machine.partition.id, machine.size.id) == (PARTITION, SIZE)
    (network,) = machine.allocation.networks
    assert (network.network, list(network.ips), network.vrf) == ("tenant", ["10.0.0.1"], 11)
    assert sum(cpu.cores for cpu in machine.hardware.cpus) == 8

    update = {"update": {"labels": {"new": "y"}}, "remove": ["old"]}
    request = machine_pb2.MachineServiceUpdateRequest(
        uuid=machine.uuid,
        project=PROJECT,
        description="changed",
        labels={"patch": update},
        update_meta={"updated_at": machine.meta.updated_at},
    )
    changed = cloud.machines.update(request=request, headers=cloud.mine).machine
    assert dict(changed.allocation.meta.labels.labels) == {"team": "a", "new": "y"}
    assert (changed.allocation.description, list(changed.allocation.ssh_public_keys)) == ("changed", [KEY])
    with pytest.raises(ConnectError) as aborted:
        cloud.machines.update(request=request, headers=cloud.mine)
    assert aborted.value.code == Code.ABORTED
    request.update_meta.locking_strategy = common_pb2.OPTIMISTIC_LOCKING_STRATEGY_SERVER
    cloud.machines.update(request=request, headers=cloud.mine)
    cloud.api.control.add_fault("race", path="MachineService/Update", count=1)
    with pytest.raises(ConnectError) as aborted:
        cloud.machines.update(request=request, headers=cloud.mine)
    assert aborted.value.code == Code.ABORTED

    listed = machine_pb2.MachineServiceListRequest(project=PROJECT)
    assert len(cloud.machines.list(request=listed, headers=cloud.mine).machines) == 1
    request = machine_pb2.MachineServiceDeleteRequest(uuid=machine.uuid, project=PROJECT)
    deleted = cloud.machines.delete(request=request, headers=cloud.mine).machine
    assert deleted.allocation.name == "web-1"
    assert deleted.meta.deletion_task_id
    cloud.until(machine.uuid, WAITING)
    assert cloud.api.control.state()["ips"] == []
    with pytest.raises(ConnectError) as gone:
        cloud.machines.delete(request=request, headers=cloud.mine)
    assert gone.value.code == Code.NOT_FOUND


def test_a_firewall(cloud: Cloud) -> None:
    rules = {
        "egress": [{"protocol": machine_pb2.IP_PROTOCOL_TCP, "ports": [443], "to": ["0.0.0.0/0"], "comment": "out"}],
        "ingress": [{"protocol": machine_pb2.IP_PROTOCOL_UDP, "ports": [53], "from": ["10.0.0.0/8"]}],
    }
    firewall = cloud.create(
        "tenant",
        "internet",
        "storage",
        allocation_type=FIREWALL,
        image=FIREWALL_IMAGE,
        firewall_spec={"firewall_rules": rules},
    )
    assert [network.network for network in firewall.allocation.networks] == [
        "tenant",
        "internet",
        "storage",
        "underlay",
    ]
    assert list(firewall.allocation.firewall_rules.egress[0].ports) == [443]
    assert list(getattr(firewall.allocation.firewall_rules.ingress[0], "from")) == ["10.0.0.0/8"]
    assert cloud.list(allocation={"allocation_type": FIREWALL}) == [firewall.uuid]


@pytest.mark.parametrize(
    ("networks", "settings", "code", "message"),
    [
        (("tenant", "tenant-2"), {}, Code.INVALID_ARGUMENT, "exactly one child or child_shared network"),
        (("other",), {}, Code.INVALID_ARGUMENT, "is project scoped but not part of project"),
        (("tenant-muc",), {}, Code.INVALID_ARGUMENT, "must be located in the partition"),
        (("underlay",), {}, Code.INVALID_ARGUMENT, "underlays cannot be specified"),
        (("super",), {}, Code.INVALID_ARGUMENT, "super networks can not be specified"),
        (("storage",), {}, Code.INVALID_ARGUMENT, "the given private network does not belong to the project"),
        (("none",), {}, Code.NOT_FOUND, 'no network with id "none" found'),
        (("tenant",), {"image": FIREWALL_IMAGE}, Code.INVALID_ARGUMENT, "is not allowed for machines"),
        (("tenant",), {"ssh_public_keys": ["x"]}, Code.INVALID_ARGUMENT, "invalid public SSH key"),
        (("tenant",), {"uuid": MACHINES[0], "partition": None, "size": None}, Code.UNAUTHENTICATED, "only admins can"),
        (
            ("tenant",),
            {"allocation_type": FIREWALL, "image": FIREWALL_IMAGE},
            Code.INVALID_ARGUMENT,
            "firewalls must be allocated in at least one external network",
        ),
        (
            ("tenant", "internet", "storage", "storage-own"),
            {"allocation_type": FIREWALL, "image": FIREWALL_IMAGE},
            Code.INVALID_ARGUMENT,
            "more than one child_shared network",
        ),
    ],
)
def test_machines_that_cannot_be_had(
    cloud: Cloud, networks: tuple[str, ...], settings: dict[str, Any], code: Code, message: str
) -> None:
    with pytest.raises(ConnectError) as refused:
        cloud.create(*networks, **settings)
    assert refused.value.code == code
    assert message in refused.value.message
    assert cloud.api.control.state()["ips"] == []


def test_a_machine_by_name_and_when_none_is_left(cloud: Cloud) -> None:
    named = cloud.create(uuid=MACHINES[3], partition=None, size=None, headers=cloud.all)
    assert named.uuid == MACHINES[3]
    assert {cloud.create().uuid for _unused in range(3)} == set(MACHINES[:3])
    with pytest.raises(ConnectError) as none_left:
        cloud.create()
    assert (none_left.value.code, none_left.value.message) == (Code.RESOURCE_EXHAUSTED, "no machine available")


def test_another_project(cloud: Cloud) -> None:
    machine = cloud.create()
    request = machine_pb2.MachineServiceGetRequest(uuid=machine.uuid, project=OTHER_PROJECT)
    with pytest.raises(ConnectError) as refused:
        cloud.machines.get(request=request, headers=cloud.mine)
    assert refused.value.code == Code.PERMISSION_DENIED
    assert f'allowed subjects are:["{PROJECT}"]' in refused.value.message
    with pytest.raises(ConnectError) as missing:
        cloud.machines.get(request=request, headers=cloud.all)
    assert missing.value.code == Code.NOT_FOUND


def test_power(cloud: Cloud) -> None:
    def command(machine_id: str, name: str) -> None:
        value = machine_pb2.MachineBMCCommand.Value(f"MACHINE_BMC_COMMAND_{name}")
        request = admin_machine_pb2.MachineServiceBMCCommandRequest(uuid=machine_id, command=value)
        cloud.admin.b_m_c_command(request=request, headers=cloud.all)

    def bmc() -> Any:
        request = admin_machine_pb2.MachineServiceGetBMCRequest(uuid=MACHINES[0])
        return cloud.admin.get_b_m_c(request=request, headers=cloud.all).bmc_details.bmc_report

    assert (bmc().bmc.power_state, bmc().bmc.password) == ("ON", "bmc-secret")
    command(MACHINES[0], "OFF")
    command(MACHINES[0], "IDENTIFY_LED_ON")
    cloud.api.control.life(advance=6)
    assert (bmc().bmc.power_state, bmc().led_state.value) == ("OFF", "LED-ON")
    assert cloud.get(MACHINES[0]).status.liveliness == machine_pb2.MACHINE_LIVELINESS_DEAD
    issues = cloud.admin.issues(request=admin_machine_pb2.MachineServiceIssuesRequest(), headers=cloud.all).issues
    assert [(one.uuid, [issue.type for issue in one.issues]) for one in issues] == [
        (MACHINES[0], [machine_pb2.MACHINE_ISSUE_TYPE_LIVELINESS_DEAD])
    ]
    machines = landscape()["machines"]
    cloud.api.control.change_state(machines=[{**machines[0], "ipmi": {"address": "10.0.0.1:623"}}])
    with pytest.raises(ConnectError) as unknown:
        command(MACHINES[0], "ON")
    assert unknown.value.code == Code.FAILED_PRECONDITION


def test_states(cloud: Cloud) -> None:
    def set_state(name: str, description: str = "") -> Any:
        state = machine_pb2.MachineState.Value(f"MACHINE_STATE_{name}")
        request = admin_machine_pb2.MachineServiceSetStateRequest(
            uuid=MACHINES[0], state=state, description=description
        )
        return cloud.admin.set_state(request=request, headers=cloud.all).machine.status.condition

    assert (set_state("TAINTED", "broken").issuer, cloud.list(state="MACHINE_STATE_TAINTED")) == (
        "metal-stack",
        MACHINES[:1],
    )
    with pytest.raises(ConnectError, match="must made available first") as refused:
        set_state("LOCKED", "keep")
    assert refused.value.code == Code.FAILED_PRECONDITION
    with pytest.raises(ConnectError, match="description must not be provided"):
        set_state("AVAILABLE", "x")
    set_state("AVAILABLE")
    assert set_state("LOCKED", "keep").state == machine_pb2.MACHINE_STATE_LOCKED
    delete = admin_machine_pb2.MachineServiceDeleteRequest(uuid=MACHINES[0])
    with pytest.raises(ConnectError) as panicked:
        cloud.admin.delete(request=delete, headers=cloud.all)
    assert panicked.value.code == Code.INTERNAL


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, MACHINES),
        ({"uuid": MACHINES[0]}, MACHINES[:1]),
        ({"rack": "rack-0"}, [MACHINES[1], MACHINES[3]]),
        ({"partition": "muc-01"}, MACHINES),  # it is overwritten
        ({"waiting": True}, MACHINES[1:]),
        ({"not_allocated": True}, MACHINES[1:]),
        ({"allocation": {"project": PROJECT, "name": "web-1"}}, MACHINES[:1]),
        ({"allocation": {"labels": {"labels": {"team": "a"}}}}, MACHINES[:1]),
        ({"allocation": {"labels": {"labels": {"team": "b"}}}}, []),
        ({"labels": {"labels": {"machine.metal-stack.io/rack": "rack-1"}}}, MACHINES[:1]),
        ({"network": {"networks": ["tenant"], "ips": ["10.0.0.1"]}}, MACHINES[:1]),
        ({"nic": {"macs": ["aa:aa:aa:aa:aa:03"]}}, [MACHINES[2]]),
        ({"disk": {"names": ["/dev/sda"]}, "hardware": {"memory": 137438953472}}, MACHINES),
        ({"bmc": {"address": "10.255.0.2"}}, [MACHINES[1]]),
        ({"fru": {"chassis_part_serial": "chassis-2"}}, [MACHINES[1]]),
    ],
)
def test_queries(cloud: Cloud, query: dict[str, Any], found: list[str]) -> None:
    labels = {"labels": {"team": "a"}}
    cloud.create(uuid=MACHINES[0], partition=None, size=None, headers=cloud.all, labels=labels)
    assert cloud.list(**query) == found


def test_switches(cloud: Cloud) -> None:
    switch = {
        "id": "leaf-1",
        "partition_id": PARTITION,
        "rack_id": "rack-1",
        "nics": [{"name": "Ethernet0", "actual": "UP", "desired": "DOWN"}],
        "connections": [{"machine_id": MACHINES[0], "nic": "Ethernet0"}],
    }
    cloud.api.control.change_state(switches=[switch, {"id": "leaf-2"}])

    def listed(**query: Any) -> list[str]:
        request = admin_switch_pb2.SwitchServiceListRequest(query=query)
        return [one.id for one in cloud.switches.list(request=request, headers=cloud.all).switches]

    assert listed() == ["leaf-1", "leaf-2"]
    assert listed(connected_machine_id=MACHINES[0]) == listed(rack="rack-1") == ["leaf-1"]
    request = admin_switch_pb2.SwitchServiceGetRequest(id="leaf-1")
    one = cloud.switches.get(request=request, headers=cloud.all).switch
    assert (one.nics[0].state.actual, one.nics[0].state.desired) == (1, 2)
    assert one.machine_connections[0].machine_id == MACHINES[0]
    with pytest.raises(ConnectError) as refused:
        cloud.switches.get(request=request, headers=cloud.mine)
    assert refused.value.code == Code.PERMISSION_DENIED
