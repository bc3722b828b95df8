# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many TCP connections at once, on loopback."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network import reach
from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.reach import (
    Answer,
    Knock,
    extended_error,
    knock,
)

HOME = "127.0.0.1"


@pytest.fixture(name="listening")
def fixture_listening() -> Iterator[int]:
    with socket.create_server((HOME, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture(name="closed")
def fixture_closed() -> int:
    with socket.create_server((HOME, 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(name="silent")
def fixture_silent() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what comes, as a firewall does."""
    with socket.socket() as server:
        server.bind((HOME, 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = []
        for _number in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex((HOME, port))
            waiting.append(one)
        yield port
        for one in waiting:
            one.close()


def test_each_port_has_its_answer_in_the_order_of_the_questions(listening: int, closed: int, silent: int) -> None:
    began = time.monotonic()
    answers = knock([Knock(HOME, HOME, port, 0.5) for port in (silent, listening, closed, silent, listening)])
    assert [one.outcome for one in answers] == [reach.SILENT, reach.OPEN, reach.REFUSED, reach.SILENT, reach.OPEN]
    # both that say nothing are waited for together, even where everything else is slow
    assert time.monotonic() - began >= 0.5


def test_more_than_may_be_open_at_once_are_tried_in_turn(closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_AT_ONCE", 3)
    assert {one.outcome for one in knock([Knock(HOME, HOME, closed, 60)] * 20)} == {reach.REFUSED}


def test_nothing_to_try_is_no_error() -> None:
    assert knock([]) == []


def test_a_source_that_is_not_here_is_the_own_hosts_problem(listening: int) -> None:
    [answer] = knock([Knock("192.0.2.1", HOME, listening, 1)])
    assert (answer.outcome, answer.reason) == (reach.LOCAL, "Cannot assign requested address")


def test_ipv6_is_tried_as_well() -> None:
    with socket.socket(socket.AF_INET6) as server:
        server.bind(("::1", 0))
        port = server.getsockname()[1]
        server.listen()
        assert knock([Knock("::1", "::1", port, 5)]) == [Answer(reach.OPEN)]


def error(origin: int, kind: int, code: int, sender: bytes) -> bytes:
    return struct.pack("=IBBBBII", 113, origin, kind, code, 0, 0, 0) + sender


IPV4 = struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("192.0.2.7"))
IPV6 = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, "fd00::7"), 0)


@pytest.mark.parametrize(
    ("data", "what", "by"),
    [
        (error(2, 3, 13, IPV4), (2, 3, 13), "192.0.2.7"),
        (error(3, 1, 1, IPV6), (3, 1, 1), "fd00::7"),
        (error(1, 0, 0, struct.pack("=H", 0) + bytes(14)), (1, 0, 0), None),
        (error(1, 0, 0, b""), (1, 0, 0), None),
    ],
)
def test_who_has_sent_an_error_is_read_from_the_kernel(data: bytes, what: tuple[int, int, int], by: str | None) -> None:
    assert extended_error(data) == (what, by)


class Failed:
    """A connection that ended with an error, and the ICMP message that was the reason."""

    def __init__(self, code: int, message: bytes | None = None) -> None:
        self.code = code
        self.message = message

    def getsockopt(self, _level: int, _name: int) -> int:
        return self.code

    def recvmsg(self, *_sizes: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        if self.message is None:
            raise BlockingIOError
        return b"", [(0, 11, self.message)], 0, None


@pytest.mark.parametrize(
    ("failed", "answer"),
    [
        (Failed(111), Answer(reach.REFUSED)),
        (Failed(113, error(2, 3, 13, IPV4)), Answer(reach.PROHIBITED, "192.0.2.7", "EHOSTUNREACH")),
        (Failed(113, error(2, 3, 3, IPV4)), Answer(reach.REFUSED, "192.0.2.7")),
        (Failed(113, error(2, 3, 1, IPV4)), Answer(reach.UNREACHABLE, "192.0.2.7", "EHOSTUNREACH")),
        (Failed(113), Answer(reach.UNREACHABLE, reason="EHOSTUNREACH")),
        (Failed(110), Answer(reach.SILENT)),
        (Failed(1), Answer(reach.LOCAL, reason="EPERM")),
    ],
)
def test_an_error_is_told_by_who_sent_it(failed: Failed, answer: Answer) -> None:
    assert reach._read(failed) == answer  # type: ignore[arg-type]


def test_no_route_at_all_is_the_own_hosts_problem() -> None:
    assert reach._answer(Failed(101), 101, immediate=True) == Answer(reach.LOCAL, reason="ENETUNREACH")  # type: ignore[arg-type]
