# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of the metal-api as both of its generations have them. A firewall is a machine that is allocated as one.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._values import write_timestamp
from .firewall_rules import FirewallRules

if TYPE_CHECKING:
    from datetime import datetime

MACHINE, FIREWALL = "machine", "firewall"
AVAILABLE, RESERVED, LOCKED = "available", "reserved", "locked"
PHONED_HOME, WAITING, PLANNED_REBOOT = "Phoned Home", "Waiting", "Planned Reboot"
# What a machine reports between its allocation and PHONED_HOME, and between its release and WAITING.
ON_ITS_WAY = frozenset({"PXE Booting", "Preparing", "Registering", "Waiting", "Installing", "Booting New Kernel"})
BEING_FREED = frozenset({"Machine Reclaim", PLANNED_REBOOT, "PXE Booting", "Preparing", "Registering"})
ALIVE, DEAD = "Alive", "Dead"
# The API makes these itself, whatever a user wants.
SYSTEM_TAGS = tuple(f"machine.metal-stack.io/{name}" for name in ("network.primary.asn", "rack", "chassis"))

# The kinds of an allocation's networks.
PRIMARY, PRIMARY_SHARED, SECONDARY_SHARED = "privateprimaryunshared", "privateprimaryshared", "privatesecondaryshared"
EXTERNAL, UNDERLAY = "external", "underlay"


@dataclass(frozen=True)
class Event:
    """Something that a machine reported, like ``Phoned Home``."""

    event: str
    message: str
    time: datetime | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {"event": self.event, "message": self.message, "time": _time(self.time)}


@dataclass(frozen=True)
class MachineNetwork:
    """A network that a machine was allocated in. ``kind`` is v1's networktype (v2's type is translated)."""

    network: str
    kind: str
    ips: tuple[str, ...]
    prefixes: tuple[str, ...]
    destination_prefixes: tuple[str, ...]
    vrf: int
    asn: int
    nat: bool
    project: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "network": self.network,
            "kind": self.kind,
            "ips": list(self.ips),
            "prefixes": list(self.prefixes),
            "destination_prefixes": list(self.destination_prefixes),
            "vrf": self.vrf,
            "asn": self.asn,
            "nat": self.nat,
            "project": self.project,
        }


@dataclass(frozen=True)
class Allocation:
    """What a project got. ``user_data`` is as the API has it, base64 normally.

    ``succeeded`` and ``reinstalling`` are v1's; with v2 they follow from the events.
    """

    uuid: str
    project: str
    role: str
    image: str
    name: str = ""
    description: str = ""
    hostname: str = ""
    creator: str = ""
    created: datetime | None = None
    filesystem_layout: str = ""
    networks: tuple[MachineNetwork, ...] = ()
    ssh_public_keys: tuple[str, ...] = ()
    user_data: str = field(default="", repr=False)
    succeeded: bool = False
    reinstalling: bool = False
    firewall_rules: FirewallRules | None = None
    dns_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hardware:
    """What a machine has: memory and disks in bytes, nics as (name, mac, [(neighbor's name, neighbor's mac)])."""

    memory: int = 0
    cores: int = 0
    gpus: int = 0
    disks: tuple[tuple[str, int], ...] = ()
    nics: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "memory": self.memory,
            "cores": self.cores,
            "gpus": self.gpus,
            "disks": [{"name": name, "size": size} for name, size in self.disks],
            "nics": [
                {"name": name, "mac": mac, "neighbors": [{"name": peer, "mac": other} for peer, other in neighbors]}
                for name, mac, neighbors in self.nics
            ],
        }


@dataclass(frozen=True)
class Machine:
    """A machine; ``events`` are the newest first, empty for one that only its BMC has reported yet.

    ``liveliness`` is Alive, Dead, Unknown or empty. ``revision`` is what v2 wants back with an update.
    """

    id: str
    partition: str = ""
    rack: str = ""
    size: str = ""
    state: str = AVAILABLE
    state_description: str = ""
    led: bool = False
    led_description: str = ""
    liveliness: str = ""
    tags: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    crash_loop: bool = False
    failed_reclaim: bool = False
    hardware: Hardware = Hardware()
    allocation: Allocation | None = None
    revision: str = field(default="", compare=False)

    @property
    def held(self) -> Allocation:
        """Return the allocation of a machine that has one. Raises ValueError for others."""
        if self.allocation is None:
            raise ValueError(f"the machine {self.id} is not allocated")
        return self.allocation

    @property
    def last_event(self) -> str:
        """The newest event, empty without any."""
        return self.events[0].event if self.events else ""

    @property
    def role(self) -> str | None:
        """``machine``, ``firewall``, or None when it is not allocated."""
        return self.allocation.role if self.allocation else None

    def seen(self) -> str:
        """Say in what state it is, for messages."""
        if not self.events:
            return "no event yet"
        newest = self.events[0]
        when = f" at {_time(newest.time)}" if newest.time else ""
        said = f" ({newest.message})" if newest.message else ""
        return f"last event {newest.event}{said}{when}, liveliness {self.liveliness or 'not known'}"

    def as_dict(self, *, events: bool = False) -> dict[str, Any]:
        """Return it as users see it; keys of the allocation are null without one. With all ``events`` if wanted."""
        shown = {
            "id": self.id,
            "partition": self.partition,
            "rack": self.rack,
            "size": self.size,
            "state": self.state,
            "state_description": self.state_description,
            "identify_led": self.led,
            "liveliness": self.liveliness,
            "last_event": self.events[0].as_dict() if self.events else None,
            "crash_loop": self.crash_loop,
            "failed_reclaim": self.failed_reclaim,
            "tags": sorted(self.tags),
            "hardware": self.hardware.as_dict(),
            "allocated": self.allocation is not None,
            **_allocation(self.allocation),
        }
        return {**shown, "events": [event.as_dict() for event in self.events]} if events else shown


def decode_user_data(text: str) -> bytes:
    """Return user data as the machine gets it: decoded if it is base64, else as it is."""
    try:
        return base64.b64decode("".join(text.split()).encode(), validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def user_data_digest(text: str) -> str | None:
    """Return the SHA-256 of user data (as the API has it) in hexadecimal, None for none."""
    return hashlib.sha256(decode_user_data(text)).hexdigest() if text else None


def _allocation(allocation: Allocation | None) -> dict[str, Any]:
    if allocation is None:
        return dict.fromkeys(_KEYS)
    return {
        "name": allocation.name,
        "project": allocation.project,
        "role": allocation.role,
        "image": allocation.image,
        "hostname": allocation.hostname,
        "description": allocation.description,
        "networks": [network.as_dict() for network in allocation.networks],
        "ssh_public_keys": sorted(allocation.ssh_public_keys),
        "user_data_sha256": user_data_digest(allocation.user_data),
        "filesystem_layout": allocation.filesystem_layout,
        "dns_servers": list(allocation.dns_servers),
        "ntp_servers": list(allocation.ntp_servers),
        "firewall_rules": allocation.firewall_rules.as_dict() if allocation.firewall_rules else None,
        "creator": allocation.creator,
        "created": _time(allocation.created),
        "allocation_uuid": allocation.uuid,
        "succeeded": allocation.succeeded,
        "reinstalling": allocation.reinstalling,
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else write_timestamp(value)


_KEYS = (
    "name", "project", "role", "image", "hostname", "description", "networks", "ssh_public_keys", "user_data_sha256",
    "filesystem_layout", "dns_servers", "ntp_servers", "firewall_rules", "creator", "created", "allocation_uuid",
    "succeeded", "reinstalling",
)  # fmt: skip
