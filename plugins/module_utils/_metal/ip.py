# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses of the metal-api: ``/v1/ip`` and ``metalstack.api.v2.IPService``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._values import mapping, normal_address, text, texts
from .addresses import family_of
from .label_tags import labels_to_tags
from .values import enum_name, labels

# Any tag that begins with it gives the address to a machine, which then keeps it.
MACHINE_TAG = "machine.metal-stack.io/id"
_SYSTEM = re.compile(r"([a-z0-9-]+\.)*metal-stack\.io/", re.I)


@dataclass(frozen=True)
class IP:
    """An address that a project has. ``tags`` are ``key=value`` or ``key``, sorted; v2 calls them labels.

    ``namespace`` is that of a namespaced network, which only v2 knows; ``updated_at`` is v2's time of the last change
    as it wrote it, which an update has to give back.
    """

    ip: str
    allocation_uuid: str
    name: str
    description: str
    network: str
    project: str
    type: str
    tags: tuple[str, ...]
    namespace: str = ""
    updated_at: str = ""

    @property
    def address_family(self) -> str:
        """``IPv4`` or ``IPv6``."""
        return family_of(self.ip)

    @property
    def machine_scoped(self) -> bool:
        """Whether a machine holds it."""
        return any(tag.startswith(MACHINE_TAG) for tag in self.tags)

    @property
    def machines(self) -> list[str]:
        """Ids of the machines that hold it."""
        return [tag.partition("=")[2] for tag in self.tags if tag.startswith(f"{MACHINE_TAG}=")]

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return {
            "ip": self.ip,
            "allocation_uuid": self.allocation_uuid,
            "name": self.name,
            "description": self.description,
            "network": self.network,
            "project": self.project,
            "type": self.type,
            "address_family": self.address_family,
            "tags": list(self.tags),
        }


def is_system_tag(tag: str) -> bool:
    """Whether metal-stack itself set it: its key is below a name of ``metal-stack.io``."""
    return _SYSTEM.match(tag) is not None


def normal_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return them sorted, each once, without empty ones, as the API stores them."""
    return tuple(sorted({tag for tag in tags if tag}))


def from_v1(item: Mapping[str, Any]) -> IP:
    """Return an address of v1's JSON. Raises ValueError."""
    return IP(
        _address(item, "ipaddress"),
        text(item, "allocationuuid"),
        text(item, "name"),
        text(item, "description"),
        text(item, "networkid"),
        text(item, "projectid"),
        text(item, "type"),
        normal_tags(texts(item, "tags")),
    )


def from_v2(item: Mapping[str, Any]) -> IP:
    """Return an address of v2's JSON. Raises ValueError."""
    meta = mapping(item, "meta")
    return IP(
        _address(item, "ip"),
        text(item, "uuid"),
        text(item, "name"),
        text(item, "description"),
        text(item, "network"),
        text(item, "project"),
        enum_name(text(item, "type"), "IP_TYPE_"),
        labels_to_tags(labels(mapping(meta, "labels"))),
        text(item, "namespace"),
        text(meta, "updatedAt"),
    )


def _address(item: Mapping[str, Any], key: str) -> str:
    address = normal_address(text(item, key))
    if not address:
        raise ValueError("it has no address")
    return address
