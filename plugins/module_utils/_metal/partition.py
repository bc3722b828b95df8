# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions of the metal-api: ``GET /v1/partition`` and ``metalstack.api.v2.PartitionService/List``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import normal_address
from .v1 import MetalV1

if TYPE_CHECKING:
    from .v2 import MetalV2


@dataclass(frozen=True)
class Partition:
    """A partition, and how its machines boot. Texts that the API does not give are empty; v2 has no ``name``.

    v1 has at most one of ``mgmt_service_addresses``.
    """

    id: str
    name: str
    image_url: str
    kernel_url: str
    commandline: str
    description: str = ""
    mgmt_service_addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    dns_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "image_url": self.image_url,
            "kernel_url": self.kernel_url,
            "commandline": self.commandline,
            "mgmt_service_addresses": list(self.mgmt_service_addresses),
            "labels": dict(self.labels),
            "dns_servers": list(self.dns_servers),
            "ntp_servers": list(self.ntp_servers),
        }


def list_partitions(api: MetalV1 | MetalV2) -> list[Partition]:
    """Return all partitions of either API. Raises :class:`~.._errors.ApiError`."""
    if isinstance(api, MetalV1):
        items: Any = api.get_list("/v1/partition")
        convert = from_v1
    else:
        items = api.call("metalstack.api.v2.PartitionService/List", {}).get("partitions") or []
        convert = _from_v2
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("id") for item in items):
        raise ProtocolError("The list of partitions of the metal-api is not a list of partitions with ids.")
    return [convert(item) for item in items]


def from_v1(item: Mapping[str, Any]) -> Partition:
    """Return the partition of an answer of v1."""
    first = _text(item.get("mgmtserviceaddress"))
    boot = _boot(item.get("bootconfig"), ("imageurl", "kernelurl", "commandline"))
    return _partition(item, boot, (first,) if first else (), item.get("labels"), ("dns_servers", "ntp_servers"))


def _from_v2(item: Mapping[str, Any]) -> Partition:
    meta, addresses = item.get("meta"), item.get("mgmtServiceAddresses")
    boot = _boot(item.get("bootConfiguration"), ("imageUrl", "kernelUrl", "commandline"))
    # a message within a message
    outer = meta.get("labels") if isinstance(meta, Mapping) else None
    labels = outer.get("labels") if isinstance(outer, Mapping) else None
    listed = tuple(map(_text, addresses)) if isinstance(addresses, list) else ()
    return _partition(item, boot, listed, labels, ("dnsServers", "ntpServers"))


def _boot(value: object, keys: tuple[str, str, str]) -> tuple[str, str, str]:
    values: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    image, kernel, commandline = (_text(values.get(key)) for key in keys)
    return image, kernel, commandline


def _partition(
    item: Mapping[str, Any],
    boot: tuple[str, str, str],
    addresses: tuple[str, ...],
    labels: object,
    servers: tuple[str, str],
) -> Partition:
    dns, ntp = servers
    return Partition(
        _text(item["id"]),
        _text(item.get("name")),
        *boot,
        _text(item.get("description")),
        addresses,
        {key: _text(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {},
        tuple(map(normal_address, _servers(item.get(dns), "ip"))),
        tuple(_servers(item.get(ntp), "address")),
    )


def _servers(value: object, key: str) -> list[str]:
    """Return the addresses of a list of servers, which is null when there are none."""
    items = value if isinstance(value, list) else []
    return [_text(item.get(key)) for item in items if isinstance(item, Mapping)]


def _text(value: object) -> str:
    return "" if value is None else str(value)
