# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes: which hardware a machine must have to be of a size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def parts(kind: str, hardware: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Name and amount of the parts of hardware: cores of processors, bytes of memory and disks, graphic cards."""
    if kind == CORES:
        return [(cpu.get("model", ""), cpu.get("cores", 0)) for cpu in hardware.get("cpus") or ()]
    if kind == MEMORY:
        return [("", hardware.get("memory", 0))]
    if kind == STORAGE:
        return [(disk.get("name", ""), disk.get("size", 0)) for disk in hardware.get("disks") or ()]
    return [(gpu.get("model", ""), 1) for gpu in hardware.get("gpus") or ()]


def suggestion(hardware: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Constraints that only hardware like this fits: what a new size would ask for."""
    found = []
    for kind in (CORES, MEMORY, STORAGE):
        present = parts(kind, hardware)
        total = sum(number for _name, number in present)
        found.append(Constraint(kind, total, total, _common_glob([name for name, _number in present])))
    for model, number in Counter(model for model, _one in parts(GPU, hardware)).items():
        found.append(Constraint(GPU, number, number, model))
    return tuple(found)


def check(size: Size) -> None:
    """ValueError with the server's wording when the constraints contradict themselves."""
    problems, seen = [], Counter[str]()
    for index, one in enumerate(size.constraints):
        seen[one.type] += 1
        problem = _problem(one)
        if one.type in (MEMORY, CORES) and seen[one.type] > 1:
            problem = problem or f'type duplicates are not allowed for type "{one.type}"'
        if problem:
            problems.append(f"constraint at index {index} is invalid: {problem}")
    if problems:
        # Go joins errors with line feeds.
        raise ValueError(f'size "{size.id}" is invalid: ' + "\n".join(problems))


def overlapping(size: Size, sizes: Iterable[Size]) -> Size | None:
    """Another size that some hardware could be of as well."""
    return next((other for other in sizes if other.id != size.id and _overlap(size, other)), None)


def _overlap(one: Size, other: Size) -> bool:
    if not one.constraints or not other.constraints:
        return False
    if {c.type for c in one.constraints} != {c.type for c in other.constraints}:
        return False
    return all(
        a.identifier == b.identifier and a.min <= b.max and a.max >= b.min
        for a in one.constraints
        for b in other.constraints
        if a.type == b.type
    )


def _problem(one: Constraint) -> str:
    if one.max < one.min:
        return "max is smaller than min"
    if one.type == GPU and not one.identifier:
        return "for gpu constraints an identifier is required"
    if one.type == MEMORY and one.identifier:
        return "for memory constraints an identifier is not allowed"
    return ""


def _common_glob(names: list[str]) -> str:
    """The beginning that all names share, with a star when any goes on."""
    if not names:
        return ""
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), len(first))
    return first[:same] + ("*" if len(last) != same else "")
