# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as everybody may see it (``/clusterinfo``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import integer, mapping, text
from .condition import Upgrade
from .endpoint_forms import Endpoints

if TYPE_CHECKING:
    from .client import Lightbits


@dataclass(frozen=True)
class Cluster:
    """What ``/clusterinfo`` answers, to tenants as well."""

    uuid: str
    name: str
    max_replicas: int
    in_band_authentication: bool
    encryption: str
    upgrade: Upgrade
    endpoints: Endpoints

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Cluster:
        """Read the answer of the API. Raises ProtocolError."""
        try:
            endpoints = Endpoints.from_api(item)
            if not endpoints.api:
                raise ValueError("it has no apiEndpoints")
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "clusterName"),
                max_replicas=integer(item.get("currentMaxReplicas")),
                in_band_authentication=text(item, "inBandAuthMode") == "Enabled",
                encryption=_encryption(item),
                upgrade=Upgrade.from_api(mapping(item, "lastUpgrade")),
                endpoints=endpoints,
            )
        except ValueError as error:
            raise ProtocolError(f"The cluster of the Lightbits API cannot be understood: {error}.") from None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "max_replicas": self.max_replicas,
            "in_band_authentication": self.in_band_authentication,
            "encryption": self.encryption,
            "last_upgrade": self.upgrade.as_dict(),
            **self.endpoints.as_dict(),
        }


def _encryption(item: Mapping[str, Any]) -> str:
    """Whether what is on devices is encrypted. Older versions do not know that; "Disabled" is zero, and left out."""
    if "encryptionStatus" not in item:
        return "Unknown"
    return text(mapping(item, "encryptionStatus"), "encryptionState") or "Disabled"


def get_cluster(api: Lightbits) -> Cluster:
    """Return the cluster (``GET /clusterinfo``)."""
    return Cluster.from_api(api.cluster_info())
