# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the metal-api: ``/v1/network`` and ``metalstack.api.v2.NetworkService``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._values import integer, mapping, text, texts
from .addresses import FAMILIES, family_of, normal_prefixes
from .values import enum_name, labels

CHILD, SUPER, SUPER_NAMESPACED, UNDERLAY, EXTERNAL = "child", "super", "super_namespaced", "underlay", "external"
KINDS = (CHILD, SUPER, UNDERLAY, EXTERNAL)
SUPERS = (SUPER, SUPER_NAMESPACED)
_USAGE = {
    "available_ips": "availableIps",
    "used_ips": "usedIps",
    "available_prefixes": "availablePrefixes",
    "used_prefixes": "usedPrefixes",
}


@dataclass(frozen=True)
class Network:
    """A network. ``kind`` is one of KINDS or ``super_namespaced`` (v2 only); ``shared`` is of children.

    ``vrf`` is None when it has none. ``default_child_prefix_length`` maps ``ipv4`` and ``ipv6`` to lengths.
    ``announcable`` are the additional announcable CIDRs as the API spells them. ``consumption`` maps ``ipv4`` and
    ``ipv6`` to numbers, or None. ``updated_at`` is v2's time of the last change, which an update has to give back.
    """

    id: str
    name: str
    description: str
    kind: str
    shared: bool
    project: str
    partition: str
    parent: str
    prefixes: tuple[str, ...]
    destination_prefixes: tuple[str, ...]
    labels: Mapping[str, str]
    nat: bool
    vrf: int | None
    default_child_prefix_length: Mapping[str, int]
    announcable: tuple[str, ...]
    consumption: Mapping[str, Any] = field(default_factory=dict)
    updated_at: str = ""

    def as_dict(self, *, consumption: bool = False) -> dict[str, Any]:
        """Return it as users see it, with how much of it is used if that is wanted."""
        shown = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "kind": self.kind,
            "shared": self.shared,
            "project": self.project,
            "partition": self.partition,
            "parent": self.parent,
            "prefixes": list(self.prefixes),
            "destination_prefixes": list(self.destination_prefixes),
            "labels": dict(self.labels),
            "nat": self.nat,
            "vrf": self.vrf,
            "default_child_prefix_length": dict(self.default_child_prefix_length),
            "additional_announcable_cidrs": normal_prefixes(self.announcable),
        }
        return {**shown, "consumption": dict(self.consumption)} if consumption else shown

    @property
    def families(self) -> list[str]:
        """The address families of its prefixes."""
        present = {family_of(prefix) for prefix in self.prefixes}
        return [family for family in FAMILIES if family in present]

    @property
    def prefix_lengths(self) -> dict[str, int]:
        """The lengths of its prefixes by ``ipv4`` and ``ipv6``; a child has one of each family at most."""
        return {family_of(prefix).lower(): int(prefix.rpartition("/")[2]) for prefix in self.prefixes}


def from_v1(item: Mapping[str, Any]) -> Network:
    """Return a network of v1's JSON. Raises ValueError.

    The booleans tell what kind it is: ``networktype`` may be null, and does not follow when a network becomes shared.
    """
    lengths = mapping(item, "defaultchildprefixlength")
    consumption = mapping(item, "consumption")
    return Network(
        _id(item),
        text(item, "name"),
        text(item, "description"),
        _kind_v1(item),
        bool(item.get("shared")),
        text(item, "projectid"),
        text(item, "partitionid"),
        text(item, "parentnetworkid"),
        tuple(normal_prefixes(texts(item, "prefixes"))),
        tuple(normal_prefixes(texts(item, "destinationprefixes"))),
        labels(item),
        bool(item.get("nat")),
        integer(item.get("vrf")) or None,
        {family.lower(): integer(lengths[family]) for family in FAMILIES if lengths.get(family)},
        tuple(texts(item, "additionalAnnouncableCIDRs")),
        {family.lower(): _usage(consumption, family.lower()) for family in FAMILIES},
    )


def from_v2(item: Mapping[str, Any]) -> Network:
    """Return a network of v2's JSON. Raises ValueError."""
    meta = mapping(item, "meta")
    kind = enum_name(text(item, "type"), "NETWORK_TYPE_")
    lengths = mapping(item, "defaultChildPrefixLength")
    consumption = mapping(item, "consumption")
    return Network(
        _id(item),
        text(item, "name"),
        text(item, "description"),
        CHILD if kind == "child_shared" else kind,
        kind == "child_shared",
        text(item, "project"),
        text(item, "partition"),
        text(item, "parentNetwork"),
        tuple(normal_prefixes(texts(item, "prefixes"))),
        tuple(normal_prefixes(texts(item, "destinationPrefixes"))),
        labels(mapping(meta, "labels")),
        text(item, "natType") == "NAT_TYPE_IPV4_MASQUERADE",
        integer(item.get("vrf")) or None,
        {family.lower(): integer(lengths[family.lower()]) for family in FAMILIES if lengths.get(family.lower())},
        tuple(texts(item, "additionalAnnouncableCidrs")),
        {family.lower(): _usage(consumption, family.lower()) for family in FAMILIES},
        text(meta, "updatedAt"),
    )


def _id(item: Mapping[str, Any]) -> str:
    found = text(item, "id")
    if not found:
        raise ValueError("it has no id")
    return found


def _kind_v1(item: Mapping[str, Any]) -> str:
    if item.get("privatesuper"):
        return SUPER_NAMESPACED if item.get("networktype") == "super-namespaced" else SUPER
    if item.get("underlay"):
        return UNDERLAY
    return CHILD if item.get("parentnetworkid") else EXTERNAL


def _usage(consumption: Mapping[str, Any], family: str) -> dict[str, int] | None:
    """Return the numbers of a family in v1's or v2's spelling, None when the network has no such prefix."""
    if not consumption.get(family):
        return None
    numbers = mapping(consumption, family)
    return {name: integer(numbers.get(key, numbers.get(name))) for name, key in _USAGE.items()}
