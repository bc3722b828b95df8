# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storage server is made of, read from made-up servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.hardware import Hardware
from tests.support.storage_server import GIB, MadeUpServer


def test_one_socket(tmp_path: Path) -> None:
    MadeUpServer(tmp_path, cores=16, memory=256 * GIB)
    server = Hardware(tmp_path)
    assert server.operating_system() == {
        "id": "almalinux",
        "like": ["rhel", "centos", "fedora"],
        "version": "9.4",
        "name": "almalinux 9.4",
        "kernel": "5.14.0-427.el9.x86_64",
    }
    assert server.cpu() == {"model": "AMD EPYC 9354 32-Core Processor", "sockets": 1, "cores": 16, "threads": 32}
    assert server.memory() == {"total": 256 * GIB, "available": 128 * GIB}
    assert server.numa_nodes() == [{"id": 0, "threads": 32, "memory": 256 * GIB}]


def test_two_sockets(tmp_path: Path) -> None:
    MadeUpServer(tmp_path, sockets=2, cores=32, memory=512 * GIB)
    server = Hardware(tmp_path)
    assert server.cpu() == {"model": "AMD EPYC 9354 32-Core Processor", "sockets": 2, "cores": 64, "threads": 128}
    assert server.numa_nodes() == [
        {"id": 0, "threads": 64, "memory": 256 * GIB},
        {"id": 1, "threads": 64, "memory": 256 * GIB},
    ]


def test_devices_are_listed_in_the_order_of_their_numbers_with_their_nodes(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path, sockets=2)
    server.nvme("nvme10", serial="C", numa_node=1)
    server.nvme("nvme2", serial="B", numa_node=0, size=960 * 10**9)
    server.nvme("nvme0", serial="A", numa_node=-1)
    found = Hardware(tmp_path).nvme_devices()
    assert [(one["name"], one["serial"], one["numa_node"]) for one in found] == [
        ("nvme0n1", "A", None),
        ("nvme2n1", "B", 0),
        ("nvme10n1", "C", 1),
    ]
    assert found[1] == {
        "name": "nvme2n1",
        "model": "SAMSUNG MZQL23T8HCLS",
        "serial": "B",
        "firmware": "GDC5602Q",
        "address": "0000:01:00.0",
        "size": 960 * 10**9,
        "numa_node": 0,
        "used_by": [],
    }


def test_on_one_socket_a_device_is_on_its_only_node(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path)
    server.nvme("nvme0", serial="A", numa_node=-1)
    server.interface("eth0", numa_node=-1)
    assert [one["numa_node"] for one in Hardware(tmp_path).nvme_devices()] == [0]
    assert [one["numa_node"] for one in Hardware(tmp_path).interfaces()] == [0]


def test_device_behind_multipath_is_found_under_its_own_name(tmp_path: Path) -> None:
    MadeUpServer(tmp_path).nvme("nvme3", serial="A", multipath=True)
    [device] = Hardware(tmp_path).nvme_devices()
    assert (device["name"], device["size"]) == ("nvme3n1", 3840 * 10**9)


def test_volumes_from_the_network_are_no_devices(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path)
    server.nvme("nvme0", serial="A")
    server.nvme("nvme1", serial="B", transport="tcp")
    assert [one["name"] for one in Hardware(tmp_path).nvme_devices()] == ["nvme0n1"]


def test_everything_that_uses_a_device_is_told(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path)
    server.nvme("nvme0", serial="A", partitions=3)
    server.mount("nvme0n1p1", "/boot")
    server.swap("nvme0n1p2")
    server.signature("nvme0n1", ID_PART_TABLE_TYPE="gpt")
    server.nvme("nvme1", serial="B")
    server.hold("nvme1n1", "md0")
    server.nvme("nvme2", serial="C")
    server.mount("nvme2n1", "/srv")
    server.nvme("nvme3", serial="D")
    server.signature("nvme3n1", ID_FS_TYPE="xfs")
    server.nvme("nvme4", serial="E")
    assert [one["used_by"] for one in Hardware(tmp_path).nvme_devices()] == [
        [
            "has a gpt partition table",
            "partition nvme0n1p1",
            "mounted at /boot",
            "partition nvme0n1p2",
            "swap",
            "partition nvme0n1p3",
        ],
        ["held by md0"],
        ["mounted at /srv"],
        ["has a xfs signature"],
        [],
    ]


def test_interfaces(tmp_path: Path) -> None:
    server = MadeUpServer(tmp_path, sockets=2)
    server.interface("eth1", mtu=1500, numa_node=1)
    server.interface("bond0", state="down", speed=-1, physical=False)
    found = Hardware(tmp_path).interfaces()
    assert [
        (one["name"], one["mtu"], one["state"], one["speed"], one["numa_node"], one["physical"]) for one in found
    ] == [
        ("bond0", 9000, "down", None, None, False),
        ("eth1", 1500, "up", 100000, 1, True),
    ]


def test_host_that_shows_nothing_is_no_reason_to_fail(tmp_path: Path) -> None:
    server = Hardware(tmp_path)
    assert server.operating_system() == {"id": None, "like": [], "version": None, "name": None, "kernel": None}
    assert server.cpu() == {"model": None, "sockets": 0, "cores": 0, "threads": 0}
    assert server.memory() == {"total": None, "available": None}
    assert (server.numa_nodes(), server.nvme_devices(), server.interfaces()) == ([], [], [])


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_release_file_of_every_style(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "usr/lib/os-release"
    path.parent.mkdir(parents=True)
    path.write_text(f"ID={quote}rocky{quote}\nVERSION_ID={quote}8.10{quote}\n", encoding="utf-8")
    found = Hardware(tmp_path).operating_system()
    assert (found["id"], found["version"]) == ("rocky", "8.10")
