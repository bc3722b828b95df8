# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions of the metal-api: ``GET /v1/partition`` and ``metalstack.api.v2.PartitionService/List``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .v1 import MetalV1

if TYPE_CHECKING:
    from .v2 import MetalV2


@dataclass(frozen=True)
class Partition:
    """A partition, and how its machines boot. Texts that the API does not give are empty; v2 has no ``name``."""

    id: str
    name: str
    image_url: str
    kernel_url: str
    commandline: str


def list_partitions(api: MetalV1 | MetalV2) -> list[Partition]:
    """Return all partitions of either API. Raises :class:`~.._errors.ApiError`."""
    if isinstance(api, MetalV1):
        items: Any = api.get_list("/v1/partition")
        boot, keys = "bootconfig", ("imageurl", "kernelurl", "commandline")
    else:
        items = api.call("metalstack.api.v2.PartitionService/List", {}).get("partitions") or []
        boot, keys = "bootConfiguration", ("imageUrl", "kernelUrl", "commandline")
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("id") for item in items):
        raise ProtocolError("The list of partitions of the metal-api is not a list of partitions with ids.")
    return [_partition(item, item.get(boot), keys) for item in items]


def _partition(item: Mapping[str, Any], boot: object, keys: tuple[str, str, str]) -> Partition:
    values: Mapping[str, Any] = boot if isinstance(boot, Mapping) else {}
    image, kernel, commandline = (_text(values.get(key)) for key in keys)
    return Partition(_text(item["id"]), _text(item.get("name")), image, kernel, commandline)


def _text(value: object) -> str:
    return "" if value is None else str(value)
