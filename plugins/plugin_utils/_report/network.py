# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the page about the storage network. Pure; private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .hosts import Host
from .topology import topology
from .words import count, items, listed, part

_UNHEALTHY = ("Warning", "Error")


def network_part(
    hosts: Sequence[Host], metal_api: Mapping[str, Any], cluster: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """Return ``picture``, ``hosts``, ``firewalls``, ``facts``, ``summary``, ``state``, ``problems`` and ``unasked``."""
    problems: list[tuple[str, str]] = []
    networks = [one for one in items(metal_api.get("networks")) if one.get("name") == name]
    network = networks[0] if networks else {}
    if metal_api.get("networks") is not None and not networks:
        problems.append(("bad", f'The metal-api knows no network "{name}" in this partition.'))
    elif networks and not network.get("shared"):
        problems.append(("bad", f'The network "{name}" is not shared: firewalls of other projects cannot join it.'))
    projects = {str(one.get("id")): str(one.get("name") or one.get("id")) for one in items(metal_api.get("projects"))}
    machines = items(metal_api.get("machines"))
    servers = _servers(hosts, machines, network, items(part(cluster.get("seen")).get("servers")))
    clients = [_client(host) for host in hosts if host.client]
    firewalls = [_firewall(one, network, projects) for one in machines if one.get("role") == "firewall"]
    mtus = sorted({str(one["mtu"]) for one in servers if one["mtu"]})
    if len(mtus) > 1:
        problems.append(("warning", f"The storage servers have different MTUs: {', '.join(mtus)}."))
    outside = [one["name"] for one in firewalls if not one["joined"]]
    facts = [
        ("Network", str(network.get("name") or name)),
        ("Id", str(network.get("id") or "")),
        ("Prefixes", ", ".join(map(str, network.get("prefixes") or ()))),
        ("Kind", ("private, shared" if network.get("shared") else "not shared") if network else ""),
        ("Project", projects.get(str(network.get("project")), str(network.get("project") or "")) if network else ""),
        ("Addresses", _used(network)),
    ]
    label = {
        "name": f'Private shared network "{name}"' if network.get("shared") else f'Network "{name}"',
        "detail": "   ·   ".join(
            one for one in (", ".join(map(str, network.get("prefixes") or ())),
                            f"MTU {', '.join(mtus)}" if mtus else "") if one
        ) or "the metal-api was not asked for its prefixes",
    }  # fmt: skip
    drawn = [*(one for one in firewalls if one["joined"]), *clients, *(one for one in firewalls if not one["joined"])]
    described = (
        f"{count(len(servers), 'storage server')}"
        f" in {count(len({one['rack'] for one in servers}), 'rack')},"
        f" {count(len(firewalls) - len(outside), 'firewall')} and {count(len(clients), 'client')} in the network"
        + (f"; not in it: {listed(outside)}." if outside else ".")
    )
    states = [one["state"] for one in servers + clients]
    return {
        "picture": topology(label, drawn, servers),
        "described": described[0].upper() + described[1:],
        "hosts": servers + clients,
        "firewalls": firewalls,
        "facts": [fact for fact in facts if fact[1]],
        "problems": problems,
        "figure": str(len(servers)),
        "unit": "storage server" if len(servers) == 1 else "storage servers",
        "detail": f"{count(len(firewalls) - len(outside), 'firewall')} of tenants, {count(len(clients), 'client')}",
        "states": states,
    }


def _servers(
    hosts: Sequence[Host],
    machines: Sequence[Mapping[str, Any]],
    network: Mapping[str, Any],
    members: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Hosts of the inventory first, then machines in the network that only the metal-api knows."""
    named = {str(one.get("name")): one for one in members}
    found = []
    known = set()
    for host in hosts:
        if not host.server:
            continue
        machine: Mapping[str, Any] = next(
            (
                one
                for one in machines
                if host.machine in (one.get("id"), one.get("name")) or one.get("name") == host.name
            ),
            {},
        )
        known.add(machine.get("id"))
        state, word = _condition(host, named.get(host.server_name), bool(members))
        found.append(
            {
                **_row(host, "server", state, word),
                "rack": host.rack or str(machine.get("rack") or ""),
            }
        )
    for machine in machines:
        addresses = _addresses_in(machine, network)
        if machine.get("role") == "firewall" or machine.get("id") in known or not addresses:
            continue
        found.append(
            {
                **dict.fromkeys(("interface", "mtu"), ""),
                **_machine(machine),
                "kind": "server",
                "lines": addresses,
                "system": str(machine.get("image") or ""),
                "state": "unknown",
                "word": "not in the inventory",
                "joined": True,
            }
        )  # fmt: skip
    return found


def _condition(host: Host, member: Mapping[str, Any] | None, cluster_answers: bool) -> tuple[str, str]:
    """How well a server is: as its cluster says, else whether it was reached."""
    reached = "" if host.reached else ", not reached"
    if member is None:
        if cluster_answers:
            return "bad", f"not in the cluster{reached}"
        return ("ok", "reached") if host.reached else ("warning", "not reached")
    state, health = str(member.get("state")), str(member.get("health"))
    if state != "Enabled" or health in _UNHEALTHY:
        return "bad", f"{state}{', health ' + health if health in _UNHEALTHY else ''}{reached}"
    return ("ok", state) if host.reached else ("warning", f"{state}{reached}")


def _client(host: Host) -> dict[str, Any]:
    return {
        **_row(
            host, "client", "ok" if host.reached else "warning", "client" if host.reached else "client, not reached"
        ),
        "rack": "",
    }


def _row(host: Host, kind: str, state: str, word: str) -> dict[str, Any]:
    device, mtu = host.interface_of(host.storage_addresses)
    return {
        "name": host.name, "kind": kind, "lines": host.storage_addresses, "interface": device, "mtu": mtu,
        "system": host.system, "state": state, "word": word, "joined": True,
    }  # fmt: skip


def _firewall(machine: Mapping[str, Any], network: Mapping[str, Any], projects: Mapping[str, str]) -> dict[str, Any]:
    addresses = _addresses_in(machine, network)
    project = str(machine.get("project") or "")
    return {
        **_machine(machine),
        "kind": "firewall",
        "joined": bool(addresses),
        "lines": addresses,
        "project": projects.get(project, project),
        "image": str(machine.get("image") or ""),
        "state": "ok" if addresses else "unknown",
        "word": "firewall" if addresses else "firewall, not in it",
    }


def _machine(machine: Mapping[str, Any]) -> dict[str, str]:
    return {"name": str(machine.get("name") or machine.get("id")), "rack": str(machine.get("rack") or "")}


def _addresses_in(machine: Mapping[str, Any], network: Mapping[str, Any]) -> list[str]:
    return [
        str(ip)
        for one in items(machine.get("networks"))
        if network and one.get("network") == network.get("id")
        for ip in one.get("ips") or ()
    ]


def _used(network: Mapping[str, Any]) -> str:
    told = []
    for family, name in (("ipv4", "IPv4"), ("ipv6", "IPv6")):
        one = part(part(network.get("consumption")).get(family))
        if one:
            told.append(f"{one.get('used_ips')} of {one.get('available_ips')} {name} addresses in use")
    return ", ".join(told)
