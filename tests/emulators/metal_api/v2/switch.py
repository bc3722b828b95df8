# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: SwitchService, of which admins may read."""

from __future__ import annotations

from typing import Any

from metalstack.admin.v2 import switch_pb2 as admin_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import switch_pb2  # type: ignore[import-untyped]

from ..model.switch import Port, Switch
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services


def _list(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    found = [switch for switch in ask.state.switches if query is None or _matches(switch, query)]
    return admin_pb2.SwitchServiceListResponse(switches=[message(switch) for switch in found])


def _get(ask: Call) -> Message:
    try:
        return admin_pb2.SwitchServiceGetResponse(switch=message(ask.state.switches.get(ask.request.id)))
    except NotFoundError as error:
        call.not_found(error)


def message(switch: Switch) -> Message:
    """A switch with its ports and the machines that hang on them."""
    ports = {port.name: port for port in switch.ports}
    return switch_pb2.Switch(
        id=switch.id,
        meta=call.meta(switch, {}),
        description=switch.description,
        rack=switch.rack,
        partition=switch.partition,
        replace_mode=f"SWITCH_REPLACE_MODE_{switch.mode.upper()}",
        management_ip=switch.management_ip,
        management_user=switch.management_user,
        console_command=switch.console_command,
        nics=[_nic(port) for port in switch.ports],
        os={
            "vendor": f"SWITCH_OS_VENDOR_{switch.os.get('vendor', 'UNSPECIFIED').upper()}",
            "version": switch.os.get("version", ""),
            "metal_core_version": switch.os.get("metal_core_version", ""),
        },
        machine_connections=[
            {"machine_id": machine, "nic": _nic(ports[name])} for machine, name in switch.connections if name in ports
        ],
    )


def _nic(port: Port) -> Message:
    state: dict[str, Any] = {"actual": f"SWITCH_PORT_STATUS_{port.actual}"}
    if port.desired:
        state["desired"] = f"SWITCH_PORT_STATUS_{port.desired}"
    return switch_pb2.SwitchNic(name=port.name, identifier=port.identifier, mac=port.mac, vrf=port.vrf, state=state)


def _matches(switch: Switch, query: Message) -> bool:
    has = {"id": switch.id, "partition": switch.partition, "rack": switch.rack}
    connected = call.optional(query, "connected_machine_id")
    return all(call.optional(query, field) in (None, value) for field, value in has.items()) and (
        connected is None or any(machine == connected for machine, _port in switch.connections)
    )


SERVICES: Services = {"metalstack.admin.v2.SwitchService": {"List": _list, "Get": _get}}
