# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with networks, the same for both generations of the metal-api.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from .._errors import ConflictError, NotFoundError, ProtocolError, UsageError, ValidationError
from .network import CHILD, EXTERNAL, SUPER, SUPERS, UNDERLAY, Network, from_v1, from_v2
from .v1 import MetalV1

if TYPE_CHECKING:
    from .v2 import MetalV2

# What the user filters by, and the fields of v1 and of v2 that the API compares.
_FILTERS_V1 = {
    "id": "id",
    "name": "name",
    "partition": "partitionid",
    "project": "projectid",
    "prefixes": "prefixes",
    "destination_prefixes": "destinationprefixes",
    "nat": "nat",
    "vrf": "vrf",
    "parent": "parentnetworkid",
    "labels": "labels",
    "address_family": "addressfamily",
}
_FILTERS_V2 = {
    "id": "id",
    "name": "name",
    "partition": "partition",
    "prefixes": "prefixes",
    "destination_prefixes": "destinationPrefixes",
    "vrf": "vrf",
    "parent": "parentNetwork",
}
# Fields of an update that both generations have, with v1's name.
_UPDATED_V1 = {
    "name": "name",
    "description": "description",
    "labels": "labels",
    "shared": "shared",
    "prefixes": "prefixes",
    "destination_prefixes": "destinationprefixes",
}
_API, _ADMIN = "metalstack.api.v2.NetworkService", "metalstack.admin.v2.NetworkService"


