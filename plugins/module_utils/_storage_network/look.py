# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host of a storage network sees of the others. Private to the collection metalstack.provisioning.

The report is plain data, since it travels to the controller, which puts those of all hosts together (``verdict``).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import duplicates, local
from . import echo as echoes
from .reach import Knock, knock

#: Nobody waits long for what should not answer. Within a partition answers take milliseconds, and the kernel would
#: repeat its question after a second only.
_PATIENCE_FOR_SILENCE = 0.5
#: What systems set as time to live at first.
_INITIAL_TTL = (32, 64, 128, 255)


def look(
    addresses: Sequence[str],
    data_interfaces: Sequence[str],
    targets: Sequence[Mapping[str, Any]],
    mtu: int,
    patience: float,
    run: local.Run,
    *,
    line: Callable[[int, str], Any] = echoes.Line,
    link: Callable[[str], Any] = duplicates.packet_socket,
) -> dict[str, Any]:
    """Try everything at the same time and return the report of this host.

    ``addresses`` are the own ones in the storage network, ``targets`` comes from ``plan.probes``.
    """
    interfaces = local.interfaces(run)
    usable = [one for one in targets if one["source"] is not None]
    # what should be answered first, so that its patience does not begin while others wait
    wishes = [(one, port, True) for one in usable for port in one["reach"]]
    wishes += [(one, port, False) for one in usable for port in one["blocked"]]
    short = min(patience, _PATIENCE_FOR_SILENCE)
    knocks = [
        Knock(one["source"], one["address"], port["port"], patience if wanted else short)
        for one, port, wanted in wishes
    ]
    goals = [echoes.Goal(one["source"], one["address"], mtu) for one in usable]
    asked = _asked(addresses, data_interfaces, interfaces)
    macs = {name: one.mac for name, one in interfaces.items() if one.ethernet and one.up}
    with ThreadPoolExecutor(3) as pool:
        answering = pool.submit(knock, knocks)
        echoing = pool.submit(echoes.echo, goals, patience, line=line)
        claiming = pool.submit(
            duplicates.claims, asked, macs, {one.mac for one in interfaces.values()}, short, link=link
        )
        ways = local.routes(run, [one["address"] for one in targets])
        answers, heard, claimed = answering.result(), echoing.result(), claiming.result()
    return {
        "interfaces": {
            name: {"mtu": one.mtu, "mac": one.mac, "up": one.up, "addresses": list(one.addresses)}
            for name, one in interfaces.items()
        },
        "data_interfaces": list(data_interfaces),
        "unused_duplicates": [
            address for one in interfaces.values() for address in one.duplicates if address in addresses
        ],
        "routes": [
            {
                "host": one["host"],
                "address": one["address"],
                "source": one["source"],
                "route": _route(ways.get(one["address"])),
            }
            for one in targets
        ],
        "echoes": [
            {
                "host": one["host"],
                "address": one["address"],
                "source": one["source"],
                **_echo(heard[one["source"], one["address"]]),
            }
            for one in usable
        ],
        "ports": [
            {
                "host": one["host"],
                "address": one["address"],
                "source": one["source"],
                "port": port["port"],
                "name": port["name"],
                "wanted": wanted,
                "outcome": answer.outcome,
                "by": answer.by,
                "reason": answer.reason,
            }
            for (one, port, wanted), answer in zip(wishes, answers)
        ],
        "claims": [{"interface": interface, "address": address, "mac": mac} for interface, address, mac in claimed],
    }


def _asked(
    addresses: Sequence[str], data_interfaces: Sequence[str], interfaces: Mapping[str, local.Interface]
) -> dict[str, list[str]]:
    """Return the IPv4 addresses to ask for by interface: where they are, or on the data interfaces for the loopback."""
    asked: dict[str, list[str]] = {}
    for address in addresses:
        if ipaddress.ip_address(address).version != 4:
            continue
        holders = [name for name, one in interfaces.items() if address in one.addresses]
        for name in holders if any(interfaces[one].ethernet for one in holders) else data_interfaces:
            if name in interfaces and interfaces[name].ethernet and interfaces[name].up:
                asked.setdefault(name, []).append(address)
    return asked


def _route(route: local.Route | None) -> dict[str, str] | None:
    return None if route is None else {"interface": route.interface, "source": route.source, "gateway": route.gateway}


def _echo(found: echoes.Echo) -> dict[str, Any]:
    hops = None
    if found.ttl is not None:
        hops = next(initial for initial in _INITIAL_TTL if initial >= found.ttl) - found.ttl
    return {"carried": found.carried, "hops": hops, "local": found.local}
