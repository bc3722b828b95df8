# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of the metal-api: ``GET /v1/size`` and ``metalstack.api.v2.SizeService/List``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .._values import integer, mappings, text
from .by_id import convert_all, list_all
from .v1 import MetalV1
from .values import enum_name, labels, v2_labels

if TYPE_CHECKING:
    from .v2 import MetalV2

CONSTRAINTS = ("cores", "memory", "storage", "gpu")


@dataclass(frozen=True, order=True)
class Constraint:
    """What hardware of a size has from ``min`` to ``max`` of: cores, bytes of memory or storage, graphic cards.

    ``identifier`` is a glob of the parts that count (model of a processor or card, name of a disk), empty for all.
    """

    type: str
    identifier: str
    min: int
    max: int


@dataclass(frozen=True)
class Size:
    """A size. Its constraints are sorted: their order has no meaning."""

    id: str
    name: str
    description: str
    labels: Mapping[str, str]
    constraints: tuple[Constraint, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "labels": dict(self.labels),
            "constraints": [asdict(one) for one in self.constraints],
        }


def list_sizes(api: MetalV1 | MetalV2) -> list[Size]:
    """Return all sizes of either API. Raises :class:`~.._errors.ApiError`."""
    if isinstance(api, MetalV1):
        return list_all(api, "/v1/size", from_v1)
    service = "metalstack.api.v2.SizeService/List"
    return convert_all(api.call(service, {}).get("sizes") or [], service, _from_v2)


def from_v1(item: Mapping[str, Any]) -> Size:
    """Return the size of an answer of v1. Raises ValueError."""
    return _size(item, labels(item), "")


def _from_v2(item: Mapping[str, Any]) -> Size:
    return _size(item, v2_labels(item), "SIZE_CONSTRAINT_TYPE_")


def _size(item: Mapping[str, Any], tags: Mapping[str, str], prefix: str) -> Size:
    constraints = [
        Constraint(
            enum_name(text(one, "type"), prefix),
            text(one, "identifier"),
            integer(one.get("min")),
            integer(one.get("max")),
        )
        for one in mappings(item, "constraints")
    ]
    return Size(text(item, "id"), text(item, "name"), text(item, "description"), tags, tuple(sorted(constraints)))
