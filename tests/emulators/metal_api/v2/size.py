# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: SizeService."""

from __future__ import annotations

from metalstack.api.v2 import size_pb2  # type: ignore[import-untyped]

from ..model.size import CONSTRAINTS, Constraint, Size
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services

TYPES = {name: size_pb2.SizeConstraintType.Value(f"SIZE_CONSTRAINT_TYPE_{name.upper()}") for name in CONSTRAINTS}


def _list(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    sizes = (size for size in ask.state.sizes if query is None or _matches(size, query))
    return size_pb2.SizeServiceListResponse(sizes=[message(size) for size in sizes])


def _get(ask: Call) -> Message:
    try:
        return size_pb2.SizeServiceGetResponse(size=message(ask.state.sizes.get(ask.request.id)))
    except NotFoundError as error:
        call.not_found(error)


def message(size: Size) -> Message:
    """The size as the API shows it."""
    return size_pb2.Size(
        id=size.id,
        meta=call.meta(size, dict(size.labels)),
        name=size.name,
        description=size.description,
        constraints=[_constraint(one) for one in size.constraints],
    )


def _constraint(one: Constraint) -> Message:
    shown = size_pb2.SizeConstraint(type=TYPES[one.type], min=one.min, max=one.max)
    if one.identifier:
        shown.identifier = one.identifier
    return shown


def _matches(size: Size, query: Message) -> bool:
    has = {"id": size.id, "name": size.name, "description": size.description}
    return all(call.optional(query, field) in (None, value) for field, value in has.items()) and call.has_labels(
        dict(size.labels), query
    )


SERVICES: Services = {"metalstack.api.v2.SizeService": {"List": _list, "Get": _get}}
