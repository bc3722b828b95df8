# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: the rules by which networks are created, updated and deleted."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import NoReturn

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import network_pb2  # type: ignore[import-untyped]

from ..model import network as model
from ..model.network import (
    CHILD,
    CHILD_SHARED,
    EXTERNAL,
    MASQUERADE,
    NO_NAT,
    SUPER,
    SUPER_NAMESPACED,
    UNDERLAY,
    IpamError,
    Lengths,
    Network,
    acquire_child_prefixes,
    families,
    overlap,
)
from ..model.table import NotFoundError
from . import call
from .call import Call, Message

TYPES = {name: network_pb2.NetworkType.Value(f"NETWORK_TYPE_{name.upper().replace('-', '_')}") for name in model.TYPES}
NAT_TYPES = {NO_NAT: network_pb2.NAT_TYPE_NONE, MASQUERADE: network_pb2.NAT_TYPE_IPV4_MASQUERADE}
FAMILIES = {
    network_pb2.NETWORK_ADDRESS_FAMILY_UNSPECIFIED: (),
    network_pb2.NETWORK_ADDRESS_FAMILY_V4: ("IPv4",),
    network_pb2.NETWORK_ADDRESS_FAMILY_V6: ("IPv6",),
    network_pb2.NETWORK_ADDRESS_FAMILY_DUAL_STACK: ("IPv4", "IPv6"),
}
CHILDREN, SUPERS = (CHILD, CHILD_SHARED), (SUPER, SUPER_NAMESPACED)
_NAMES = {number: name for name, number in TYPES.items()}
_NAT_NAMES = {number: name for name, number in NAT_TYPES.items()}

# Fields of the request that a type of network must have, and must not have, with the words of the complaint.
_NEEDED = {
    CHILD: {"project": "project"},
    EXTERNAL: {"id": "id", "prefixes": "prefixes", "vrf": "vrf"},
    UNDERLAY: {"id": "id", "prefixes": "prefixes", "partition": "partition"},
    SUPER: {"id": "id", "prefixes": "prefixes", "default_child_prefix_length": "default child prefix length"},
}
_CHILD_ONLY = {"parent_network": "parent network id", "address_family": "addressfamily", "length": "length"}
_SUPER_ONLY = {
    "additional_announcable_cidrs": "additional announcable cidrs",
    "default_child_prefix_length": "default child prefix length",
    "min_child_prefix_length": "min child prefix length",
}
_REFUSED = {
    CHILD: {"id": "id", "prefixes": "prefixes", "destination_prefixes": "destination prefixes", **_SUPER_ONLY},
    EXTERNAL: {**_CHILD_ONLY, **_SUPER_ONLY},
    UNDERLAY: {
        "project": "project",
        "vrf": "vrf",
        "destination_prefixes": "destination prefixes",
        **_CHILD_ONLY,
        **_SUPER_ONLY,
    },
    SUPER: _CHILD_ONLY,
}


def create(ask: Call, wish: Message) -> Network:
    """Create what an admin's request wishes for; fails as the API does."""
    state = ask.state
    if wish.HasField("id") and state.networks.find(wish.id) is not None:
        call.fail(Code.ALREADY_EXISTS, f"network with id:{wish.id} already exists")
    if wish.HasField("project") and state.projects.find(wish.project) is None:
        _missing(f'project must exist before creating network: no project with id "{wish.project}" found')
    if wish.HasField("partition") and state.partitions.find(wish.partition) is None:
        _missing(f'partition must exist before creating network: no partition with id "{wish.partition}" found')
    _check_canonical(wish.prefixes)
    kind = _NAMES[wish.type]
    _check_fields(wish, {CHILD_SHARED: CHILD, SUPER_NAMESPACED: SUPER}.get(kind, kind))
    network = _child(ask, wish, kind) if kind in CHILDREN else _base(ask, wish, kind)
    return state.networks.create(network)


