# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces, addresses and routes of the host this runs on, as ``ip`` tells them. Private to this collection."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# (arguments, standard input) -> standard output; raises OSError when there is no such program
Run = Callable[[Sequence[str], str], str]


@dataclass(frozen=True)
class Interface:
    """``addresses`` are without prefix length; ``duplicates`` are those that the kernel does not use as such."""

    name: str
    mtu: int
    mac: str = ""
    up: bool = True
    ethernet: bool = False
    addresses: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Route:
    """How a packet to an address leaves this host."""

    interface: str
    source: str
    gateway: str = ""


def interfaces(run: Run) -> dict[str, Interface]:
    """Return all interfaces by name."""
    found = {}
    for link in json.loads(run(["ip", "-json", "address", "show"], "") or "[]"):
        entries = [one for one in link.get("addr_info") or () if one.get("local")]
        name = str(link.get("ifname", ""))
        found[name] = Interface(
            name=name,
            mtu=int(link.get("mtu", 0)),
            mac=str(link.get("address", "")),
            up="UP" in (link.get("flags") or ()),
            ethernet=link.get("link_type") == "ether" and "NOARP" not in (link.get("flags") or ()),
            addresses=tuple(str(one["local"]) for one in entries if not one.get("dadfailed")),
            duplicates=tuple(str(one["local"]) for one in entries if one.get("dadfailed")),
        )
    return found


def routes(run: Run, addresses: Sequence[str]) -> dict[str, Route | None]:
    """Return how packets to these addresses leave, None where no route leads; one call of ``ip`` for all."""
    lines = "".join(f"route get {address}\n" for address in addresses)
    found: dict[str, Route | None] = dict.fromkeys(addresses)
    for line in run(["ip", "-json", "-force", "-batch", "-"], lines).splitlines() if addresses else ():
        if not line.strip():
            continue
        for one in json.loads(line):
            if one.get("dst") in found and one.get("type") not in ("unreachable", "prohibit", "blackhole"):
                found[one["dst"]] = Route(
                    str(one.get("dev", "")),
                    str(one.get("prefsrc", "")),
                    str(one.get("gateway") or (one.get("via") or {}).get("host") or ""),
                )
    return found
