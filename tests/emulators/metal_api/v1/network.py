# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: networks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace

from .. import documents
from ..documents import Document
from ..model.network import (
    CHILD,
    CHILD_SHARED,
    EXTERNAL,
    FAMILIES,
    MASQUERADE,
    NO_NAT,
    SUPER,
    UNDERLAY,
    IpamError,
    Network,
    acquire_child_prefixes,
    check_releasable,
    families,
    overlap,
    parse_prefix,
)
from ..model.table import NotFoundError
from .call import BadRequestError, Call, HttpError, Operation, UnprocessableError
from .ip import address_family


def _response(call: Call, network: Network) -> Document:
    return documents.network(network, call.state.consumption(network))


def _list(call: Call) -> list[Document] | None:
    return [_response(call, network) for network in call.state.networks] or None


def _get(call: Call) -> Document:
    return _response(call, call.state.networks.get(call.path["id"]))


def _find(call: Call) -> list[Document]:
    texts = {
        "id": "id",
        "name": "name",
        "partitionid": "partition",
        "projectid": "project",
        "parentnetworkid": "parent",
    }
    flags = {"nat": "nat", "privatesuper": "private_super", "underlay": "underlay"}
    wanted = {attribute: call.text(key) for key, attribute in texts.items()}
    wanted_flags = {attribute: call.truth(key) for key, attribute in flags.items()}
    exact = {k: v for k, v in {**wanted, **wanted_flags, "vrf": call.number("vrf")}.items() if v is not None}
    labels = set(call.labels() or ())
    prefixes, destinations = _wanted_prefixes(call, "prefixes"), _wanted_prefixes(call, "destinationprefixes")
    try:
        family = address_family(call.text("addressfamily"))
    except ValueError as error:
        raise UnprocessableError(error) from error

    def matches(network: Network) -> bool:
        return (
            all(getattr(network, attribute) == value for attribute, value in exact.items())
            and labels.issubset(network.labels)
            and prefixes.issubset(network.prefixes)
            and destinations.issubset(network.destination_prefixes)
            and (family is None or family in network.families)
        )

    candidates: Iterable[Network] = call.state.networks
    if wanted["parent"]:
        candidates = call.state.networks.children(wanted["parent"])
    return [_response(call, network) for network in candidates if matches(network)]


def _create(call: Call) -> Document:
    """A network that is no child. ``shared``, ``parentnetworkid`` and both types of the request are ignored."""
    network = _read(call)
    state = call.state
    if network.project:
        state.projects.get(network.project)
    _check_create(network)
    if network.id and state.networks.find(network.id) is not None:
        raise HttpError(409, "entity already exists")
    existing = (prefix for other in state.networks if not other.parent for prefix in other.prefixes)
    pair = overlap(network.prefixes, existing)
    if pair is not None:
        raise UnprocessableError(f"{pair[0]} overlaps {pair[1]}")
    _check_partition(call, network)
    if (network.private_super or network.underlay) and network.nat:
        raise BadRequestError("private super or underlay network is not supposed to NAT")
    if network.vrf and state.networks.vrf_users(network.vrf) and not call.truth("vrfshared"):
        raise UnprocessableError(
            "cannot acquire a unique vrf id twice except vrfShared is set to true: "
            f"Conflict unable to acquire integer {network.vrf}: already taken"
        )
    return _response(call, state.networks.create(replace(network, id=network.id or str(uuid.uuid4()))))


def _read(call: Call) -> Network:
    private_super, underlay, nat = (bool(call.truth(name)) for name in ("privatesuper", "underlay", "nat"))
    prefixes = call.texts("prefixes") or []
    if not prefixes:
        raise BadRequestError("no prefixes given")
    lengths = call.numbers("defaultchildprefixlength")
    if not private_super and lengths is not None:
        raise BadRequestError("defaultchildprefixlength can only be set for privatesuper networks")
    try:
        return Network(
            id=call.text("id") or "",
            name=call.text("name") or "",
            description=call.text("description") or "",
            project=call.text("projectid") or "",
            partition=call.text("partitionid") or "",
            labels=call.labels() or (),
            default_child_prefix_length=_lengths(lengths or {}, "defaultchildprefixlength"),
            prefixes=_cidrs(prefixes),
            destination_prefixes=_cidrs(call.texts("destinationprefixes") or []),
            additional_announcable_cidrs=tuple(call.texts("additionalAnnouncableCIDRs") or ()),
            nat=nat,
            private_super=private_super,
            underlay=underlay,
            vrf=call.number("vrf") or 0,
            type=UNDERLAY if underlay else SUPER if private_super else EXTERNAL,
            nat_type=MASQUERADE if nat else NO_NAT,
        )
    except ValueError as error:
        raise BadRequestError(error) from error


