# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: which machines a query means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..documents.machine import FRU
from ..machines import search
from ..model.machine import Machine
from ..state import State
from .call import Message, labels_of_tags, optional
from .machinemessage import ROLES, STATES

# Field of the query -> v1's criterion of the same meaning.
_OWN = {"uuid": "id", "name": "name", "partition": "partition_id", "size": "sizeid", "rack": "rackid"}
_ALLOCATION = {
    "name": "allocation_name",
    "project": "allocation_project",
    "image": "allocation_image_id",
    "hostname": "allocation_hostname",
}
_BMC = {"mac": "ipmi_mac_address", "user": "ipmi_user", "interface": "ipmi_interface"}
# One field is named differently from what v1 calls it.
_FRU = {("board_serial" if key == "board_mfg_serial" else key): f"fru_{key}" for key in FRU}
_NETWORK = {
    "networks": "network_ids",
    "prefixes": "network_prefixes",
    "destination_prefixes": "network_destination_prefixes",
    "ips": "network_ips",
    "vrfs": "network_vrfs",
    "asns": "network_asns",
}
_NIC = {
    "macs": "nics_mac_addresses",
    "names": "nics_names",
    "neighbor_macs": "nics_neighbor_mac_addresses",
    "neighbor_names": "nics_neighbor_names",
}
_DISK = {"names": "disk_names", "sizes": "disk_sizes"}


def matching(state: State, machines: Iterable[Machine], query: Message | None) -> list[Machine]:
    """The machines that the query means, by ascending id."""
    found = search.find(machines, state.life, _criteria(query)) if query is not None else list(machines)
    return sorted(
        (machine for machine in found if query is None or _rest(state, machine, query)),
        key=lambda machine: machine.id,
    )


def _criteria(query: Message) -> dict[str, Any]:
    wanted = {criterion: optional(query, field) for field, criterion in _OWN.items()}
    for part, fields in (("allocation", _ALLOCATION), ("bmc", _BMC), ("fru", _FRU)):
        message = getattr(query, part)
        wanted.update({criterion: optional(message, field) for field, criterion in fields.items()})
    for part, fields in (("network", _NETWORK), ("nic", _NIC), ("disk", _DISK)):
        message = getattr(query, part)
        wanted.update({criterion: list(getattr(message, field)) for field, criterion in fields.items()})
    wanted["hardware_memory"] = optional(query.hardware, "memory")
    return wanted


def _rest(state: State, machine: Machine, query: Message) -> bool:
    """What v1 does not know."""
    allocation, phase = machine.allocation, machine.phase(state.life)
    tags = labels_of_tags(machine.tags)
    if any(tags.get(key) != value for key, value in query.labels.labels.items()):
        return False
    if query.HasField("state") and query.state not in (0, STATES[machine.state]):
        return False
    if query.bmc.HasField("address") and not _has_address(machine, query.bmc.address):
        return False
    if query.HasField("waiting") and query.waiting != machine.waiting(phase):
        return False
    if query.HasField("not_allocated") and query.not_allocated and allocation is not None:
        return False
    if not query.HasField("allocation"):
        return True
    if allocation is None:
        return False
    has = {
        "uuid": allocation.uuid,
        "filesystem_layout": allocation.filesystem_layout,
        "allocation_type": ROLES[allocation.role],
    }
    labels = dict(allocation.labels)
    return all(optional(query.allocation, field) in (None, value) for field, value in has.items()) and all(
        labels.get(key) == value for key, value in query.allocation.labels.labels.items()
    )


def _has_address(machine: Machine, address: str) -> bool:
    """BMCs are reported with a port, a query has none."""
    reported: str = machine.ipmi.get("address", "")
    return address in (reported, reported.rpartition(":")[0])
