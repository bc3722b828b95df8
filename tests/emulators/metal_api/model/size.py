# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes: which hardware a machine must have to be of a size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from .table import Entity

CORES, MEMORY, STORAGE, GPU = "cores", "memory", "storage", "gpu"
CONSTRAINTS = (CORES, MEMORY, STORAGE, GPU)


@dataclass(frozen=True)
class Constraint:
    """From ``min`` to ``max`` (bytes of memory and storage), of parts whose name the glob ``identifier`` matches."""

    type: str
    min: int = 0
    max: int = 0
    identifier: str = ""


@dataclass(frozen=True)
class Size(Entity):
    """A size as stored."""

    labels: tuple[tuple[str, str], ...] = ()
    constraints: tuple[Constraint, ...] = ()

    def fits(self, hardware: Mapping[str, Any]) -> bool:
        """Whether hardware, as v1 shows it, is of this size: every constraint holds."""
        return bool(self.constraints) and all(
            one.min <= amount(one.type, hardware, one.identifier) <= one.max for one in self.constraints
        )


def amount(kind: str, hardware: Mapping[str, Any], identifier: str = "") -> int:
    """How much of something hardware has: cores, bytes, or a number of cards."""
    pattern = identifier or "*"
    if kind == CORES:
        cpus = hardware.get("cpus") or ()
        return sum(cpu.get("cores", 0) for cpu in cpus if fnmatchcase(cpu.get("model", ""), pattern))
    if kind == MEMORY:
        memory: int = hardware.get("memory", 0)
        return memory
    if kind == STORAGE:
        disks = hardware.get("disks") or ()
        return sum(disk.get("size", 0) for disk in disks if fnmatchcase(disk.get("name", ""), pattern))
    return sum(fnmatchcase(gpu.get("model", ""), pattern) for gpu in hardware.get("gpus") or ())


def matching(sizes: Iterable[Size], hardware: Mapping[str, Any]) -> list[Size]:
    """The sizes that hardware is of; a machine gets its size when there is exactly one."""
    return [size for size in sizes if size.fits(hardware)]


def suggestion(hardware: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Constraints that only hardware like this fits: what a new size would ask for."""
    kinds = [CORES, MEMORY, STORAGE]
    exact = [Constraint(kind, amount(kind, hardware), amount(kind, hardware)) for kind in kinds]
    models: dict[str, int] = {}
    for gpu in hardware.get("gpus") or ():
        models[gpu.get("model", "")] = models.get(gpu.get("model", ""), 0) + 1
    return (*exact, *(Constraint(GPU, number, number, model) for model, number in models.items()))
