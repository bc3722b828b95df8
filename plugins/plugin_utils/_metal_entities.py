# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lookup metal can get and search: entities of the metal-api v1. Private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..module_utils._errors import NotFoundError, ProtocolError, UsageError
from ..module_utils._metal.v1 import MetalV1
from . import _metal_filters as find_by


@dataclass(frozen=True)
class Entity:
    """``path`` is below ``/v1``; ``key`` is the field that ``get`` takes.

    ``finds`` are the filters of its find request, None when it has none; ``compares`` are fields of its JSON (with dots
    for those within others) that are compared here, by the name of the filter.
    """

    path: str
    key: str = "id"
    finds: Mapping[str, str] | None = None
    compares: Mapping[str, str] = field(default_factory=dict)
    # A GET of one machine is a 404 when its event container is missing; find has it all the same.
    get_by_find: bool = False


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_MACHINE = {k: v for k, v in find_by.MACHINE.items() if k != "state_value"}
_MACHINE_HERE = {"state_value": "state.value", "liveliness": "liveliness"}
ENTITIES = {
    "image": Entity("image", finds=find_by.IMAGE),
    "ip": Entity("ip", "ipaddress", find_by.IP, _same("description")),
    "firewall": Entity("firewall", finds=_MACHINE, compares=_MACHINE_HERE, get_by_find=True),
    "machine": Entity("machine", finds=_MACHINE, compares=_MACHINE_HERE, get_by_find=True),
    "network": Entity(
        "network", finds=find_by.NETWORK, compares=_same("shared", "networktype", "nattype", "description")
    ),
    "partition": Entity("partition", compares=_same("id", "name", "description", "labels", "mgmtserviceaddress")),
    "project": Entity("project", finds=find_by.PROJECT),
    "size": Entity("size", compares=_same("id", "name", "description", "labels")),
    "switch": Entity("switch", finds=find_by.SWITCH, compares=_same("mode", "description")),
    "filesystemlayout": Entity("filesystemlayout", compares=_same("id", "name", "description")),
}


def get(api: MetalV1, name: str, identifier: str) -> dict[str, Any]:
    """Return one thing. Raises NotFoundError, other :class:`~..module_utils._errors.ApiError`, UsageError."""
    entity = _entity(name)
    if not isinstance(identifier, str) or not identifier:
        raise UsageError(f"get needs the {entity.key} of the {name}, which is a text.")
    missing = f"The metal-api has no {name} {str(identifier)!r}."
    if entity.get_by_find:
        found = api.find(f"/v1/{entity.path}/find", {entity.key: str(identifier)})
        if not found:
            raise NotFoundError(missing)
        return _clean(found[0])
    try:
        return _clean(api.get(f"/v1/{entity.path}/{quote(identifier, safe='')}"))
    except NotFoundError as error:
        raise NotFoundError(missing, status=error.status, request=error.request) from None


def search(api: MetalV1, name: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all things for which all filters hold. Raises ApiError, UsageError."""
    entity = _entity(name)
    finds = entity.finds or {}
    known = sorted({*finds, *entity.compares})
    for one in filters:
        if one not in known:
            raise UsageError(f"A {name} cannot be searched by {one!r}, but by {', '.join(known)}.")
    body = find_by.request({key: value for key, value in filters.items() if key in finds}, finds, "search")
    here = {entity.compares[key]: value for key, value in filters.items() if key in entity.compares}
    found = api.find(f"/v1/{entity.path}/find", body) if body else api.get_list(f"/v1/{entity.path}")
    return [_clean(item) for item in found if all(_holds(item, path, value) for path, value in here.items())]


def _entity(name: str) -> Entity:
    if name not in ENTITIES:
        raise UsageError(f"{name!r} is nothing that the metal-api has; it has {', '.join(sorted(ENTITIES))}.")
    return ENTITIES[name]


def _holds(item: Any, path: str, wanted: Any) -> bool:
    for part in path.split("."):
        item = item.get(part) if isinstance(item, Mapping) else None
    if wanted is None:
        return True
    if isinstance(wanted, Mapping):
        return isinstance(item, Mapping) and all(item.get(key) == value for key, value in wanted.items())
    if isinstance(item, list):
        return all(one in item for one in (wanted if isinstance(wanted, list) else [wanted]))
    if not wanted:
        # what is false or empty may be left out
        return not item
    return bool(item == wanted)


def _clean(item: Any) -> dict[str, Any]:
    """Return what the API answered, without the key to the VPN of a firewall."""
    if not isinstance(item, dict):
        raise ProtocolError("The metal-api answered something that is not an object.")
    allocation = item.get("allocation")
    vpn = allocation.get("vpn") if isinstance(allocation, dict) else None
    if isinstance(vpn, dict) and isinstance(allocation, dict):
        kept = {key: value for key, value in vpn.items() if key != "auth_key"}
        return {**item, "allocation": {**allocation, "vpn": kept}}
    return item
