# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines as v1 answers with them, as JSON text that is made once and kept while nothing of it changes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .. import documents
from ..documents import Document
from ..model.image import Image
from ..model.life import Phase
from ..model.machine import Machine
from ..model.partition import Partition
from ..model.size import Size
from ..model.table import NotFoundError, Table
from ..state import State

UNKNOWN_SIZE = Size(id="unknown", name="unknown")
NO_SIZE, NO_PARTITION, NO_IMAGE = Size(id=""), Partition(id=""), Image(id="")


@dataclass(frozen=True)
class _Kept:
    """A text, and what it was made of."""

    sources: tuple[Any, ...]
    phase: Phase
    text: bytes


def one(state: State, machine: Machine, *, bmc: bool = False) -> bytes:
    """A single machine; NotFoundError as ``check`` has it."""
    check(state, machine)
    return _text(state, machine, bmc=bmc)


def check(state: State, machine: Machine) -> None:
    """NotFoundError when something that a single machine refers to is missing, its event container too."""
    for what, table, wanted in (
        ("size", state.sizes, machine.size if machine.size != UNKNOWN_SIZE.id else ""),
        ("partition", state.partitions, machine.partition),
        ("image", state.images, machine.allocation.image if machine.allocation else ""),
    ):
        _check(what, table, wanted, machine)
    if not machine.life.container:
        raise NotFoundError(
            f'error finding provisioning event container for machine "{machine.id}": no provisioningeventcontainer '
            f'with id "{machine.id}" found'
        )


def many(state: State, machines: Iterable[Machine], *, bmc: bool = False) -> bytes:
    """A list of machines. What they refer to and is missing is shown empty."""
    return b"[" + b",".join(_text(state, machine, bmc=bmc) for machine in machines) + b"]"


def _check(what: str, table: Table[Any], wanted: str, machine: Machine) -> None:
    if wanted and table.find(wanted) is None:
        problem = f'no {table.kind} with id "{wanted}" found'
        raise NotFoundError(f'error finding {what} "{wanted}" for machine "{machine.id}": {problem}')


def _text(state: State, machine: Machine, *, bmc: bool) -> bytes:
    kept: dict[str, _Kept] = state.rendered
    phase, sources = machine.phase(state.life), _sources(state, machine)
    known = kept.get(machine.id)
    if known is None or known.phase != phase or any(a is not b for a, b in zip(known.sources, sources)):
        known = _Kept(sources, phase, _dump(_document(state, machine, phase, sources)))
        kept[machine.id] = known
    if not bmc:
        return known.text
    ipmi = _dump(documents.ipmi(machine, phase, state.clock.now()))
    return known.text[:-1] + b',"ipmi":' + ipmi + b"}"


def _sources(state: State, machine: Machine) -> tuple[Any, ...]:
    """The rows that the text is made of."""
    allocation = machine.allocation
    return (
        machine,
        state.partitions.find(machine.partition),
        state.sizes.find(machine.size),
        state.images.find(allocation.image) if allocation is not None else None,
        state.filesystem_layouts.find(allocation.filesystem_layout) if allocation is not None else None,
    )


def _document(state: State, machine: Machine, phase: Phase, sources: tuple[Any, ...]) -> Document:
    _machine, partition, size, image, layout = sources
    if size is None:
        size = UNKNOWN_SIZE if machine.size == UNKNOWN_SIZE.id else NO_SIZE
    references = {
        "partition": documents.partition(partition or NO_PARTITION) if machine.partition else None,
        "size": documents.size(size) if machine.size else None,
        "image": documents.image(image or NO_IMAGE) if machine.allocation is not None else None,
        "filesystemlayout": documents.filesystem_layout(layout) if layout is not None else None,
    }
    return documents.machine(machine, phase, machine.life.events(phase.passed, state.life), references)


def _dump(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