def _check_create(network: Network) -> None:
    try:
        _check_families(network, families(network.destination_prefixes), dict(network.default_child_prefix_length))
        _check_announcable(network.additional_announcable_cidrs, private_super=network.private_super)
    except ValueError as error:
        raise BadRequestError(error) from error


def _check_partition(call: Call, network: Network) -> None:
    if call.text("partitionid") is None:
        return
    partition = call.state.partitions.get(network.partition)
    if network.private_super and call.state.networks.super_of(partition.id) is not None:
        raise BadRequestError(f'partition with id "{partition.id}" already has a private super network')
    if network.underlay and any(n.underlay and n.partition == partition.id for n in call.state.networks):
        raise UnprocessableError(f'partition with id "{partition.id}" already has an underlay network')


def _allocate(call: Call) -> Document:
    project_id, partition_id = call.text("projectid") or "", call.text("partitionid") or ""
    name, description, labels = call.text("name") or "", call.text("description") or "", call.labels()
    shared, nat, lengths = bool(call.truth("shared")), bool(call.truth("nat")), call.numbers("length")
    if not project_id:
        raise BadRequestError("projectid should not be empty")
    if not partition_id:
        raise BadRequestError("partitionid should not be empty")
    state = call.state
    project, partition = state.projects.get(project_id), state.partitions.get(partition_id)
    try:
        destinations = _cidrs(call.texts("destinationprefixes") or [])
    except ValueError as error:
        raise BadRequestError(error) from error
    parent = state.networks.super_of(partition.id)
    if parent is None:
        raise NotFoundError("no network found")
    if not parent.default_child_prefix_length:
        raise HttpError(500, f"supernetwork {parent.id} has no defaultchildprefixlength specified")
    wanted = _child_lengths(call, parent, lengths or {})
    try:
        vrf = state.networks.free_vrf()
        prefixes = acquire_child_prefixes(state.networks, parent, wanted)
    except IpamError as error:
        raise UnprocessableError(error) from error
    network = Network(
        id=str(uuid.uuid4()),
        name=name,
        description=description,
        project=project.id,
        partition=partition.id,
        labels=labels or (),
        prefixes=prefixes,
        destination_prefixes=destinations,
        nat=nat,
        shared=shared,
        vrf=vrf,
        parent=parent.id,
        type=CHILD_SHARED if shared else CHILD,
        nat_type=MASQUERADE if nat else NO_NAT,
    )
    return _response(call, state.networks.create(network))


def _child_lengths(call: Call, parent: Network, given: dict[str, int]) -> dict[str, int]:
    """The length of the prefix of each family that a child gets."""
    try:
        lengths = {**dict(parent.default_child_prefix_length), **dict(_lengths(given, "length"))}
    except ValueError as error:
        raise BadRequestError(error) from error
    wanted = call.text("addressfamily")
    try:
        family = address_family(wanted)
    except ValueError as error:
        raise BadRequestError(f"addressfamily is invalid {error}") from error
    if family is None:
        return lengths
    if family not in lengths:
        raise BadRequestError(f"addressfamily {wanted} specified, but no childprefixlength for this addressfamily")
    return {family: lengths[family]}


def _update(call: Call) -> Document:
    force = call.flag("force")
    old = call.state.networks.get(call.text("id") or "")
    name, description, labels, shared = call.text("name"), call.text("description"), call.labels(), call.truth("shared")
    prefixes, destinations = call.texts("prefixes"), call.texts("destinationprefixes")
    lengths = call.numbers("defaultchildprefixlength")
    announcable = tuple(call.texts("additionalAnnouncableCIDRs") or ())
    if old.shared and shared is False:
        raise BadRequestError("once a network is marked as shared it is not possible to unshare it")
    if lengths and not old.private_super:
        raise UnprocessableError("defaultchildprefixlength can only be set on privatesuper")
    try:
        new = replace(
            old,
            name=old.name if name is None else name,
            description=old.description if description is None else description,
            labels=old.labels if labels is None else labels,
            # The type stays what it was: v2 does not see a network as shared that becomes so here.
            shared=old.shared if shared is None else shared,
            prefixes=_cidrs(prefixes) if prefixes else old.prefixes,
            destination_prefixes=_cidrs(destinations) if destinations else old.destination_prefixes,
        )
        _check_removed(call, old, new)
    except ValueError as error:
        raise UnprocessableError(error) from error
    try:
        asked = families(new.destination_prefixes) if destinations else []
        _check_families(new, asked, dict(old.default_child_prefix_length))
    except ValueError as error:
        raise BadRequestError(error) from error
    try:
        if lengths:
            _check_present(new, lengths)
            new = replace(new, default_child_prefix_length=_lengths(lengths, "defaultchildprefixlength"))
        _check_added(call, old, new)
        _check_announcable(announcable, private_super=old.private_super)
    except ValueError as error:
        raise UnprocessableError(error) from error
    for cidr in old.additional_announcable_cidrs:
        if not force and cidr not in announcable:
            raise BadRequestError(f'you cannot remove "{cidr}" from additionalannouncablecidrs without force flag set')
    # Overwritten even when the request does not have it.
    new = replace(new, additional_announcable_cidrs=announcable)
    return _response(call, call.state.networks.replace(old, new, race=call.race))


