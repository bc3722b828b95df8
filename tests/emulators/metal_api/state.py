# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything the emulated control plane knows. v1 and v2 look at the same state."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from ..common.clock import Clock
from . import documents
from .documents import Document
from .model.filesystemlayout import FilesystemLayout
from .model.image import Image
from .model.ip import IP, IPTable
from .model.life import LifeClock
from .model.machine import Machine
from .model.network import Network, NetworkTable, Usage, parse_prefix
from .model.partition import Partition
from .model.project import Project
from .model.size import Size
from .model.switch import Switch
from .model.table import Table
from .tasks import Tasks
from .v1.identity import Bearers

HEALTHY: Document = {"status": "healthy", "message": "", "services": {}}
VERSION: Document = {
    "name": "metal-api",
    "version": "v0.45.0",
    "revision": "tags/v0.45.0-0-g0000000",
    "gitsha1": "0000000",
    "builddate": "2026-07-01T00:00:00+00:00",
    "min_client_version": "v0.44.0",
    "release_version": "v0.22.0",
}
ENTITIES = (
    "images",
    "partitions",
    "projects",
    "networks",
    "ips",
    "sizes",
    "filesystem_layouts",
    "machines",
    "switches",
)
SECTIONS = (*ENTITIES, "memberships", "bearer_tokens", "provider_tenant", "health", "version", "unreachable_urls")


@dataclass(frozen=True)
class _Kept:
    """What can be brought back: entities by section, and memberships."""

    rows: Mapping[str, list[Any]]
    memberships: Mapping[str, Document]


