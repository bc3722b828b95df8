# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many machines of each size a partition has: ``POST /v1/partition/capacity`` and v2's admin PartitionService.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import integer, mappings, text, texts
from .v1 import MetalV1

if TYPE_CHECKING:
    from .v2 import MetalV2

# What users see, and the names of v1 and v2.
_NUMBERS = {
    "total": ("total", "total"),
    "phoned_home": ("phoned_home", "phonedHome"),
    "waiting": ("waiting", "waiting"),
    "other": ("other", "other"),
    "allocated": ("allocated", "allocated"),
    "allocatable": ("allocatable", "allocatable"),
    "free": ("free", "free"),
    "unavailable": ("unavailable", "unavailable"),
    "faulty": ("faulty", "faulty"),
    "reservations": ("reservations", "reservations"),
    "used_reservations": ("usedreservations", "usedReservations"),
    "remaining_reservations": ("remainingreservations", "remainingReservations"),
}
_LISTS = {
    "other_machines": ("othermachines", "otherMachines"),
    "faulty_machines": ("faultymachines", "faultyMachines"),
}


def capacities(
    api: MetalV1 | MetalV2, *, partition: str | None, size: str | None, project: str | None
) -> dict[str, list[dict[str, Any]]]:
    """Return id of the partition -> one entry a size, sorted by size; partitions without machines may be missing.

    Numbers that the API leaves out are 0. Raises :class:`~.._errors.ApiError`.
    """
    generation = 0 if isinstance(api, MetalV1) else 1
    keys = (("id", "sizeid", "projectid"), ("id", "size", "project"))[generation]
    wish = {key: value for key, value in zip(keys, (partition, size, project)) if value is not None}
    if isinstance(api, MetalV1):
        answer: Any = api.find("/v1/partition/capacity", wish)
        name, servers = "id", "servers"
    else:
        answer = api.call("metalstack.admin.v2.PartitionService/Capacity", wish).get("partitionCapacity") or []
        name, servers = "partition", "machineSizeCapacities"
    try:
        found = mappings({"capacity": answer}, "capacity")
        return {text(item, name): [_entry(one, generation) for one in _sorted(item, servers)] for item in found}
    except ValueError as error:
        raise ProtocolError(f"The capacity of the partitions cannot be understood: {error}.") from None


def _sorted(item: Mapping[str, Any], servers: str) -> list[Mapping[str, Any]]:
    return sorted(mappings(item, servers), key=lambda one: text(one, "size"))


def _entry(item: Mapping[str, Any], generation: int) -> dict[str, Any]:
    numbers = {name: integer(item.get(keys[generation])) for name, keys in _NUMBERS.items()}
    lists = {name: sorted(texts(item, keys[generation])) for name, keys in _LISTS.items()}
    return {"size": text(item, "size"), **numbers, **lists}
