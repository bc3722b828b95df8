# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches of the metal-api: ``GET /v1/switch``. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._values import integer, mapping, mappings, text, timestamp, write_timestamp

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Port:
    """A port; ``status`` is UP, DOWN or UNKNOWN, ``machine`` the id of the machine behind it, "" for none."""

    name: str
    mac: str
    vrf: str
    status: str
    bgp_state: str
    machine: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "name": self.name,
            "mac": self.mac,
            "vrf": self.vrf,
            "status": self.status,
            "bgp_state": self.bgp_state,
            "machine": self.machine or None,
        }


@dataclass(frozen=True)
class Sync:
    """When metal-core asked last what the switch should be like; ``duration`` in seconds."""

    time: datetime | None
    duration: float
    error: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        time = None if self.time is None else write_timestamp(self.time)
        return {"time": time, "duration": self.duration, "error": self.error or None}


@dataclass(frozen=True)
class Switch:
    """A switch of a partition; ``mode`` is operational or replace."""

    id: str
    description: str
    partition: str
    rack: str
    mode: str
    os_vendor: str
    os_version: str
    metal_core_version: str
    management_ip: str
    management_user: str
    console_command: str
    ports: tuple[Port, ...]
    last_sync: Sync | None
    last_sync_error: Sync | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "id": self.id,
            "description": self.description,
            "partition": self.partition,
            "rack": self.rack,
            "mode": self.mode,
            "os": {
                "vendor": self.os_vendor,
                "version": self.os_version,
                "metal_core_version": self.metal_core_version,
            },
            "management_ip": self.management_ip,
            "management_user": self.management_user,
            "console_command": self.console_command,
            "ports": [port.as_dict() for port in self.ports],
            "last_sync": None if self.last_sync is None else self.last_sync.as_dict(),
            "last_sync_error": None if self.last_sync_error is None else self.last_sync_error.as_dict(),
        }


def switch_from_v1(item: Mapping[str, Any]) -> Switch:
    """Return one switch of an answer. Raises ValueError with half a sentence."""
    if not text(item, "id"):
        raise ValueError("it has no id")
    os = mapping(item, "os")
    machines = {
        text(mapping(connection, "nic"), "name"): text(connection, "machine_id")
        for connection in mappings(item, "connections")
    }
    return Switch(
        id=text(item, "id"),
        description=text(item, "description"),
        partition=text(mapping(item, "partition"), "id"),
        rack=text(item, "rack_id"),
        mode=text(item, "mode"),
        os_vendor=text(os, "vendor"),
        os_version=text(os, "version"),
        metal_core_version=text(os, "metal_core_version"),
        management_ip=text(item, "management_ip"),
        management_user=text(item, "management_user"),
        console_command=text(item, "console_command"),
        ports=tuple(_port(nic, machines) for nic in mappings(item, "nics")),
        last_sync=_sync(mapping(item, "last_sync")),
        last_sync_error=_sync(mapping(item, "last_sync_error")),
    )


def _port(nic: Mapping[str, Any], machines: Mapping[str, str]) -> Port:
    bgp = mapping(nic, "bgp_port_state")
    return Port(
        name=text(nic, "name"),
        mac=text(nic, "mac"),
        vrf=text(nic, "vrf"),
        status=text(nic, "actual"),
        # Go's own spelling, since the type has no names for JSON
        bgp_state=text(bgp, "BgpState") or text(bgp, "bgp_state"),
        machine=machines.get(text(nic, "name"), ""),
    )


def _sync(item: Mapping[str, Any]) -> Sync | None:
    """``duration`` comes in nanoseconds."""
    if not item:
        return None
    return Sync(timestamp(item.get("time")), integer(item.get("duration")) / 1e9, text(item, "error"))
