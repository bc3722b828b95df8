# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what all hosts of a storage network have seen to sentences for the operator. Pure; private to this collection.

Each sentence names both ends, what does not work between them, and what is likely to be the cause. What several hosts
see of the same thing is said once, and what follows from something that is said already is not said again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import reach

_ANSWERED = (reach.OPEN, reach.REFUSED)


def problems(
    hosts: Sequence[Mapping[str, Any]],
    reports: Mapping[str, Mapping[str, Any]],
    mtu: int,
    *,
    listening: bool = False,
) -> list[str]:
    """Return what is wrong; ``listening`` says that something has to listen on each port that is needed.

    ``hosts`` are all of the network, as for ``plan.probes``; ``reports`` those that looked, by name.
    """
    return _Verdict(hosts, reports, mtu, listening).all()


class _Verdict:
    def __init__(
        self,
        hosts: Sequence[Mapping[str, Any]],
        reports: Mapping[str, Mapping[str, Any]],
        mtu: int,
        listening: bool,
    ) -> None:
        self._hosts = hosts
        self._reports = reports
        self._mtu = mtu
        self._listening = listening
        #: addresses that two hosts have: who answers for them changes, so nothing else can be told about them
        self._doubled: set[str] = set()
        self._macs = {
            entry["mac"]: (host, name)
            for host, report in reports.items()
            for name, entry in report["interfaces"].items()
            if entry["mac"]
        }

    def all(self) -> list[str]:
        found = self._missing() + self._duplicates()
        lost = self._lost()
        found += self._unreached(lost)
        found += self._routes() + self._hops() + self._unmeasured(lost) + self._mtus() + self._ports(lost)
        return found

    # -- addresses -----------------------------------------------------------------------------------------------------
    def _missing(self) -> list[str]:
        found = []
        for host in self._hosts:
            report = self._reports.get(host["name"])
            if report is None:
                continue
            present = {address for one in report["interfaces"].values() for address in one["addresses"]}
            for address in host["addresses"]:
                if address in report["unused_duplicates"]:
                    found.append(
                        f"{host['name']} does not use its address {address}, because another host on the link had it"
                        " first: find the one that has it, and give one of them another address."
                    )
                elif address not in present:
                    found.append(
                        f"{host['name']} has no interface with its address {address}: it was not set there, or somebody"
                        " removed it."
                    )
        return found

    def _duplicates(self) -> list[str]:
        owners = {address: host["name"] for host in self._hosts for address in host["addresses"]}
        others: dict[tuple[str, str], str] = {}
        for host in self._hosts:
            for address in host["addresses"]:
                if owners[address] != host["name"]:
                    others[address, " and ".join(sorted((owners[address], host["name"])))] = "the inventory says so"
        for name, report in self._reports.items():
            for interface, one in report["interfaces"].items():
                for address in one["addresses"]:
                    owner = owners.get(address)
                    if owner is not None and owner != name:
                        pair = " and ".join((owner, name))
                        others.setdefault((address, pair), f"{name} has it on {interface}")
        known = {(address, *pair.split(" and ")) for address, pair in others}
        for name, report in self._reports.items():
            for one in report["claims"]:
                holder, interface = self._macs.get(one["mac"], (f"a host with the MAC {one['mac']}", ""))
                if (one["address"], name, holder) in known or (one["address"], holder, name) in known:
                    continue
                where = f"on {interface}, MAC {one['mac']}" if interface else "unknown to the inventory"
                others.setdefault(
                    (one["address"], f"{name} and {holder}"), f"the other answers on {one['interface']} ({where})"
                )
        self._doubled = {address for address, _pair in others}
        return [
            f"The address {address} belongs to both {pair}: {why}. Connections to it end at one or the other; give one"
            " of them another address."
            for (address, pair), why in sorted(others.items())
        ]

    # -- ways ----------------------------------------------------------------------------------------------------------
    def _lost(self) -> set[tuple[str, str, str]]:
        """Return (source host, host, address) where nothing at all comes back."""
        answered = {
            (name, one["host"], one["address"])
            for name, report in self._reports.items()
            for one in report["ports"]
            if one["outcome"] in (*_ANSWERED, reach.PROHIBITED)
        }
        return {
            (name, one["host"], one["address"])
            for name, report in self._reports.items()
            for one in report["echoes"]
            if not one["carried"] and (name, one["host"], one["address"]) not in answered and not self._doubtful(one)
        }

    def _unreached(self, lost: set[tuple[str, str, str]]) -> list[str]:
        groups: dict[tuple[str, str, str], list[str]] = {}
        for name, report in self._reports.items():
            routes = {one["address"]: one["route"] for one in report["routes"]}
            for one in report["echoes"]:
                # without a route it is said there
                if (name, one["host"], one["address"]) not in lost or routes.get(one["address"]) is None:
                    continue
                if one["local"]:
                    why = f"the sender's own kernel refuses: {one['local']}"
                else:
                    why = self._silence(one["host"], one["address"], report)
                groups.setdefault((one["host"], one["address"], why), []).append(f"{name} ({one['source']})")
        found = [
            f"{_list(sources)} cannot reach {host} ({address}) at all, neither by ping nor on any port: {why}."
            for (host, address, why), sources in groups.items()
        ]
        for name, report in self._reports.items():
            found += [
                f"{name} has no address of the family of {one['address']}, which {one['host']} has: give it one, or"
                " take that from the other."
                for one in report["routes"]
                if one["source"] is None
            ]
        return found

    def _silence(self, host: str, address: str, report: Mapping[str, Any]) -> str:
        said = {
            # the own kernel says it when the other does not answer ARP or neighbour discovery
            "nobody on the link answers for the address"
            if one["by"] in (None, one["source"])
            else f"{one['by']} says so"
            for one in report["ports"]
            if one["address"] == address and one["outcome"] == reach.UNREACHABLE
        }
        if said:
            return f"{_list(sorted(said))}; {host} or its link is down, or the address is not there"
        return f"no answer; {host} or its link is down, or something on the way drops everything"

    def _routes(self) -> list[str]:
        found = []
        for name, report in self._reports.items():
            wrong: dict[tuple[str, str], list[str]] = {}
            for one in report["routes"]:
                route = one["route"]
                if one["source"] is None or self._doubtful(one):
                    continue
                if route is None:
                    wrong.setdefault(("", ""), []).append(f"{one['host']} ({one['address']})")
                    continue
                allowed = self._data_interfaces(name)
                odd = route["interface"] if allowed and route["interface"] not in allowed else ""
                by = "" if route["source"] in self._addresses(name) else route["source"]
                if odd or by:
                    wrong.setdefault((odd, by), []).append(f"{one['host']} ({one['address']})")
            for (odd, by), targets in wrong.items():
                if odd:
                    found.append(
                        f"The routes between {name} and {_list(targets)} are not symmetric: {name} sends through {odd},"
                        f" not through {_list(self._data_interfaces(name), 'or')}, where it is reached; a route of its"
                        " own is missing or another one comes first."
                    )
                elif by:
                    found.append(
                        f"{name} sends to {_list(targets)} from {by}, which is not its address in the storage network"
                        f" ({_list(self._addresses(name))}): the rules there do not know it; set the source of the"
                        " route."
                    )
                else:
                    found.append(
                        f"{name} cannot reach {_list(targets)}, because it has no route there: look at `ip route` on"
                        f" {name}, and whether its link is up."
                    )
        return found

    def _hops(self) -> list[str]:
        """The answers of A show how far it is from A, the answers of B how far back."""
        back: dict[tuple[str, str], tuple[int, str]] = {}
        for name, report in self._reports.items():
            for one in report["echoes"]:
                if one["hops"] is not None and not self._doubtful(one):
                    back.setdefault((one["host"], name), (one["hops"], one["address"]))
        found = []
        for (host, name), (hops, address) in sorted(back.items()):
            other = back.get((name, host))
            if host < name and other is not None and other[0] != hops:
                found.append(
                    f"The routes between {host} ({address}) and {name} ({other[1]}) are not symmetric: {hops} hops from"
                    f" {host}, {other[0]} hops from {name}; compare `ip route get` of both, and the routers between."
                )
        return found

    # -- sizes ---------------------------------------------------------------------------------------------------------
    def _unmeasured(self, lost: set[tuple[str, str, str]]) -> list[str]:
        groups: dict[tuple[str, str], list[str]] = {}
        for name, report in self._reports.items():
            for one in report["echoes"]:
                ends = (name, one["host"], one["address"])
                if not one["carried"] and ends not in lost and not self._doubtful(one):
                    groups.setdefault((one["host"], one["address"]), []).append(f"{name} ({one['source']})")
        return [
            f"The path between {_list(sources)} and {host} ({address}) cannot be measured: ICMP echo is not answered,"
            " though ports are; let it through, since path MTU discovery needs ICMP as well."
            for (host, address), sources in groups.items()
        ]

    def _mtus(self) -> list[str]:
        found = []
        small = {
            name: {
                interface: report["interfaces"][interface]["mtu"]
                for interface in self._data_interfaces(name)
                if interface in report["interfaces"] and report["interfaces"][interface]["mtu"] < self._mtu
            }
            for name, report in self._reports.items()
        }
        for name, interfaces in small.items():
            for interface, mtu in interfaces.items():
                found.append(
                    f"{name} has an MTU of {mtu} on {interface}, not {self._mtu}: its paths to"
                    f" {_list([host['name'] for host in self._hosts if host['name'] != name])} carry no more."
                )
        carried: dict[frozenset[str], int] = {}
        for name, report in self._reports.items():
            for one in report["echoes"]:
                if self._doubtful(one) or small.get(name) or small.get(one["host"]):
                    continue
                if 0 < one["carried"] < self._mtu:
                    pair = frozenset((name, one["host"]))
                    carried[pair] = min(one["carried"], carried.get(pair, self._mtu))
        return found + self._paths(carried)

    def _paths(self, carried: dict[frozenset[str], int]) -> list[str]:
        """First the host that has most of the narrow paths, since its link is what they have in common."""
        found = []
        names = [host["name"] for host in self._hosts]
        while carried:
            common = max(names, key=lambda name: sum(name in pair for pair in carried))
            pairs = {pair: size for pair, size in carried.items() if common in pair}
            others = [name for name in names for pair in pairs if name in pair and name != common]
            sizes = sorted(set(pairs.values()))
            if len(others) > 1:
                why = f"the link of {common}, or the switch port at it, has a smaller MTU"
            else:
                why = "a link or a switch port between them has a smaller MTU"
            found.append(
                f"{'The paths' if len(others) > 1 else 'The path'} between {self._named(common)} and"
                f" {_list([self._named(name) for name in others])} {'carry' if len(others) > 1 else 'carries'}"
                f" {_list([str(size) for size in sizes], 'or')} bytes unfragmented, not {self._mtu}: {why}, while"
                " their own interfaces are right."
            )
            carried = {pair: size for pair, size in carried.items() if pair not in pairs}
        return found

    # -- ports ---------------------------------------------------------------------------------------------------------
    def _ports(self, lost: set[tuple[str, str, str]]) -> list[str]:
        sources: dict[tuple[str, str, str, str], list[str]] = {}
        open_to: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
        for name, report in self._reports.items():
            for one in report["ports"]:
                if (name, one["host"], one["address"]) in lost or self._doubtful(one):
                    continue
                port, source = f"{one['port']} ({one['name']})", f"{name} ({one['source']})"
                if one["wanted"]:
                    text = self._port_problem(one)
                    if text:
                        sources.setdefault((one["host"], one["address"], text, port), []).append(source)
                elif one["outcome"] in _ANSWERED:
                    ports, names = open_to.setdefault(one["host"], ({}, {}))
                    ports[port] = names[source] = None
        # ports that the same hosts cannot reach for the same reason have it together
        groups: dict[tuple[str, str, str, str], list[str]] = {}
        for (host, address, text, port), who in sources.items():
            groups.setdefault((host, address, text, _list(who)), []).append(port)
        found = [
            f"{who} cannot reach {host} ({address}), {_ports(ports)}: {text}"
            for (host, address, text, who), ports in groups.items()
        ]
        found += [
            f"{_list(list(names))} can reach {host}, {_ports(list(ports))}, though no rule lets them: the rules on"
            f" {host} are not in effect, look at `systemctl status storage-network-nftables` there."
            for host, (ports, names) in open_to.items()
        ]
        return found

    def _port_problem(self, one: Mapping[str, Any]) -> str:
        outcome, by, host = one["outcome"], one["by"], one["host"]
        if outcome == reach.OPEN or (outcome == reach.REFUSED and not self._listening):
            return ""
        if outcome == reach.REFUSED:
            return f"the host answers, but nothing listens there; look at the service on {host}."
        if outcome == reach.PROHIBITED:
            who = (
                f"a firewall on {host} itself" if by == one["address"] else f"a firewall on the way ({by or 'unknown'})"
            )
            return f"{who} rejects it; look at its rules (`nft list ruleset`)."
        if outcome == reach.SILENT:
            return (
                f"no answer, though the host answers otherwise; a firewall on {host} or on the way drops it, look at"
                f" `nft list ruleset` on {host}."
            )
        if outcome == reach.UNREACHABLE:
            return f"unreachable, says {by or 'the link'} ({one['reason']})."
        return f"the sender's own kernel refuses ({one['reason']}); look at addresses and routes there."

    # -- parts ---------------------------------------------------------------------------------------------------------
    def _doubtful(self, one: Mapping[str, Any]) -> bool:
        return one["address"] in self._doubled or one["source"] in self._doubled

    def _named(self, name: str) -> str:
        return f"{name} ({', '.join(self._addresses(name))})"

    def _addresses(self, name: str) -> list[str]:
        return next((list(host["addresses"]) for host in self._hosts if host["name"] == name), [])

    def _data_interfaces(self, name: str) -> list[str]:
        return list(self._reports[name]["data_interfaces"])


def _ports(ports: Sequence[str]) -> str:
    return f"port{'s' if len(ports) > 1 else ''} {_list(ports)}"


def _list(items: Sequence[str], word: str = "and") -> str:
    """Return items as a person lists them."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"
