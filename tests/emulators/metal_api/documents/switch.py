# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import switch as model
from ..model.switch import Port, Switch
from .reader import Document, Reader, common


def switch(entity: Switch, partition: Document | None, filters: Mapping[str, Document | None]) -> Document:
    """v1's response. ``filters`` are the BGP filters of ports by name, null where none applies.

    A port shows the state that is wanted of it, a connection the one that the switch reported.
    """
    ports = sorted(entity.ports, key=lambda port: port.name)
    return {
        **common(entity),
        "rack_id": entity.rack,
        "partition": partition,
        "mode": entity.mode,
        "os": {key: entity.os.get(key, "") for key in ("vendor", "version", "metal_core_version")},
        "management_ip": entity.management_ip,
        "management_user": entity.management_user,
        "console_command": entity.console_command,
        "nics": [
            {**_port(port), "actual": port.desired or port.actual, "filter": filters.get(port.name)} for port in ports
        ],
        "connections": [
            {"machine_id": machine, "nic": {**_port(_named(entity, name)), "filter": None}}
            for machine, name in sorted(entity.connections)
        ],
        "last_sync": entity.last_sync,
        "last_sync_error": entity.last_sync_error,
    }


def _named(entity: Switch, name: str) -> Port:
    return entity.port(name) or Port(name)


def _port(port: Port) -> Document:
    return {
        "name": port.name,
        "mac": port.mac,
        "identifier": port.identifier,
        "vrf": port.vrf,
        "actual": port.actual,
        "bgp_port_state": port.bgp_port_state,
    }


def switch_state(entity: Switch) -> Document:
    """For the state file: the partition by id, ports with both states."""
    document = switch(entity, None, {})
    return {
        **{key: value for key, value in document.items() if key not in ("partition", "nics", "connections")},
        "partition_id": entity.partition,
        "nics": [{**_port(port), "desired": port.desired} for port in entity.ports],
        "connections": [{"machine_id": machine, "nic": name} for machine, name in entity.connections],
        "generation": entity.generation,
    }


def read_switch(document: Document) -> Switch:
    """From the state file. Only ``id`` and the names of ports are needed; connections are ``{machine_id, nic}``."""
    read = Reader(document, "switch")
    entity = Switch(
        **read.common(),
        partition=read.text("partition_id"),
        rack=read.text("rack_id"),
        mode=model.mode(read.text("mode")),
        os={"vendor": "SONiC", **read.mapping("os")},
        management_ip=read.text("management_ip"),
        management_user=read.text("management_user"),
        console_command=read.text("console_command"),
        ports=tuple(_read_port(item) for item in read.mappings("nics")),
        connections=tuple((str(item.get("machine_id")), str(item.get("nic"))) for item in read.mappings("connections")),
        last_sync=read.mapping("last_sync") or None,
        last_sync_error=read.mapping("last_sync_error") or None,
    )
    read.finish()
    for _machine, name in entity.connections:
        if entity.port(name) is None:
            raise ValueError(f"switch {entity.id!r}: there is no port {name!r} to connect a machine with")
    return entity


def _read_port(document: Any) -> Port:
    read = Reader(document, "port of a switch")
    port = Port(
        name=read.text("name", needed=True),
        mac=read.text("mac"),
        identifier=read.text("identifier"),
        vrf=read.text("vrf"),
        actual=read.text("actual") or model.UNKNOWN,
        desired=read.text("desired"),
        bgp_port_state=read.mapping("bgp_port_state") or None,
    )
    read.finish()
    return port
