# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of sizes."""

from __future__ import annotations

from ..model.size import CONSTRAINTS, Constraint, Size
from .reader import Document, Reader, common


def size(entity: Size) -> Document:
    """v1's response."""
    return {
        **common(entity),
        "labels": dict(entity.labels),
        "constraints": [constraint(one) for one in entity.constraints],
    }


def constraint(one: Constraint) -> Document:
    """v1's form of a constraint: what is zero is left out."""
    values = {"type": one.type, "min": one.min, "max": one.max, "identifier": one.identifier}
    return {key: value for key, value in values.items() if value}


def size_state(entity: Size) -> Document:
    """For the state file."""
    return {**size(entity), "generation": entity.generation}


def read_size(document: Document) -> Size:
    """From the state file. Only ``id`` is needed."""
    read = Reader(document, "size")
    entity = Size(
        **read.common(),
        labels=read.labels(),
        constraints=tuple(map(_read_constraint, read.mappings("constraints"))),
    )
    read.finish()
    return entity


def _read_constraint(document: Document) -> Constraint:
    read = Reader(document, "constraint of a size")
    one = Constraint(read.text("type", needed=True), read.number("min"), read.number("max"), read.text("identifier"))
    read.finish()
    if one.type not in CONSTRAINTS:
        raise ValueError(f"constraint of a size: 'type' is one of {', '.join(CONSTRAINTS)}")
    return one
