# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of networks."""

from __future__ import annotations

from collections.abc import Mapping

from ..model.network import (
    CHILD,
    CHILD_SHARED,
    EXTERNAL,
    FAMILIES,
    MASQUERADE,
    NAT_TYPES,
    NO_NAT,
    SUPER,
    SUPER_NAMESPACED,
    TYPES,
    UNDERLAY,
    Lengths,
    Network,
    Usage,
    parse_prefix,
)
from .reader import Document, Reader, common


def network(entity: Network, consumption: Mapping[str, Usage]) -> Document:
    """v1's response.

    :param consumption: the usage of each address family that the network has, empty when the network is gone.
    """
    document = {
        **common(entity),
        "partitionid": entity.partition,
        "projectid": entity.project,
        "labels": dict(entity.labels),
        "shared": entity.shared,
        "prefixes": list(entity.prefixes),
        "destinationprefixes": list(entity.destination_prefixes),
        "defaultchildprefixlength": None if entity.parent else dict(entity.default_child_prefix_length),
        "nat": entity.nat,
        "privatesuper": entity.private_super,
        "underlay": entity.underlay,
        "vrf": entity.vrf,
        "vrfshared": None,
        "parentnetworkid": entity.parent or None,
        "networktype": entity.type,
        "nattype": entity.nat_type,
        "consumption": {
            family.lower(): vars(consumption[family]) if family in consumption else None for family in FAMILIES
        },
        "usage": vars(consumption.get("IPv4", Usage())),
    }
    if entity.additional_announcable_cidrs:
        document["additionalAnnouncableCIDRs"] = list(entity.additional_announcable_cidrs)
    return document


def network_state(entity: Network) -> Document:
    """For the state file: without usage, with what only v2 knows."""
    document = network(entity, {})
    for key in ("consumption", "usage", "vrfshared"):
        del document[key]
    return {
        **document,
        "minchildprefixlength": dict(entity.min_child_prefix_length),
        "namespace": entity.namespace,
        "generation": entity.generation,
    }


def read_network(document: Document) -> Network:
    """From the state file. Only ``id`` and ``prefixes`` are needed.

    The booleans follow from ``networktype`` and ``nattype``, or the other way round, whichever are given; a type that
    is given as null stays null.
    """
    read = Reader(document, "network")
    entity = Network(
        **read.common(),
        project=read.text("projectid"),
        partition=read.text("partitionid"),
        labels=read.labels(),
        prefixes=_prefixes(read, "prefixes"),
        destination_prefixes=_prefixes(read, "destinationprefixes"),
        default_child_prefix_length=_lengths(read, "defaultchildprefixlength"),
        min_child_prefix_length=_lengths(read, "minchildprefixlength"),
        additional_announcable_cidrs=tuple(read.texts("additionalAnnouncableCIDRs")),
        vrf=read.number("vrf"),
        parent=read.text("parentnetworkid"),
        namespace=read.text("namespace"),
        **_kind(document, read),
    )
    read.ignore("vrfshared", "usage", "consumption")
    read.finish()
    return entity


def _kind(document: Document, read: Reader) -> Document:
    type_name, nat_type = read.text("networktype"), read.text("nattype")
    flags = {name: read.flag(name) for name in ("privatesuper", "underlay", "shared", "nat")}
    if type_name not in ("", *TYPES) or nat_type not in ("", *NAT_TYPES):
        raise ValueError(
            f"network {document.get('id')!r}: 'networktype' is one of {', '.join(TYPES)}, "
            f"'nattype' one of {', '.join(NAT_TYPES)}"
        )
    private_super = flags["privatesuper"] or type_name in (SUPER, SUPER_NAMESPACED)
    underlay = flags["underlay"] or type_name == UNDERLAY
    shared = flags["shared"] if "shared" in document else type_name == CHILD_SHARED
    nat = flags["nat"] or nat_type == MASQUERADE
    if "networktype" not in document:
        child = (CHILD_SHARED if shared else CHILD) if document.get("parentnetworkid") else EXTERNAL
        type_name = SUPER if private_super else UNDERLAY if underlay else child
    if "nattype" not in document:
        nat_type = MASQUERADE if nat else NO_NAT
    return {
        "private_super": private_super,
        "underlay": underlay,
        "shared": shared,
        "nat": nat,
        "type": type_name or None,
        "nat_type": nat_type or None,
    }


def _prefixes(read: Reader, key: str) -> tuple[str, ...]:
    return tuple(str(parse_prefix(text)) for text in read.texts(key))


def _lengths(read: Reader, key: str) -> Lengths:
    lengths = Reader(read.mapping(key), key)
    found = tuple((family, length) for family in FAMILIES if (length := lengths.number(family)))
    lengths.finish()
    return found
