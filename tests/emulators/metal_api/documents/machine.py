# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of machines."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..model import machine as model
from ..model import times
from ..model.firewallrules import FirewallRules, Rule, check_rule, protocol
from ..model.life import EVENTS, IS_ALIVE, IS_DEAD, IS_UNKNOWN, PHONED_HOME, WAITING, Event, Events, Life, Phase
from ..model.machine import Allocation, Machine, MachineNetwork
from .reader import Document, Reader, common

SHOWN_EVENTS = 20
FRU = (
    "chassis_part_number",
    "chassis_part_serial",
    "board_mfg",
    "board_mfg_serial",
    "board_part_number",
    "product_manufacturer",
    "product_part_number",
    "product_serial",
)
BMC = ("address", "user", "password", "mac", "interface", "bmcversion")


def machine(
    entity: Machine,
    phase: Phase,
    events: Events,
    references: Mapping[str, Document | None],
) -> Document:
    """v1's response, without its BMC. ``references`` are v1's partition, size, image and filesystemlayout of it."""
    shown = model.RESERVED if entity.state == model.TAINTED else entity.state
    state = {
        "value": shown,
        "description": entity.state_description,
        "metal_hammer_version": entity.hammer_version,
    }
    if entity.state_issuer:
        state["issuer"] = entity.state_issuer
    return {
        **common(entity),
        "partition": references["partition"],
        "rackid": entity.rack,
        "size": references["size"],
        "hardware": hardware(entity.hardware),
        "bios": {key: entity.bios.get(key, "") for key in ("version", "vendor", "date")},
        "allocation": _allocation(entity.present(phase), references),
        "state": state,
        "ledstate": {"value": entity.led, "description": entity.led_description},
        "liveliness": phase.liveliness,
        "events": event_container(events),
        "tags": list(entity.tags),
    }


def hardware(report: Mapping[str, Any]) -> Document:
    """What v1 shows of a machine's hardware; it never fills ``cpu_cores``."""
    document: Document = {
        "memory": report.get("memory", 0),
        "cpu_cores": 0,
        "disks": report.get("disks", []),
        "nics": report.get("nics", []),
    }
    return {**document, **{key: report[key] for key in ("cpus", "gpus") if report.get(key)}}


def event_container(events: Events) -> Document:
    """The newest events first, at most 20."""
    document: Document = {
        "log": [event(one) for one in events.log[:SHOWN_EVENTS]],
        "last_event_time": times.write(events.log[0].time) if events.log else None,
        "crash_loop": events.crash_loop,
        "failed_machine_reclaim": events.failed_reclaim,
    }
    if events.last_error is not None:
        document["last_error_event"] = event(events.last_error)
    return document


def event(one: Event) -> Document:
    """One event."""
    return {"event": one.event, "message": one.message, "time": times.write(one.time)}


def ipmi(entity: Machine, phase: Phase, now: datetime) -> Document:
    """The BMC, with its password. Unless the state gives a time, it was reported just now."""
    report = entity.ipmi
    return {
        **{key: report.get(key, "") for key in BMC},
        "fru": {key: report.get("fru", {}).get(key, "") for key in FRU},
        "powerstate": ("ON" if phase.power else "OFF") if report else "",
        "powermetric": report.get("powermetric"),
        "powersupplies": report.get("powersupplies"),
        "last_updated": report.get("last_updated") or times.write(now if report else None),
    }


def _allocation(allocation: Allocation | None, references: Mapping[str, Document | None]) -> Document | None:
    if allocation is None:
        return None
    document: Document = {
        "allocationuuid": allocation.uuid,
        "creator": allocation.creator,
        "created": times.write(allocation.created),
        "name": allocation.name,
        "description": allocation.description,
        "project": allocation.project,
        "image": references["image"],
        "filesystemlayout": references["filesystemlayout"],
        "networks": [_network(network) for network in allocation.networks] or None,
        "hostname": allocation.hostname,
        "ssh_pub_keys": None if allocation.ssh_public_keys is None else list(allocation.ssh_public_keys),
        "user_data": allocation.user_data,
        "succeeded": allocation.succeeded,
        "reinstall": allocation.reinstall,
        "boot_info": _boot_info(allocation.installed_image),
        "role": allocation.role,
        "vpn": allocation.vpn,
    }
    if allocation.role == model.FIREWALL and allocation.rules is not None:
        document["firewall_rules"] = rules(allocation.rules)
    if allocation.dns_servers:
        document["dns_servers"] = [{"ip": server} for server in allocation.dns_servers]
    if allocation.ntp_servers:
        document["ntp_servers"] = [{"address": server} for server in allocation.ntp_servers]
    return {key: value for key, value in document.items() if value != "" or key not in ("description", "user_data")}


