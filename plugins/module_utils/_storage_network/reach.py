# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many TCP connections at once: which ports of which hosts can be reached. Private to metalstack.provisioning.

``refused`` is an answer of the other host (or of a firewall that answers in its name): the way to the port is open, and
nothing listens there. It is kept apart from ``open``, where a connection came about.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

OPEN, REFUSED = "open", "refused"
#: Something on the way, or a firewall on the host, says that this is not allowed.
PROHIBITED = "prohibited"
#: The host does not answer for its address, or there is no way to it: said by a router or by the own kernel.
UNREACHABLE = "unreachable"
#: Nobody says anything.
SILENT = "silent"
#: The own host cannot even try.
LOCAL = "local"

# As many connections at a time as a host without any tuning may have open files.
_AT_ONCE = 500
_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE = 0x2000
_ICMP, _ICMP6 = 2, 3
_PROHIBITED = {(_ICMP, 3, 9), (_ICMP, 3, 10), (_ICMP, 3, 13), (_ICMP6, 1, 1)}
_REFUSED = {(_ICMP, 3, 3), (_ICMP6, 1, 4)}


@dataclass(frozen=True)
class Knock:
    """A port to try from an own address, and for how many seconds to wait for an answer."""

    source: str
    address: str
    port: int
    patience: float


@dataclass(frozen=True)
class Answer:
    """What came of it, and who said so, where that was somebody else."""

    outcome: str
    by: str | None = None
    reason: str = ""


def knock(knocks: Sequence[Knock]) -> list[Answer]:
    """Try all, at most some hundred at a time, and return the answers in the same order."""
    answers: dict[int, Answer] = {}
    waiting = list(enumerate(knocks))[::-1]
    with selectors.DefaultSelector() as selector:
        deadlines: dict[socket.socket, tuple[int, float]] = {}

        def done(connection: socket.socket, answer: Answer) -> None:
            number, _deadline = deadlines.pop(connection)
            selector.unregister(connection)
            connection.close()
            answers[number] = answer

        while waiting or deadlines:
            while waiting and len(deadlines) < _AT_ONCE:
                number, one = waiting.pop()
                connection, answer = _begin(one)
                if answer is not None:
                    connection.close()
                    answers[number] = answer
                    continue
                selector.register(connection, selectors.EVENT_WRITE)
                deadlines[connection] = (number, time.monotonic() + one.patience)
            now = time.monotonic()
            next_end = min((deadline for _number, deadline in deadlines.values()), default=now)
            for key, _events in selector.select(max(next_end - now, 0)):
                connection = key.fileobj  # type: ignore[assignment]
                done(connection, _read(connection))
            now = time.monotonic()
            for connection in [one for one, (_number, deadline) in deadlines.items() if deadline <= now]:
                done(connection, Answer(SILENT))
    return [answers[number] for number in range(len(knocks))]


def _begin(one: Knock) -> tuple[socket.socket, Answer | None]:
    """Return a socket that connects, and the answer if there is one already."""
    six = ":" in one.address
    connection = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)
    # the kernel then tells who has sent an error
    if six:
        connection.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        connection.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    try:
        connection.bind((one.source, 0))
        code = connection.connect_ex((one.address, one.port))
    except OSError as error:
        return connection, Answer(LOCAL, reason=error.strerror or str(error))
    if code == 0:
        return connection, Answer(OPEN)
    if code == errno.EINPROGRESS:
        return connection, None
    return connection, _answer(connection, code, immediate=True)


def _read(connection: socket.socket) -> Answer:
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return Answer(OPEN) if code == 0 else _answer(connection, code)


def _answer(connection: socket.socket, code: int, *, immediate: bool = False) -> Answer:
    reason = errno.errorcode.get(code, str(code))
    if code == errno.ECONNREFUSED:
        return Answer(REFUSED)
    said = _said(connection)
    if said is not None:
        what, by = said
        if what in _PROHIBITED:
            return Answer(PROHIBITED, by, reason)
        if what in _REFUSED:
            return Answer(REFUSED, by)
        return Answer(UNREACHABLE, by, reason)
    if code == errno.ETIMEDOUT:
        return Answer(SILENT)
    if immediate or code not in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.ECONNRESET):
        return Answer(LOCAL, reason=reason)
    return Answer(UNREACHABLE, reason=reason)


def _said(connection: socket.socket) -> tuple[tuple[int, int, int], str | None] | None:
    """Return ((origin, type, code), sender) of the ICMP message that ended a connection, None if there was none."""
    with contextlib.suppress(OSError):
        _data, ancillary, _flags, _peer = connection.recvmsg(1, 1024, _MSG_ERRQUEUE)
        for _level, kind, data in ancillary:
            if kind in (_IP_RECVERR, _IPV6_RECVERR):
                return extended_error(data)
    return None


def extended_error(data: bytes) -> tuple[tuple[int, int, int], str | None]:
    """Take a ``sock_extended_err`` of the kernel apart."""
    _code, origin, kind, code, _pad, _info, _data = struct.unpack_from("=IBBBBII", data)
    sender = data[16:]
    by = None
    if len(sender) >= 8:
        (family,) = struct.unpack_from("=H", sender)
        if family == socket.AF_INET:
            by = socket.inet_ntop(socket.AF_INET, sender[4:8])
        elif family == socket.AF_INET6 and len(sender) >= 24:
            by = socket.inet_ntop(socket.AF_INET6, sender[8:24])
    return (origin, kind, code), by
