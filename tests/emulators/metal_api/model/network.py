# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks, and the management of the addresses (IPAM) of their prefixes."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from .ip import EPHEMERAL, IP, IPTable, ip_id, machine_tag, normal_tags
from .table import Entity, ExistsError, Table

FAMILIES = ("IPv4", "IPv6")
EXTERNAL, UNDERLAY, SUPER, SUPER_NAMESPACED = "external", "underlay", "super", "super-namespaced"
CHILD, CHILD_SHARED = "child", "child-shared"
TYPES = (EXTERNAL, UNDERLAY, SUPER, SUPER_NAMESPACED, CHILD, CHILD_SHARED)
NO_NAT, MASQUERADE = "none", "ipv4-masq"
NAT_TYPES = (NO_NAT, MASQUERADE)
VRFS = range(1, 131073)
MOST = 2**31 - 1  # no number of usage is larger

Prefix = IPv4Network | IPv6Network
Lengths = tuple[tuple[str, int], ...]


class IpamError(ValueError):
    """Addresses or prefixes cannot be had or given back."""


@dataclass(frozen=True)
class Network(Entity):
    """A network as stored; its kind is there twice, as v1's booleans and as v2's ``type``.

    The two may disagree: v1's update of ``shared`` leaves ``type`` alone. ``type`` and ``nat_type`` are None in
    entities that are older than them. ``parent`` is empty unless the network is a child; ``namespace`` is that of the
    children of a namespaced super network (their project), whose prefixes may overlap.
    """

    project: str = ""
    partition: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    prefixes: tuple[str, ...] = ()
    destination_prefixes: tuple[str, ...] = ()
    default_child_prefix_length: Lengths = ()
    min_child_prefix_length: Lengths = ()
    additional_announcable_cidrs: tuple[str, ...] = ()
    nat: bool = False
    private_super: bool = False
    underlay: bool = False
    shared: bool = False
    vrf: int = 0
    parent: str = ""
    type: str | None = None
    nat_type: str | None = None
    namespace: str = ""

    def of_family(self, family: str) -> list[Prefix]:
        """The prefixes of ``IPv4`` or ``IPv6``."""
        return [prefix for prefix in map(parse_prefix, self.prefixes) if family_of(prefix) == family]

    @property
    def families(self) -> list[str]:
        """The address families of the prefixes."""
        return families(self.prefixes)


@dataclass(frozen=True)
class Usage:
    """How many addresses (and child prefixes, counted in blocks of four addresses) there are and are used."""

    available_ips: int = 0
    used_ips: int = 0
    available_prefixes: int = 0
    used_prefixes: int = 0


