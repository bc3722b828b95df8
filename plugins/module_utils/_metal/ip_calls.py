# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with IP addresses, the same for both generations of the metal-api.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from .._errors import ConflictError, NotFoundError, ProtocolError
from .ip import IP, from_v1, from_v2, normal_tags
from .label_tags import label_tags, merged_label_tags, tags_to_labels
from .v1 import MetalV1

if TYPE_CHECKING:
    from .v2 import MetalV2

# What the user filters by, and the fields of v1 and of v2 that the API compares.
_FILTERS_V1 = {
    "ip": "ipaddress",
    "allocation_uuid": "allocationuuid",
    "name": "name",
    "network": "networkid",
    "project": "projectid",
    "type": "type",
    "machine": "machineid",
    "prefix": "networkprefix",
    "address_family": "addressfamily",
    "tags": "tags",
}
_FILTERS_V2 = {
    "ip": "ip",
    "allocation_uuid": "uuid",
    "name": "name",
    "network": "network",
    "machine": "machine",
    "prefix": "parentPrefixCidr",
}


class IpCalls(ABC):
    """Calls about IPs. All raise :class:`~.._errors.ApiError`."""

    generation: str

    @abstractmethod
    def get(self, ip: str, project: str | None) -> IP | None:
        """Return the address with exactly that (normal) spelling, of whatever project; None when nobody has it."""

    @abstractmethod
    def find(self, filters: Mapping[str, Any]) -> list[IP]:
        """Return the addresses that the API finds by filters (see ``_FILTERS_V1``) that are not None."""

    @abstractmethod
    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """Take ``wanted["ip"]``, or any address; keys as of :meth:`IP.as_dict`, None where nothing is asked for."""

    @abstractmethod
    def update(self, actual: IP, changed: Mapping[str, Any], tags: Callable[[IP], Sequence[str]] | None) -> None:
        """Change name, description and type, and the tags to what ``tags`` makes of how the address is now."""

    @abstractmethod
    def free(self, actual: IP) -> None:
        """Give it back."""

    def normal_tags(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return tags as they will come back. Raises UsageError."""
        return normal_tags(wanted)

    def merged_tags(self, kept: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
        """Return both together."""
        return normal_tags([*kept, *wanted])


class V1Ips(IpCalls):
    """``/v1/ip``: reading needs the view key, everything else the edit key."""

    generation = "v1"

    def __init__(self, api: MetalV1) -> None:
        self._api = api

    def get(self, ip: str, project: str | None) -> IP | None:
        """``GET /v1/ip/{ip}``."""
        del project
        try:
            return _understood(self._api.get(f"/v1/ip/{quote(ip, safe='')}"), from_v1)
        except NotFoundError:
            return None

    def find(self, filters: Mapping[str, Any]) -> list[IP]:
        """``POST /v1/ip/find``, or ``GET /v1/ip`` without a filter."""
        body = {_FILTERS_V1[name]: value for name, value in filters.items() if value is not None}
        items = self._api.find("/v1/ip/find", body) if body else self._api.get_list("/v1/ip")
        return [_understood(item, from_v1) for item in items]

    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """``POST /v1/ip/allocate`` or ``/v1/ip/allocate/{ip}``."""
        fields = {
            "networkid": wanted["network"],
            "projectid": wanted["project"],
            "type": wanted["type"] or "ephemeral",
            "name": wanted["name"],
            "description": wanted["description"],
            "tags": None if wanted["tags"] is None else list(wanted["tags"]),
            # The API refuses a family together with an address.
            "addressfamily": None if wanted["ip"] else wanted["address_family"],
        }
        path = "/v1/ip/allocate" + (f"/{quote(wanted['ip'], safe='')}" if wanted["ip"] else "")
        self._api.post(path, {name: value for name, value in fields.items() if value is not None})

    def update(self, actual: IP, changed: Mapping[str, Any], tags: Callable[[IP], Sequence[str]] | None) -> None:
        """``POST /v1/ip``, which replaces all tags and takes no version: so they are read at the last moment."""
        body: dict[str, Any] = {"ipaddress": actual.ip, **changed}
        if tags is not None:
            now = self.get(actual.ip, None)
            if now is None or now.allocation_uuid != actual.allocation_uuid:
                raise ConflictError(f"The IP {actual.ip} was freed by somebody else meanwhile.")
            body["tags"] = list(tags(now))
        self._api.post("/v1/ip", body)

    def free(self, actual: IP) -> None:
        """``DELETE /v1/ip/free/{ip}``."""
        self._api.delete(f"/v1/ip/free/{quote(actual.ip, safe='')}", idempotent=False)


class V2Ips(IpCalls):
    """``metalstack.api.v2.IPService``, and ``metalstack.admin.v2.IPService/List`` where no project is named."""

    generation = "v2"

    def __init__(self, api: MetalV2) -> None:
        self._api = api

    def get(self, ip: str, project: str | None) -> IP | None:
        """List with a query; an address of another project is only seen without ``project``."""
        return next(iter(self.find({"ip": ip, "project": project})), None)

    def find(self, filters: Mapping[str, Any]) -> list[IP]:
        """List of a project, or of all with the admin service."""
        query = {_FILTERS_V2[name]: filters[name] for name in _FILTERS_V2 if filters.get(name) is not None}
        if filters.get("type") is not None:
            query["type"] = f"IP_TYPE_{filters['type'].upper()}"
        if filters.get("address_family") is not None:
            query["addressFamily"] = f"IP_ADDRESS_FAMILY_V{filters['address_family'][-1]}"
        if filters.get("tags"):
            query["labels"] = {"labels": tags_to_labels(filters["tags"])}
        message: dict[str, Any] = {"query": query} if query else {}
        if filters.get("project") is not None:
            answer = self._api.call("metalstack.api.v2.IPService/List", {**message, "project": filters["project"]})
        else:
            answer = self._api.call("metalstack.admin.v2.IPService/List", message)
        items = answer.get("ips") or []
        if not isinstance(items, list):
            raise ProtocolError("The list of IPs of the metal-api is not a list.")
        return [_understood(item, from_v2) for item in items]

    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """Create."""
        fields = {
            "network": wanted["network"],
            "project": wanted["project"],
            "type": f"IP_TYPE_{(wanted['type'] or 'ephemeral').upper()}",
            "name": wanted["name"],
            "description": wanted["description"],
            "labels": {"labels": tags_to_labels(wanted["tags"])} if wanted["tags"] else None,
            "ip": wanted["ip"],
            "addressFamily": None
            if wanted["ip"] or not wanted["address_family"]
            else f"IP_ADDRESS_FAMILY_V{wanted['address_family'][-1]}",
        }
        message = {name: value for name, value in fields.items() if value is not None}
        self._api.call("metalstack.api.v2.IPService/Create", message)

    def update(self, actual: IP, changed: Mapping[str, Any], tags: Callable[[IP], Sequence[str]] | None) -> None:
        """Update, which is refused when somebody else changed it meanwhile."""
        message: dict[str, Any] = {
            "ip": actual.ip,
            "project": actual.project,
            "updateMeta": {
                "updatedAt": actual.updated_at,
                "lockingStrategy": "OPTIMISTIC_LOCKING_STRATEGY_CLIENT",
            },
            **changed,
        }
        if "type" in changed:
            message["type"] = f"IP_TYPE_{changed['type'].upper()}"
        if tags is not None:
            message["labels"] = {"patch": _patch(actual.tags, tags(actual))}
        self._api.call("metalstack.api.v2.IPService/Update", message)

    def free(self, actual: IP) -> None:
        """Delete."""
        self._api.call("metalstack.api.v2.IPService/Delete", {"ip": actual.ip, "project": actual.project})

    def normal_tags(self, wanted: Sequence[str]) -> tuple[str, ...]:
        """Return them as labels give them back: each key once."""
        return label_tags("tags", wanted)

    def merged_tags(self, kept: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
        """Return both together; of a key in both, the wanted value."""
        return merged_label_tags(kept, wanted)


def ip_calls(api: MetalV1 | MetalV2) -> IpCalls:
    """Return the calls of that API."""
    return V1Ips(api) if isinstance(api, MetalV1) else V2Ips(api)


def _patch(before: Sequence[str], after: Sequence[str]) -> dict[str, Any]:
    """Return v2's patch of labels, which leaves alone what is not in it."""
    kept = tags_to_labels(after)
    patch: dict[str, Any] = {"update": {"labels": tags_to_labels([tag for tag in after if tag not in before])}}
    removed = sorted(set(tags_to_labels(before)) - set(kept))
    return {**patch, "remove": removed} if removed else patch


def _understood(item: Any, convert: Callable[[Mapping[str, Any]], IP]) -> IP:
    if not isinstance(item, dict):
        raise ProtocolError("The metal-api returned an IP that is not a JSON object.")
    try:
        return convert(item)
    except ValueError as error:
        named = item.get("ipaddress") or item.get("ip") or "?"
        raise ProtocolError(f"The metal-api returned the IP {named}, which cannot be understood: {error}.") from None