def _boot_info(image: str) -> Document | None:
    """What the machine boots from its disk, once it is installed."""
    if not image:
        return None
    return {
        "image_id": image,
        "primary_disk": "/dev/sda",
        "os_partition": "/dev/sda2",
        "initrd": "/boot/initrd.img",
        "cmdline": "console=ttyS1,115200n8",
        "kernel": "/boot/vmlinuz",
        "bootloaderid": "metal-stack",
    }


def _network(network: MachineNetwork) -> Document:
    return {
        "networkid": network.network,
        "prefixes": list(network.prefixes),
        "ips": list(network.ips),
        "destinationprefixes": list(network.destination_prefixes),
        "networktype": network.type,
        "vrf": network.vrf,
        "asn": network.asn,
        "nat": network.nat,
        "private": network.private,
        "underlay": network.type == model.UNDERLAY,
        "projectid": network.project,
        "networktypev2": network.type_v2,
        "nattypev2": network.nat_type_v2,
    }


def rules(entity: FirewallRules) -> Document:
    """Firewall rules; a direction without any is left out."""
    egress = [_rule(rule) for rule in entity.egress]
    ingress = [{**_rule(rule), "from": list(rule.from_)} for rule in entity.ingress]
    return {key: value for key, value in (("egress", egress), ("ingress", ingress)) if value}


def _rule(rule: Rule) -> Document:
    document: Document = {"protocol": rule.protocol, "ports": list(rule.ports), "to": list(rule.to)}
    return {**document, "comment": rule.comment} if rule.comment else document


def machine_state(entity: Machine, phase: Phase, events: Events) -> Document:
    """For the state file, without passwords: partition, size, image and layout by id."""
    allocation = entity.present(phase)
    references: dict[str, Any] = {
        "partition": entity.partition,
        "size": entity.size,
        "image": allocation.image if allocation else None,
        "filesystemlayout": allocation.filesystem_layout if allocation else None,
    }
    document = machine(entity, phase, events, references)
    if document["allocation"] is not None:
        document["allocation"] = {
            **{key: value for key, value in document["allocation"].items() if key not in ("boot_info", "vpn")},
            "labels": dict(allocation.labels) if allocation else {},
        }
    report = {key: value for key, value in entity.ipmi.items() if key != "password"}
    document["state"]["value"] = entity.state
    return {
        **document,
        "ipmi": {**report, "powerstate": "ON" if phase.power else "OFF"},
        "events": document["events"] if entity.life.container else None,
        "crash": entity.crash,
        "generation": entity.generation,
    }


def read_machine(document: Document, now: datetime) -> Machine:
    """From the state file. Only ``id`` is needed; such a machine is waiting, or phoned home when it is allocated.

    ``"events": null`` is a machine without an event container.
    """
    events_given = isinstance(document, dict) and "events" in document
    read = Reader(document, "machine")
    entity_id = str(document.get("id"))
    state, led = read.mapping("state"), read.mapping("ledstate")
    value = state.get("value", "")
    if value not in model.STATES:
        raise ValueError(f"machine {entity_id!r}: unknown MachineState:{value}")
    allocation = read_allocation(read.mapping("allocation"), entity_id, now)
    report = read.mapping("ipmi")
    power = str(report.pop("powerstate", "ON")).upper() != "OFF" if report else True
    container = read.mapping("events")
    liveliness = read.text("liveliness") or None
    if liveliness not in (None, IS_ALIVE, IS_DEAD, IS_UNKNOWN):
        raise ValueError(f"machine {entity_id!r}: 'liveliness' is Alive, Dead or Unknown")
    entity = Machine(
        **read.common(),
        partition=read.text("partition"),
        rack=read.text("rackid"),
        size=read.text("size"),
        hardware=_read_hardware(read.mapping("hardware")),
        bios=read.mapping("bios"),
        ipmi=report,
        state=model.STATES[value],
        state_description=str(state.get("description", "")),
        state_issuer=str(state.get("issuer", "")),
        hammer_version=str(state.get("metal_hammer_version", "")),
        led=str(led.get("value", "")),
        led_description=str(led.get("description", "")),
        tags=tuple(read.texts("tags")),
        allocation=allocation,
        life=_read_life(
            container if container or events_given else {"log": [_first(allocation, now)]},
            entity_id,
            has_container=bool(container) or not events_given,
            power=power,
            liveliness=liveliness,
        ),
        crash=read.flag("crash"),
    )
    read.finish()
    return entity


def _first(allocation: Allocation | None, now: datetime) -> Document:
    return {"event": WAITING if allocation is None else PHONED_HOME, "time": times.write(now)}


def _read_hardware(report: Document) -> Document:
    """Complete the parts, so that they can be shown as they are."""
    return {
        **report,
        "disks": [{"name": "", "size": 0, **disk} for disk in report.get("disks") or ()],
        "nics": [_read_nic(nic) for nic in report.get("nics") or ()],
    }