def _base(ask: Call, wish: Message, kind: str) -> Network:
    """A network that is no child."""
    if kind in SUPERS:
        _check_super(ask, wish, kind)
    if kind == UNDERLAY:
        if wish.HasField("nat_type") and wish.nat_type != NAT_TYPES[NO_NAT]:
            _refuse("nattype my only be nil or none")
        if "IPv6" in families(wish.prefixes):
            _refuse("underlay can only contain ipv4 prefixes")
    _check_destinations(wish.prefixes, wish.destination_prefixes)
    _check_overlap(ask, wish.prefixes, ())
    if wish.vrf and ask.state.networks.vrf_users(wish.vrf):
        call.fail(Code.ALREADY_EXISTS, f"unable to acquire integer {wish.vrf}: already taken")
    return Network(
        id=wish.id,
        name=wish.name,
        description=wish.description,
        project=wish.project,
        partition=wish.partition,
        labels=tuple(wish.labels.labels.items()),
        prefixes=tuple(wish.prefixes),
        destination_prefixes=tuple(wish.destination_prefixes),
        default_child_prefix_length=_lengths(wish.default_child_prefix_length),
        min_child_prefix_length=_lengths(wish.min_child_prefix_length),
        additional_announcable_cidrs=tuple(wish.additional_announcable_cidrs),
        # v1's boolean of masquerading is never set here.
        nat=False,
        private_super=kind in SUPERS,
        underlay=kind == UNDERLAY,
        shared=kind == EXTERNAL,
        vrf=wish.vrf,
        type=kind,
        nat_type=_NAT_NAMES.get(wish.nat_type, NO_NAT),
    )


def _check_super(ask: Call, wish: Message, kind: str) -> None:
    if wish.HasField("partition"):
        if kind == SUPER_NAMESPACED:
            _refuse("partition must not be specified for namespaced private super")
        if any(n.partition == wish.partition and n.type == kind for n in ask.state.networks):
            name = network_pb2.NetworkType.Name(wish.type)
            _refuse(f'partition with id "{wish.partition}" already has a network of type {name}')
    _check_lengths(_lengths(wish.default_child_prefix_length), wish.prefixes)
    _check_lengths(_lengths(wish.min_child_prefix_length), wish.prefixes)
    given = dict(_lengths(wish.default_child_prefix_length))
    if not given:
        _refuse("a super network must always contain a default child prefix length")
    for family in families(wish.prefixes):
        if family not in given:
            _refuse(f"a super network must always contain a default child prefix length per addressfamily: {family}")
    _check_announcable(wish.additional_announcable_cidrs, is_super=True)


def _child(ask: Call, wish: Message, kind: str) -> Network:
    """A child; translation of addresses and destinations come from the parent, whatever the request says."""
    state = ask.state
    parent = _parent(ask, wish)
    if not parent.default_child_prefix_length:
        _refuse(f"super network {parent.id} has no default child prefix length specified")
    if parent.vrf and wish.HasField("vrf"):
        _refuse(
            f'super network "{parent.id}" inherits vrf {parent.vrf} to its child networks, '
            "therefore the vrf must be nil"
        )
    if parent.project and parent.project != wish.project:
        _refuse(f"super network {parent.id} is project scoped, requested child project:{wish.project} does not match")
    if kind == CHILD_SHARED and any(n.type == kind and n.project == wish.project for n in state.networks):
        _refuse("only one child shared network per project is allowed")
    lengths = _child_lengths(wish, parent)
    namespace = wish.project if parent.type == SUPER_NAMESPACED else ""
    try:
        prefixes = acquire_child_prefixes(state.networks, parent, lengths, namespace)
        vrf = parent.vrf or state.networks.free_vrf()
    except IpamError:
        call.fail(
            Code.INTERNAL,
            f"error creating child network in parent {parent.id}:cannot allocate free child prefix in one of the given "
            f"parent prefixes in ipam: [{' '.join(parent.prefixes)}]",
        )
    return Network(
        id=str(uuid.uuid4()),
        name=wish.name,
        description=wish.description,
        project=wish.project,
        partition=wish.partition or parent.partition,
        labels=tuple(wish.labels.labels.items()),
        prefixes=prefixes,
        destination_prefixes=parent.destination_prefixes,
        nat=parent.nat_type == MASQUERADE,
        shared=kind == CHILD_SHARED,
        vrf=vrf,
        parent=parent.id,
        type=kind,
        nat_type=parent.nat_type,
        namespace=namespace,
    )


