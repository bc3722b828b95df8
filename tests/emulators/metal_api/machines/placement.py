# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine an allocation gets when it does not name one."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable

from ..model import machine as model
from ..model.life import IS_ALIVE
from ..model.machine import Machine
from ..state import State
from .actions import RuleError


def allocatable(state: State, machine: Machine) -> bool:
    """Whether it can be had without naming it: free, waiting, alive and available."""
    if machine.allocation is not None or machine.state != model.AVAILABLE:
        return False
    phase = machine.phase(state.life)
    return machine.waiting(phase) and phase.liveliness == IS_ALIVE


def choose(
    state: State, *, project: str, partition: str, size: str, role: str, placement_tags: Collection[str]
) -> Machine:
    """One of the waiting machines, from the racks where the project (and machines of those tags) have the fewest.

    The real API takes any of them; here it is the same each time. RuleError when there is none.
    """
    of_size = [machine for machine in state.machines if (machine.partition, machine.size) == (partition, size)]
    available = [machine for machine in of_size if allocatable(state, machine)]
    mine = [
        machine
        for machine in of_size
        if machine.allocation is not None and machine.allocation.project == project and machine.allocation.role == role
    ]
    if not available:
        raise RuleError("no machine available")
    tagged = [machine for machine in mine if set(machine.tags) & set(placement_tags)]
    racks = {machine.rack for machine in available}
    by_project, by_tags = _least_occupied(racks, mine), _least_occupied(racks, tagged)
    best = by_project & by_tags or by_tags
    candidates = [machine for machine in available if machine.rack in best]
    return min(candidates, key=lambda machine: zlib.crc32(machine.id.encode()))


def _least_occupied(racks: Collection[str], machines: Iterable[Machine]) -> set[str]:
    occupied = Counter(machine.rack for machine in machines)
    fewest = min(occupied[rack] for rack in racks)
    return {rack for rack in racks if occupied[rack] == fewest}
