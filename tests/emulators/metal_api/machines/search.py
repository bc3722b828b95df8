# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find machines as v1's ``find`` does: every criterion that is given must hold, lists mean "has all of these"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..model.life import LifeClock
from ..model.machine import Allocation, Machine, MachineNetwork

Test = Callable[[Machine, LifeClock, Any], bool]


def _own(attribute: str) -> Test:
    return lambda machine, _clock, wanted: getattr(machine, attribute) == wanted


def _allocated(attribute: str) -> Test:
    def test(machine: Machine, clock: LifeClock, wanted: Any) -> bool:
        allocation = _allocation(machine, clock)
        return allocation is not None and getattr(allocation, attribute) == wanted

    return test


def _allocation(machine: Machine, clock: LifeClock) -> Allocation | None:
    return machine.present(machine.phase(clock)) if machine.allocation is not None else None


def _networks(values: Callable[[MachineNetwork], Iterable[Any]]) -> Test:
    def test(machine: Machine, _clock: LifeClock, wanted: Any) -> bool:
        networks = machine.allocation.networks if machine.allocation is not None else ()
        return all(any(item in values(network) for network in networks) for item in wanted)

    return test


def _parts(part: str, key: str) -> Test:
    def test(machine: Machine, _clock: LifeClock, wanted: Any) -> bool:
        present = {item.get(key) for item in machine.hardware.get(part) or ()}
        return present.issuperset(wanted)

    return test


def _neighbors(key: str) -> Test:
    def test(machine: Machine, _clock: LifeClock, wanted: Any) -> bool:
        nics = machine.hardware.get("nics") or ()
        return {neighbor.get(key) for nic in nics for neighbor in nic.get("neighbors") or ()}.issuperset(wanted)

    return test


def _bmc(key: str) -> Test:
    return lambda machine, _clock, wanted: machine.ipmi.get(key, "") == wanted


def _fru(key: str) -> Test:
    return lambda machine, _clock, wanted: machine.ipmi.get("fru", {}).get(key, "") == wanted


# The criteria by the type of their JSON. ``state_value`` is compared with what is stored: RESERVED is never found.
TEXTS: Mapping[str, Test] = {
    "id": _own("id"),
    "name": _own("name"),
    "partition_id": _own("partition"),
    "sizeid": _own("size"),
    "rackid": _own("rack"),
    "state_value": _own("state"),
    "allocation_name": _allocated("name"),
    "allocation_project": _allocated("project"),
    "allocation_image_id": _allocated("image"),
    "allocation_hostname": _allocated("hostname"),
    "allocation_role": _allocated("role"),
    "ipmi_address": _bmc("address"),
    "ipmi_mac_address": _bmc("mac"),
    "ipmi_user": _bmc("user"),
    "ipmi_interface": _bmc("interface"),
    **{
        f"fru_{key}": _fru(key)
        for key in (
            "chassis_part_number",
            "chassis_part_serial",
            "board_mfg",
            "board_mfg_serial",
            "board_part_number",
            "product_manufacturer",
            "product_part_number",
            "product_serial",
        )
    },
}
FLAGS: Mapping[str, Test] = {"allocation_succeeded": _allocated("succeeded")}
NUMBERS: Mapping[str, Test] = {
    "hardware_memory": lambda machine, _clock, wanted: machine.hardware.get("memory", 0) == wanted
}
LISTS: Mapping[str, Test] = {
    "tags": lambda machine, _clock, wanted: set(wanted) <= set(machine.tags),
    "network_ids": _networks(lambda network: (network.network,)),
    "network_prefixes": _networks(lambda network: network.prefixes),
    "network_ips": _networks(lambda network: network.ips),
    "network_destination_prefixes": _networks(lambda network: network.destination_prefixes),
    "network_vrfs": _networks(lambda network: (network.vrf,)),
    "network_asns": _networks(lambda network: (network.asn,)),
    "nics_mac_addresses": _parts("nics", "mac"),
    "nics_names": _parts("nics", "name"),
    "nics_vrfs": _parts("nics", "vrf"),
    "nics_neighbor_mac_addresses": _neighbors("mac"),
    "nics_neighbor_names": _neighbors("name"),
    "nics_neighbor_vrfs": _neighbors("vrf"),
    "disk_names": _parts("disks", "name"),
    "disk_sizes": _parts("disks", "size"),
}
CRITERIA: Mapping[str, Test] = {**TEXTS, **FLAGS, **NUMBERS, **LISTS}


def find(machines: Iterable[Machine], clock: LifeClock, wanted: Mapping[str, Any]) -> list[Machine]:
    """The machines for which every criterion holds that is given (not None, no empty list)."""
    tests = [(CRITERIA[key], value) for key, value in wanted.items() if value is not None and value != []]
    return [machine for machine in machines if all(test(machine, clock, value) for test, value in tests)]