class NetworkCalls(ABC):
    """Calls about networks. All raise :class:`~.._errors.ApiError`.

    ``wanted`` has the keys of :meth:`Network.as_dict` and of the options of metal_network, None where nothing is asked
    for; ``changed`` has only what changes.
    """

    generation: str

    @abstractmethod
    def get(self, id: str, project: str | None) -> Network | None:  # noqa: A002
        """Return the network of that id, None when there is none."""

    @abstractmethod
    def find(self, filters: Mapping[str, Any]) -> list[Network]:
        """Return the networks that the API finds by filters (see ``_FILTERS_V1``) that are not None."""

    @abstractmethod
    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """Make a child of the super network of the partition."""

    @abstractmethod
    def create(self, wanted: Mapping[str, Any]) -> None:
        """Make a super, underlay or external network."""

    @abstractmethod
    def update(self, actual: Network, changed: Mapping[str, Any], *, force: bool) -> None:
        """Change it; ``force`` allows to remove additional announcable CIDRs."""

    @abstractmethod
    def remove(self, actual: Network) -> None:
        """Free a child, delete any other."""

    def predict_child(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is known beforehand of nat and destination prefixes of a new child. Raises UsageError."""
        return {"nat": bool(wanted["nat"]), "destination_prefixes": wanted["destination_prefixes"] or []}

    def check_creation(self, wanted: Mapping[str, Any]) -> None:
        """Raise UsageError for what this generation cannot do."""
        del wanted

    def check_update(self, actual: Network, changed: Mapping[str, Any]) -> None:
        """Raise UsageError for what this generation cannot do."""
        del actual, changed


class V1Networks(NetworkCalls):
    """``/v1/network``: allocating and freeing children needs the edit key, every other write the admin key."""

    generation = "v1"

    def __init__(self, api: MetalV1) -> None:
        self._api = api

    def get(self, id: str, project: str | None) -> Network | None:  # noqa: A002
        """``GET /v1/network/{id}``."""
        del project
        try:
            return _understood(self._api.get(f"/v1/network/{quote(id, safe='')}"), from_v1)
        except NotFoundError:
            return None

    def find(self, filters: Mapping[str, Any]) -> list[Network]:
        """``POST /v1/network/find``, or ``GET /v1/network`` without a filter."""
        body = {_FILTERS_V1[name]: filters[name] for name in _FILTERS_V1 if filters.get(name) is not None}
        if filters.get("kind") in (SUPER, UNDERLAY):
            body["privatesuper" if filters["kind"] == SUPER else "underlay"] = True
        items = self._api.find("/v1/network/find", body) if body else self._api.get_list("/v1/network")
        return [_understood(item, from_v1) for item in items]

    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """``POST /v1/network/allocate``."""
        fields = {
            "projectid": wanted["project"],
            "partitionid": wanted["partition"],
            "name": wanted["name"],
            "description": wanted["description"],
            "labels": wanted["labels"],
            "shared": wanted["shared"],
            "nat": wanted["nat"],
            "destinationprefixes": wanted["destination_prefixes"],
            "length": _lengths_v1(wanted["prefix_length"]) or None,
            "addressfamily": wanted["address_family"],
        }
        self._api.post("/v1/network/allocate", _given(fields))

    def create(self, wanted: Mapping[str, Any]) -> None:
        """``PUT /v1/network``."""
        kind = wanted["kind"]
        fields = {
            "id": wanted["id"],
            "name": wanted["name"],
            "description": wanted["description"],
            "labels": wanted["labels"],
            "partitionid": wanted["partition"],
            "projectid": wanted["project"],
            "prefixes": wanted["prefixes"],
            "destinationprefixes": wanted["destination_prefixes"] or [],
            "nat": bool(wanted["nat"]),
            "privatesuper": kind == SUPER,
            "underlay": kind == UNDERLAY,
            "vrf": wanted["vrf"],
            "vrfshared": wanted["vrf_shared"],
            "defaultchildprefixlength": _lengths_v1(wanted["default_child_prefix_length"]) or None,
            "additionalAnnouncableCIDRs": wanted["additional_announcable_cidrs"],
        }
        self._api.put("/v1/network", _given(fields))

    def update(self, actual: Network, changed: Mapping[str, Any], *, force: bool) -> None:
        """``POST /v1/network``. It overwrites the additional announcable CIDRs always, so they are always sent."""
        body: dict[str, Any] = {"id": actual.id}
        body.update({_UPDATED_V1[name]: changed[name] for name in _UPDATED_V1 if name in changed})
        if "default_child_prefix_length" in changed:
            body["defaultchildprefixlength"] = _lengths_v1(changed["default_child_prefix_length"])
        cidrs = changed.get("additional_announcable_cidrs", actual.announcable)
        if cidrs or actual.kind in SUPERS:
            body["additionalAnnouncableCIDRs"] = list(cidrs)
        try:
            self._api.post("/v1/network", body, query={"force": "true"} if force else None)
        except ValidationError as error:
            if "without force" in error.message and not force:
                # Somebody else added one since it was read.
                raise ConflictError(
                    error.message, status=error.status, code=error.code, request=error.request
                ) from None
            raise

    def remove(self, actual: Network) -> None:
        """``DELETE /v1/network/free/{id}`` or ``/v1/network/{id}``."""
        path = "/v1/network/free/" if actual.kind == CHILD else "/v1/network/"
        self._api.delete(path + quote(actual.id, safe=""))

    def check_update(self, actual: Network, changed: Mapping[str, Any]) -> None:
        """The API takes nat only when a network is made."""
        if "nat" in changed:
            raise UsageError(
                f"nat is {str(changed['nat']).lower()}, but the network {actual.id} has {str(actual.nat).lower()}, and "
                "that cannot be changed: leave nat out, or make another network."
            )


class V2Networks(NetworkCalls):
    """``metalstack.api.v2.NetworkService`` for children of a project, ``metalstack.admin.v2.NetworkService`` else."""

    generation = "v2"

    def __init__(self, api: MetalV2) -> None:
        self._api = api

    def get(self, id: str, project: str | None) -> Network | None:  # noqa: A002
        """Get, of the project if there is one."""
        try:
            if project:
                answer = self._api.call(f"{_API}/Get", {"id": id, "project": project})
            else:
                answer = self._api.call(f"{_ADMIN}/Get", {"id": id})
        except NotFoundError:
            return None
        return _understood(answer.get("network"), from_v2)

    def find(self, filters: Mapping[str, Any]) -> list[Network]:
        """List of a project, or of all with the admin service."""
        query = {_FILTERS_V2[name]: filters[name] for name in _FILTERS_V2 if filters.get(name) is not None}
        if filters.get("address_family") is not None:
            query["addressFamily"] = f"NETWORK_ADDRESS_FAMILY_V{filters['address_family'][-1]}"
        if filters.get("labels"):
            query["labels"] = {"labels": filters["labels"]}
        message: dict[str, Any] = {"query": query} if query else {}
        if filters.get("project") is not None:
            answer = self._api.call(f"{_API}/List", {**message, "project": filters["project"]})
        else:
            answer = self._api.call(f"{_ADMIN}/List", message)
        items = answer.get("networks") or []
        if not isinstance(items, list):
            raise ProtocolError("The list of networks of the metal-api is not a list.")
        found = [_understood(item, from_v2) for item in items]
        nat = filters.get("nat")
        return [network for network in found if nat in (None, network.nat)]

    def allocate(self, wanted: Mapping[str, Any]) -> None:
        """Create, of the admin service if it shall be shared."""
        fields = {
            "project": wanted["project"],
            "partition": wanted["partition"],
            "name": wanted["name"],
            "description": wanted["description"],
            "labels": _labels(wanted["labels"]),
            "length": wanted["prefix_length"] or None,
            "addressFamily": _family(wanted["address_family"]),
        }
        if wanted["shared"]:
            self._api.call(f"{_ADMIN}/Create", _given({**fields, "type": "NETWORK_TYPE_CHILD_SHARED"}))
        else:
            self._api.call(f"{_API}/Create", _given(fields))

    def create(self, wanted: Mapping[str, Any]) -> None:
        """Create of the admin service."""
        fields = {
            "id": wanted["id"],
            "name": wanted["name"],
            "description": wanted["description"],
            "partition": wanted["partition"],
            "project": wanted["project"],
            "type": f"NETWORK_TYPE_{wanted['kind'].upper()}",
            "labels": _labels(wanted["labels"]),
            "prefixes": wanted["prefixes"],
            "destinationPrefixes": wanted["destination_prefixes"] or None,
            "defaultChildPrefixLength": wanted["default_child_prefix_length"] or None,
            "natType": "NAT_TYPE_IPV4_MASQUERADE" if wanted["nat"] else "NAT_TYPE_NONE",
            "vrf": wanted["vrf"],
            "additionalAnnouncableCidrs": wanted["additional_announcable_cidrs"] or None,
        }
        self._api.call(f"{_ADMIN}/Create", _given(fields))

    def update(self, actual: Network, changed: Mapping[str, Any], *, force: bool) -> None:
        """Update, which is refused when somebody else changed it meanwhile."""
        message: dict[str, Any] = {
            "id": actual.id,
            "updateMeta": {
                "updatedAt": actual.updated_at,
                "lockingStrategy": "OPTIMISTIC_LOCKING_STRATEGY_CLIENT",
            },
        }
        message.update({name: changed[name] for name in ("name", "description") if name in changed})
        if "labels" in changed:
            message["labels"] = {"replace": {"labels": changed["labels"]}}
        if actual.kind == CHILD:
            self._api.call(f"{_API}/Update", {**message, "project": actual.project})
            return
        # The API takes no prefixes for the wish to have none.
        message["prefixes"] = list(changed.get("prefixes", actual.prefixes))
        if "destination_prefixes" in changed:
            message["destinationPrefixes"] = changed["destination_prefixes"]
        if "default_child_prefix_length" in changed:
            message["defaultChildPrefixLength"] = changed["default_child_prefix_length"]
        if "nat" in changed:
            message["natType"] = "NAT_TYPE_IPV4_MASQUERADE" if changed["nat"] else "NAT_TYPE_NONE"
        cidrs = changed.get("additional_announcable_cidrs", actual.announcable)
        if cidrs:
            message["additionalAnnouncableCidrs"] = list(cidrs)
        if force or "additional_announcable_cidrs" in changed:
            # Without it the API accepts them and leaves them as they are.
            message["force"] = True
        self._api.call(f"{_ADMIN}/Update", message)

    def remove(self, actual: Network) -> None:
        """Delete."""
        if actual.kind == CHILD and actual.project:
            self._api.call(f"{_API}/Delete", {"id": actual.id, "project": actual.project})
        else:
            self._api.call(f"{_ADMIN}/Delete", {"id": actual.id})

    def predict_child(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Children inherit both."""
        for option in ("nat", "destination_prefixes"):
            if wanted[option] is not None:
                raise UsageError(
                    f"{option} is given, but a new child network of v2 inherits it from its super network: leave it "
                    "out, or use v1."
                )
        return {}

    def check_creation(self, wanted: Mapping[str, Any]) -> None:
        """VRFs are never shared explicitly, and external networks need one."""
        if wanted["vrf_shared"] is not None:
            raise UsageError("vrf_shared is given, but only the metal-api v1 has it: leave it out.")
        if wanted["kind"] == EXTERNAL and wanted["vrf"] is None:
            raise UsageError("vrf is missing: v2 makes no external network without it.")

    def check_update(self, actual: Network, changed: Mapping[str, Any]) -> None:
        """Of children only name, description and labels can be changed."""
        if "shared" in changed:
            raise UsageError(
                f"shared is true, but v2 cannot share the existing network {actual.id}: use v1, or make another one."
            )
        fixed = [name for name in ("nat", "destination_prefixes") if name in changed]
        if fixed and (actual.kind == CHILD or (fixed == ["nat"] and actual.kind != EXTERNAL)):
            raise UsageError(
                f"{fixed[0]} differs from what the {actual.kind} network {actual.id} has, which v2 cannot change: "
                "leave it out."
            )


def network_calls(api: MetalV1 | MetalV2) -> NetworkCalls:
    """Return the calls of that API."""
    return V1Networks(api) if isinstance(api, MetalV1) else V2Networks(api)


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _lengths_v1(lengths: Mapping[str, int] | None) -> dict[str, int]:
    return {f"IPv{family[-1]}": length for family, length in (lengths or {}).items()}


def _labels(labels: Mapping[str, str] | None) -> dict[str, Any] | None:
    return {"labels": dict(labels)} if labels else None


def _family(family: str | None) -> str | None:
    return f"NETWORK_ADDRESS_FAMILY_V{family[-1]}" if family else None


def _understood(item: Any, convert: Callable[[Mapping[str, Any]], Network]) -> Network:
    if not isinstance(item, dict):
        raise ProtocolError("The metal-api returned a network that is not a JSON object.")
    try:
        return convert(item)
    except ValueError as error:
        named = item.get("id") or "?"
        raise ProtocolError(
            f"The metal-api returned the network {named}, which cannot be understood: {error}."
        ) from None
