# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else on a link claims an address: ARP probes as a host sends them before it takes an address (RFC 5227).

Needs root. IPv6 needs nothing of the kind, since the kernel itself finds duplicates. Private to this collection.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

_ETH_P_ARP = 0x0806
_REPLY = 2
_PROBES = 3


class Link(Protocol):
    """An interface that ARP is spoken on."""

    def fileno(self) -> int: ...

    def send(self, frame: bytes) -> object: ...

    def recv(self, size: int) -> bytes: ...

    def close(self) -> None: ...


def packet_socket(interface: str) -> Link:
    """Return a socket for the ARP frames of an interface."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP))
    made.bind((interface, _ETH_P_ARP))
    made.setblocking(False)
    return made


def probe(mac: str, address: str) -> bytes:
    """Return the question who has an address, in nobody's name, so that no table of a neighbour changes."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    ethernet = b"\xff" * 6 + hardware + struct.pack("!H", _ETH_P_ARP)
    return (
        ethernet
        + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
        + hardware
        + bytes(4)
        + bytes(6)
        + socket.inet_aton(address)
    )


def claim(frame: bytes) -> tuple[str, str] | None:
    """Return (address, MAC) of who says in an ARP frame that it has an address."""
    if len(frame) < 42 or struct.unpack_from("!H", frame, 12)[0] != _ETH_P_ARP:
        return None
    (operation,) = struct.unpack_from("!H", frame, 20)
    address = socket.inet_ntoa(frame[28:32])
    if operation != _REPLY or address == "0.0.0.0":
        return None
    return address, frame[22:28].hex(":")


def claims(
    wishes: Mapping[str, Sequence[str]],
    macs: Mapping[str, str],
    own: Collection[str],
    patience: float,
    *,
    link: Callable[[str], Link] = packet_socket,
) -> list[tuple[str, str, str]]:
    """Ask on each interface for its addresses; return (interface, address, MAC) of others that answer.

    Each probe has its part of ``patience`` (seconds) to be answered.
    ``wishes`` has the IPv4 addresses by interface, ``macs`` the MAC of each interface, ``own`` all MACs of this host.
    """
    found: set[tuple[str, str, str]] = set()
    links: dict[str, Link] = {}
    try:
        for interface, addresses in wishes.items():
            if addresses and interface in macs:
                links[interface] = link(interface)
        for _number in range(_PROBES if links else 0):
            for interface, one in links.items():
                for address in wishes[interface]:
                    one.send(probe(macs[interface], address))
            for interface, (address, mac) in _heard(links, patience / _PROBES):
                if address in wishes[interface] and mac not in own:
                    found.add((interface, address, mac))
    finally:
        for one in links.values():
            one.close()
    return sorted(found)


def _heard(links: Mapping[str, Link], seconds: float) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield (interface, claim) of what arrives; also what came while this process had to wait for a processor."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        ready = select.select(list(links.values()), [], [], max(left, 0))[0]
        if not ready and left <= 0:
            return
        for interface, one in links.items():
            said = claim(one.recv(2048)) if one in ready else None
            if said is not None:
                yield interface, said