class State:
    """The entities, and how the control plane itself is doing.

    ``unreachable_urls`` are patterns: a URL of an image or kernel that one of them matches cannot be read by the API,
    which then refuses it (the real one sends a HEAD request; this one never goes out). ``components`` are the pings
    received by v2, newest last. ``life`` is the time as machines live it, ``rendered`` keeps
    their JSON, ``tasks`` are deletions that v2 does after its answer. ``memberships`` are v2's, of users:
    ``{"user": {"projects": {"<id>": "EDITOR"}, "tenants": {"<id>": "VIEWER"}}}``.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.images: Table[Image] = Table("image", clock)
        self.partitions: Table[Partition] = Table("partition", clock)
        self.projects: Table[Project] = Table("project", clock)
        self.networks = NetworkTable("network", clock)
        self.ips = IPTable("ip", clock)
        self.sizes: Table[Size] = Table("size", clock)
        self.filesystem_layouts: Table[FilesystemLayout] = Table("filesystemlayout", clock)
        self.machines: Table[Machine] = Table("machine", clock)
        self.switches: Table[Switch] = Table("switch", clock)
        self.life = LifeClock(clock)
        self.tasks = Tasks()
        self.rendered: dict[str, Any] = {}
        self.memberships: dict[str, Document] = {}
        self.bearers = Bearers()
        self.components: list[Document] = []
        self.provider_tenant = "metal-stack"
        self.health = HEALTHY
        self.version = VERSION
        self.unreachable_urls: list[str] = []
        self._kept: _Kept | None = None

    def load(self, document: object) -> None:
        """Replace the sections that the document has; ValueError, and nothing is changed, when one is wrong."""
        if not isinstance(document, dict):
            raise ValueError("the state must be a JSON object")
        unknown = sorted(set(document) - set(SECTIONS))
        if unknown:
            raise ValueError(f"the state has no section {unknown[0]!r}; it has: {', '.join(SECTIONS)}")
        now = self.clock.now()
        images = [documents.read_image(item, now) for item in _items(document, "images")]
        partitions = [documents.read_partition(item) for item in _items(document, "partitions")]
        projects = [documents.read_project(item) for item in _items(document, "projects")]
        networks = [documents.read_network(item) for item in _items(document, "networks")]
        ips = [documents.read_ip(item) for item in _items(document, "ips")]
        ips = _with_prefixes(ips, networks if "networks" in document else self.networks)
        sizes = [documents.read_size(item) for item in _items(document, "sizes")]
        layouts = [documents.read_filesystem_layout(item) for item in _items(document, "filesystem_layouts")]
        machines = [documents.read_machine(item, now) for item in _items(document, "machines")]
        switches = [documents.read_switch(item) for item in _items(document, "switches")]
        memberships = _object(document, "memberships")
        bearers = Bearers.read(_items(document, "bearer_tokens"))
        patterns = [str(item) for item in _items(document, "unreachable_urls")]
        for pattern in patterns:
            _check_pattern(pattern)
        health, version = _object(document, "health"), _object(document, "version")
        if "images" in document:
            self.images.load(images)
        if "partitions" in document:
            self.partitions.load(partitions)
        if "projects" in document:
            self.projects.load(projects)
        if "networks" in document:
            self.networks.load(networks)
        if "ips" in document:
            self.ips.load(ips)
        if "sizes" in document:
            self.sizes.load(sizes)
        if "filesystem_layouts" in document:
            self.filesystem_layouts.load(layouts)
        if "machines" in document:
            self.machines.load(machines)
        if "switches" in document:
            self.switches.load(switches)
        if "bearer_tokens" in document:
            self.bearers = bearers
        if "unreachable_urls" in document:
            self.unreachable_urls = patterns
        self.memberships = memberships if memberships is not None else self.memberships
        self.provider_tenant = str(document.get("provider_tenant", self.provider_tenant))
        self.health = {**HEALTHY, **health} if health is not None else self.health
        self.version = {**VERSION, **version} if version is not None else self.version

    def reset(self, document: object) -> None:
        """Replace everything; sections that the document does not have become empty."""
        fresh = State(self.clock)
        fresh.load(document)
        vars(self).update(vars(fresh))

    def keep(self) -> None:
        """Remember the entities and memberships as they are."""
        self._kept = _Kept({name: list(getattr(self, name)) for name in ENTITIES}, copy.deepcopy(self.memberships))

    def restore(self) -> None:
        """Bring back what was kept. Machines go on from where they were. ValueError when nothing was."""
        if self._kept is None:
            raise ValueError("no state was kept")
        self.tasks = Tasks()
        for name, rows in self._kept.rows.items():
            getattr(self, name).load(rows)
        self.memberships = copy.deepcopy(dict(self._kept.memberships))

    def as_json(self) -> Document:
        """The state as ``load`` takes it, without the secrets, and the pings received."""
        return {
            "images": [documents.image_state(item) for item in self.images],
            "partitions": [documents.partition_state(item) for item in self.partitions],
            "projects": [documents.project_state(item) for item in self.projects],
            "networks": [documents.network_state(item) for item in self.networks],
            "ips": [documents.ip_state(item) for item in self.ips],
            "sizes": [documents.size_state(item) for item in self.sizes],
            "filesystem_layouts": [documents.filesystem_layout_state(item) for item in self.filesystem_layouts],
            "machines": [self._machine(item) for item in self.machines],
            "switches": [documents.switch_state(item) for item in self.switches],
            "memberships": self.memberships,
            "provider_tenant": self.provider_tenant,
            "health": self.health,
            "version": self.version,
            "unreachable_urls": self.unreachable_urls,
            "components": self.components,
        }

    def _machine(self, machine: Machine) -> Document:
        phase = machine.phase(self.life)
        return documents.machine_state(machine, phase, machine.life.events(phase.passed, self.life))

    def image_users(self, image: Image) -> list[str]:
        """Ids of the machines that have the image: those given by the state, and those allocated with it."""
        allocated = (m.id for m in self.machines if m.allocation is not None and m.allocation.image == image.id)
        return [*image.used_by, *allocated]

    def consumption(self, network: Network) -> dict[str, Usage]:
        """How much is used of each address family that a network has."""
        return {family: self.networks.usage(network, self.ips, family) for family in network.families}

    def check_url(self, what: str, url: str) -> None:
        """ValueError with the server's wording when the API could not read that URL."""
        if not re.match(r"https?://[^/]", url):
            raise ValueError(
                f'image:{what} is not accessible under:{url} error:Head "{url}": unsupported protocol scheme ""'
            )
        if any(re.search(pattern, url) for pattern in self.unreachable_urls):
            raise ValueError(f"image:{what} is not accessible under:{url} status:404 Not Found")


def _with_prefixes(ips: list[IP], networks: Iterable[Network]) -> list[IP]:
    """The addresses, each with the prefix of its network that holds it; ValueError when one fits nowhere."""
    known = {network.id: network for network in networks}
    return [ip if ip.prefix else replace(ip, prefix=_prefix_of(ip, known.get(ip.network))) for ip in ips]


def _prefix_of(ip: IP, network: Network | None) -> str:
    if network is None:
        raise ValueError(f"ip {ip.address!r}: there is no network {ip.network!r}")
    address = ip_address(ip.address)
    for prefix in network.prefixes:
        if address in parse_prefix(prefix):
            return prefix
    raise ValueError(f"ip {ip.address!r}: is in no prefix of network {ip.network!r}")


def _items(document: Document, section: str) -> list[Any]:
    items = document.get(section, [])
    if not isinstance(items, list):
        raise ValueError(f"section {section!r} of the state must be a list")
    return items


def _object(document: Document, section: str) -> Document | None:
    value = document.get(section)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"section {section!r} of the state must be an object")
    return value


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} in 'unreachable_urls' is no regular expression: {error}") from error
