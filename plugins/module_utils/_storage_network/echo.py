# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ICMP echo to many hosts at once: are they there, how far, and how large packets do they get unfragmented.

Needs root, as ping does. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PROBE = 10, 23, 3
_HEADERS = {4: 28, 6: 48}
_REQUEST, _ANSWER = {4: 8, 6: 128}, {4: 0, 6: 129}
#: Any path carries that much.
_LEAST = {4: 68, 6: 1280}
#: How many sizes are tried at a time when a path does not carry what it should.
_SIZES_AT_ONCE = 32
_REPEAT = 0.5


@dataclass(frozen=True)
class Goal:
    """A host to ask, from an own address, with packets of so many bytes, IP header included."""

    source: str
    address: str
    size: int

    @property
    def version(self) -> int:
        return 6 if ":" in self.address else 4


@dataclass(frozen=True)
class Echo:
    """``carried`` is the largest packet that came back, up to the size that was asked for; 0 if none did.

    ``ttl`` is what was left of an answer's time to live. ``local`` says what kept the own host from sending as much.
    """

    carried: int
    ttl: int | None = None
    local: str = ""


class Line:
    """A raw socket for one address family; what is sent has "don't fragment" set and ignores what is cached."""

    def __init__(self, version: int, source: str) -> None:
        family, protocol = (socket.AF_INET, 1) if version == 4 else (socket.AF_INET6, 58)
        self.version = version
        self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
        if version == 4:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PROBE)
        else:
            self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PROBE)
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        # many answers of the full size arrive together
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.setblocking(False)
        self._socket.bind((source, 0))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, packet: bytes, address: str) -> None:
        self._socket.sendto(packet, (address, 0))

    def receive(self) -> tuple[bytes, str, int | None]:
        """Return (ICMP message, sender, time to live). Raises BlockingIOError when there is none."""
        data, ancillary, _flags, peer = self._socket.recvmsg(65535, 256)
        if self.version == 4:
            return data[(data[0] & 15) * 4 :], peer[0], data[8]
        limits = [int(struct.unpack("=i", value)[0]) for _level, _kind, value in ancillary if len(value) == 4]
        return data, peer[0].split("%")[0], limits[0] if limits else None