def _parent(ask: Call, wish: Message) -> Network:
    state = ask.state
    if wish.HasField("partition") and wish.HasField("parent_network"):
        _refuse("if parent network id is specified, partition must be nil")
    if wish.HasField("parent_network"):
        try:
            parent = state.networks.get(wish.parent_network)
        except NotFoundError as error:
            _missing(f"unable to retrieve parent network: {error.args[0]}")
        if parent.type not in SUPERS:
            _refuse("given parentnetwork must be either a super or a super namespace network")
        if parent.project and parent.project != wish.project:
            _refuse(
                f"not allowed to create child network with project {wish.project} in network {parent.id} "
                f"scoped to project {parent.project}"
            )
        return parent
    if not wish.HasField("partition"):
        _refuse("no parent network found")
    supers = [n for n in state.networks if n.type == SUPER and n.partition == wish.partition and not n.project]
    if not supers:
        _missing(f'unable to find a super in partition "{wish.partition}": no network found')
    return supers[0]


def _child_lengths(wish: Message, parent: Network) -> dict[str, int]:
    lengths = dict(parent.default_child_prefix_length)
    given = dict(_lengths(wish.length))
    if given:
        _check_lengths(tuple(given.items()), parent.prefixes)
        for family, least in parent.min_child_prefix_length:
            if given.get(family, least) < least:
                _refuse(
                    f"requested prefix length {given} is smaller than allowed (super network defines a minimum of "
                    f"{dict(parent.min_child_prefix_length)})"
                )
        lengths = given
    if wish.HasField("address_family") and len(FAMILIES[wish.address_family]) == 1:
        (family,) = FAMILIES[wish.address_family]
        if family not in lengths:
            name = network_pb2.NetworkAddressFamily.Name(wish.address_family)
            _refuse(f"addressfamily {name} specified, but no childprefixlength for this addressfamily")
        lengths = {family: lengths[family]}
    return lengths


def update(ask: Call, old: Network, wish: Message) -> Network:
    """Update as an admin's request wishes; fails as the API does."""
    state, is_super, child = ask.state, old.type in SUPERS, old.type in CHILDREN
    if old.type is None:
        call.fail(Code.INVALID_ARGUMENT, "networktype is not set")
    if wish.HasField("default_child_prefix_length") and not is_super:
        _refuse("default child prefix length can only be set on super networks")
    if wish.prefixes and child:
        _refuse("cannot change prefixes in child networks")
    if not wish.prefixes and not child:
        _refuse("removing all prefixes is not supported")
    _check_canonical(wish.prefixes)
    prefixes = tuple(wish.prefixes) or old.prefixes
    removed, added = set(old.prefixes) - set(prefixes), [p for p in prefixes if p not in old.prefixes]
    for prefix in sorted(removed):
        _check_empty(ask, old, prefix, Code.INVALID_ARGUMENT)
    _check_overlap(ask, added, removed)
    _check_destinations(old.prefixes, wish.destination_prefixes)
    _check_lengths(_lengths(wish.default_child_prefix_length), old.prefixes)
    _check_lengths(_lengths(wish.min_child_prefix_length), old.prefixes)
    _check_announcable(wish.additional_announcable_cidrs, is_super=is_super)
    for cidr in old.additional_announcable_cidrs:
        if not wish.force and cidr not in wish.additional_announcable_cidrs:
            _refuse(f'you cannot remove "{cidr}" from additionalannouncablecidrs without force flag set')
    given = {name: getattr(wish, name) for name in ("name", "description") if wish.HasField(name)}
    new = replace(
        old,
        **given,
        labels=call.updated_labels(wish, dict(old.labels)),
        prefixes=prefixes,
        destination_prefixes=tuple(wish.destination_prefixes) or old.destination_prefixes,
        default_child_prefix_length=_lengths(wish.default_child_prefix_length) or old.default_child_prefix_length,
        # Additions count only with force as well.
        additional_announcable_cidrs=(
            tuple(wish.additional_announcable_cidrs) if wish.force else old.additional_announcable_cidrs
        ),
        nat_type=_NAT_NAMES.get(wish.nat_type, old.nat_type) if wish.HasField("nat_type") else old.nat_type,
        nat=old.nat or wish.nat_type == NAT_TYPES[MASQUERADE],
    )
    return call.replace(ask, state.networks, old, new)