def _check_removed(call: Call, old: Network, new: Network) -> None:
    removed = set(old.prefixes) - set(new.prefixes)
    for ip in call.state.ips.of_network(old.id):
        if ip.prefix in removed:
            raise ValueError(f"unable to update network: prefix {ip.prefix} has ip {ip.address} in use")


def _check_added(call: Call, old: Network, new: Network) -> None:
    added = [prefix for prefix in new.prefixes if prefix not in old.prefixes]
    others = (prefix for network in call.state.networks if not network.parent for prefix in network.prefixes)
    pair = overlap(added, (prefix for prefix in others if prefix not in set(old.prefixes) - set(new.prefixes)))
    if pair is not None:
        raise ValueError(f"unable to create prefix in ipam: {pair[0]} overlaps {pair[1]}")


def _check_present(network: Network, lengths: dict[str, int]) -> None:
    for family, length in lengths.items():
        if family not in network.families:
            raise ValueError(f'no addressfamily "{family}" present for defaultchildprefixlength: {length}')


def _delete(call: Call) -> Document:
    network = call.state.networks.get(call.path["id"])
    if call.state.networks.children(network.id):
        raise UnprocessableError("network cannot be deleted because there are children of this network")
    for ip in call.state.ips.of_network(network.id):
        raise UnprocessableError(f"unable to delete network: prefix {ip.prefix} has ip {ip.address} in use")
    return documents.network(call.state.networks.delete(network.id), {})


def _free(call: Call) -> Document:
    """Meant for children; of any other network the address management refuses to release the prefixes."""
    network = call.state.networks.get(call.path["id"])
    try:
        check_releasable(network, call.state.ips)
    except IpamError as error:
        raise UnprocessableError(error) from error
    return documents.network(call.state.networks.delete(network.id), {})


def _check_families(network: Network, destinations: list[str], lengths: dict[str, int]) -> None:
    for family in destinations:
        if family not in network.families:
            raise ValueError(f"addressfamily:{family} of destination prefixes is not present in existing prefixes")
    if not network.private_super:
        return
    if not lengths:
        raise ValueError("private super network must always contain a defaultchildprefixlength")
    for family, length in lengths.items():
        for prefix in network.of_family(family):
            if length <= prefix.prefixlen:
                raise ValueError(
                    f"given defaultchildprefixlength {length} is not greater than prefix length of:{prefix}"
                )
    for family in network.families:
        if family not in lengths:
            raise ValueError(
                f"private super network must always contain a defaultchildprefixlength per addressfamily:{family}"
            )


def _check_announcable(cidrs: tuple[str, ...], *, private_super: bool) -> None:
    if cidrs and not private_super:
        raise ValueError("additionalannouncablecidrs can only be set in a private super network")
    for cidr in cidrs:
        try:
            parse_prefix(cidr)
        except ValueError as error:
            raise ValueError(f'given cidr:"{cidr}" in additionalannouncablecidrs is malformed:{error}') from error


def _wanted_prefixes(call: Call, name: str) -> set[str]:
    try:
        return set(_cidrs(call.texts(name) or []))
    except ValueError as error:
        raise BadRequestError(error) from error


def _cidrs(texts: list[str]) -> tuple[str, ...]:
    found = []
    for text in texts:
        try:
            found.append(str(parse_prefix(text)))
        except ValueError as error:
            raise ValueError(f"given cidr {text} is not a valid ip with mask: {error}") from error
    return tuple(found)


def _lengths(given: dict[str, int], what: str) -> tuple[tuple[str, int], ...]:
    lengths = {}
    for name, length in given.items():
        try:
            lengths[address_family(name) or ""] = length
        except ValueError as error:
            raise ValueError(f"addressfamily of {what} is invalid {error}") from error
    return tuple((family, lengths[family]) for family in FAMILIES if family in lengths)


OPERATIONS = (
    Operation("GET", "/v1/network", _list, role="view"),
    Operation("POST", "/v1/network/find", _find, role="view"),
    Operation("POST", "/v1/network/allocate", _allocate, role="edit", status=201),
    Operation("DELETE", "/v1/network/free/{id}", _free, role="edit"),
    Operation("POST", "/v1/network/free/{id}", _free, role="edit", reads=False),
    Operation("GET", "/v1/network/{id}", _get, role="view"),
    Operation("PUT", "/v1/network", _create, role="admin", status=201),
    Operation("POST", "/v1/network", _update, role="admin"),
    Operation("DELETE", "/v1/network/{id}", _delete, role="admin"),
)