def checksum(data: bytes) -> int:
    """Return the checksum of the internet protocols."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(version: int, identifier: int, sequence: int, size: int) -> bytes:
    """Return an echo request that makes a packet of ``size`` bytes."""
    payload = bytes(size - _HEADERS[version])
    kind = _REQUEST[version]
    # the kernel does it for ICMPv6
    total = 0 if version == 6 else checksum(struct.pack("!BBHHH", kind, 0, 0, identifier, sequence) + payload)
    return struct.pack("!BBHHH", kind, 0, total, identifier, sequence) + payload


class _Round:
    """Packets of some sizes to some goals, and what came back."""

    def __init__(self, lines: dict[str, Line], patience: float, identifier: int) -> None:
        self._lines = lines
        self._patience = patience
        self._identifier = identifier
        self._sequence = 0

    def run(self, wishes: Sequence[tuple[Goal, int]]) -> dict[tuple[Goal, int], tuple[int | None, str]]:
        """Return (time to live, what the own host says against it) for each that came back or could not be sent."""
        found: dict[tuple[Goal, int], tuple[int | None, str]] = {}
        sequences: dict[int, tuple[Goal, int]] = {}
        numbers = {}
        for wish in wishes:
            self._sequence = (self._sequence + 1) & 0xFFFF
            sequences[self._sequence] = wish
            numbers[wish] = self._sequence
        end = time.monotonic() + self._patience
        again = 0.0
        while len(found) < len(numbers):
            now = time.monotonic()
            if now >= end:
                break
            if now >= again:
                for wish, sequence in numbers.items():
                    if wish not in found:
                        refusal = self._send(wish, sequence)
                        if refusal:
                            found[wish] = (None, refusal)
                        self._collect(sequences, found)
                again = time.monotonic() + _REPEAT
            select.select(list(self._lines.values()), [], [], max(min(end, again) - time.monotonic(), 0))
            self._collect(sequences, found)
        return found

    def _send(self, wish: tuple[Goal, int], sequence: int) -> str:
        goal, size = wish
        try:
            self._lines[goal.source].send(request(goal.version, self._identifier, sequence, size), goal.address)
        except BlockingIOError:
            return ""  # the queue is full: the next repetition
        except OSError as error:
            if error.errno in (errno.ENOBUFS, errno.ECONNREFUSED):
                return ""
            return "its own MTU is less" if error.errno == errno.EMSGSIZE else (error.strerror or str(error))
        return ""

    def _collect(
        self, sequences: dict[int, tuple[Goal, int]], found: dict[tuple[Goal, int], tuple[int | None, str]]
    ) -> None:
        for line in self._lines.values():
            while True:
                try:
                    message, sender, ttl = line.receive()
                except OSError:
                    break
                if len(message) < 8 or message[0] != _ANSWER[line.version]:
                    continue
                identifier, sequence = struct.unpack_from("!HH", message, 4)
                wish = sequences.get(sequence)
                if identifier == self._identifier and wish is not None and wish[0].address == sender:
                    found.setdefault(wish, (ttl, ""))


def echo(
    goals: Sequence[Goal], patience: float, *, line: Callable[[int, str], Line] = Line
) -> dict[tuple[str, str], Echo]:
    """Ask all goals; return what was found by (source, address). A source that is not here is a finding as well."""
    lines: dict[str, Line] = {}
    found: dict[tuple[str, str], Echo] = {}
    try:
        for source, version in {goal.source: goal.version for goal in goals}.items():
            try:
                lines[source] = line(version, source)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                for goal in goals:
                    if goal.source == source:
                        found[source, goal.address] = Echo(0, local=error.strerror or str(error))
        able = [goal for goal in goals if goal.source in lines]
        if able:
            found.update(_ask(able, _Round(lines, patience, os.getpid() & 0xFFFF), lines, patience))
    finally:
        for one in lines.values():
            one.close()
    return found


def _ask(goals: Sequence[Goal], first: _Round, lines: dict[str, Line], patience: float) -> dict[tuple[str, str], Echo]:
    wishes = [(goal, size) for goal in goals for size in sorted({_LEAST[goal.version], goal.size})]
    seen = first.run(wishes)
    result, narrow = {}, {}
    for goal in goals:
        small, full = seen.get((goal, _LEAST[goal.version])), seen.get((goal, goal.size))
        if full is not None and not full[1]:
            result[goal.source, goal.address] = Echo(goal.size, full[0])
        elif small is None or small[1]:
            result[goal.source, goal.address] = Echo(0, local=small[1] if small is not None else "")
        else:
            local = full[1] if full is not None else ""
            result[goal.source, goal.address] = Echo(_LEAST[goal.version], small[0], local)
            narrow[goal] = (_LEAST[goal.version], goal.size)
    later = _Round(lines, min(patience, 2 * _REPEAT + 0.1), first._identifier ^ 0x5555)
    # what a path carries is found in a few steps, each for all paths together
    while narrow:
        wanted = {goal: _between(*limits) for goal, limits in narrow.items()}
        seen = later.run([(goal, size) for goal, sizes in wanted.items() for size in sizes])
        for goal, sizes in wanted.items():
            low, high = narrow.pop(goal)
            passed = [size for size in sizes if (goal, size) in seen and not seen[goal, size][1]]
            low = max([low, *passed])
            high = min([high, *(size for size in sizes if size > low)])
            before = result[goal.source, goal.address]
            result[goal.source, goal.address] = Echo(low, before.ttl, before.local)
            if high - low > 1:
                narrow[goal] = (low, high)
    return result


def _between(low: int, high: int) -> list[int]:
    """Return some sizes between the largest that passes and the smallest that does not."""
    step = max((high - low) // (_SIZES_AT_ONCE + 1), 1)
    return list(range(low + step, high, step))[: _SIZES_AT_ONCE + 1]
