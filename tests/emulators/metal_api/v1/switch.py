# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: switches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace

from .. import documents
from ..documents import Document
from ..model import switch as model
from ..model.machine import UNDERLAY, Machine
from ..model.partition import Partition
from ..model.switch import Switch
from ..model.table import NotFoundError
from .call import BadRequestError, Call, HttpError, Operation, UnprocessableError


def _list(call: Call) -> list[Document]:
    return [_response(call, switch) for switch in call.state.switches]


def _get(call: Call) -> Document:
    return _response(call, call.state.switches.get(call.path["id"]))


def _find(call: Call) -> list[Document]:
    wanted = {key: call.text(key) for key in ("id", "name", "partitionid", "rackid", "osvendor", "osversion")}

    def matches(switch: Switch) -> bool:
        has = {
            "id": switch.id,
            "name": switch.name,
            "partitionid": switch.partition,
            "rackid": switch.rack,
            "osvendor": switch.os.get("vendor", ""),
            "osversion": switch.os.get("version", ""),
        }
        return all(wanted[key] in (None, has[key]) for key in wanted)

    return [_response(call, switch) for switch in call.state.switches if matches(switch)]


def _update(call: Call) -> Document:
    old = call.state.switches.get(call.text("id") or "")
    description = call.text("description")
    new = replace(
        old,
        description=old.description if description is None else description,
        # These two are overwritten even when they are not given.
        console_command=call.text("console_command") or "",
        mode=model.mode(call.text("mode") or ""),
    )
    return _response(call, call.state.switches.replace(old, new, race=call.race))


def _port(call: Call) -> Document:
    status, name = call.text("status") or "", call.text("nic") or ""
    if status not in (model.UP, model.DOWN):
        raise BadRequestError(f'the status "{status}" must be concrete')
    old = call.state.switches.get(call.path["id"])
    port = old.port(name)
    if port is None:
        raise HttpError(404, f'the nic "{name}" does not exist in this switch')
    if not any(connected.lower() == name.lower() for _machine, connected in old.connections):
        raise BadRequestError(f'switch "{old.id}" does not have a connected machine at port "{name}"')
    if status == (port.desired or port.actual):
        return _response(call, old)
    ports = tuple(replace(one, desired=status) if one is port else one for one in old.ports)
    return _response(call, call.state.switches.replace(old, replace(old, ports=ports), race=call.race))


def _delete(call: Call) -> Document:
    force = call.flag("force")
    switch = call.state.switches.get(call.path["id"])
    if switch.connections and not force:
        raise BadRequestError(f"cannot delete switch {switch.id} while it still has machines connected to it")
    return _response(call, call.state.switches.delete(switch.id))


def _migrate(call: Call) -> Document:
    old_id, new_id = call.text("old_switch_id") or "", call.text("new_switch_id") or ""
    for what, value in (("old", old_id), ("new", new_id)):
        if not value:
            raise BadRequestError(f"{what} switch id cannot be empty")
    old, new = call.state.switches.get(old_id), call.state.switches.get(new_id)
    if old.rack != new.rack:
        raise BadRequestError("new switch must be in the same rack as the old one")
    if new.connections:
        raise BadRequestError("target switch already has machine connections")
    missing = [port.name for port in old.ports if new.port(port.name) is None]
    if missing:
        raise UnprocessableError(
            f"could not adopt existing nic configuration, err: new switch misses the nics [{' '.join(missing)}] - "
            f"check the breakout configuration of the switch ports of switch {new.name}"
        )
    vrfs = {port.name: port.vrf for port in old.ports}
    ports = tuple(replace(port, vrf=vrfs.get(port.name, port.vrf)) for port in new.ports)
    call.state.switches.replace(old, replace(old, connections=()))
    adopted = replace(new, ports=ports, connections=old.connections, mode=model.OPERATIONAL)
    return _response(call, call.state.switches.replace(new, adopted, race=call.race))


def _response(call: Call, switch: Switch) -> Document:
    state = call.state
    partition = state.partitions.find(switch.partition)
    if partition is None and switch.partition:
        raise NotFoundError(
            f'switch "{switch.id}" references partition, but partition "{switch.partition}" cannot be found in '
            f'database: no partition with id "{switch.partition}" found'
        )
    filters: dict[str, Document | None] = {}
    for machine_id, name in switch.connections:
        machine = state.machines.find(machine_id)
        port = switch.port(name)
        if machine is not None and machine.allocation is not None and port is not None:
            filters[port.name] = _bgp_filter(call, machine, port.vrf)
    return documents.switch(switch, documents.partition(partition or Partition(id="")), filters)


def _bgp_filter(call: Call, machine: Machine, vrf: str) -> Document:
    """What a machine may announce at its port: its private network, what its super network adds, its project's IPs."""
    assert machine.allocation is not None
    if machine.is_firewall:
        networks = machine.allocation.networks if vrf == "default" else ()
        return {
            "vnis": [str(network.vrf) for network in networks if network.type != UNDERLAY],
            "cidrs": [_host(ip) for network in networks if network.type == UNDERLAY for ip in network.ips],
        }
    cidrs: list[str] = []
    for network in machine.allocation.networks:
        if not network.private:
            continue
        cidrs += network.prefixes
        known = call.state.networks.find(network.network)
        parent = call.state.networks.find(known.parent) if known is not None else None
        cidrs += parent.additional_announcable_cidrs if parent is not None else ()
    cidrs += [_host(ip.address) for ip in call.state.ips.of_project(machine.allocation.project)]
    return {"vnis": [], "cidrs": _compact(cidrs)}


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def _compact(cidrs: Iterable[str]) -> list[str]:
    """The fewest prefixes that cover the same addresses."""
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    four = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv4Network))
    six = ipaddress.collapse_addresses(net for net in networks if isinstance(net, ipaddress.IPv6Network))
    return [*map(str, four), *map(str, six)]


OPERATIONS = (
    Operation("GET", "/v1/switch", _list),
    Operation("POST", "/v1/switch/find", _find, role="view"),
    Operation("POST", "/v1/switch", _update, role="admin"),
    Operation("POST", "/v1/switch/migrate", _migrate, role="admin"),
    Operation("GET", "/v1/switch/{id}", _get),
    Operation("DELETE", "/v1/switch/{id}", _delete, role="edit"),
    Operation("POST", "/v1/switch/{id}/port", _port, role="admin"),
)
