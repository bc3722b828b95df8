# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of an allocation: v1's rules, with those of private shared networks (MEP-5), and the addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..model import ip as ips
from ..model import machine as model
from ..model.ip import IP
from ..model.machine import MachineNetwork
from ..model.network import IpamError, Network, acquire_ip
from ..state import State
from .actions import RuleError


@dataclass(frozen=True)
class Wish:
    """A network that a request names; ``auto``: acquire an address of each address family."""

    network: str
    auto: bool = True


@dataclass
class Chosen:
    """A network that the machine will be in, with the addresses that were given for it."""

    network: Network
    type: str
    auto: bool
    given: list[IP] = field(default_factory=list)


def gather(
    state: State, wishes: Sequence[Wish], addresses: Sequence[str], *, project: str, partition: str, role: str
) -> list[Chosen]:
    """The networks of an allocation, for firewalls with the underlay.

    RuleError with the server's wording when a rule is broken, NotFoundError for an unknown network or address.
    """
    chosen: dict[str, Chosen] = {}
    if state.networks.super_of(partition) is None:
        raise RuleError(f"partition {partition} does not have a private super network")
    for wish in wishes:
        one = _choose(state, wish)
        unshared = [other for other in chosen.values() if other.type == model.PRIVATE_PRIMARY_UNSHARED]
        if unshared and one.type == model.PRIVATE_PRIMARY_UNSHARED:
            raise RuleError(
                "multiple private networks are specified but there must be only one primary private network that "
                "must not be shared"
            )
        chosen[one.network.id] = one
    if len(chosen) != len(wishes):
        raise RuleError("given network ids are not unique")
    private = [one for one in chosen.values() if one.type != model.EXTERNAL]
    primary = _primary(private)
    if role == model.MACHINE and len(private) > 1:
        raise RuleError("machines are not allowed to be placed into multiple private networks")
    if primary.network.project != project:
        raise RuleError("the given private network does not belong to the project, which is not allowed")
    for address in addresses:
        _give(state, chosen, address, project)
    for one in private:
        if one.network.partition != partition:
            raise RuleError(
                f'private network "{one.network.id}" must be located in the partition where the machine is going to '
                "be placed"
            )
        if not one.auto and not one.given:
            raise RuleError(
                f'the private network "{one.network.id}" has no auto ip acquisition, but no suitable IPs were '
                "provided, which would lead into a machine having no ip address"
            )
    if role == model.FIREWALL:
        underlay = _underlay(state, partition)
        chosen[underlay.network.id] = underlay
    return list(chosen.values())


def attach(
    state: State, chosen: Sequence[Chosen], *, project: str, name: str, machine: str
) -> tuple[MachineNetwork, ...]:
    """Acquire the addresses; RuleError when a network has none left, and then nothing was acquired."""
    asn = model.free_asn(state.machines)
    acquired: list[IP] = []
    tagged: list[tuple[IP, IP]] = []
    networks = []
    tag = ips.machine_tag(machine)
    try:
        for one in chosen:
            mine = list(one.given)
            for family in one.network.families if one.auto else ():
                address = acquire_ip(
                    state.networks,
                    state.ips,
                    one.network,
                    project,
                    family=family,
                    name=name,
                    description="autoassigned",
                    machine=machine,
                )
                acquired.append(address)
                mine.append(address)
            for old in one.given:
                tagged.append((old, state.ips.replace(old, replace(old, tags=ips.normal_tags((*old.tags, tag))))))
            networks.append(_attached(one, tuple(ip.address for ip in mine), asn))
    except IpamError as error:
        for address in acquired:
            state.ips.delete(address.id)
        for old, new in tagged:
            state.ips.replace(new, old)
        raise RuleError(f"unable to allocate an ip in network: {one.network.id} {error}") from error
    return tuple(networks)


def _choose(state: State, wish: Wish) -> Chosen:
    network = state.networks.get(wish.network)
    if network.underlay:
        raise RuleError(f"underlay networks are not allowed to be set explicitly: {network.id}")
    if network.private_super:
        raise RuleError(f"private super networks are not allowed to be set explicitly: {network.id}")
    if not state.networks.is_private(network):
        return Chosen(network, model.EXTERNAL, wish.auto)
    kind = model.PRIVATE_SECONDARY_SHARED if network.shared else model.PRIVATE_PRIMARY_UNSHARED
    return Chosen(network, kind, wish.auto)


def _primary(private: Sequence[Chosen]) -> Chosen:
    """The primary private network: the unshared one, else the only shared one, which becomes it."""
    if not private:
        raise RuleError("no private network given")
    for one in private:
        if one.type == model.PRIVATE_PRIMARY_UNSHARED:
            return one
    if len(private) > 1:
        raise RuleError(
            "machines and firewalls are not allowed to be placed into multiple private, shared networks (firewall "
            "needs an unshared private network and machines may only reside in one private network)"
        )
    private[0].type = model.PRIVATE_PRIMARY_SHARED
    return private[0]


def _give(state: State, chosen: dict[str, Chosen], address: str, project: str) -> None:
    """Use an address that the request names, which turns off the acquisition of one in its network."""
    ip = state.ips.get(address)
    if ip.project != project:
        raise RuleError(
            f'given ip "{ip.address}" with project id "{ip.project}" does not belong to the project of this '
            f"allocation: {project}"
        )
    if ip.network not in chosen:
        raise RuleError(f'given ip "{ip.address}" is not in any of the given networks, which is required')
    chosen[ip.network].auto = False
    chosen[ip.network].given.append(ip)


def _underlay(state: State, partition: str) -> Chosen:
    underlays = [network for network in state.networks if network.underlay and network.partition == partition]
    if not underlays:
        raise RuleError(f"no underlay found in the given partition:{partition}")
    if len(underlays) > 1:
        raise RuleError(
            f"more than one underlay network in partition {partition} in the database, which should not be the case"
        )
    return Chosen(underlays[0], model.UNDERLAY, True)


def _attached(one: Chosen, addresses: tuple[str, ...], asn: int) -> MachineNetwork:
    network = one.network
    return MachineNetwork(
        network=network.id,
        type=one.type,
        prefixes=network.prefixes,
        ips=addresses,
        destination_prefixes=network.destination_prefixes,
        vrf=network.vrf,
        asn=asn,
        nat=network.nat,
        project=network.project,
        type_v2=network.type or "",
        nat_type_v2=network.nat_type or "",
    )
