# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: IP addresses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from .. import documents
from ..documents import Document
from ..model.ip import EPHEMERAL, IP, STATIC, TYPES, machine_tag, normal_tags
from ..model.network import FAMILIES, IpamError, Network, acquire_ip
from .call import BadRequestError, Call, Operation, UnprocessableError


def _list(call: Call) -> list[Document]:
    return [documents.ip(ip) for ip in call.state.ips]


def _get(call: Call) -> Document:
    return documents.ip(call.state.ips.get(call.path["ip"]))


def _find(call: Call) -> list[Document]:
    attributes = {
        "ipaddress": "id",
        "allocationuuid": "uuid",
        "name": "name",
        "networkprefix": "prefix",
        "networkid": "network",
        "projectid": "project",
        "type": "type",
    }
    wanted = {attribute: call.text(key) for key, attribute in attributes.items()}
    wanted = {attribute: value for attribute, value in wanted.items() if value is not None}
    tags = set(call.texts("tags") or ())
    machine = call.text("machineid")
    if machine is not None:
        tags.add(machine_tag(machine))
    try:
        family = address_family(call.text("addressfamily"))
    except ValueError as error:
        raise UnprocessableError(error) from error

    def matches(ip: IP) -> bool:
        return (
            all(getattr(ip, attribute) == value for attribute, value in wanted.items())
            and tags.issubset(ip.tags)
            and family in (None, ip.family)
        )

    return [documents.ip(ip) for ip in _candidates(call, wanted) if matches(ip)]


def _candidates(call: Call, wanted: dict[str, str | None]) -> Iterable[IP]:
    """The addresses among which are all that are looked for."""
    ips = call.state.ips
    if wanted.get("id") is not None:
        found = ips.find(wanted["id"] or "")
        return [found] if found is not None else []
    if wanted.get("network") is not None:
        return ips.of_network(wanted["network"] or "")
    if wanted.get("project") is not None:
        return ips.of_project(wanted["project"] or "")
    return ips


def _allocate(call: Call) -> Document:
    network_id, project_id = call.text("networkid") or "", call.text("projectid") or ""
    if not network_id:
        raise BadRequestError("networkid should not be empty")
    if not project_id:
        raise BadRequestError("projectid should not be empty")
    name, description, kind = call.text("name") or "", call.text("description") or "", call.text("type")
    tags, machine = call.texts("tags") or [], call.text("machineid") or ""
    network = call.state.networks.get(network_id)
    specific = call.path.get("ip")
    family = _family(call, network, specific)
    project = call.state.projects.get(project_id)
    # External networks have no parent: everybody may take addresses of them.
    if not network.shared and network.parent and project.id != network.project:
        raise UnprocessableError(
            f'can not allocate ip for project "{project.id}" because network belongs to "{network.project}" '
            "and the network is not shared"
        )
    if specific is not None and not _is_address(specific):
        raise UnprocessableError(f'unable to parse specific ip: ParseAddr("{specific}"): unable to parse IP')
    try:
        ip = acquire_ip(
            call.state.networks,
            call.state.ips,
            network,
            project.id,
            specific=specific,
            family=family,
            kind=STATIC if kind == STATIC else EPHEMERAL,
            name=name,
            description=description,
            tags=tags,
            machine=machine,
        )
    except IpamError as error:
        raise UnprocessableError(error) from error
    return documents.ip(ip)


def _update(call: Call) -> Document:
    old = call.state.ips.get(call.text("ipaddress") or "")
    name, description, kind = call.text("name"), call.text("description"), call.text("type")
    tags = call.texts("tags")
    new = replace(
        old,
        name=old.name if name is None else name,
        description=old.description if description is None else description,
        type=kind if kind in TYPES else old.type,
        tags=old.tags if tags is None else normal_tags(tags),
    )
    if old.type == STATIC and new.type == EPHEMERAL:
        raise BadRequestError("cannot change type of ip address from static to ephemeral")
    return documents.ip(call.state.ips.replace(old, new, race=call.race))


def _free(call: Call) -> Document:
    ip = call.state.ips.get(call.path["ip"])
    if ip.machine_scoped:
        raise BadRequestError("ip with machine scope can not be deleted")
    return documents.ip(call.state.ips.delete(ip.id))


def _family(call: Call, network: Network, specific: str | None) -> str | None:
    wanted = call.text("addressfamily")
    try:
        family = address_family(wanted)
    except ValueError as error:
        raise UnprocessableError(error) from error
    if family is not None and family not in network.families:
        raise BadRequestError(
            f"there is no prefix for the given addressfamily:{wanted} present in network:{network.id}"
        )
    if family is not None and specific is not None:
        raise BadRequestError("it is not possible to specify specificIP and addressfamily")
    return family


def address_family(text: str | None) -> str | None:
    """``IPv4`` or ``IPv6`` of any case; ValueError with the server's wording."""
    if text is None:
        return None
    for family in FAMILIES:
        if text.lower() == family.lower():
            return family
    raise ValueError(f'given addressfamily:"{text}" is invalid')


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


OPERATIONS = (
    Operation("GET", "/v1/ip", _list, role="view"),
    Operation("POST", "/v1/ip/find", _find, role="view"),
    Operation("POST", "/v1/ip/allocate", _allocate, role="edit", status=201),
    Operation("POST", "/v1/ip/allocate/{ip}", _allocate, role="edit", status=201),
    Operation("DELETE", "/v1/ip/free/{ip}", _free, role="edit"),
    Operation("POST", "/v1/ip/free/{ip}", _free, role="edit", reads=False),
    Operation("GET", "/v1/ip/{ip}", _get, role="view"),
    Operation("POST", "/v1/ip", _update, role="edit"),
)
