# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: NetworkService, of projects and of admins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from connectrpc.code import Code
from metalstack.admin.v2 import network_pb2 as admin_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import network_pb2  # type: ignore[import-untyped]

from ..model.network import CHILD, CHILD_SHARED, EXTERNAL, SUPER, SUPER_NAMESPACED, Lengths, Network, Usage
from ..model.table import NotFoundError
from . import call, networkchange
from .call import Call, Message, Services
from .networkchange import FAMILIES, NAT_TYPES, TYPES

# What projects may look at of the networks that belong to nobody.
BASE = (CHILD_SHARED, EXTERNAL, SUPER, SUPER_NAMESPACED)


def _list(ask: Call) -> Message:
    return network_pb2.NetworkServiceListResponse(networks=_messages(ask, _matching(ask, ask.request.project)))


def _list_all(ask: Call) -> Message:
    return admin_pb2.NetworkServiceListResponse(networks=_messages(ask, _matching(ask, None)))


def _list_base(ask: Call) -> Message:
    """What a project may have addresses or children of: its own networks and those of nobody, without their usage."""
    project = ask.request.project
    owned = _matching(ask, project) if project else []
    found = [network for network in chain(owned, _matching(ask, "")) if network.type in BASE]
    return network_pb2.NetworkServiceListBaseNetworksResponse(
        networks=[message(network, ask.state.consumption(network) if network.project else None) for network in found]
    )


def _get(ask: Call) -> Message:
    return network_pb2.NetworkServiceGetResponse(network=_message(ask, _stored(ask, ask.request.project)))


def _get_any(ask: Call) -> Message:
    return admin_pb2.NetworkServiceGetResponse(network=_message(ask, _stored(ask, None)))


def _create(ask: Call) -> Message:
    """A child: projects cannot create anything else, nor share it."""
    request = ask.request
    fields = ("project", "name", "description", "partition", "parent_network", "labels", "length", "address_family")
    given = {name: getattr(request, name) for name in fields if name == "project" or request.HasField(name)}
    wish = admin_pb2.NetworkServiceCreateRequest(type=TYPES[CHILD], **given)
    return network_pb2.NetworkServiceCreateResponse(network=_message(ask, networkchange.create(ask, wish)))


def _create_any(ask: Call) -> Message:
    return admin_pb2.NetworkServiceCreateResponse(network=_message(ask, networkchange.create(ask, ask.request)))


def _update(ask: Call) -> Message:
    old = _stored(ask, ask.request.project)
    fields = ("name", "description", "labels", "update_meta")
    given = {name: getattr(ask.request, name) for name in fields if ask.request.HasField(name)}
    wish = admin_pb2.NetworkServiceUpdateRequest(id=old.id, **given)
    return network_pb2.NetworkServiceUpdateResponse(network=_message(ask, networkchange.update(ask, old, wish)))


def _update_any(ask: Call) -> Message:
    old = _stored(ask, None)
    return admin_pb2.NetworkServiceUpdateResponse(network=_message(ask, networkchange.update(ask, old, ask.request)))


def _delete(ask: Call) -> Message:
    network = _stored(ask, ask.request.project)
    networkchange.delete(ask, network)
    return network_pb2.NetworkServiceDeleteResponse(network=call.deleted(message(network, {})))


def _delete_any(ask: Call) -> Message:
    network = _stored(ask, None)
    networkchange.delete(ask, network)
    return admin_pb2.NetworkServiceDeleteResponse(network=call.deleted(message(network, {})))


def message(network: Network, consumption: Mapping[str, Usage] | None) -> Message:
    """The network as the API shows it: what is empty is not set; ``consumption`` None is not shown at all."""
    texts = {
        "name": network.name,
        "description": network.description,
        "partition": network.partition,
        "project": network.project,
        "namespace": network.namespace,
        "vrf": network.vrf,
        "parent_network": network.parent,
    }
    shown = network_pb2.Network(
        id=network.id,
        meta=call.meta(network, dict(network.labels)),
        prefixes=network.prefixes,
        destination_prefixes=network.destination_prefixes,
        type=TYPES.get(network.type or ""),
        nat_type=NAT_TYPES.get(network.nat_type or ""),
        additional_announcable_cidrs=network.additional_announcable_cidrs,
        **{name: value for name, value in texts.items() if value},
    )
    if network.default_child_prefix_length:
        shown.default_child_prefix_length.CopyFrom(_lengths(network.default_child_prefix_length))
    if network.min_child_prefix_length:
        shown.min_child_prefix_length.CopyFrom(_lengths(network.min_child_prefix_length))
    if consumption is not None:
        usage = {family.lower(): vars(one) for family, one in consumption.items()}
        shown.consumption.CopyFrom(network_pb2.NetworkConsumption(**usage))
    return shown


def _message(ask: Call, network: Network) -> Message:
    return message(network, ask.state.consumption(network))


def _messages(ask: Call, networks: Iterable[Network]) -> list[Message]:
    return [_message(ask, network) for network in networks]


def _lengths(lengths: Lengths) -> Message:
    return network_pb2.ChildPrefixLength(**{family.lower(): length for family, length in lengths})


def _stored(ask: Call, project: str | None) -> Network:
    """The network of the request, if it is one of that project; None is for admins."""
    try:
        network = ask.state.networks.get(ask.request.id)
    except NotFoundError as error:
        call.not_found(error)
    if project is not None and network.project != project:
        call.fail(Code.NOT_FOUND, f'*metal.Network with id "{network.id}" not found')
    return network


def _matching(ask: Call, project: str | None) -> list[Network]:
    """The networks that the query of the request wants, of one project or (None) of all, by their ids."""
    query = call.optional(ask.request, "query")
    networks = [network for network in ask.state.networks if project is None or network.project == project]
    # Networks of nobody are asked for with an empty project, whatever the query says.
    found = [network for network in networks if query is None or _matches(network, query, any_project=project == "")]
    return sorted(found, key=lambda network: network.id)


def _matches(network: Network, query: Message, *, any_project: bool) -> bool:
    has = {
        "id": network.id,
        "name": network.name,
        "description": network.description,
        "partition": network.partition,
        "namespace": network.namespace,
        "vrf": network.vrf,
        "parent_network": network.parent,
        "type": TYPES.get(network.type or ""),
        "nat_type": NAT_TYPES.get(network.nat_type or ""),
    }
    if not any_project:
        has["project"] = network.project
    families = FAMILIES[query.address_family] if query.HasField("address_family") else ()
    return (
        all(call.optional(query, field) in (None, value) for field, value in has.items())
        and set(query.prefixes) <= set(network.prefixes)
        and set(query.destination_prefixes) <= set(network.destination_prefixes)
        and set(families) <= set(network.families)
        and call.has_labels(dict(network.labels), query)
    )


SERVICES: Services = {
    "metalstack.api.v2.NetworkService": {
        "Get": _get,
        "Create": _create,
        "Update": _update,
        "List": _list,
        "ListBaseNetworks": _list_base,
        "Delete": _delete,
    },
    "metalstack.admin.v2.NetworkService": {
        "Get": _get_any,
        "Create": _create_any,
        "Update": _update_any,
        "List": _list_all,
        "Delete": _delete_any,
    },
}
