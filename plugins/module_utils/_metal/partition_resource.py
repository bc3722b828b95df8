# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions as they should be: ``PUT``, ``POST`` and ``DELETE /v1/partition`` of the metal-api v1, with the admin key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from .._values import normal_address
from .by_id import ByIdResource, get_by_id
from .partition import Partition, from_v1
from .users import users_of_partition
from .values import given_labels

if TYPE_CHECKING:
    from .v1 import MetalV1

_URL = re.compile(r"https?://[^/\s]+\S*")
_DNS_NAME = re.compile(
    r"(?=.{1,255}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII
)
_TEXTS = ("name", "description", "image_url", "kernel_url", "commandline")
# Options of a user and fields of the API within ``bootconfig``.
_BOOT = {"image_url": "imageurl", "kernel_url": "kernelurl", "commandline": "commandline"}
_MOST_DNS, _MOST_NTP = 3, 5


class PartitionResource(ByIdResource[Partition]):
    """One partition. ``wanted`` has ``id``, ``state``, ``force`` and the fields of a partition."""

    kind = "partition"
    path = "/v1/partition"

    def __init__(self, api: MetalV1, wanted: Mapping[str, Any]) -> None:
        super().__init__(api, wanted)
        self._force = bool(wanted.get("force"))
        self._users: list[str] = []

    def read(self) -> Partition | None:
        """Return it; if it is to be deleted, look what is in it as well, since v1 itself does not."""
        found = get_by_id(self._api, self.path, self._id, from_v1)
        if found is not None and self._absent and not self._force:
            self._users = users_of_partition(self._api, self._id)
        return found

    def show(self, actual: Partition) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def check_deletion(self) -> None:
        """Refuse to take the partition away from what is in it."""
        if self._users:
            raise UsageError(
                f"state is absent, but {self.label} still has {' and '.join(self._users)}, which would be left without "
                "a partition: remove them first, or set force to true."
            )

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields as :meth:`Partition.as_dict` has them. Raises UsageError."""
        values: dict[str, Any] = {name: wanted.get(name) for name in (*_TEXTS, "ntp_servers")}
        for option in ("image_url", "kernel_url"):
            if values[option] is not None and not _URL.fullmatch(values[option]):
                raise UsageError(f"{option} is {values[option]!r}, which is not an address like http://host/path.")
        dns, management = wanted.get("dns_servers"), wanted.get("mgmt_service_address")
        values["labels"] = given_labels(wanted.get("labels"))
        values["dns_servers"] = None if dns is None else [normal_address(server) for server in dns]
        values["mgmt_service_addresses"] = None if management is None else [management] if management else []
        _check_servers("dns_servers", values["dns_servers"] or (), _MOST_DNS)
        _check_servers("ntp_servers", values["ntp_servers"] or (), _MOST_NTP)
        return values

    def new(self) -> dict[str, Any]:
        """Return what a new partition has where nothing is given."""
        self.needed("image_url", "kernel_url")
        return Partition(self._id, "", "", "", "").as_dict()

    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request.

        ``bootconfig`` is always there, since an update without it makes the server follow a null pointer. Only what
        changes is in it, because the server asks for each URL that it is given.
        """
        fields: dict[str, Any] = {"bootconfig": {_BOOT[name]: values[name] for name in _BOOT if name in values}}
        fields.update({name: values[name] for name in ("name", "description", "labels") if name in values})
        if "mgmt_service_addresses" in values:
            fields["mgmtserviceaddress"] = "".join(values["mgmt_service_addresses"][:1])
        for option, key in (("dns_servers", "ip"), ("ntp_servers", "address")):
            if option in values:
                fields[option] = [{key: server} for server in values[option]]
        return fields


def _check_servers(option: str, servers: Sequence[str], most: int) -> None:
    if len(servers) > most:
        raise UsageError(f"{option} has {len(servers)} servers; a partition can have {most} at most.")
    for server in servers:
        if _is_address(server) or (option == "ntp_servers" and _DNS_NAME.fullmatch(server)):
            continue
        what = "an IP address" if option == "dns_servers" else "an IP address or a DNS name"
        raise UsageError(f"{option} has {server!r}, which is not {what}.")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
