# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines as the metal-api v2 has them. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import ProtocolError
from .._values import integer, mapping, mappings, text, texts, timestamp
from .firewall_rules import rules_from_api
from .label_tags import labels_to_tags
from .machine import (
    AVAILABLE,
    EXTERNAL,
    FIREWALL,
    MACHINE,
    ON_ITS_WAY,
    PHONED_HOME,
    PRIMARY,
    PRIMARY_SHARED,
    RESERVED,
    SECONDARY_SHARED,
    UNDERLAY,
    Allocation,
    Event,
    Machine,
    MachineNetwork,
)
from .machine_v1 import hardware
from .v2 import MetalV2
from .values import enum_name, labels

_SERVICE = "metalstack.api.v2.MachineService"
_ADMIN = "metalstack.admin.v2.MachineService"
_EVENT, _LIVELINESS = "MACHINE_PROVISIONING_EVENT_TYPE_", "MACHINE_LIVELINESS_"
_FAILED = "MACHINE_PROVISIONING_EVENT_STATE_"


def list_machines(api: MetalV2, query: Mapping[str, Any], project: str | None) -> list[Machine]:
    """Return the machines that match a MachineQuery: those of a project, or without one all, which admins may ask for.

    Raises :class:`~.._errors.ApiError`.
    """
    if project is None:
        answer = api.call(f"{_ADMIN}/List", {"query": query})
    else:
        answer = api.call(f"{_SERVICE}/List", {"project": project, "query": query})
    try:
        return [from_v2(item) for item in mappings(answer, "machines")]
    except ValueError as error:
        raise ProtocolError(f"A machine of the metal-api cannot be understood: {error}.") from None


def from_v2(item: Mapping[str, Any]) -> Machine:
    """Return one machine of an answer. Raises ValueError with half a sentence."""
    if not text(item, "uuid"):
        raise ValueError("it has no uuid")
    status, recent = mapping(item, "status"), mapping(item, "recentProvisioningEvents")
    condition, led = mapping(status, "condition"), mapping(status, "ledState")
    events = tuple(
        Event(_words(text(event, "event")), text(event, "message"), timestamp(event.get("time")))
        for event in mappings(recent, "events")
    )
    state = enum_name(text(condition, "state"), "MACHINE_STATE_")
    trouble = enum_name(text(recent, "state"), _FAILED)
    allocation = mapping(item, "allocation")
    return Machine(
        id=text(item, "uuid"),
        partition=text(mapping(item, "partition"), "id"),
        rack=text(item, "rack"),
        size=text(mapping(item, "size"), "id"),
        state={"": AVAILABLE, "tainted": RESERVED}.get(state, state),
        state_description=text(condition, "description"),
        led=text(led, "value") == "LED-ON",
        led_description=text(led, "description"),
        liveliness=enum_name(text(status, "liveliness"), _LIVELINESS).capitalize(),
        tags=labels_to_tags(_labels(mapping(mapping(allocation, "meta"), "labels"))),
        events=events,
        crash_loop=trouble == "crashloop",
        failed_reclaim=trouble == "failed_reclaim",
        hardware=hardware(mapping(item, "hardware")),
        allocation=_allocation(allocation, events) if allocation else None,
        revision=text(mapping(item, "meta"), "updatedAt"),
    )


def _labels(item: Mapping[str, Any]) -> dict[str, str]:
    # Labels is a message with one map in it.
    return labels(item)


def _words(name: str) -> str:
    """Return an event in v1's words."""
    short = enum_name(name, _EVENT).replace("_", " ").title()
    return short.replace("Pxe", "PXE")


def _allocation(item: Mapping[str, Any], events: Sequence[Event]) -> Allocation:
    meta = mapping(item, "meta")
    newest = events[0].event if events else ""
    networks = mappings(item, "networks")
    unshared = any(_kind(network) == "child" for network in networks)
    return Allocation(
        uuid=text(item, "uuid"),
        project=text(item, "project"),
        role=FIREWALL if text(item, "allocationType").endswith("_FIREWALL") else MACHINE,
        image=text(mapping(item, "image"), "id"),
        name=text(item, "name"),
        description=text(item, "description"),
        hostname=text(item, "hostname"),
        creator=text(item, "createdBy"),
        created=timestamp(meta.get("createdAt")),
        filesystem_layout=text(mapping(item, "filesystemLayout"), "id"),
        networks=tuple(_network(network, unshared) for network in networks),
        ssh_public_keys=tuple(texts(item, "sshPublicKeys")),
        user_data=text(item, "userdata"),
        succeeded=newest == PHONED_HOME
        or (newest not in ON_ITS_WAY and any(event.event == PHONED_HOME for event in events)),
        firewall_rules=rules_from_api(mapping(item, "firewallRules")),
        dns_servers=tuple(text(server, "ip") for server in mappings(item, "dnsServers")),
        ntp_servers=tuple(text(server, "address") for server in mappings(item, "ntpServers")),
    )


def _kind(item: Mapping[str, Any]) -> str:
    return enum_name(text(item, "networkType"), "NETWORK_TYPE_")


def _network(item: Mapping[str, Any], unshared: bool) -> MachineNetwork:
    shared = SECONDARY_SHARED if unshared else PRIMARY_SHARED
    kinds = {"child": PRIMARY, "child_shared": shared, "external": EXTERNAL, "underlay": UNDERLAY}
    return MachineNetwork(
        network=text(item, "network"),
        kind=kinds.get(_kind(item), _kind(item)),
        ips=tuple(texts(item, "ips")),
        prefixes=tuple(texts(item, "prefixes")),
        destination_prefixes=tuple(texts(item, "destinationPrefixes")),
        vrf=integer(item.get("vrf")),
        asn=integer(item.get("asn")),
        nat=text(item, "natType") == "NAT_TYPE_IPV4_MASQUERADE",
        project=text(item, "project"),
    )
