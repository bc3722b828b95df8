# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes as they should be: ``PUT``, ``POST`` and ``DELETE /v1/size`` of the metal-api v1, all with the admin key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .._errors import UsageError
from .._units import SizeError, parse_size
from .by_id import ByIdResource, get_by_id
from .size import Constraint, Size, from_v1
from .values import given_labels

# What the API calls the size of machines that fit none.
_UNKNOWN = "unknown"
_FIELDS = ("name", "description", "labels", "constraints")
_IN_BYTES = ("memory", "storage")


class SizeResource(ByIdResource[Size]):
    """One size. ``wanted`` has ``id``, ``state`` and the fields of a size."""

    kind = "size"
    path = "/v1/size"

    def read(self) -> Size | None:
        """Return it."""
        return get_by_id(self._api, self.path, self._id, from_v1)

    def show(self, actual: Size) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields as :meth:`Size.as_dict` has them. Raises UsageError."""
        if self._id == _UNKNOWN:
            raise UsageError(f"id is {_UNKNOWN!r}, which the metal-api calls machines that are of no size.")
        values = {name: wanted.get(name) for name in _FIELDS}
        values["labels"] = given_labels(values["labels"])
        if values["constraints"] is not None:
            values["constraints"] = _constraints(values["constraints"])
        return values

    def new(self) -> dict[str, Any]:
        """Return what a new size has where nothing is given."""
        self.needed("constraints")
        return Size(self._id, "", "", {}, ()).as_dict()

    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request: their names are the same."""
        return {name: values[name] for name in _FIELDS if name in values}


def _constraints(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [_constraint(f"constraints[{index}]", one) for index, one in enumerate(given)]
    numbers = Counter(one.type for one in found)
    for name in ("cores", "memory"):
        if numbers[name] > 1:
            raise UsageError(f"constraints has {numbers[name]} of the type {name}; only one is allowed.")
    _check_twice(found)
    return [asdict(one) for one in sorted(found)]


def _check_twice(constraints: Iterable[Constraint]) -> None:
    for (kind, identifier), number in Counter((one.type, one.identifier) for one in constraints).items():
        if number > 1:
            what = f"the identifier {identifier!r}" if identifier else "no identifier"
            raise UsageError(f"constraints has {number} of the type {kind} with {what}; only one is allowed.")


def _constraint(option: str, given: Mapping[str, Any]) -> Constraint:
    kind, identifier = given["type"], given.get("identifier") or ""
    low, high = (_number(f"{option}.{name}", kind, given.get(name)) for name in ("min", "max"))
    if high < low:
        raise UsageError(f"{option}.max is {given['max']}, which is less than min ({given['min']}).")
    if kind == "gpu" and not identifier:
        raise UsageError(f"{option}.identifier is missing: a constraint of graphic cards names them.")
    if kind == "memory" and identifier:
        raise UsageError(f"{option}.identifier is {identifier!r}, but memory has no name: leave it out.")
    return Constraint(kind, identifier, low, high)


def _number(option: str, kind: str, value: str | None) -> int:
    """Return a number of cores or cards, or of bytes. Raises UsageError."""
    if value is None:
        return 0
    if kind in _IN_BYTES:
        try:
            return parse_size(value, option)
        except SizeError as error:
            raise UsageError(str(error)) from None
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise UsageError(f"{option} is {value!r}, which is not a number of {'cores' if kind == 'cores' else 'cards'}.")
    return int(value)
