# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strictly the emulated installer reads its inventory, and that what our filter writes is accepted."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.emulators.lightos_installer.archive import LIGHT_APP

from .conftest import CLUSTER, servers, write_inventory

CHECK = LIGHT_APP / "roles/check-inventory/files/check_inventory.py"
SERVER, NODE = "host_vars/server01.yml", ("nodes", 0)
LAYOUT = (*NODE, "storageDeviceLayout")


def load() -> ModuleType:
    """The program, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("check_inventory", CHECK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Inventory = load().Inventory


def check(directory: Path, new: str | None = None) -> list[str]:
    """The problems that it finds; none when it is content."""
    found: list[str] = Inventory(directory).check(new)
    return found


def edit(directory: Path, file_name: str, path: tuple[str | int, ...], values: dict[str, Any]) -> None:
    """Set keys of a YAML file, below a path; None removes one."""
    file = directory / file_name
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    place = content
    for step in path:
        place = place[step]
    for key, value in values.items():
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    file.write_text(yaml.safe_dump(content), encoding="utf-8")


def replace(directory: Path, old: str, new: str) -> None:
    """Change the file `hosts`."""
    file = directory / "hosts"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_what_the_filter_writes_is_accepted(inventory: Path) -> None:
    assert check(inventory) == []


def test_the_program_prints_each_problem_and_fails(inventory: Path) -> None:
    def run() -> tuple[int, list[str]]:
        command = [sys.executable, str(CHECK), str(inventory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    assert run() == (0, [])
    edit(inventory, SERVER, (), {"nodes": []})
    assert run() == (1, check(inventory))


def test_two_instances_and_ipv6_are_accepted(tmp_path: Path) -> None:
    wanted = servers(4, "fd00::{0}")
    for server in wanted:
        first = server["instances"][0]
        server["instances"] = [
            {**first, "id": 0},
            {**first, "id": 1, "data_address": first["data_address"].replace("fd00::", "fd00::1:")},
        ]
    assert check(write_inventory(tmp_path, wanted)) == []


def test_the_vendor_s_example_is_accepted() -> None:
    assert check(LIGHT_APP / "ansible/inventories/cluster_example") == []


def test_a_server_is_added_to_those_there_are(tmp_path: Path) -> None:
    directory = write_inventory(tmp_path, servers(4))
    assert check(directory, "server03") == []
    replace(directory, "[etcd]\nserver00\nserver01\nserver02\nserver03\n", "[etcd]\nserver00\nserver01\nserver02\n")
    assert check(directory, "server03") == ["hosts: the new server 'server03' has to be in duros_nodes and etcd"]


@pytest.mark.parametrize(
    ("file", "path", "values", "problem"),
    [
        (
            "group_vars/all.yml",
            (),
            {"use_lightos_kernel": "no"},
            "use_lightos_kernel is 'no', but must be true or false",
        ),
        ("group_vars/all.yml", (), {"persistent_memory": None}, "group_vars/all.yml: persistent_memory is missing"),
        (
            "group_vars/all.yml",
            (),
            {"ntp_server": "a"},
            "group_vars/all.yml: 'ntp_server' is not known; known are use_",
        ),
        ("group_vars/all.yml", ("cluster_info",), {"clusterId": "par-1"}, "clusterId is 'par-1', but must be a UUID"),
        (SERVER, (), {"name": "server02"}, "name is 'server02', but must be that of the file and of hosts"),
        (SERVER, (), {"nodes": []}, f"{SERVER}: a server has one or two nodes"),
        (SERVER, (), {"dataIfaces": []}, f"{SERVER}: 'dataIfaces' is not known"),
        (SERVER, NODE, {"instanceID": 2}, "instanceID is 2, but must be 0 or 1"),
        (SERVER, NODE, {"instanceID": 1}, f"{SERVER}: the instanceID of a single node is 0"),
        (SERVER, NODE, {"data_ip": "storage-1"}, "data_ip is 'storage-1', but must be an address"),
        (SERVER, NODE, {"data_ip": "10.131.0.10"}, "data_ip 10.131.0.10 is that of server00 as well"),
        (SERVER, NODE, {"data_ip": "fd00::10"}, "the data_ip of all servers are of the same family, IPv4 or IPv6"),
        (SERVER, NODE, {"failure_domains": []}, "failure_domains is empty"),
        (SERVER, NODE, {"failure_domains": ["rack-0"]}, "there are no 3 servers whose failure_domains have nothing in"),
        (SERVER, NODE, {"lightfieldMode": "HW_LF"}, "lightfieldMode is 'HW_LF', but must be SW_LF"),
        (SERVER, NODE, {"ec_enabled": None}, "ec_enabled is missing"),
        (SERVER, LAYOUT, {"initialDeviceCount": 13}, "initialDeviceCount 13 is not from 1 to maxDeviceCount 12"),
        (SERVER, LAYOUT, {"allowCrossNuma": True}, "'allowCrossNuma' is not known"),
        (SERVER, LAYOUT, {"deviceMatchers": ["size > 1 tb"]}, "'size > 1 tb' is no expression about partition, size"),
        (SERVER, (), {"data_ifaces": [{"ifname": "eth1"}]}, "data_ifaces[0]: bootproto is missing"),
        (
            SERVER,
            (),
            {"data_ifaces": [{"bootproto": "static", "conn_name": "a", "ifname": "a", "ip4": "10.0.0.1"}]},
            "ip4 is '10.0.0.1', but must be like 10.0.0.1/24",
        ),
    ],
)
def test_a_wrong_variable_is_named(
    inventory: Path, file: str, path: tuple[str | int, ...], values: dict[str, Any], problem: str
) -> None:
    edit(inventory, file, path, values)
    assert any(problem in found for found in check(inventory)), check(inventory)


def test_erasure_coding_needs_devices(inventory: Path) -> None:
    edit(inventory, SERVER, NODE, {"ec_enabled": True})
    edit(inventory, SERVER, LAYOUT, {"initialDeviceCount": 5})
    assert check(inventory) == [
        f"{SERVER}, nodes[0], storageDeviceLayout: ec_enabled needs 6 devices, initialDeviceCount is 5"
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[initiators]", "[clients]", "there is no group 'clients': duros_nodes, etcd, initiators"),
        ("server00 ansible_host=10.0.0.10 ", "server00 ", "'server00' has no ansible_host"),
        ("auto_reboot=false", "auto_reboot=maybe", "auto_reboot is 'maybe', but must be true or false"),
        (
            "server00 ansible_host",
            "server00 rack=1 ansible_host",
            "'rack' does not belong here, but into host_vars/server00",
        ),
        (
            "[initiators]\n",
            "[initiators]\nclient-1\n",
            "initiators has 'client-1', which has no line with ansible_host",
        ),
        (
            f"cluster_identifier={CLUSTER}",
            f"cluster_identifier={CLUSTER[:-1]}0",
            "clusterId of group_vars/all.yml differ",
        ),
    ],
)
def test_a_wrong_line_of_hosts_is_named(inventory: Path, old: str, new: str, problem: str) -> None:
    replace(inventory, old, new)
    assert any(problem in found for found in check(inventory)), check(inventory)


def test_files_and_hosts_are_the_same(inventory: Path) -> None:
    (inventory / "host_vars/server02.yml").rename(inventory / "host_vars/server-02.yml")
    assert check(inventory)[:2] == [
        "host_vars/server-02.yml: there is no server 'server-02'",
        "host_vars/server02.yml: cannot be read: No such file or directory",
    ]


def test_two_servers_are_too_few(tmp_path: Path) -> None:
    directory = write_inventory(tmp_path, servers())
    for group in ("duros_nodes", "etcd"):
        replace(directory, f"[{group}]\nserver00\nserver01\nserver02\n", f"[{group}]\nserver00\nserver01\n")
    assert "hosts: duros_nodes has 2 servers, but a cluster has 3 to 16" in check(directory)
