# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds a storage server: programs that answer in every way, and this machine itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.surroundings import Surroundings
from tests.support.playbook import play
from tests.support.storage_server import MadeUpServer

LINKS = [
    {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
    {
        "ifname": "eth0",
        "addr_info": [
            {"local": "10.131.0.10", "prefixlen": 24, "scope": "global"},
            {"local": "fd00::10", "prefixlen": 64, "scope": "global"},
            {"local": "fe80::1", "prefixlen": 64, "scope": "link"},
        ],
    },
    {"ifname": "eth1"},
]
# the last field is the leap status, the fifth how far the clock is from the time
CHRONY = "0A830001,10.131.0.1,3,1764322000.0,{offset},0.0,0.0,-3.2,0.0,0.1,0.002,0.001,64.2,{leap}\n"


def answering(**programs: tuple[int, str]) -> Callable[[Sequence[str]], tuple[int, str]]:
    return lambda arguments: programs.get(arguments[0], (127, ""))


def test_addresses_by_interface() -> None:
    found = Surroundings(answering(ip=(0, json.dumps(LINKS)))).addresses()
    assert found == {"lo": ["127.0.0.1/8"], "eth0": ["10.131.0.10/24", "fd00::10/64"], "eth1": []}


@pytest.mark.parametrize(
    "answer", [(127, ""), (1, "[]"), (0, "no json"), (0, '[{"ifname": "lo", "addr_info": [{"local": "::1"}]}]')]
)
def test_addresses_that_cannot_be_listed(answer: tuple[int, str]) -> None:
    assert Surroundings(answering(ip=answer)).addresses() is None


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({"chronyc": (0, CHRONY.format(offset="-0.000012", leap="Normal"))}, (True, "chrony", -0.000012)),
        ({"chronyc": (0, CHRONY.format(offset="0.0", leap="Not synchronised"))}, (False, "chrony", 0.0)),
        ({"chronyc": (0, CHRONY.format(offset="?", leap="Insert second"))}, (True, "chrony", None)),
        ({"chronyc": (1, "506 Cannot talk to daemon\n"), "timedatectl": (0, "yes\n")}, (True, "timedatectl", None)),
        ({"timedatectl": (0, "no\n")}, (False, "timedatectl", None)),
        ({"timedatectl": (1, "")}, (None, None, None)),
        ({}, (None, None, None)),
    ],
)
def test_clock(programs: dict[str, tuple[int, str]], expected: tuple[bool | None, str | None, float | None]) -> None:
    found = Surroundings(answering(**programs)).clock()
    assert (found["synchronised"], found["source"], found["offset"]) == expected


def test_listeners_are_those_of_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket(type=socket.SOCK_DGRAM) as other:
        port = listening.getsockname()[1]
        other.bind(("127.0.0.1", port))
        [found] = Surroundings(answering()).listeners([port])
    assert (found["address"], found["port"]) == ("127.0.0.1", port)


def test_space_of_a_path_that_is_not_there_yet(tmp_path: Path) -> None:
    found = Surroundings(answering(), root=tmp_path).space(["/var/lib/lightos"])
    assert 0 < found["/var/lib/lightos"]["available"] <= found["/var/lib/lightos"]["total"]


def info(tmp_path: Path, **options: Any) -> tuple[bool, dict[str, Any]]:
    [result] = play(tmp_path, [{"name": "Look", "metalstack.provisioning.storage_server_info": options}]).results
    return result.failed, dict(result.values)


def test_module_reads_a_made_up_server(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path / "server", sockets=2)
    server.nvme("nvme0", serial="A", numa_node=1)
    failed, values = info(tmp_path, root=str(server.root), names=["localhost"], paths=["/var"], ports=[443])
    assert not failed, values
    found = values["server"]
    assert found["cpu"]["sockets"] == 2
    assert [one["serial"] for one in found["nvme_devices"]] == ["A"]
    assert found["names"]["localhost"]
    assert list(found["space"]) == ["/var"]
    assert found["listeners"] == []


def test_module_says_that_there_is_no_such_root(tmp_path: Path) -> None:
    failed, values = info(tmp_path, root=str(tmp_path / "nowhere"))
    assert failed
    assert (
        values["msg"] == f"root is {tmp_path}/nowhere, which is no directory: give one with sys, proc and etc below it."
    )
