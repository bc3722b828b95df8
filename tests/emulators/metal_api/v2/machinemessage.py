# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: machines, their BMCs and firewall rules as messages."""

from __future__ import annotations

from typing import Any

from metalstack.api.v2 import machine_pb2, network_pb2  # type: ignore[import-untyped]

from ..documents.machine import BMC, FRU
from ..model import machine as model
from ..model import times
from ..model.firewallrules import FirewallRules, Rule
from ..model.life import EVENTS
from ..model.machine import Allocation, Machine
from ..model.network import MASQUERADE
from ..state import State
from . import call, filesystem, image, partition, size
from .call import Message

STATES = {
    model.AVAILABLE: machine_pb2.MACHINE_STATE_AVAILABLE,
    model.TAINTED: machine_pb2.MACHINE_STATE_TAINTED,
    model.LOCKED: machine_pb2.MACHINE_STATE_LOCKED,
}
ROLES = {
    role: machine_pb2.MachineAllocationType.Value(f"MACHINE_ALLOCATION_TYPE_{role.upper()}")
    for role in (model.MACHINE, model.FIREWALL)
}
EVENT_TYPES = {
    name: machine_pb2.MachineProvisioningEventType.Value(
        f"MACHINE_PROVISIONING_EVENT_TYPE_{name.upper().replace(' ', '_')}"
    )
    for name in EVENTS
}
PROTOCOLS = {"tcp": machine_pb2.IP_PROTOCOL_TCP, "udp": machine_pb2.IP_PROTOCOL_UDP}


def message(state: State, machine: Machine) -> Message:
    """A machine. What it refers to and is missing is left out; the LED is only shown with the BMC."""
    phase = machine.phase(state.life)
    place, kind = state.partitions.find(machine.partition), state.sizes.find(machine.size)
    allocation = machine.present(phase)
    content: dict[str, Any] = {}
    if place is not None:
        content["partition"] = partition.message(place)
    if kind is not None:
        content["size"] = size.message(kind)
    if allocation is not None:
        content["allocation"] = _allocation(state, allocation)
    if phase.liveliness:
        content["recent_provisioning_events"] = _events(state, machine, phase.passed)
    return machine_pb2.Machine(
        uuid=machine.id,
        meta=call.meta(machine, call.labels_of_tags(machine.tags)),
        rack=machine.rack,
        hardware=_hardware(machine),
        status={
            "condition": {
                "state": STATES[machine.state],
                "description": machine.state_description,
                "issuer": machine.state_issuer,
            },
            "led_state": {},
            "liveliness": f"MACHINE_LIVELINESS_{phase.liveliness.upper() or 'UNSPECIFIED'}",
            "metal_hammer_version": machine.hammer_version,
        },
        **content,
    )


def _hardware(machine: Machine) -> Message:
    report = machine.hardware
    return machine_pb2.MachineHardware(
        memory=report.get("memory", 0),
        disks=[{"name": disk["name"], "size": disk["size"]} for disk in report.get("disks") or ()],
        cpus=report.get("cpus") or (),
        gpus=report.get("gpus") or (),
        nics=[_nic(nic) for nic in report.get("nics") or ()],
    )


def _nic(nic: dict[str, Any]) -> Message:
    known = {key: nic[key] for key in ("mac", "name", "identifier", "hostname") if nic.get(key)}
    return machine_pb2.MachineNic(**known, neighbors=[_nic(neighbor) for neighbor in nic.get("neighbors") or ()])


def _allocation(state: State, allocation: Allocation) -> Message:
    content: dict[str, Any] = {}
    installed, layout = state.images.find(allocation.image), state.filesystem_layouts.find(allocation.filesystem_layout)
    if installed is not None:
        content["image"] = image.message(installed)
    if layout is not None:
        content["filesystem_layout"] = filesystem.message(layout)
    if allocation.rules is not None:
        content["firewall_rules"] = rules(allocation.rules)
    if allocation.vpn is not None:
        content["vpn"] = {
            "control_plane_address": allocation.vpn.get("address", ""),
            "auth_key": allocation.vpn.get("auth_key", ""),
            "connected": allocation.vpn.get("connected", False),
        }
    if allocation.placement:
        content["placement_labels"] = {"labels": dict(allocation.placement)}
    return machine_pb2.MachineAllocation(
        uuid=allocation.uuid,
        meta={"created_at": allocation.created, "labels": {"labels": dict(allocation.labels)}},
        name=allocation.name,
        description=allocation.description,
        created_by=allocation.creator,
        project=allocation.project,
        networks=[_network(state, network) for network in allocation.networks],
        hostname=allocation.hostname,
        ssh_public_keys=allocation.ssh_public_keys or (),
        userdata=allocation.user_data,
        allocation_type=ROLES[allocation.role],
        dns_servers=[{"ip": server} for server in allocation.dns_servers],
        ntp_servers=[{"address": server} for server in allocation.ntp_servers],
        **content,
    )


