# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for the networks of an allocation, with those of private shared networks (MEP-5), before the API is asked.

The API breaks off at the first rule that is broken, in its own words and after it has chosen a machine. Private to the
collection metalstack.provisioning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .machine import EXTERNAL, FIREWALL, UNDERLAY

PRIVATE, SUPER = "private", "super"


@dataclass(frozen=True)
class WantedNetwork:
    """A network that a machine shall be in, with given addresses; ``auto``: the API finds an address itself."""

    network: str
    ips: tuple[str, ...] = ()
    auto: bool = True


@dataclass(frozen=True)
class KnownNetwork:
    """What the rules need to know of a network; ``kind`` is private, external, super or underlay."""

    id: str
    kind: str
    shared: bool = False
    project: str = ""
    partition: str = ""


@dataclass(frozen=True)
class KnownIP:
    """What the rules need to know of an address."""

    network: str
    project: str


@dataclass(frozen=True)
class Surroundings:
    """What there is: networks by id, and those of the given addresses that somebody has, by address."""

    networks: Mapping[str, KnownNetwork]
    ips: Mapping[str, KnownIP]


def broken_rules(
    wanted: Sequence[WantedNetwork],
    there: Surroundings,
    *,
    role: str,
    project: str,
    partition: str,
    generation: str = "v1",
) -> list[str]:
    """Return one sentence for each rule that an allocation in these networks would break; none, and it may be made."""
    sentences = [f"networks is empty: a {role} needs at least a private network."] if not wanted else []
    twice = [name for name, count in Counter(one.network for one in wanted).items() if count > 1]
    sentences += [f"networks has {name} {_times(wanted, name)}; each network may be there only once." for name in twice]
    unknown = [one.network for one in wanted if one.network not in there.networks]
    sentences += [f"networks has {name}, but there is no such network." for name in dict.fromkeys(unknown)]
    sentences += [sentence for one in wanted for sentence in _addresses(one, there.ips, project)]
    if sentences:
        return sentences
    known = [there.networks[one.network] for one in wanted]
    sentences += [f"networks has {one.id}, an underlay: leave it out, firewalls get it by themselves." for one in known
                  if one.kind == UNDERLAY]  # fmt: skip
    sentences += [f"networks has {one.id}, a private super network: name a network that is allocated from it."
                  for one in known if one.kind == SUPER]  # fmt: skip
    sentences += _private(known, role, project, generation)
    sentences += [
        f"networks has {one.id} of partition {one.partition}, but the {role} will be in partition {partition}."
        for one in known
        if one.kind == PRIVATE and one.partition != partition
    ]
    if generation == "v2" and role == FIREWALL and not any(one.kind == EXTERNAL for one in known):
        sentences.append("networks has no external network; v2 allocates firewalls only with at least one.")
    return sentences


def _times(wanted: Sequence[WantedNetwork], name: str) -> str:
    count = sum(one.network == name for one in wanted)
    return "twice" if count == 2 else f"{count} times"


def _addresses(one: WantedNetwork, ips: Mapping[str, KnownIP], project: str) -> Iterator[str]:
    if not one.auto and not one.ips:
        yield (
            f"networks has {one.network} with auto false and no ips, so that it would have no address there: "
            "give ips, or leave auto out."
        )
    for address in one.ips:
        ip = ips.get(address)
        if ip is None:
            yield f"networks has the address {address} for {one.network}, which nobody has: allocate it with metal_ip."
        elif ip.project != project:
            yield f"networks has the address {address}, which belongs to project {ip.project}, not to {project}."
        elif ip.network != one.network:
            yield f"networks has the address {address} for {one.network}, but it is of the network {ip.network}."


def _private(known: Sequence[KnownNetwork], role: str, project: str, generation: str) -> Iterator[str]:
    """Yield the rules of MEP-5 that are broken."""
    private = [one for one in known if one.kind == PRIVATE]
    unshared = [one for one in private if not one.shared]
    shared = [one for one in private if one.shared]
    if not private:
        yield f"networks has no private network; a {role} needs exactly one as its primary network."
        return
    if len(unshared) > 1:
        yield f"networks has more than one unshared private network ({_names(unshared)}); only one is allowed."
        return
    if role != FIREWALL and len(private) > 1:
        yield (
            f"networks has more than one private network ({_names(private)}); a machine may be in only one, shared or "
            "not, and reaches others through its firewall."
        )
        return
    if not unshared and len(shared) > 1:
        yield (
            f"networks has the private shared networks {_names(shared)} and no private network that is not shared, "
            "which has to be the primary one as soon as there is more than one."
        )
        return
    if generation == "v2" and len(shared) > 1:
        yield f"networks has more than one private shared network ({_names(shared)}); v2 allows only one."
    primary = (unshared or shared)[0]
    if primary.project != project:
        yield (
            f"networks has {primary.id} as the primary private network, which belongs to project {primary.project}: "
            f"it has to belong to the project of the allocation, {project}."
        )


def _names(networks: Sequence[KnownNetwork]) -> str:
    return ", ".join(one.id for one in networks)
