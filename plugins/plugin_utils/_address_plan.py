# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give addresses of a prefix to names. Private to metalstack.provisioning."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._errors import UsageError

netaddr: Any
try:
    netaddr = importlib.import_module("netaddr")
except ImportError:
    netaddr = None


def address_plan(
    names: Any, prefix: Any, *, existing: Any = None, exclude: Any = None, first: Any = None
) -> dict[str, str]:
    """Return the address of each name, in their order.

    Names in ``existing`` (name -> address) keep theirs; the others get the lowest free ones in their order, from
    ``first`` (an address) on. Never given out are addresses of ``existing``, also of names that are not asked for;
    ``exclude`` (addresses, prefixes, and ranges ``a-b``); and those of the network itself and of its broadcast.
    Raises UsageError.
    """
    if netaddr is None:
        raise UsageError("The filter metal_address_plan needs the Python package netaddr: pip install netaddr.")
    if not isinstance(names, Sequence) or isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise UsageError("The names are not a list of texts.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"The names have {twice[0]!r} more than once.")
    network = _network(prefix)
    kept = _existing(existing, network)
    blocked = _excluded(exclude)
    lowest, highest = _usable(network)
    if first is not None:
        start = _address("first", first)
        if start not in network:
            raise UsageError(f"first is {start}, which is not in the prefix {network}.")
        lowest = max(lowest, int(start))
    taken = {int(address) for address in kept.values()}
    plan: dict[str, str] = {}
    candidate = lowest
    for name in names:
        if name in kept:
            plan[str(name)] = str(kept[name])
            continue
        candidate = _next_free(candidate, highest, taken, blocked, network.version)
        if candidate > highest:
            raise UsageError(f"The prefix {network} has no address left for {name!r}.")
        plan[str(name)] = str(netaddr.IPAddress(candidate, network.version))
        candidate += 1
    return plan


def _next_free(candidate: int, highest: int, taken: set[int], blocked: Sequence[Any], version: int) -> int:
    while candidate <= highest:
        if candidate in taken:
            candidate += 1
            continue
        within = next((one for one in blocked if one.version == version and one.first <= candidate <= one.last), None)
        if within is None:
            return candidate
        candidate = within.last + 1
    return candidate


def _network(prefix: Any) -> Any:
    try:
        network = netaddr.IPNetwork(str(prefix))
    except (netaddr.AddrFormatError, ValueError):
        network = None
    if network is None or "/" not in str(prefix) or network.ip != network.network:
        raise UsageError(f"The prefix is {prefix!r}, which is not one like 10.131.0.0/22 without host bits.")
    return network


def _usable(network: Any) -> tuple[int, int]:
    """Return the lowest and the highest address for a host."""
    bits = 32 if network.version == 4 else 128
    if bits - network.prefixlen < 2:
        return network.first, network.last
    # IPv6 has no broadcast, but an anycast address of its routers
    return network.first + 1, network.last - (1 if network.version == 4 else 0)


def _existing(existing: Any, network: Any) -> dict[str, Any]:
    if existing is None:
        return {}
    if not isinstance(existing, Mapping):
        raise UsageError("existing is not a dictionary of names and addresses.")
    kept: dict[str, Any] = {}
    owner: dict[Any, str] = {}
    for name, value in existing.items():
        if value is None or value == "":
            continue
        address = _address(f"existing of {name!r}", value)
        if address not in network:
            raise UsageError(f"existing of {name!r} is {address}, which is not in the prefix {network}.")
        if address in owner:
            raise UsageError(f"existing has {address} for {owner[address]!r} and for {name!r}.")
        owner[address] = str(name)
        kept[str(name)] = address
    return kept


def _excluded(exclude: Any) -> list[Any]:
    blocked: list[Any] = []
    for item in [exclude] if isinstance(exclude, str) else exclude or ():
        text = str(item)
        low, dash, high = text.partition("-")
        try:
            one = netaddr.IPRange(low.strip(), high.strip()) if dash else netaddr.IPNetwork(text).cidr
        except (netaddr.AddrFormatError, ValueError, TypeError):
            raise UsageError(
                f"exclude has {text!r}, which is neither an address, nor a prefix, nor a range like "
                "10.131.0.1-10.131.0.9."
            ) from None
        blocked.append(one)
    return blocked


def _address(what: str, value: Any) -> Any:
    try:
        return netaddr.IPAddress(str(value))
    except (netaddr.AddrFormatError, ValueError):
        raise UsageError(f"{what} is {value!r}, which is not an address.") from None
