# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: IPService."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from connectrpc.code import Code
from metalstack.admin.v2 import ip_pb2 as admin_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import ip_pb2  # type: ignore[import-untyped]

from ..model import network as networks
from ..model.ip import EPHEMERAL, IP, STATIC, ip_id, machine_tag, normal_tags
from ..model.network import CHILD, CHILD_SHARED, EXTERNAL, UNDERLAY, IpamError, Network, acquire_ip
from ..model.table import ExistsError, NotFoundError
from . import call
from .call import Call, Message, Services

TYPES = {EPHEMERAL: ip_pb2.IP_TYPE_EPHEMERAL, STATIC: ip_pb2.IP_TYPE_STATIC}
FAMILIES = {ip_pb2.IP_ADDRESS_FAMILY_V4: "IPv4", ip_pb2.IP_ADDRESS_FAMILY_V6: "IPv6"}


def _list(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    ips = ask.state.ips.of_project(ask.request.project)
    return ip_pb2.IPServiceListResponse(ips=[message(ip) for ip in _matching(ips, query)])


def _list_all(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    return admin_pb2.IPServiceListResponse(ips=[message(ip) for ip in _matching(ask.state.ips, query)])


def _get(ask: Call) -> Message:
    return ip_pb2.IPServiceGetResponse(ip=message(_stored(ask, ip_id(ask.request.ip, ask.request.namespace))))


def _create(ask: Call) -> Message:
    request, state = ask.request, ask.state
    try:
        state.projects.get(request.project)
        network = state.networks.get(request.network)
    except NotFoundError as error:
        call.not_found(error)
    _check_network(ask, network)
    specific, family = call.optional(request, "ip"), FAMILIES.get(request.address_family)
    _check_address(ask, network, specific, family)
    try:
        ip = acquire_ip(
            state.networks,
            state.ips,
            network,
            request.project,
            specific=specific,
            family=family,
            kind=STATIC if request.type == ip_pb2.IP_TYPE_STATIC else EPHEMERAL,
            name=request.name,
            description=request.description,
            tags=call.tags_of_labels(request.labels.labels),
            machine=request.machine,
        )
    except ExistsError as error:
        call.fail(Code.ALREADY_EXISTS, error)
    except IpamError as error:
        call.fail(Code.INVALID_ARGUMENT, error)
    return ip_pb2.IPServiceCreateResponse(ip=message(ip))


def _check_network(ask: Call, network: Network) -> None:
    if network.project and network.project != ask.request.project:
        # Also of a shared network: only the project that it belongs to gets addresses here.
        call.fail(Code.INVALID_ARGUMENT, f'not allowed to create ip in network "{network.id}"')
    if network.project != ask.request.project and network.type not in (CHILD_SHARED, EXTERNAL, UNDERLAY):
        call.fail(Code.INVALID_ARGUMENT, f"cannot allocate ip in network of type {network.type}")
    if network.type == UNDERLAY and (ask.token is None or ask.token.admin_role != "EDITOR"):
        call.fail(Code.PERMISSION_DENIED, "only admin editors can allocate ips from an underlay network")
    if network.type not in (CHILD, CHILD_SHARED, EXTERNAL, UNDERLAY):
        call.fail(Code.PERMISSION_DENIED, f'given networktype "{network.type}" is not allowed')


def _check_address(ask: Call, network: Network, specific: str | None, family: str | None) -> None:
    state = ask.state
    if specific is not None:
        if state.ips.find(ip_id(specific, network.namespace)) is not None:
            call.fail(Code.INVALID_ARGUMENT, f'given ip "{specific}" is already allocated')
        if not networks.holds(network, specific):
            call.fail(
                Code.INVALID_ARGUMENT,
                f'specific ip "{specific}" is not contained in any of the prefixes of network "{network.id}"',
            )
    elif all(usage.available_ips <= usage.used_ips for usage in state.consumption(network).values()):
        call.fail(Code.INVALID_ARGUMENT, f'no free ips in network "{network.id}"')
    if family is not None and family not in network.families:
        call.fail(
            Code.INVALID_ARGUMENT,
            f'there is no prefix for the given addressfamily {family} present in network "{network.id}", '
            f"available address families are: [{' '.join(network.families)}]",
        )
    if family is not None and specific is not None:
        call.fail(Code.INVALID_ARGUMENT, "it is not possible to specify specificIP and addressfamily")


def _update(ask: Call) -> Message:
    request = ask.request
    old = _stored(ask, request.ip)
    given = {name: getattr(request, name) for name in ("name", "description") if request.HasField(name)}
    if request.HasField("type"):
        given["type"] = STATIC if request.type == ip_pb2.IP_TYPE_STATIC else EPHEMERAL
        if old.type == STATIC and given["type"] == EPHEMERAL:
            call.fail(Code.INVALID_ARGUMENT, "cannot change type of ip address from static to ephemeral")
    new = replace(old, **given, tags=normal_tags(call.updated_tags(request, old.tags)))
    return ip_pb2.IPServiceUpdateResponse(ip=message(call.replace(ask, ask.state.ips, old, new)))


def _delete(ask: Call) -> Message:
    ip = _stored(ask, ask.request.ip)
    if ip.machine_scoped:
        call.fail(Code.INVALID_ARGUMENT, "ip with machine scope cannot be deleted")
    ask.state.tasks.order(lambda: _free(ask, ip))
    return ip_pb2.IPServiceDeleteResponse(ip=call.deleted(message(ip)))


def _free(ask: Call, ip: IP) -> None:
    now = ask.state.ips.find(ip.id)
    if now is not None and now.uuid == ip.uuid:
        ask.state.ips.delete(ip.id)


def message(ip: IP) -> Message:
    """The address as the API shows it."""
    shown = ip_pb2.IP(
        uuid=ip.uuid,
        meta=call.meta(ip, call.labels_of_tags(ip.tags)),
        ip=ip.address,
        name=ip.name,
        description=ip.description,
        network=ip.network,
        project=ip.project,
        type=TYPES[ip.type],
    )
    if ip.namespace:
        shown.namespace = ip.namespace
    return shown


def _stored(ask: Call, wanted: str) -> IP:
    try:
        ip = ask.state.ips.get(wanted)
    except NotFoundError as error:
        call.not_found(error)
    if ip.project != ask.request.project:
        call.fail(Code.NOT_FOUND, f'*metal.IP with id "{wanted}" not found')
    return ip


def _matching(ips: Iterable[IP], query: Message) -> Iterable[IP]:
    if query is None:
        return ips
    names = {"ip": "address", "network": "network", "project": "project", "name": "name", "uuid": "uuid"}
    names |= {"parent_prefix_cidr": "prefix", "namespace": "namespace"}
    exact = {names[field]: getattr(query, field) for field in names if query.HasField(field)}
    tags = {*call.tags_of_labels(query.labels.labels), *([machine_tag(query.machine)] if query.machine else [])}
    family = FAMILIES.get(query.address_family)
    return [
        ip
        for ip in ips
        if all(getattr(ip, name) == value for name, value in exact.items())
        and tags.issubset(ip.tags)
        and (not query.HasField("type") or TYPES[ip.type] == query.type)
        and family in (None, ip.family)
    ]


SERVICES: Services = {
    "metalstack.api.v2.IPService": {
        "Get": _get,
        "Create": _create,
        "Update": _update,
        "List": _list,
        "Delete": _delete,
    },
    "metalstack.admin.v2.IPService": {"List": _list_all},
}
