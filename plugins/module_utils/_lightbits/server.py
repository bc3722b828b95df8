# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers and their nodes (``/servers``, ``/nodes``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError, UsageError
from .._values import integer, mapping, text, texts
from .condition import Upgrade

if TYPE_CHECKING:
    from .client import Lightbits

ENABLED, DISABLED = "Enabled", "Disabled"
MOVING = ("Creating", "Deleting", "Enabling", "Disabling")
NO_RISK = "NoRiskOfServiceLoss"
# Of a node that waits to take the place of another one: it holds nothing.
SPARE = "Unattached"
# What the API says where nothing is being upgraded, or moved away; it leaves out what never was.
_AT_REST = ("", "None", "Unknown", "Completed", "Aborted", "Failed", "UpgradeFailed")


@dataclass(frozen=True)
class Server:
    """A server. ``risk`` tells whether it can go without loss of service, ``upgrade`` and ``eviction`` what goes on."""

    uuid: str
    name: str
    state: str
    risk: str
    health: str
    version: str
    etag: str
    nodes: tuple[str, ...]
    upgrade: str
    last_upgrade: Upgrade
    eviction: str
    eviction_error: str
    eviction_progress: int
    endpoints: tuple[str, ...]
    witness: bool

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Server:
        """Read an object of the API. Raises ProtocolError."""
        try:
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                state=text(item, "state") or "UnknownState",
                risk=text(item, "RiskOfServiceLossState") or "UnknownRiskOfServiceLoss",
                health=text(item, "health") or "None",
                version=text(item, "LightOSVersion"),
                etag=text(item, "ETag"),
                nodes=tuple(texts(item, "NodesUUIDs")),
                upgrade=text(mapping(item, "LastUpgrade"), "Status"),
                last_upgrade=Upgrade.from_api(mapping(item, "LastUpgrade")),
                eviction=text(mapping(item, "LastEviction"), "status"),
                eviction_error=text(mapping(item, "LastEviction"), "errorMessage"),
                eviction_progress=integer(mapping(item, "LastEviction").get("progress")),
                endpoints=tuple(texts(item, "ServerEndpoints")),
                witness=bool(item.get("IsWitness")),
            )
        except ValueError as error:
            raise ProtocolError(f"A server of the Lightbits API cannot be understood: {error}.") from None

    @property
    def at_work(self) -> str:
        """What is done to it just now, in words; "" when nothing is."""
        if self.upgrade not in _AT_REST:
            return f"is being upgraded ({self.upgrade})"
        if self.eviction not in _AT_REST:
            return f"is being emptied ({self.eviction})"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "state": self.state,
            "risk": self.risk,
            "health": self.health,
            "version": self.version,
            "witness": self.witness,
        }


@dataclass(frozen=True)
class Node:
    """A node, of which a server has one or two. ``powerup`` is how far it has started, in percent.

    Two nodes with a common entry in ``domains`` never have replicas of the same volume.

    ``devices`` of at most ``max_devices`` are attached to it; 0 when the API does not tell.
    """

    uuid: str
    name: str
    server: str
    state: str
    address: str
    read_only: bool
    rebuilding: bool
    lost: bool
    powerup: int
    devices: int
    max_devices: int
    domains: tuple[str, ...]

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Node:
        """Read an object of the API. Raises ProtocolError."""
        try:
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                server=text(item, "serverUUID"),
                state=text(item, "state") or "Unknown",
                address=text(item, "nvmeEndpoint"),
                read_only=bool(item.get("readOnly")),
                rebuilding=bool(item.get("inLocalRebuild")),
                lost=bool(item.get("permanentFailure")),
                powerup=integer(item.get("powerupProgress")),
                devices=integer(item.get("numManagedDevices")),
                max_devices=integer(item.get("maxNvmeDevices")),
                domains=tuple(sorted(texts(item, "failureDomains"))),
            )
        except ValueError as error:
            raise ProtocolError(f"A node of the Lightbits API cannot be understood: {error}.") from None

    @property
    def trouble(self) -> str:
        """What is wrong with it, in words; "" when nothing is."""
        if self.lost:
            return "is lost for good"
        if self.state == SPARE:
            return ""
        if self.state != "Active":
            return f"is in the state {self.state}"
        if self.read_only:
            return "is read-only"
        return "rebuilds a failed device" if self.rebuilding else ""

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "state": self.state,
            "nvme_endpoint": self.address,
            "read_only": self.read_only,
            "rebuilding": self.rebuilding,
            "permanent_failure": self.lost,
        }


def list_servers(api: Lightbits) -> list[Server]:
    """Return all servers, by name."""
    return sorted(map(Server.from_api, api.get_list("/servers", "servers")), key=lambda server: server.name)


def list_nodes(api: Lightbits) -> list[Node]:
    """Return all nodes, by name. Spare ones are among them."""
    return sorted(map(Node.from_api, api.get_list("/nodes", "nodes")), key=lambda node: node.name)


def find_server(servers: list[Server], name: str) -> Server | None:
    """Return the server with a name, None when there is none."""
    return next((server for server in servers if server.name == name), None)


def server_named(servers: list[Server], name: str, option: str = "name") -> Server:
    """Return the server with the name that the user gave as ``option``. Raises UsageError, which tells all names."""
    found = find_server(servers, name)
    if found is not None:
        return found
    listed = ", ".join(server.name for server in servers)
    raise UsageError(f"{option} is {name!r}, but the cluster has no such server; it has: {listed or 'none'}.")
