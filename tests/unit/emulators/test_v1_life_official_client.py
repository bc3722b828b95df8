# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole life of project, network, address, machine and firewall, driven by the official client of v1."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from metal_python import api as apis  # type: ignore[import-untyped]
from metal_python import models
from metal_python.driver import Driver  # type: ignore[import-untyped]
from metal_python.rest import ApiException  # type: ignore[import-untyped]

from tests.emulators.metal_api.process import KEYS, MetalApi

from .landscape import FIREWALL_IMAGE, IMAGE, KEY, MACHINES, NEWER_IMAGE, PARTITION, SIZE, landscape

# The client signs with datetime.utcnow.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"


class Cloud:
    """The API as an administrator sees it."""

    def __init__(self, api: MetalApi) -> None:
        client = Driver(api.v1, None, KEYS["Metal-Admin"], "Metal-Admin").client
        self.projects = apis.ProjectApi(api_client=client)
        self.networks = apis.NetworkApi(api_client=client)
        self.ips = apis.IpApi(api_client=client)
        self.machines = apis.MachineApi(api_client=client)
        self.firewalls = apis.FirewallApi(api_client=client)
        self.partitions = apis.PartitionApi(api_client=client)

    def newest(self, machine_id: str) -> str:
        event: str = self.machines.find_machine(machine_id).events.log[0].event
        return event


def test_a_whole_life(api: MetalApi) -> None:
    api.control.replace_state(**landscape(projects=[]))
    cloud = Cloud(api)
    request = models.V1ProjectCreateRequest(name="storage", tenant_id="acme")
    project = cloud.projects.create_project(request).meta.id
    network = cloud.networks.allocate_network(
        models.V1NetworkAllocateRequest(projectid=project, partitionid=PARTITION, name="storage", shared=True)
    )
    assert (network.shared, network.networktype) == (True, "child-shared")
    address = cloud.ips.allocate_ip(
        models.V1IPAllocateRequest(networkid=network.id, projectid=project, type="static", name="target")
    ).ipaddress

    machine = cloud.machines.allocate_machine(
        models.V1MachineAllocateRequest(
            projectid=project,
            partitionid=PARTITION,
            sizeid=SIZE,
            imageid="ubuntu-24.04",
            name="lightos-1",
            hostname="lightos-1",
            ssh_pub_keys=[KEY],
            networks=[models.V1MachineAllocationNetwork(networkid=network.id, autoacquire=False)],
            ips=[address],
            tags=["role=storage"],
        )
    )
    until(lambda: cloud.newest(machine.id) == "Phoned Home")
    machine = cloud.machines.find_machine(machine.id)
    assert (machine.allocation.succeeded, machine.allocation.image.id) == (True, NEWER_IMAGE)
    assert [n.networktype for n in machine.allocation.networks] == ["privateprimaryshared"]
    assert machine.allocation.networks[0].ips == [address]
    assert "role=storage" in machine.tags
    (capacity,) = cloud.partitions.partition_capacity(models.V1PartitionCapacityRequest(projectid=project))
    assert [(s.size, s.total, s.allocated, s.free) for s in capacity.servers] == [(SIZE, 4, 1, 3)]

    wish = models.V1MachineReinstallRequest(id=machine.id, imageid=IMAGE)
    assert cloud.machines.reinstall_machine(machine.id, wish).allocation.reinstall is True
    until(lambda: not cloud.machines.find_machine(machine.id).allocation.reinstall)
    until(lambda: cloud.newest(machine.id) == "Phoned Home")
    assert cloud.machines.find_machine(machine.id).allocation.image.id == IMAGE

    cloud.machines.chassis_identify_led_on(machine.id, {}, description="here")
    assert cloud.machines.find_machine(machine.id).ledstate.value == "LED-ON"
    cloud.machines.machine_cycle(machine.id, {})
    until(lambda: cloud.newest(machine.id) == "Phoned Home")
    state = models.V1MachineState(value="LOCKED", description="keep", metal_hammer_version="")
    cloud.machines.set_machine_state(machine.id, state)
    with pytest.raises(ApiException, match="machine is locked"):
        cloud.machines.free_machine(machine.id)
    cloud.machines.set_machine_state(
        machine.id, models.V1MachineState(value="", description="", metal_hammer_version="")
    )

    with pytest.raises(ApiException) as refused:
        cloud.ips.free_ip(address)
    assert refused.value.status == 400, "the machine has it"
    assert cloud.machines.free_machine(machine.id).allocation is None
    assert cloud.ips.find_ip(address).tags == []
    until(lambda: cloud.newest(machine.id) == "Waiting")
    with pytest.raises(ApiException, match="can only delete dead machines"):
        cloud.machines.delete_machine(machine.id)
    cloud.machines.machine_off(machine.id, {})
    until(lambda: cloud.machines.find_machine(machine.id).liveliness == "Dead")
    assert cloud.machines.find_ipmi_machine(machine.id).ipmi.powerstate == "OFF"
    assert cloud.machines.delete_machine(machine.id).id == machine.id
    assert cloud.machines.find_machines(models.V1MachineFindRequest(id=machine.id)) == []

    cloud.ips.free_ip(address)
    cloud.networks.free_network(network.id)
    cloud.projects.delete_project(project)


def test_a_firewall(api: MetalApi) -> None:
    api.control.replace_state(**landscape())
    cloud = Cloud(api)
    project = api.control.state()["projects"][0]["id"]
    rules = models.V1FirewallRules(
        egress=[models.V1FirewallEgressRule(protocol="tcp", ports=[443], to=["0.0.0.0/0"], comment="https")],
        ingress=[models.V1FirewallIngressRule(protocol="udp", ports=[53], to=[], _from=["10.0.0.0/8"])],
    )
    firewall = cloud.firewalls.allocate_firewall(
        models.V1FirewallCreateRequest(
            projectid=project,
            partitionid=PARTITION,
            sizeid=SIZE,
            imageid=FIREWALL_IMAGE,
            ssh_pub_keys=[],
            networks=[
                models.V1MachineAllocationNetwork(networkid=name, autoacquire=True)
                for name in ("tenant", "internet", "storage")
            ],
            firewall_rules=rules,
        )
    )
    until(lambda: cloud.newest(firewall.id) == "Phoned Home")
    (listed,) = cloud.firewalls.list_firewalls()
    assert listed.allocation.role == "firewall"
    assert listed.allocation.firewall_rules.egress[0].ports == [443]
    assert len(listed.allocation.networks) == 4
    found: list[Any] = cloud.firewalls.find_firewalls(models.V1FirewallFindRequest(network_ids=["storage"]))
    assert [one.id for one in found] == [firewall.id]
    assert len(cloud.machines.list_machines()) == len(MACHINES)
    cloud.machines.free_machine(firewall.id)
    assert cloud.firewalls.list_firewalls() == []
    until(lambda: cloud.newest(firewall.id) == "Waiting")
    assert cloud.ips.list_i_ps() == []


def test_issues(api: MetalApi) -> None:
    machines = landscape()["machines"]
    api.control.replace_state(**landscape(machines=[{**machines[0], "liveliness": "Dead"}, *machines[1:]]))
    cloud = Cloud(api)
    assert "crashloop" in [issue.id for issue in cloud.machines.list_issues()]
    request = models.V1MachineIssuesRequest(severity="major", only=[], omit=[], last_error_threshold=0)
    (found,) = cloud.machines.issues(request)
    assert (found.machineid, found.issues) == (MACHINES[0], ["liveliness-dead"])
