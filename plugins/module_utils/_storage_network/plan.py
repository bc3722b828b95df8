# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who in a storage network has to reach whom, and who must not. Pure; private to this collection."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Union

from .._errors import UsageError

#: Groups of a rule: the storage servers, those who use the storage, and those who manage and watch it.
GROUPS = ("servers", "clients", "management")
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def network(option: str, value: Any) -> Network:
    """Return an address or a prefix as a network. Raises UsageError that names the option."""
    try:
        return ipaddress.ip_network(str(value))
    except ValueError:
        raise UsageError(
            f'{option} has "{value}": give an address such as "10.0.0.2", or a network without host bits such as'
            ' "10.0.0.0/16".'
        ) from None


def check_ports(ports: Sequence[Mapping[str, Any]]) -> None:
    """Raise UsageError when the table of ports has a mistake."""
    seen: dict[int, str] = {}
    for one in ports:
        name, number = str(one.get("name", "")), one.get("port")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 65536:
            raise UsageError(f'storage_network_ports has the port "{number}" ({name}): give a number from 1 to 65535.')
        if number in seen:
            raise UsageError(
                f"storage_network_ports has the port {number} twice: name all who may reach it in one entry."
            )
        unknown = [group for group in one.get("from") or () if group not in GROUPS]
        if unknown:
            raise UsageError(
                f'storage_network_ports lets "{unknown[0]}" reach port {number}: choose from {", ".join(GROUPS)}.'
            )
        seen[number] = name


class Membership:
    """Which addresses belong to which group, exactly as the rules on the servers say."""

    def __init__(
        self,
        hosts: Sequence[Mapping[str, Any]],
        client_networks: Sequence[str] = (),
        management_networks: Sequence[str] = (),
    ) -> None:
        addresses: dict[str, list[Network]] = {group: [] for group in GROUPS}
        for host in hosts:
            group = "servers" if host["role"] == "server" else "clients"
            addresses[group] += [network(f"the address of {host['name']}", one) for one in host["addresses"]]
        addresses["clients"] += [network("storage_network_client_networks", one) for one in client_networks]
        addresses["management"] += [network("storage_network_management_networks", one) for one in management_networks]
        self._addresses = addresses

    def has(self, address: str, groups: Sequence[str]) -> bool:
        """Whether an address belongs to one of the groups."""
        one = ipaddress.ip_address(address)
        return any(
            one.version == member.version and one in member for group in groups for member in self._addresses[group]
        )

    def elements(self, group: str, version: int) -> list[str]:
        """Return the members of a group for a set of nftables, without those that others contain."""
        members = [one for one in self._addresses[group] if one.version == version]
        collapsed = ipaddress.collapse_addresses(members)  # type: ignore[type-var]
        return [str(one.network_address) if one.prefixlen == one.max_prefixlen else str(one) for one in collapsed]


def probes(
    source: str,
    hosts: Sequence[Mapping[str, Any]],
    ports: Sequence[Mapping[str, Any]],
    client_networks: Sequence[str] = (),
    management_networks: Sequence[str] = (),
    *,
    filtered: bool = True,
) -> list[dict[str, Any]]:
    """Return what one host has to try: one entry for each address of each host it has to do with.

    Servers try all others, clients try all servers. ``reach`` are the ports that the role of the source needs.
    ``blocked``, with ``filtered``, are those that no rule opens for the source's address.
    """
    check_ports(ports)
    own = next((one for one in hosts if one["name"] == source), None)
    if own is None:
        raise UsageError(f"{source} is not among the hosts of the storage network.")
    members = Membership(hosts, client_networks, management_networks)
    group = "servers" if own["role"] == "server" else "clients"
    found = []
    for host in hosts:
        if host["name"] == source or (own["role"] == "client" and host["role"] == "client"):
            continue
        for address in host["addresses"]:
            by = _source_of(own["addresses"], address)
            target: dict[str, Any] = {
                "host": host["name"],
                "address": address,
                "source": by,
                "reach": [],
                "blocked": [],
            }
            for one in ports if host["role"] == "server" else ():
                if group in one["from"]:
                    target["reach"].append({"port": one["port"], "name": one["name"]})
                elif filtered and by is not None and not members.has(by, one["from"]):
                    target["blocked"].append({"port": one["port"], "name": one["name"]})
            found.append(target)
    return found


def _source_of(addresses: Sequence[str], target: str) -> str | None:
    """Return the first own address of the family of the target."""
    version = ipaddress.ip_address(target).version
    return next((one for one in addresses if ipaddress.ip_address(one).version == version), None)
