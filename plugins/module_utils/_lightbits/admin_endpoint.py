# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further ports of the API, each for some addresses only (``/adminEndpoints``).

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step
from .._values import integer, normal_address, text, texts
from .messages import CREATE_ADMIN_ENDPOINT, UPDATE_ADMIN_ENDPOINT

if TYPE_CHECKING:
    from .client import Lightbits

_HIGHEST = 65535


@dataclass(frozen=True)
class AdminEndpoint:
    """A port and who may use it; ``ips`` are in order, each once."""

    port: int
    ips: tuple[str, ...]
    etag: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> AdminEndpoint:
        """Read an object of the API. Raises ProtocolError."""
        try:
            return cls(integer(item.get("port")), _in_order(texts(item, "ips")), text(item, "ETag"))
        except ValueError as error:
            raise ProtocolError(f"An admin endpoint of the Lightbits API cannot be understood: {error}.") from None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {"port": self.port, "ips": list(self.ips)}


def _in_order(ips: Iterable[str]) -> tuple[str, ...]:
    """Return addresses as a set: IPv4 before IPv6, smaller ones before larger ones, in one spelling."""
    return tuple(sorted(set(map(normal_address, ips)), key=_rank))


def _rank(address: str) -> tuple[int, int, str]:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return 0, 0, address
    return parsed.version, int(parsed), address


def wanted_ips(given: list[str] | None) -> tuple[str, ...] | None:
    """Return the addresses that a user wants, None when he does not say. Raises UsageError."""
    if given is None:
        return None
    if not given:
        raise UsageError("ips is empty: name the addresses that may use the port, or set state to absent.")
    for entry in given:
        try:
            ipaddress.ip_address(entry)
        except ValueError:
            raise UsageError(
                f"ips has {entry!r}, which is no IP address: give single addresses, like 10.0.0.5 or fd00::5."
            ) from None
    return _in_order(given)


class AdminEndpointResource(Resource[AdminEndpoint]):
    """The admin endpoint with a port. ``wanted`` has the options of lightbits_admin_endpoint."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._port: int = wanted["port"]
        self._absent = wanted.get("state") == "absent"
        self._ips = wanted_ips(wanted.get("ips"))
        self._path = f"/adminEndpoints/{self._port}"
        self.label = f"the admin endpoint with the port {self._port}"
        if not 0 < self._port <= _HIGHEST:
            raise UsageError(f"port is {self._port}, but a port is a number from 1 to {_HIGHEST}.")

    def read(self) -> AdminEndpoint | None:
        """Return it, None when there is none (``GET /adminEndpoints/{port}``)."""
        try:
            return AdminEndpoint.from_api(self._api.get(self._path))
        except NotFoundError:
            return None

    def show(self, actual: AdminEndpoint) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: AdminEndpoint | None) -> Plan:
        """Create, change or delete."""
        if self._absent:
            return self._deletion(actual)
        if actual is None:
            return self._creation()
        before = actual.as_dict()
        if self._ips is None or self._ips == actual.ips:
            return Plan(before, before)
        after = {**before, "ips": list(self._ips)}
        # With the ETag: two operators who add an address each must not lose one.
        step = Step(
            f"change {self.label}",
            lambda: self._api.put(self._path, UPDATE_ADMIN_ENDPOINT, after, etag=actual.etag),
        )
        return Plan(before, after, (step,))

    def _creation(self) -> Plan:
        if self._ips is None:
            raise UsageError(f"ips is missing: {self.label} does not exist yet, and cannot be created without.")
        values = {"port": self._port, "ips": list(self._ips)}
        step = Step(f"create {self.label}", lambda: self._api.post("/adminEndpoints", CREATE_ADMIN_ENDPOINT, values))
        return Plan(None, values, (step,))

    def _deletion(self, actual: AdminEndpoint | None) -> Plan:
        if actual is None:
            return Plan(None, None)
        # the one that has just answered; others that were learnt may be admin endpoints as well
        through = self._api.endpoints[0]
        if urlsplit(through).port == self._port:
            raise UsageError(
                f"state is absent, but the task talks to {through}, which {self.label} is for: name servers with "
                "another port in api_endpoints."
            )
        step = Step(f"delete {self.label}", lambda: self._api.delete(self._path, etag=actual.etag), missing_ok=True)
        return Plan(actual.as_dict(), None, (step,))
