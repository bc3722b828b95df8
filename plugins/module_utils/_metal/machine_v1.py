# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines as the metal-api v1 has them. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._errors import ProtocolError
from .._values import integer, mapping, mappings, text, texts, timestamp
from .firewall_rules import rules_from_api
from .machine import (
    AVAILABLE,
    LOCKED,
    RESERVED,
    Allocation,
    Event,
    Hardware,
    Machine,
    MachineNetwork,
)
from .v1 import MetalV1

# Requests may say RESERVED or TAINTED, answers say RESERVED, and the database has TAINTED.
STATES = {"": AVAILABLE, "RESERVED": RESERVED, "TAINTED": RESERVED, "LOCKED": LOCKED}


def find_machines(api: MetalV1, query: Mapping[str, Any]) -> list[Machine]:
    """``POST /v1/machine/find``. Raises :class:`~.._errors.ApiError`, also for a machine that makes no sense.

    A GET of one machine answers 404 when its event container is missing; this one finds it.
    """
    found = []
    for item in api.find("/v1/machine/find", query):
        try:
            found.append(from_v1(item))
        except ValueError as error:
            raise ProtocolError(f"A machine of the metal-api cannot be understood: {error}.") from None
    return found


def get_machine(api: MetalV1, id: str) -> Machine | None:  # noqa: A002
    """Return the machine of that id, None when there is none."""
    return next(iter(find_machines(api, {"id": id})), None)


def from_v1(item: object) -> Machine:
    """Return one machine of an answer. Raises ValueError with half a sentence."""
    if not isinstance(item, Mapping) or not text(item, "id"):
        raise ValueError("it has no id")
    state, led = mapping(item, "state"), mapping(item, "ledstate")
    events = mapping(item, "events")
    allocation = mapping(item, "allocation")
    return Machine(
        id=text(item, "id"),
        partition=text(mapping(item, "partition"), "id"),
        rack=text(item, "rackid"),
        size=text(mapping(item, "size"), "id"),
        state=STATES.get(text(state, "value"), text(state, "value").lower()),
        state_description=text(state, "description"),
        led=text(led, "value") == "LED-ON",
        led_description=text(led, "description"),
        liveliness=text(item, "liveliness"),
        tags=tuple(texts(item, "tags")),
        events=tuple(_events(mappings(events, "log"))),
        crash_loop=events.get("crash_loop") is True,
        failed_reclaim=events.get("failed_machine_reclaim") is True,
        hardware=hardware(mapping(item, "hardware")),
        allocation=_allocation(allocation) if allocation else None,
    )


def hardware(item: Mapping[str, Any]) -> Hardware:
    """Return the hardware, which both generations write alike (64-bit numbers of v2 are text)."""
    cores = sum(integer(cpu.get("cores")) for cpu in mappings(item, "cpus"))
    return Hardware(
        memory=integer(item.get("memory")),
        # not cpu_cores, which v1 never fills
        cores=cores,
        gpus=len(mappings(item, "gpus")),
        disks=tuple((text(disk, "name"), integer(disk.get("size"))) for disk in mappings(item, "disks")),
        nics=tuple(
            (text(nic, "name"), text(nic, "mac"), tuple(_neighbors(mappings(nic, "neighbors"))))
            for nic in mappings(item, "nics")
        ),
    )


def _neighbors(items: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    return ((text(item, "name"), text(item, "mac")) for item in items)


def _events(items: Iterable[Mapping[str, Any]]) -> Iterable[Event]:
    return (Event(text(item, "event"), text(item, "message"), timestamp(item.get("time"))) for item in items)


def _allocation(item: Mapping[str, Any]) -> Allocation:
    return Allocation(
        uuid=text(item, "allocationuuid"),
        project=text(item, "project"),
        role=text(item, "role") or "machine",
        image=text(mapping(item, "image"), "id"),
        name=text(item, "name"),
        description=text(item, "description"),
        hostname=text(item, "hostname"),
        creator=text(item, "creator"),
        created=timestamp(item.get("created")),
        filesystem_layout=text(mapping(item, "filesystemlayout"), "id"),
        networks=tuple(_network(network) for network in mappings(item, "networks")),
        ssh_public_keys=tuple(texts(item, "ssh_pub_keys")),
        user_data=text(item, "user_data"),
        succeeded=item.get("succeeded") is True,
        reinstalling=item.get("reinstall") is True,
        firewall_rules=rules_from_api(mapping(item, "firewall_rules")),
        dns_servers=tuple(text(server, "ip") for server in mappings(item, "dns_servers")),
        ntp_servers=tuple(text(server, "address") for server in mappings(item, "ntp_servers")),
    )


def _network(item: Mapping[str, Any]) -> MachineNetwork:
    return MachineNetwork(
        network=text(item, "networkid"),
        kind=text(item, "networktype"),
        ips=tuple(texts(item, "ips")),
        prefixes=tuple(texts(item, "prefixes")),
        destination_prefixes=tuple(texts(item, "destinationprefixes")),
        vrf=integer(item.get("vrf")),
        asn=integer(item.get("asn")),
        nat=item.get("nat") is True,
        project=text(item, "projectid"),
    )
