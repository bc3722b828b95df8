# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: sizes."""

from __future__ import annotations

from dataclasses import replace

from .. import documents
from ..documents import Document
from ..documents.size import constraint
from ..model.size import Constraint, Size, check, overlapping, suggestion
from .call import BadRequestError, Call, Operation, UnprocessableError

UNKNOWN = "unknown"  # the size of machines that fit none


def _list(call: Call) -> list[Document]:
    return [documents.size(size) for size in call.state.sizes]


def _get(call: Call) -> Document:
    return documents.size(call.state.sizes.get(call.path["id"]))


def _create(call: Call) -> Document:
    size_id = call.text("id") or ""
    if not size_id:
        raise BadRequestError("id should not be empty")
    if size_id == UNKNOWN:
        raise BadRequestError(f'id cannot be "{UNKNOWN}"')
    size = Size(
        id=size_id,
        name=call.text("name") or "",
        description=call.text("description") or "",
        labels=call.labels() or (),
        constraints=_constraints(call) or (),
    )
    _check(call, size)
    return documents.size(call.state.sizes.create(size))


def _update(call: Call) -> Document:
    old = call.state.sizes.get(call.text("id") or "")
    name, description, labels, constraints = (
        call.text("name"),
        call.text("description"),
        call.labels(),
        _constraints(call),
    )
    new = replace(
        old,
        name=old.name if name is None else name,
        description=old.description if description is None else description,
        labels=old.labels if labels is None else labels,
        constraints=old.constraints if constraints is None else constraints,
    )
    _check(call, new)
    return documents.size(call.state.sizes.replace(old, new, race=call.race))


def _delete(call: Call) -> Document:
    size = call.state.sizes.get(call.path["id"])
    return documents.size(call.state.sizes.delete(size.id))


def _suggest(call: Call) -> list[Document]:
    machine_id = call.text("machineID") or ""
    if not machine_id:
        raise BadRequestError("machineID must be given")
    return [constraint(one) for one in suggestion(call.state.machines.get(machine_id).hardware)]


def _constraints(call: Call) -> tuple[Constraint, ...] | None:
    items = call.items("constraints")
    if items is None:
        return None
    if not all(isinstance(item, dict) for item in items):
        raise BadRequestError("json: cannot unmarshal into Go field of constraints")
    calls = [Call(call.state, call.user, {}, {}, item) for item in items]
    return tuple(
        Constraint(
            item.text("type") or "", item.number("min") or 0, item.number("max") or 0, item.text("identifier") or ""
        )
        for item in calls
    )


def _check(call: Call, size: Size) -> None:
    try:
        check(size)
    except ValueError as error:
        raise UnprocessableError(error) from error
    other = overlapping(size, call.state.sizes)
    if other is not None:
        raise BadRequestError(f'size "{size.id}" overlaps with "{other.id}"')


OPERATIONS = (
    Operation("GET", "/v1/size", _list),
    Operation("POST", "/v1/size/suggest", _suggest),
    Operation("GET", "/v1/size/{id}", _get),
    Operation("PUT", "/v1/size", _create, role="admin", status=201),
    Operation("POST", "/v1/size", _update, role="admin"),
    Operation("DELETE", "/v1/size/{id}", _delete, role="admin"),
)