def _read_nic(nic: Document) -> Document:
    neighbors = [_read_nic(neighbor) for neighbor in nic.get("neighbors") or ()]
    return {"mac": "", "name": "", "identifier": "", **nic, "neighbors": neighbors}


def _read_life(
    container: Document, machine_id: str, *, has_container: bool, power: bool, liveliness: str | None
) -> Life:
    log = tuple(_read_event(item, machine_id) for item in container.get("log") or ())
    error = container.get("last_error_event")
    return Life(
        container=has_container,
        log=log,
        power=power,
        power_before=power,
        liveliness=liveliness,
        last_error=_read_event(error, machine_id) if error else None,
        crash_loop=bool(container.get("crash_loop")),
        failed_reclaim=bool(container.get("failed_machine_reclaim")),
    )


def _read_event(item: object, machine_id: str) -> Event:
    if not isinstance(item, dict) or item.get("event") not in EVENTS:
        raise ValueError(f"machine {machine_id!r}: an event is an object with 'time' and an 'event' of {EVENTS}")
    return Event(item["event"], times.parse(item.get("time")), str(item.get("message", "")))


def read_allocation(document: Document, machine_id: str, now: datetime) -> Allocation | None:
    """From the state file; ``project`` and ``image`` (the id) are needed, None for an empty object."""
    if not document:
        return None
    read = Reader(document, f"allocation of machine {machine_id!r}")
    role = read.text("role") or model.MACHINE
    if role not in (model.MACHINE, model.FIREWALL):
        raise ValueError(f"allocation of machine {machine_id!r}: 'role' is machine or firewall")
    given = document.get("ssh_pub_keys", [])
    keys = tuple(read.texts("ssh_pub_keys"))
    image = read.text("image", needed=True)
    succeeded = read.flag("succeeded") if "succeeded" in document else True
    entity = Allocation(
        uuid=read.text("allocationuuid") or str(uuid.uuid5(uuid.NAMESPACE_OID, f"allocation of {machine_id}")),
        project=read.text("project", needed=True),
        image=image,
        role=role,
        creator=read.text("creator"),
        created=read.time("created") or now,
        name=read.text("name"),
        description=read.text("description"),
        hostname=read.text("hostname") or "metal",
        filesystem_layout=read.text("filesystemlayout"),
        networks=tuple(_read_network(item) for item in read.mappings("networks")),
        ssh_public_keys=None if given is None else keys,
        user_data=read.text("user_data"),
        console_password=read.text("console_password"),
        succeeded=succeeded,
        reinstall=read.flag("reinstall"),
        installed_image=image if succeeded else "",
        rules=read_rules(read.mapping("firewall_rules")),
        dns_servers=tuple(str(server.get("ip")) for server in read.mappings("dns_servers")),
        ntp_servers=tuple(str(server.get("address")) for server in read.mappings("ntp_servers")),
        vpn=read.mapping("vpn") or None,
        labels=read.labels(),
    )
    read.finish()
    return entity


def _read_network(document: Document) -> MachineNetwork:
    read = Reader(document, "network of an allocation")
    kind = read.text("networktype") or model.PRIVATE_PRIMARY_UNSHARED
    if kind not in model.NETWORK_TYPES:
        raise ValueError(f"network of an allocation: 'networktype' is one of {', '.join(model.NETWORK_TYPES)}")
    read.ignore("private", "underlay")
    entity = MachineNetwork(
        network=read.text("networkid", needed=True),
        type=kind,
        prefixes=tuple(read.texts("prefixes")),
        ips=tuple(read.texts("ips")),
        destination_prefixes=tuple(read.texts("destinationprefixes")),
        vrf=read.number("vrf"),
        asn=read.number("asn"),
        nat=read.flag("nat"),
        project=read.text("projectid"),
        type_v2=read.text("networktypev2"),
        nat_type_v2=read.text("nattypev2") or "none",
    )
    read.finish()
    return entity


def read_rules(document: Mapping[str, Any]) -> FirewallRules | None:
    """Firewall rules as a request or the state file has them; ValueError with the server's wording.

    None when there are none at all.
    """
    egress, ingress = (
        tuple(_read_rule(item, kind) for item in document.get(kind) or ()) for kind in ("egress", "ingress")
    )
    return FirewallRules(egress, ingress) if egress or ingress else None


def _read_rule(item: object, kind: str) -> Rule:
    if not isinstance(item, dict):
        raise ValueError(f"json: cannot unmarshal into Go field of {kind}")
    ports = item.get("ports") or ()
    if not all(isinstance(port, int) for port in ports):
        raise ValueError("json: cannot unmarshal into Go field of ports")
    rule = Rule(
        protocol(str(item.get("protocol") or "")),
        tuple(ports),
        tuple(str(cidr) for cidr in item.get("to") or ()),
        tuple(str(cidr) for cidr in item.get("from") or ()) if kind == "ingress" else (),
        str(item.get("comment") or ""),
    )
    check_rule(rule, kind)
    return rule
