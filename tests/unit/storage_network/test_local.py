# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ip`` tells, and who else answers ARP, without a network."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network import duplicates, local
from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.local import Interface, Route
from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.look import look

LINKS = [
    {
        "ifname": "lo",
        "link_type": "loopback",
        "flags": ["LOOPBACK", "UP"],
        "mtu": 65536,
        "address": "00:00:00:00:00:00",
        "addr_info": [{"local": "127.0.0.1"}, {"local": "10.0.0.1"}],
    },
    {
        "ifname": "lan0",
        "link_type": "ether",
        "flags": ["UP"],
        "mtu": 9000,
        "address": "aa:00:00:00:00:01",
        "addr_info": [{"local": "127.0.0.2"}, {"local": "fd00::1", "dadfailed": True}, {}],
    },
    {"ifname": "tun0", "link_type": "ether", "flags": ["NOARP"], "mtu": 1400},
]
ROUTES = """\
[{"dst":"10.0.0.2","gateway":"fe80::1","dev":"lan0","prefsrc":"10.0.0.1"}]

[{"type":"unreachable","dst":"10.0.0.3","dev":"lo"}]
[{"dst":"10.0.0.4","via":{"family":"inet6","host":"fe80::2"},"dev":"lan1","prefsrc":"10.0.0.1"}]
"""


def run(arguments: Sequence[str], data: str) -> str:
    if "address" in arguments:
        return json.dumps(LINKS)
    assert data.startswith("route get ")
    return ROUTES


def test_interfaces_are_read_from_ip() -> None:
    found = local.interfaces(run)
    assert found["lo"].addresses == ("127.0.0.1", "10.0.0.1")
    assert found["lan0"] == Interface("lan0", 9000, "aa:00:00:00:00:01", True, True, ("127.0.0.2",), ("fd00::1",))
    assert (found["tun0"].up, found["tun0"].ethernet) == (False, False)
    assert local.interfaces(lambda _arguments, _data: "") == {}


def test_routes_are_read_from_ip() -> None:
    assert local.routes(run, ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]) == {
        "10.0.0.2": Route("lan0", "10.0.0.1", "fe80::1"),
        "10.0.0.3": None,
        "10.0.0.4": Route("lan1", "10.0.0.1", "fe80::2"),
        "10.0.0.5": None,
    }
    assert local.routes(run, []) == {}


def reply(address: str, mac: str, operation: int = 2, protocol: int = 0x0806) -> bytes:
    hardware = bytes.fromhex(mac.replace(":", ""))
    return (
        bytes(12)
        + struct.pack("!H", protocol)
        + struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
        + hardware
        + socket.inet_aton(address)
        + bytes(10)
    )


class Wire:
    """An interface on which whoever has an address answers, each probe once."""

    def __init__(self, answers: list[bytes]) -> None:
        self.near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.answers = answers
        self.sent: list[bytes] = []
        self.closed = False

    def fileno(self) -> int:
        return self.near.fileno()

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)
        for answer in self.answers:
            self.far.send(answer)

    def recv(self, size: int) -> bytes:
        return self.near.recv(size)

    def close(self) -> None:
        self.closed = True
        self.near.close()
        self.far.close()


def test_who_else_has_an_address_is_found_by_arp() -> None:
    wire = Wire(
        [
            reply("10.0.0.1", "de:ad:be:ef:00:01"),
            reply("10.0.0.1", "aa:00:00:00:00:01"),  # ourselves
            reply("10.0.0.9", "de:ad:be:ef:00:02"),  # somebody about something else
            reply("0.0.0.0", "de:ad:be:ef:00:03"),
            reply("10.0.0.1", "de:ad:be:ef:00:04", operation=1),
            reply("10.0.0.1", "de:ad:be:ef:00:05", protocol=0x0800),
            b"short",
        ]
    )
    macs = {"lan0": "aa:00:00:00:00:01"}
    found = duplicates.claims(
        {"lan0": ["10.0.0.1"], "gone": ["10.0.0.1"]}, macs, set(macs.values()), 0.2, link=lambda _name: wire
    )
    assert found == [("lan0", "10.0.0.1", "de:ad:be:ef:00:01")]
    assert wire.closed
    assert len(wire.sent) == 3
    probe = wire.sent[0]
    # in nobody's name: the tables of neighbours stay as they are
    assert (probe[:6], probe[28:32], probe[38:42]) == (b"\xff" * 6, bytes(4), socket.inet_aton("10.0.0.1"))


def test_an_answer_is_heard_by_a_process_that_has_no_time_left() -> None:
    wire = Wire([b"short", reply("10.0.0.1", "de:ad:be:ef:00:01")])
    found = duplicates.claims({"lan0": ["10.0.0.1"]}, {"lan0": "aa:00:00:00:00:01"}, set(), 0, link=lambda _name: wire)
    assert found == [("lan0", "10.0.0.1", "de:ad:be:ef:00:01")]
    assert len(wire.sent) == 3


def test_nothing_to_ask_opens_nothing() -> None:
    def never(_name: str) -> Wire:
        raise AssertionError

    assert duplicates.claims({}, {}, set(), 5, link=never) == []


@pytest.mark.parametrize(("address", "asked_on"), [("10.0.0.1", ["lan0"]), ("127.0.0.2", ["lan0"]), ("fd00::1", [])])
def test_the_report_has_everything(address: str, asked_on: list[str]) -> None:
    """On loopback, where a port refuses; ICMP and ARP are stand-ins that hear nothing."""
    opened: list[str] = []

    def link(name: str) -> Wire:
        opened.append(name)
        return Wire([])

    class Deaf:
        def __init__(self, _version: int, _source: str) -> None:
            self.near, self.far = socket.socketpair()

        def fileno(self) -> int:
            return self.near.fileno()

        def close(self) -> None:
            self.near.close()
            self.far.close()

        def send(self, _packet: bytes, _address: str) -> None: ...

        def receive(self) -> tuple[bytes, str, int | None]:
            raise BlockingIOError

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    targets = [
        {
            "host": "storage-2",
            "address": "127.0.0.1",
            "source": "127.0.0.1",
            "reach": [{"port": port, "name": "API"}],
            "blocked": [{"port": port, "name": "metrics"}],
        },
        {"host": "storage-3", "address": "fd00::3", "source": None, "reach": [], "blocked": []},
    ]
    report = look([address], ["lan0"], targets, 9000, 0.2, run, line=Deaf, link=link)
    assert opened == asked_on
    assert [(one["name"], one["wanted"], one["outcome"]) for one in report["ports"]] == [
        ("API", True, "refused"),
        ("metrics", False, "refused"),
    ]
    assert report["echoes"] == [
        {"host": "storage-2", "address": "127.0.0.1", "source": "127.0.0.1", "carried": 0, "hops": None, "local": ""}
    ]
    assert [one["route"] for one in report["routes"]] == [None, None]
    assert report["interfaces"]["lan0"]["mtu"] == 9000
    assert report["unused_duplicates"] == (["fd00::1"] if address == "fd00::1" else [])
    assert report["claims"] == []
    json.dumps(report)