@dataclass
class NetworkTable(Table[Network]):
    """Networks, with indexes of children, VRFs and of the ranges that children have."""

    _children: dict[str, dict[str, Network]] = field(default_factory=dict)
    _ranges: dict[tuple[str, str, str], list[tuple[int, int]]] = field(default_factory=dict)
    _vrfs: dict[int, set[str]] = field(default_factory=dict)
    _supers: dict[str, Network] = field(default_factory=dict)

    def added(self, entity: Network) -> None:
        if entity.vrf:
            self._vrfs.setdefault(entity.vrf, set()).add(entity.id)
        if entity.private_super:
            self._supers[entity.id] = entity
        if entity.parent:
            self._children.setdefault(entity.parent, {})[entity.id] = entity
            for prefix in map(parse_prefix, entity.prefixes):
                insort(self._taken(entity.parent, entity.namespace, family_of(prefix)), _range(prefix))

    def removed(self, entity: Network) -> None:
        self._vrfs.get(entity.vrf, set()).discard(entity.id)
        self._supers.pop(entity.id, None)
        if entity.parent:
            del self._children[entity.parent][entity.id]
            for prefix in map(parse_prefix, entity.prefixes):
                ranges = self._taken(entity.parent, entity.namespace, family_of(prefix))
                del ranges[bisect_left(ranges, _range(prefix))]

    def cleared(self) -> None:
        self._children.clear()
        self._ranges.clear()
        self._vrfs.clear()
        self._supers.clear()

    def children(self, network_id: str) -> list[Network]:
        """The networks whose prefixes come from that one."""
        return list(self._children.get(network_id, {}).values())

    def is_private(self, network: Network) -> bool:
        """Whether it is a child of a private super network."""
        return network.parent in self._supers

    def super_of(self, partition: str) -> Network | None:
        """The private super network of a partition."""
        return next((network for network in self._supers.values() if network.partition == partition), None)

    def vrf_users(self, vrf: int) -> set[str]:
        """Ids of the networks with that VRF."""
        return self._vrfs.get(vrf, set())

    def free_vrf(self) -> int:
        """A random VRF that no network has; IpamError when there is none."""
        taken = sum(1 for users in self._vrfs.values() if users)
        if taken >= len(VRFS):
            raise IpamError("unable to acquire a vrf from the pool")
        while self.vrf_users(vrf := random.choice(VRFS)):
            pass
        return vrf

    def free_prefix(self, parent: Network, family: str, length: int, namespace: str = "") -> str | None:
        """The first free prefix of that length in the parent's prefixes; None when there is none."""
        taken = self._taken(parent.id, namespace, family)
        for prefix in parent.of_family(family):
            if prefix.prefixlen >= length or length > prefix.max_prefixlen:
                continue
            size = 1 << (prefix.max_prefixlen - length)
            start, end = _range(prefix)
            for first, last in taken[bisect_left(taken, (start, start)) :]:
                if first > end or start + size <= first:
                    break
                # Prefixes lie on multiples of their size.
                start = max(start, -(-(last + 1) // size) * size)
            if start + size - 1 <= end:
                return str(ip_network((start, length)) if family == "IPv4" else IPv6Network((start, length)))
        return None

    def usage(self, network: Network, ips: IPTable, family: str) -> Usage:
        """Usage of all prefixes of a family."""
        total = Usage()
        taken = list(self._taken(network.id, "", family)) if network.id in self._children else []
        for prefix in network.of_family(family):
            start, end = _range(prefix)
            inside = [last - first + 1 for first, last in taken if start <= first <= end]
            addresses = end - start + 1
            used = len(ips.use(str(prefix), network.namespace).used)
            free = 0 if used else (addresses - sum(inside)) // 4
            total = Usage(
                min(total.available_ips + addresses, MOST),
                # The first address is never given away, of IPv4 neither the last.
                total.used_ips + used + (2 if family == "IPv4" and addresses > 1 else 1),
                min(total.available_prefixes + free, MOST),
                total.used_prefixes + len(inside),
            )
        return total

    def _taken(self, parent: str, namespace: str, family: str) -> list[tuple[int, int]]:
        return self._ranges.setdefault((parent, namespace, family), [])


def acquire_ip(
    networks: NetworkTable,
    ips: IPTable,
    network: Network,
    project: str,
    *,
    specific: str | None = None,
    family: str | None = None,
    kind: str = EPHEMERAL,
    name: str = "",
    description: str = "",
    tags: Iterable[str] = (),
    machine: str = "",
) -> IP:
    """Take an address of a network and store it.

    :param specific: exactly that one; otherwise the lowest free one of ``family`` (default IPv4, or the only one).
    :param machine: id of the machine that shall hold it.

    ExistsError when the specific address is taken, IpamError when the network has none (left).
    """
    address, prefix = (
        _specific(networks, ips, network, specific)
        if specific
        else _any(networks, ips, network, _family(network, family))
    )
    return ips.create(
        IP(
            id=ip_id(address, network.namespace),
            address=address,
            uuid=str(uuid.uuid4()),
            network=network.id,
            prefix=prefix,
            project=project,
            type=kind,
            name=name,
            description=description,
            tags=normal_tags([*tags, *([machine_tag(machine)] if machine else [])]),
            namespace=network.namespace,
        )
    )


def acquire_child_prefixes(
    networks: NetworkTable, parent: Network, lengths: Mapping[str, int], namespace: str = ""
) -> tuple[str, ...]:
    """One free prefix of each family with the given lengths; IpamError when there is none.

    It is taken when a child network with them is stored.
    """
    found = []
    for family, length in lengths.items():
        prefix = networks.free_prefix(parent, family, length, namespace)
        if prefix is None:
            raise IpamError(
                f"could not allocate child prefix in parent network: {parent.id} for addressfamily: {family} "
                f"length:{length}"
            )
        found.append(prefix)
    return tuple(found)


def overlap(prefixes: Iterable[str], others: Iterable[str]) -> tuple[str, str] | None:
    """The first pair of prefixes that overlap."""
    wanted = [parse_prefix(prefix) for prefix in prefixes]
    for other in map(parse_prefix, others):
        for prefix in wanted:
            if prefix.version == other.version and prefix.overlaps(other):
                return str(prefix), str(other)
    return None


@lru_cache(maxsize=65536)
def parse_prefix(text: str) -> Prefix:
    """A prefix in any spelling, host bits are ignored; ValueError when it is none."""
    if "/" not in text:
        raise ValueError(f"netip.ParsePrefix(\"{text}\"): no '/'")
    return ip_network(text, strict=False)


def family_of(prefix: Prefix) -> str:
    """``IPv4`` or ``IPv6``."""
    return f"IPv{prefix.version}"


def families(prefixes: Iterable[str]) -> list[str]:
    """The address families of prefixes."""
    present = {family_of(parse_prefix(prefix)) for prefix in prefixes}
    return [family for family in FAMILIES if family in present]


def _family(network: Network, wanted: str | None) -> str:
    present = network.families
    if wanted is not None:
        return wanted
    return "IPv4" if "IPv4" in present or not present else present[0]


def _any(networks: NetworkTable, ips: IPTable, network: Network, family: str) -> tuple[str, str]:
    for prefix in network.of_family(family):
        _check_childless(networks, network, str(prefix))
        first, last = _usable(prefix)
        number = ips.use(str(prefix), network.namespace).free(first, last)
        if number is not None:
            return str(prefix[0] + (number - int(prefix[0]))), str(prefix)
    raise IpamError(f"cannot allocate free ip in ipam, no ips left in network:{network.id} af:{family}")


def _specific(networks: NetworkTable, ips: IPTable, network: Network, wanted: str) -> tuple[str, str]:
    address = ip_address(wanted)
    for prefix in map(parse_prefix, network.prefixes):
        if address.version == prefix.version and address in prefix:
            _check_childless(networks, network, str(prefix))
            first, last = _usable(prefix)
            if not first <= int(address) <= last or int(address) in ips.use(str(prefix), network.namespace).used:
                raise ExistsError("ip already allocated")
            return str(address), str(prefix)
    raise IpamError(f"specific ip {wanted} not contained in any of the defined prefixes")


def _check_childless(networks: NetworkTable, network: Network, prefix: str) -> None:
    if networks.children(network.id):
        raise IpamError(f"prefix {prefix} has childprefixes, acquire ip not possible")


def _usable(prefix: Prefix) -> tuple[int, int]:
    """The first and the last number that can be given away."""
    first, last = _range(prefix)
    return first + 1, last - 1 if prefix.version == 4 else last


def _range(prefix: Prefix) -> tuple[int, int]:
    return int(prefix.network_address), int(prefix.broadcast_address)


def check_releasable(network: Network, ips: IPTable) -> None:
    """IpamError when the prefixes of a child cannot be given back."""
    for prefix in network.prefixes:
        if not network.parent:
            raise IpamError(f"error releasing child prefix in ipam: prefix {prefix} is no child prefix")
        if ips.use(prefix, network.namespace).used:
            raise IpamError(f"error releasing child prefix in ipam: prefix {prefix} has ips, deletion not possible")


def holds(network: Network, address: str) -> bool:
    """Whether an address lies in a prefix of the network."""
    wanted = ip_address(address)
    return any(wanted in prefix for prefix in map(parse_prefix, network.prefixes))
