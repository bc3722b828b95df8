# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines and their allocations. A firewall is a machine whose allocation has that role."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .firewallrules import FirewallRules
from .life import BOOTING_NEW_KERNEL, PHONED_HOME, WAITING, Life, LifeClock, Phase
from .table import Entity

MACHINE, FIREWALL = "machine", "firewall"
# As stored: v1 shows TAINTED as RESERVED, which it takes as well.
AVAILABLE, RESERVED, TAINTED, LOCKED = "", "RESERVED", "TAINTED", "LOCKED"
STATES = {AVAILABLE: AVAILABLE, RESERVED: TAINTED, TAINTED: TAINTED, LOCKED: LOCKED}
LED_ON, LED_OFF = "LED-ON", "LED-OFF"

PRIVATE_PRIMARY_UNSHARED, PRIVATE_PRIMARY_SHARED = "privateprimaryunshared", "privateprimaryshared"
PRIVATE_SECONDARY_SHARED, EXTERNAL, UNDERLAY = "privatesecondaryshared", "external", "underlay"
NETWORK_TYPES = (
    PRIVATE_PRIMARY_UNSHARED, PRIVATE_PRIMARY_SHARED, PRIVATE_SECONDARY_SHARED, EXTERNAL, UNDERLAY,
)  # fmt: skip

TAG_ASN = "machine.metal-stack.io/network.primary.asn"
TAG_RACK = "machine.metal-stack.io/rack"
TAG_CHASSIS = "machine.metal-stack.io/chassis"
ASN_BASE = 4210000000


@dataclass(frozen=True)
class MachineNetwork:
    """A network of an allocation, as it was when the machine was allocated."""

    network: str
    type: str
    prefixes: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    destination_prefixes: tuple[str, ...] = ()
    vrf: int = 0
    asn: int = 0
    nat: bool = False
    project: str = ""
    type_v2: str = ""
    nat_type_v2: str = "none"

    @property
    def private(self) -> bool:
        """Whether it is a private network of a project."""
        return self.type.startswith("private")


@dataclass(frozen=True)
class Allocation:
    """What a project got. ``labels`` and ``placement`` are v2's."""

    uuid: str
    project: str
    image: str
    role: str = MACHINE
    creator: str = ""
    created: datetime | None = None
    name: str = ""
    description: str = ""
    hostname: str = "metal"
    filesystem_layout: str = ""
    networks: tuple[MachineNetwork, ...] = ()
    ssh_public_keys: tuple[str, ...] | None = None
    user_data: str = ""
    console_password: str = field(default="", repr=False)
    succeeded: bool = False
    reinstall: bool = False
    installed_image: str = ""
    rules: FirewallRules | None = None
    dns_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()
    vpn: Mapping[str, Any] | None = field(default=None, repr=False)
    labels: tuple[tuple[str, str], ...] = ()
    placement: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Machine(Entity):
    """A machine as stored; ``id`` is its UUID.

    ``hardware``, ``bios`` and ``ipmi`` are what the machine and its BMC reported, as v1 shows them. ``crash``: whatever
    it does next ends in a crash.
    """

    partition: str = ""
    rack: str = ""
    size: str = ""
    hardware: Mapping[str, Any] = field(default_factory=dict)
    bios: Mapping[str, Any] = field(default_factory=dict)
    ipmi: Mapping[str, Any] = field(default_factory=dict, repr=False)
    state: str = AVAILABLE
    state_description: str = ""
    state_issuer: str = ""
    hammer_version: str = ""
    led: str = ""
    led_description: str = ""
    tags: tuple[str, ...] = ()
    allocation: Allocation | None = None
    life: Life = field(default_factory=Life)
    crash: bool = False

    @property
    def is_firewall(self) -> bool:
        """Whether it is allocated as a firewall."""
        return self.allocation is not None and self.allocation.role == FIREWALL

    def phase(self, clock: LifeClock) -> Phase:
        """How far it has come by now."""
        return self.life.phase(clock.now(), allocated=self.allocation is not None)

    def waiting(self, phase: Phase) -> bool:
        """Whether it waits for its allocation."""
        return self.allocation is None and self.life.newest(phase.passed) == WAITING

    def present(self, phase: Phase) -> Allocation | None:
        """The allocation with what has come of it: ``succeeded``, ``reinstall``, and the image that is on the disk."""
        allocation = self.allocation
        happened = self.life.plan[: phase.passed]
        if allocation is None or not (BOOTING_NEW_KERNEL in happened or PHONED_HOME in happened):
            return allocation
        installed = allocation.image if BOOTING_NEW_KERNEL in happened else allocation.installed_image
        return replace(allocation, succeeded=True, reinstall=False, installed_image=installed)

    def settled(self, clock: LifeClock) -> Machine:
        """The same machine with what has come of its allocation written down, before another plan replaces this one."""
        return replace(self, allocation=self.present(self.phase(clock)))


def tags(machine: Machine, wanted: Iterable[str]) -> tuple[str, ...]:
    """The tags of an allocated machine: ``k=v`` are labels of which the last one counts, the system's win.

    The real API returns them in the random order of Go's maps. So do not expect that of the request; here it is the
    same each time.
    """
    labels: dict[str, str] = {}
    plain: set[str] = set()
    for tag in wanted:
        key, equals, value = tag.partition("=")
        if equals:
            labels[key] = value
        else:
            plain.add(tag)
    labels.update(_system_labels(machine))
    every = plain | {f"{key}={value}" for key, value in labels.items()}
    return tuple(sorted(every, key=lambda tag: zlib.crc32(tag.encode())))


def _system_labels(machine: Machine) -> dict[str, str]:
    labels = {}
    networks = machine.allocation.networks if machine.allocation is not None else ()
    asns = [network.asn for network in networks if network.private and network.asn]
    if asns:
        labels[TAG_ASN] = str(asns[0])
    if machine.rack:
        labels[TAG_RACK] = machine.rack
    chassis = machine.ipmi.get("fru", {}).get("chassis_part_serial")
    if chassis:
        labels[TAG_CHASSIS] = chassis
    return labels


def free_asn(machines: Iterable[Machine]) -> int:
    """An ASN that no allocation has."""
    taken = {
        network.asn for machine in machines if machine.allocation is not None for network in machine.allocation.networks
    }
    asn = ASN_BASE + 1
    while asn in taken:
        asn += 1
    return asn
