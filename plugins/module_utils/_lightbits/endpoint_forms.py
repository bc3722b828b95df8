# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of a cluster, as ``/clusterinfo`` has them, in the forms that those who use it need.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import UsageError
from .._values import text, texts
from .endpoint import PORT, Endpoint

DISCOVERY_PORT, NVME_PORT, EXPORTER_PORT = 8009, 4420, 8090
# Those that need nothing but the cluster, and the one of a host.
FORMS = ("storage_class", "duros_controller", "prometheus", "firewall")
OF_HOST = "discovery_client"
_NQN = re.compile(r"nqn\.[!-~]{1,219}", re.ASCII)
# Also what a user gives the filter: the result of lightbits_cluster_info has these words for the API's.
_FIELDS = {
    "api_endpoints": "apiEndpoints",
    "discovery_endpoints": "discoveryEndpoints",
    "nvme_endpoints": "nvmeEndpoints",
    "subsystem_nqn": "subsystemNQN",
}


@dataclass(frozen=True)
class Endpoints:
    """Where the cluster listens: API, discovery service and NVMe over TCP, each sorted; ``subsystem`` is its NQN."""

    api: tuple[Endpoint, ...]
    discovery: tuple[Endpoint, ...]
    nvme: tuple[Endpoint, ...]
    subsystem: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Endpoints:
        """Read what ``/clusterinfo`` answers, in its own words or the collection's. Raises ValueError."""
        info = {_FIELDS.get(name, name): value for name, value in item.items()}
        return cls(
            api=_read(info, "apiEndpoints", PORT),
            discovery=_read(info, "discoveryEndpoints", DISCOVERY_PORT),
            nvme=_read(info, "nvmeEndpoints", NVME_PORT),
            subsystem=text(info, "subsystemNQN"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return them in the collection's words, ``host:port`` with IPv6 in brackets."""
        return {
            "subsystem_nqn": self.subsystem,
            "api_endpoints": _written(self.api),
            "discovery_endpoints": _written(self.discovery),
            "nvme_endpoints": _written(self.nvme),
        }

    def form(self, form: str, host_nqn: str | None = None) -> Any:
        """Return them in one of :data:`FORMS`, or for the host that has an NQN. Raises UsageError, a sentence."""
        if form not in (*FORMS, OF_HOST):
            raise UsageError(f"form is {form!r}; it must be one of {', '.join((*FORMS, OF_HOST))}.")
        if host_nqn is not None and form != OF_HOST:
            raise UsageError(f"host_nqn is given, but the form {form} has no use for it: leave it out.")
        if not self.api:
            raise UsageError("The information about the cluster has no apiEndpoints: give what /clusterinfo answers.")
        if form == "storage_class":
            return ",".join(_written(self.api))
        if form == "duros_controller":
            return self._duros_controller()
        if form == "prometheus":
            return self._prometheus()
        return self._firewall() if form == "firewall" else self._discovery_client(host_nqn)

    def forms(self) -> dict[str, Any]:
        """Return all forms that need nothing but the cluster. Raises UsageError."""
        return {form: self.form(form) for form in FORMS}

    def _duros_controller(self) -> list[str]:
        """Its arguments: the servers for storage classes, and the only one that it talks to itself."""
        return [f"-endpoints={','.join(_written(self.api))}", f"-api-endpoint={self.api[0].literal}"]

    def _discovery_client(self, host_nqn: str | None) -> str:
        """A file of its directory: a line for each discovery service."""
        if not host_nqn or not _NQN.fullmatch(host_nqn):
            raise UsageError(
                f"host_nqn is {host_nqn or 'missing'}; the form {OF_HOST} needs the NQN of its host, which stands in "
                "/etc/nvme/hostnqn and begins with nqn."
            )
        if not self.discovery or not self.subsystem:
            raise UsageError("The information about the cluster lacks discoveryEndpoints or subsystemNQN.")
        return "".join(
            f"-t tcp -a {one.host} -s {one.port} -q {host_nqn} -n {self.subsystem}\n" for one in self.discovery
        )

    def _prometheus(self) -> list[dict[str, Any]]:
        """Groups of targets of its discovery by files; an exporter runs on each server, beside the API."""
        hosts = dict.fromkeys(one.host for one in self.api)
        exporters = [Endpoint(host, EXPORTER_PORT).literal for host in hosts]
        return [
            {"targets": exporters, "labels": {"job": "lightbox-exporter"}},
            {"targets": _written(self.api), "labels": {"job": "lightos-api", "__scheme__": "https"}},
        ]

    def _firewall(self) -> list[dict[str, Any]]:
        """Rules for what leaves a firewall, each of one address family and one port. A name has no network."""
        rules = []
        for comment, endpoints in (
            ("storage api", self.api),
            ("storage discovery", self.discovery),
            ("storage nvme over tcp", self.nvme),
        ):
            ports: dict[tuple[int, int], list[str]] = {}
            for one in endpoints:
                try:
                    network = ipaddress.ip_network(one.host)
                except ValueError:
                    continue
                ports.setdefault((network.version, one.port), []).append(str(network))
            for (_version, port), networks in sorted(ports.items()):
                rules.append({"comment": comment, "protocol": "tcp", "ports": [port], "to": networks})
        return rules


def _read(info: Mapping[str, Any], field: str, port: int) -> tuple[Endpoint, ...]:
    return tuple(sorted({Endpoint.parse(one, port=port) for one in texts(info, field)}, key=_order))


def _order(endpoint: Endpoint) -> tuple[int, int, str, int]:
    """Addresses in their order, then names."""
    try:
        address = ipaddress.ip_address(endpoint.host)
    except ValueError:
        return 9, 0, endpoint.host, endpoint.port
    return address.version, int(address), "", endpoint.port


def _written(endpoints: tuple[Endpoint, ...]) -> list[str]:
    return [endpoint.literal for endpoint in endpoints]
