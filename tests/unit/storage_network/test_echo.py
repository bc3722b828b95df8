# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echoes over paths that carry only so much, without a network: the raw socket is a stand-in."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.echo import (
    Echo,
    Goal,
    Line,
    checksum,
    echo,
    request,
)

HEADERS = {4: 28, 6: 48}


class Paths:
    """What paths to addresses carry; an address that is not there never answers."""

    def __init__(self, carried: dict[str, int], own_mtu: int = 65535, ttl: int | None = 62, lost: int = 0) -> None:
        self.carried = carried
        self.own_mtu = own_mtu
        self.ttl = ttl
        self.lost = lost

    def line(self, version: int, source: str) -> PathLine:
        if source == "192.0.2.66":
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return PathLine(self, version)


class PathLine:
    def __init__(self, paths: Paths, version: int) -> None:
        self.paths = paths
        self.version = version
        self.answers: list[tuple[bytes, str, int | None]] = []
        self.bell, self.ringing = socket.socketpair()
        self.bell.setblocking(False)

    def fileno(self) -> int:
        return self.bell.fileno()

    def close(self) -> None:
        self.bell.close()
        self.ringing.close()

    def send(self, packet: bytes, address: str) -> None:
        size = len(packet) + HEADERS[self.version] - 8
        if size > self.paths.own_mtu:
            raise OSError(errno.EMSGSIZE, "Message too long")
        if self.paths.carried.get(address) == -1:
            raise OSError(errno.EPERM, "Operation not permitted")
        if self.paths.lost:
            self.paths.lost -= 1
            raise OSError(errno.ENOBUFS, "No buffer space available")
        if size > self.paths.carried.get(address, 0):
            return
        kind = 0 if self.version == 4 else 129
        # what others asked for arrives as well
        self.answers.append((b"\x08\0\0\0\0\0\0\0", address, 64))
        self.answers.append((b"short", address, 64))
        self.answers.append((struct.pack("!BBHHH", kind, 0, 0, 1, 1), address, 64))
        self.answers.append((bytes([kind]) + packet[1:], address, self.paths.ttl))
        self.ringing.send(b"x")

    def receive(self) -> tuple[bytes, str, int | None]:
        if not self.answers:
            self.bell.recv(4096)
            raise BlockingIOError
        return self.answers.pop(0)


def ask(paths: Paths, *addresses: str, size: int = 9000, patience: float = 0.3) -> list[Echo]:
    goals = [Goal("fd00::1" if ":" in address else "10.0.0.1", address, size) for address in addresses]
    line: Callable[[int, str], Line] = paths.line  # type: ignore[assignment]
    found = echo(goals, patience, line=line)
    return [found[goal.source, goal.address] for goal in goals]


def test_a_path_that_carries_all_is_seen_at_once() -> None:
    assert ask(Paths({"10.0.0.2": 9000, "fd00::2": 9000}), "10.0.0.2", "fd00::2") == [Echo(9000, 62), Echo(9000, 62)]


@pytest.mark.parametrize("carried", [68, 69, 1400, 1499, 1500, 8999])
def test_what_a_path_carries_is_found_to_the_byte(carried: int) -> None:
    assert ask(Paths({"10.0.0.2": carried, "10.0.0.3": 9000}), "10.0.0.2", "10.0.0.3") == [
        Echo(carried, 62),
        Echo(9000, 62),
    ]


def test_who_does_not_answer_is_told_from_who_answers() -> None:
    assert ask(Paths({"10.0.0.2": 9000}), "10.0.0.2", "10.0.0.3") == [Echo(9000, 62), Echo(0)]


def test_the_own_mtu_is_told() -> None:
    assert ask(Paths({"10.0.0.2": 9000}, own_mtu=1500), "10.0.0.2") == [Echo(1500, 62, "its own MTU is less")]


def test_what_the_own_kernel_refuses_is_told() -> None:
    assert ask(Paths({"10.0.0.2": -1}), "10.0.0.2") == [Echo(0, local="Operation not permitted")]


def test_a_packet_that_is_lost_is_sent_again() -> None:
    assert ask(Paths({"10.0.0.2": 9000}, lost=2), "10.0.0.2", patience=30) == [Echo(9000, 62)]


def test_a_source_that_is_not_here_is_told() -> None:
    paths = Paths({"10.0.0.2": 9000})
    found = echo([Goal("192.0.2.66", "10.0.0.2", 1500)], 1, line=paths.line)  # type: ignore[arg-type]
    assert found == {("192.0.2.66", "10.0.0.2"): Echo(0, local="Cannot assign requested address")}


def test_a_line_that_may_not_be_opened_is_an_error() -> None:
    def refused(_version: int, _source: str) -> Line:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    with pytest.raises(PermissionError):
        echo([Goal("10.0.0.1", "10.0.0.2", 1500)], 1, line=refused)


def test_requests_have_the_size_and_the_checksum_of_the_standard() -> None:
    packet = request(4, 0x1234, 7, 1500)
    assert len(packet) == 1480
    assert checksum(packet) == 0
    assert len(request(6, 0x1234, 7, 1500)) == 1460
    assert checksum(b"\x00\x01\xf2\x03\xf4\xf5\xf6\xf7") == 0x220D
    assert checksum(b"\x01") == 0xFEFF