def delete(ask: Call, network: Network) -> None:
    """Order to delete it; fails with failed_precondition while the network is in use."""
    state = ask.state
    if state.networks.children(network.id):
        _missing("cannot remove network with existing child networks")
    for machine in state.machines:
        if machine.allocation is not None and any(one.network == network.id for one in machine.allocation.networks):
            _missing("cannot remove network with existing machine allocations")
    for prefix in network.prefixes:
        _check_empty(ask, network, prefix, Code.FAILED_PRECONDITION)
    state.tasks.order(lambda: _remove(ask, network.id))


def _remove(ask: Call, network: str) -> None:
    if ask.state.networks.find(network) is not None:
        ask.state.networks.delete(network)


def _check_fields(wish: Message, kind: str) -> None:
    """All complaints about fields that are missing or should be."""
    needed = [f"{words} must not be nil" for field, words in _NEEDED[kind].items() if not _has(wish, field)]
    refused = [f"{words} must be nil" for field, words in _REFUSED[kind].items() if _has(wish, field)]
    if needed or refused:
        # Go joins errors with line feeds.
        _refuse("\n".join([*needed, *refused]))


def _has(wish: Message, field: str) -> bool:
    repeated = field in ("prefixes", "destination_prefixes", "additional_announcable_cidrs")
    return bool(getattr(wish, field)) if repeated else wish.HasField(field)


def _check_canonical(prefixes: Iterable[str]) -> None:
    for prefix in prefixes:
        canonical = str(ip_network(prefix, strict=False))
        if canonical != prefix:
            _refuse(f'expecting canonical form of prefix "{prefix}", please specify it as "{canonical}"')


def _check_destinations(prefixes: Iterable[str], destinations: Iterable[str]) -> None:
    present = families(prefixes)
    for family in families(destinations):
        if family not in present:
            _refuse(f"addressfamily:{family} of destination prefixes is not present in existing prefixes")


def _check_lengths(lengths: Lengths, prefixes: Iterable[str]) -> None:
    parsed = [model.parse_prefix(prefix) for prefix in prefixes]
    for family, length in lengths:
        same = [prefix for prefix in parsed if model.family_of(prefix) == family]
        if not same:
            _refuse(f'child prefix length for addressfamily "{family}" specified, but not found in prefixes')
        for prefix in same:
            if length <= prefix.prefixlen:
                _refuse(f"given childprefixlength {length} is not greater than prefix length of:{prefix}")


def _check_announcable(cidrs: Iterable[str], *, is_super: bool) -> None:
    for cidr in cidrs:
        if not is_super:
            _refuse("additional announcable cidrs can only be set in a private super network")
        try:
            model.parse_prefix(cidr)
        except ValueError as error:
            _refuse(f'given cidr:"{cidr}" in additional announcable cidrs is malformed:{error}')


def _check_overlap(ask: Call, prefixes: Iterable[str], removed: Iterable[str]) -> None:
    """Fails with already_exists when a new prefix overlaps another, or one of a network that is no child."""
    prefixes, gone = list(prefixes), set(removed)
    existing = (prefix for network in ask.state.networks if not network.parent for prefix in network.prefixes)
    pairs = [overlap([one], prefixes[:index]) for index, one in enumerate(prefixes)]
    pair = next(filter(None, pairs), None) or overlap(prefixes, (prefix for prefix in existing if prefix not in gone))
    if pair is not None:
        call.fail(Code.ALREADY_EXISTS, f"{pair[0]} overlaps {pair[1]}")


def _check_empty(ask: Call, network: Network, prefix: str, code: Code) -> None:
    number = len(ask.state.ips.use(prefix, network.namespace).used)
    if number:
        call.fail(code, f"there are still {number} ips present in prefix: {prefix}")


def _lengths(lengths: Message) -> Lengths:
    given = {"IPv4": lengths.ipv4, "IPv6": lengths.ipv6}
    return tuple((family, length) for family, length in given.items() if length)


def _refuse(message: str) -> NoReturn:
    raise ConnectError(Code.INVALID_ARGUMENT, message)


def _missing(message: str) -> NoReturn:
    raise ConnectError(Code.FAILED_PRECONDITION, message)
