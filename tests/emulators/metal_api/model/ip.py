# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses that projects have, and an index of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from .table import Entity, Table

EPHEMERAL, STATIC = "ephemeral", "static"
TYPES = (EPHEMERAL, STATIC)
TAG_MACHINE = "machine.metal-stack.io/id"


@dataclass(frozen=True)
class IP(Entity):
    """An address as stored. ``id`` is the address, after ``<namespace>-`` where there is a namespace.

    ``prefix`` is that of the network which it was taken from. v2 shows tags ``key=value`` as labels.
    """

    address: str = ""
    uuid: str = ""
    network: str = ""
    prefix: str = ""
    project: str = ""
    type: str = EPHEMERAL
    tags: tuple[str, ...] = ()
    namespace: str = ""

    @property
    def machine_scoped(self) -> bool:
        """Whether a machine holds it: any tag that begins with the key of the machine's id is enough."""
        return any(tag.startswith(TAG_MACHINE) for tag in self.tags)

    def machines(self) -> tuple[str, ...]:
        """Ids of the machines that hold it."""
        return tuple(tag.partition("=")[2] for tag in self.tags if tag.startswith(TAG_MACHINE + "="))

    @property
    def family(self) -> str:
        """``IPv4`` or ``IPv6``."""
        return "IPv6" if ":" in self.address else "IPv4"


def ip_id(address: str, namespace: str = "") -> str:
    """The id of an address."""
    return f"{namespace}-{address}" if namespace else address


def machine_tag(machine_id: str) -> str:
    """The tag that gives an address to a machine."""
    return f"{TAG_MACHINE}={machine_id}"


def normal_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once, without empty ones."""
    return tuple(sorted({tag for tag in tags if tag}))


@dataclass
class PrefixUse:
    """The addresses in use of one prefix. ``lowest`` is where the search for a free one begins."""

    used: set[int] = field(default_factory=set)
    lowest: int = 0

    def free(self, first: int, last: int) -> int | None:
        """The lowest free number from ``first`` to ``last``."""
        number = max(self.lowest, first)
        while number in self.used:
            number += 1
        self.lowest = number
        return number if number <= last else None


@dataclass
class IPTable(Table[IP]):
    """Addresses, with indexes, so that neither allocation nor a look at one project has to search all."""

    _uses: dict[tuple[str, str], PrefixUse] = field(default_factory=dict)
    _index: dict[tuple[str, str], dict[str, IP]] = field(default_factory=dict)

    def added(self, entity: IP) -> None:
        for key in _keys(entity):
            self._index.setdefault(key, {})[entity.id] = entity
        self.use(entity.prefix, entity.namespace).used.add(int(ip_address(entity.address)))

    def removed(self, entity: IP) -> None:
        for key in _keys(entity):
            del self._index[key][entity.id]
        use, number = self.use(entity.prefix, entity.namespace), int(ip_address(entity.address))
        use.used.discard(number)
        use.lowest = min(use.lowest, number)

    def cleared(self) -> None:
        self._uses.clear()
        self._index.clear()

    def use(self, prefix: str, namespace: str = "") -> PrefixUse:
        """What is in use of a prefix."""
        return self._uses.setdefault((namespace, prefix), PrefixUse())

    def of_project(self, project: str) -> list[IP]:
        """The addresses of a project."""
        return list(self._index.get(("project", project), {}).values())

    def of_network(self, network: str) -> list[IP]:
        """The addresses of a network."""
        return list(self._index.get(("network", network), {}).values())

    def of_machine(self, machine: str) -> list[IP]:
        """The addresses that a machine holds."""
        return list(self._index.get(("machine", machine), {}).values())


def _keys(entity: IP) -> list[tuple[str, str]]:
    machines = [("machine", machine) for machine in entity.machines()]
    return [("project", entity.project), ("network", entity.network), *machines]