def _network(state: State, network: model.MachineNetwork) -> Message:
    stored = state.networks.find(network.network)
    kind = (stored.type if stored is not None else network.type_v2) or ""
    nat = (stored.nat_type if stored is not None else network.nat_type_v2) == MASQUERADE
    content: dict[str, Any] = {"project": network.project} if network.project else {}
    if kind:
        content["network_type"] = f"NETWORK_TYPE_{kind.upper().replace('-', '_')}"
    return machine_pb2.MachineNetwork(
        network=network.network,
        prefixes=network.prefixes,
        destination_prefixes=network.destination_prefixes,
        ips=network.ips,
        nat_type=network_pb2.NAT_TYPE_IPV4_MASQUERADE if nat else network_pb2.NAT_TYPE_NONE,
        vrf=network.vrf,
        asn=network.asn,
        **content,
    )


def _events(state: State, machine: Machine, passed: int) -> Message:
    events = machine.life.events(passed, state.life)
    content: dict[str, Any] = {"last_event_time": events.log[0].time} if events.log else {}
    if events.last_error is not None:
        error = events.last_error
        content["last_error_event"] = {"time": error.time, "event": EVENT_TYPES[error.event], "message": error.message}
    if events.crash_loop:
        content["state"] = machine_pb2.MACHINE_PROVISIONING_EVENT_STATE_CRASHLOOP
    elif events.failed_reclaim:
        content["state"] = machine_pb2.MACHINE_PROVISIONING_EVENT_STATE_FAILED_RECLAIM
    return machine_pb2.MachineRecentProvisioningEvents(
        events=[
            {"time": event.time, "event": EVENT_TYPES[event.event], "message": event.message} for event in events.log
        ],
        **content,
    )


def rules(entity: FirewallRules) -> Message:
    """Firewall rules."""
    return machine_pb2.FirewallRules(
        egress=[_rule(rule) for rule in entity.egress],
        ingress=[{**_rule(rule), "from": rule.from_} for rule in entity.ingress],
    )


def _rule(rule: Rule) -> dict[str, Any]:
    return {"protocol": PROTOCOLS[rule.protocol], "ports": rule.ports, "to": rule.to, "comment": rule.comment}


def read_rules(request: Message) -> FirewallRules | None:
    """The rules of a request, None when there are none; the definition of the API has checked them."""
    names = {number: name for name, number in PROTOCOLS.items()}
    egress, ingress = (
        tuple(
            Rule(
                names.get(rule.protocol, "tcp"),
                tuple(rule.ports),
                tuple(rule.to),
                tuple(getattr(rule, "from")) if kind == "ingress" else (),
                rule.comment,
            )
            for rule in getattr(request, kind)
        )
        for kind in ("egress", "ingress")
    )
    return FirewallRules(egress, ingress) if egress or ingress else None


def bmc_details(state: State, machine: Machine) -> Message:
    """The BMC of a machine, with its password."""
    report, phase = machine.ipmi, machine.phase(state.life)
    content: dict[str, Any] = {}
    metric = report.get("powermetric")
    if metric:
        content["power_metric"] = {
            "average_consumed_watts": metric["averageconsumedwatts"],
            "interval_in_min": metric["intervalinmin"],
            "max_consumed_watts": metric["maxconsumedwatts"],
            "min_consumed_watts": metric["minconsumedwatts"],
        }
    bmc = {key: report.get(key, "") for key in BMC}
    bmc["version"] = bmc.pop("bmcversion")
    updated = report.get("last_updated")
    return machine_pb2.MachineBMCDetails(
        uuid=machine.id,
        partition=machine.partition,
        rack=machine.rack,
        room=machine.rack,
        size=machine.size,
        bmc_report={
            "uuid": machine.id,
            "bmc": {**bmc, "power_state": ("ON" if phase.power else "OFF") if report else ""},
            "bios": {key: machine.bios.get(key, "") for key in ("version", "vendor", "date")},
            "fru": {key: report.get("fru", {}).get(key, "") for key in FRU},
            "power_supplies": [
                {"health": supply["status"]["health"], "state": supply["status"]["state"]}
                for supply in report.get("powersupplies") or ()
            ],
            "led_state": {"value": machine.led, "description": machine.led_description},
            "updated_at": times.parse(updated) if updated else state.clock.now(),
            **content,
        },
    )
