# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps LightOS from being installed: made-up servers with planted defects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.hardware import Hardware
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_matchers import matches
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_preflight import CHECKS, preflight
from tests.support.playbook import play
from tests.support.storage_server import GIB, MadeUpServer

Facts = dict[str, Any]
SYSTEM_DISK = "nvme0n1 is in use (partition nvme0n1p1, mounted at /, partition nvme0n1p2)"


def wish(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"server0{number}",
        "address": f"10.0.0.{10 + number}",
        "rack": f"rack-{number}",
        "data_interfaces": [{"name": "eth1"}],
        "instances": [{"data_address": f"10.131.0.{10 + number}", "devices": {"initial": 2}}],
        **changes,
    }


class World:
    """Three servers that are ready; a test changes what is wished for, what is there, or what was seen of it."""

    def __init__(self, directory: Path) -> None:
        self.wishes = [wish(number) for number in range(3)]
        self.made = [MadeUpServer(directory / str(number), sockets=2, cores=4) for number in range(3)]
        for made in self.made:
            made.nvme("nvme0", serial="OS", partitions=2, size=480 * 10**9)
            made.mount("nvme0n1p1", "/")
            for number in range(1, 4):
                made.nvme(f"nvme{number}", serial=f"D{number}", numa_node=0)
            made.interface("eth0", mtu=1500)
            made.interface("eth1")
        self.changes: list[Callable[[dict[str, Facts]], None]] = []

    def seen(self, number: int, change: Callable[[Facts], Any]) -> None:
        self.changes.append(lambda facts: change(facts[f"server0{number}"]))

    def facts(self) -> dict[str, Facts]:
        found = {}
        for number, made in enumerate(self.made):
            hardware = Hardware(made.root)
            found[f"server0{number}"] = {
                "operating_system": hardware.operating_system(),
                "cpu": hardware.cpu(),
                "memory": hardware.memory(),
                "numa_nodes": hardware.numa_nodes(),
                "nvme_devices": hardware.nvme_devices(),
                "interfaces": [
                    {**one, "addresses": [f"10.131.0.{10 + number}/24"] if one["name"] == "eth1" else []}
                    for one in hardware.interfaces()
                ],
                "loopback_addresses": ["127.0.0.1/8"],
                "clock": {"synchronised": True, "source": "chrony", "offset": 0.0001},
                "listeners": [],
                "names": {"repository": ["10.0.0.1"]},
                "space": {"/var": {"total": 100 * GIB, "available": 50 * GIB}},
            }
        for change in self.changes:
            change(found)
        return found

    def judge(self, **options: Any) -> dict[str, Any]:
        requirements = {"cores": 8, "ports": [443, 4420], "space": {"/var": "20GiB"}, **options.pop("requirements", {})}
        return preflight(self.wishes, self.facts(), requirements=requirements, **options)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def told(found: dict[str, Any], key: str = "problems") -> list[tuple[str, str, str]]:
    return [(one["server"], one["check"], one["problem"]) for one in found[key]]


def test_servers_that_are_ready(world: World) -> None:
    found = world.judge()
    assert (found["problems"], found["warnings"], found["table"]) == ([], [], "")


def test_every_planted_defect_is_found_and_nothing_else(world: World) -> None:
    """Eight defects on three servers."""
    world.made[0].operating_system("debian", "12")
    world.seen(0, lambda facts: facts["clock"].update(synchronised=False))
    world.seen(0, lambda facts: facts["names"].update(repository=[]))
    world.made[1].mount("nvme1n1", "/srv")
    world.made[1].hold("nvme2n1", "md0")
    world.seen(1, lambda facts: facts["memory"].update(total=16 * GIB))
    world.seen(
        1,
        lambda facts: facts["listeners"].append(
            {"address": "0.0.0.0", "port": 443, "program": "nginx", "unit": "nginx.service", "pid": 8}
        ),
    )
    world.made[2].interface("eth1", mtu=1500)
    world.seen(2, lambda facts: facts["space"]["/var"].update(available=GIB))
    found = world.judge()
    assert told(found) == [
        (
            "server00",
            "system",
            "It runs debian 12; LightOS needs one of almalinux 8, almalinux 9, rocky 8, rocky 9, rhel 8, rhel 9.",
        ),
        ("server00", "time", "Its clock is not synchronised (chrony says so): give it time servers it can reach."),
        ("server00", "names", "It cannot resolve repository: look at its DNS servers."),
        ("server01", "memory", "It has 16 GiB of memory; 64 GiB are needed."),
        (
            "server01",
            "devices",
            (
                f"Instance 0 finds 1 unused NVMe devices for data; it needs 2: {SYSTEM_DISK}; nvme1n1 is in use "
                "(mounted at /srv); nvme2n1 is in use (held by md0)."
            ),
        ),
        ("server01", "ports", "Port 443/tcp of 0.0.0.0 is taken by nginx.service: stop and disable it."),
        ("server02", "interface", "The interface eth1 has the MTU 1500; it needs 9000."),
        ("server02", "space", "/var has 1 GiB left; 20 GiB are needed."),
    ]
    lines = found["table"].splitlines()
    assert lines[0].split() == ["server", "check", "problem"]
    assert len(lines) == 9
    assert lines[7] == "server02  interface  The interface eth1 has the MTU 1500; it needs 9000."


def one_instance(**changes: Any) -> dict[str, Any]:
    return {"data_address": "10.131.0.10", "devices": {"initial": 2}, **changes}


def change_instances(world: World, *instances: dict[str, Any]) -> None:
    world.wishes[0] = wish(0, instances=list(instances))


DEFECTS: list[tuple[str, Callable[[World], Any], str]] = [
    ("cpu", lambda w: w.seen(0, lambda f: f["cpu"].update(cores=4)), "It has 4 cores; 8 are needed."),
    (
        "numa",
        lambda w: change_instances(w, one_instance(numa_node=2, devices={"initial": 2, "cross_numa": True})),
        "Instance 0 is for NUMA node 2, but the server has 0, 1 only.",
    ),
    (
        "journal",
        lambda w: change_instances(w, one_instance(devices={"names": ["nvme1n1"]}, journal_devices=["nvme9n1"])),
        "nvme9n1, the journal of instance 0, is not there.",
    ),
    (
        "journal",
        lambda w: change_instances(w, one_instance(devices={"names": ["nvme1n1"]}, journal_devices=["nvme0n1"])),
        "nvme0n1, the journal of instance 0, is in use: partition nvme0n1p1, mounted at /, partition nvme0n1p2.",
    ),
    (
        "journal",
        lambda w: (
            w.made[0].nvme("nvme7", serial="J", numa_node=1),
            change_instances(w, one_instance(devices={"names": ["nvme1n1"]}, journal_devices=["nvme7n1"])),
        ),
        "nvme7n1, the journal of instance 0, is at NUMA node 1; it has to be at 0.",
    ),
    (
        "devices",
        lambda w: change_instances(w, one_instance(devices={"initial": 2, "matchers": ['serial == "D1"']})),
        "Instance 0 finds 1 unused NVMe devices for data; it needs 2.",
    ),
    (
        "devices",
        lambda w: change_instances(w, one_instance(numa_node=1)),
        "Instance 0 finds 0 unused NVMe devices for data; it needs 2: 4 are at another NUMA node.",
    ),
    (
        "devices",
        lambda w: change_instances(w, one_instance(erasure_coding=True)),
        "Instance 0 has erasure coding with 2 devices; it needs 6.",
    ),
    ("interface", lambda w: w.made[0].interface("eth1", state="down"), "The interface eth1 is down."),
    (
        "interface",
        lambda w: w.wishes.__setitem__(0, wish(0, data_interfaces=[{"name": "eth1"}, {"name": "eth5"}])),
        "It has no interface eth5; it has eth0, eth1.",
    ),
    (
        "interface",
        lambda w: (w.wishes.__setitem__(0, wish(0, data_interfaces=[])), w.made[0].interface("eth1", mtu=1500)),
        "The interface eth1, which has 10.131.0.10, has the MTU 1500; it needs 9000.",
    ),
    (
        "address",
        lambda w: w.seen(0, lambda f: f["interfaces"][1].update(addresses=["10.131.0.99/24"])),
        (
            "Instance 0 has the data address 10.131.0.10, which the host does not have: the role storage_network gives "
            "it, or the installer with an address of a data interface."
        ),
    ),
    (
        "time",
        lambda w: w.seen(0, lambda f: f["clock"].update(synchronised=None)),
        "Nobody can tell whether its clock is right: install chrony and start it.",
    ),
    (
        "time",
        lambda w: w.seen(0, lambda f: f["clock"].update(offset=-7.25)),
        "Its clock is 7.2 s off: wait until it is right.",
    ),
]


@pytest.mark.parametrize(("check", "plant", "sentence"), DEFECTS)
def test_defect_of_one_server(world: World, check: str, plant: Callable[[World], Any], sentence: str) -> None:
    plant(world)
    assert told(world.judge()) == [("server00", check, sentence)]
    skipped = world.judge(skip=[check])
    assert skipped["problems"] == []
    assert ("server00", check, sentence) in told(skipped, "warnings")


def test_address_on_loopback_or_to_be_configured_is_there(world: World) -> None:
    world.seen(0, lambda facts: facts["interfaces"][1].update(addresses=[]))
    world.seen(0, lambda facts: facts.update(loopback_addresses=["10.131.0.10/32"]))
    world.seen(1, lambda facts: facts["interfaces"][1].update(addresses=None))
    world.wishes[1] = wish(1, data_interfaces=[{"name": "eth1", "address": "10.131.0.11/24"}])
    assert told(world.judge()) == []


def test_two_instances_do_not_share_devices(world: World) -> None:
    instances = [
        {"data_address": "10.131.0.10", "devices": {"initial": 2, "cross_numa": True}},
        {"data_address": "10.131.0.20", "devices": {"initial": 2, "cross_numa": True}},
    ]
    world.wishes[0] = wish(0, instances=instances)
    world.seen(0, lambda facts: facts["interfaces"][1]["addresses"].append("10.131.0.20/24"))
    assert [text for _server, check, text in told(world.judge()) if check == "devices"] == [
        f"Instance 1 finds 1 unused NVMe devices for data; it needs 2: {SYSTEM_DISK}."
    ]
    world.made[0].nvme("nvme4", serial="D4", numa_node=1)
    assert told(world.judge()) == []


def test_too_few_servers_and_racks(world: World) -> None:
    world.wishes[2] = wish(2, rack="rack-1")
    [(server, check, sentence)] = told(world.judge())
    assert (server, check) == ("cluster", "failure_domains")
    assert sentence.startswith("The failure domains leave room for 2 replicas only; 3 are wanted")
    assert told(world.judge(racks_are_failure_domains=False)) == []
    assert told(world.judge(requirements={"replicas": 2})) == []
    del world.wishes[2]
    assert told(world.judge()) == [("cluster", "servers", "There are 2 servers; 3 are needed.")]
    assert told(world.judge(requirements={"least_servers": 1, "most_servers": 1})) == [
        ("cluster", "servers", "There are 2 servers; 1 is the most.")
    ]


def test_warnings(world: World) -> None:
    world.seen(0, lambda facts: facts["cpu"].update(threads=facts["cpu"]["cores"]))
    world.seen(1, lambda facts: facts["operating_system"].update(kernel="5.14.0-500"))
    world.made[2].interface("eth1", numa_node=1)
    world.wishes[2] = wish(
        2, instances=[{"data_address": "10.131.0.12", "devices": {"initial": 2, "matchers": ["new(1)"]}}]
    )
    found = world.judge()
    assert found["problems"] == []
    assert told(found, "warnings") == [
        ("server00", "cpu", "Hyper-threading is off; switch it on in the firmware."),
        ("server02", "devices", "Nobody but the installer knows what 'new(1)' means."),
        ("server02", "interface", "Instance 0 is for NUMA node 0, its interface eth1 at 1."),
        ("cluster", "kernel", "The servers have different kernels: 5.14.0-427.el9.x86_64, 5.14.0-500."),
    ]


def test_server_without_facts_is_not_looked_at(world: World) -> None:
    facts = world.facts()
    facts["server00"]["cpu"]["cores"] = 1
    del facts["server00"]
    assert preflight(world.wishes, facts, requirements={"cores": 8})["problems"] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"requirements": {"core": 1}}, "requirements has 'core', which is not known; known are cores, least_servers"),
        ({"requirements": {"memory": "lots"}}, 'requirements.memory is "lots", which is not a size'),
        ({"requirements": {"cores": "many"}}, "requirements has cores 'many', which is not a whole number."),
        ({"requirements": {"space": {"/var": "x"}}}, 'requirements.space of /var is "x", which is not a size'),
        ({"requirements": []}, "requirements is not a dictionary."),
        ({"requirements": {"ports": "443"}}, "requirements has ports '443', which is not a list; write it like [443]."),
        ({"requirements": {"systems": "rocky"}}, "requirements has systems 'rocky', which is not a list; write it"),
        ({"requirements": {"space": "/var"}}, "requirements.space is not a dictionary; write it like {/var: 20GiB}."),
        ({"skip": "time"}, "skip is 'time', which is not a list; write it like [time]."),
        ({"skip": ["cpus"]}, "skip has 'cpus', which is no check; checks are system, cpu"),
    ],
)
def test_wrong_options(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        preflight([], {}, **options)
    assert sentence in str(refused.value)


DEVICE = {
    "name": "nvme1n1",
    "model": "SAMSUNG X",
    "serial": "S1",
    "size": 3840 * 10**9,
    "used_by": ["partition nvme1n1p1"],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("partition == false", False),
        ("partition == true", True),
        ("partition != false", True),
        ("partition > false", None),
        ("size >= gib(300)", True),
        ("size >= gib(4000)", False),
        ("size<tb(4)", True),
        ("size == 3840000000000", True),
        ("size >= lots(1)", None),
        ('model =~ ".*"', True),
        ("model =~ 'INTEL'", False),
        ('model !~ "INTEL"', True),
        ('name =~ "nvme1n1"', True),
        ('name =~ "("', None),
        ('name > "a"', None),
        ('serial != "S1"', False),
        ('colour == "red"', None),
        ("anything", None),
    ],
)
def test_expressions_of_the_installer(expression: str, expected: bool | None) -> None:
    assert matches(expression, DEVICE) is expected


def test_filter_in_a_playbook(tmp_path: Path) -> None:
    world = World(tmp_path / "servers")
    world.seen(0, lambda facts: facts["cpu"].update(cores=4))
    use = "{{ servers | metalstack.provisioning.lightos_preflight(facts, requirements={'cores': 8}, skip=skip) }}"
    [good, bad] = play(
        tmp_path,
        [
            {"name": "Good", "ansible.builtin.debug": {"msg": use}},
            {"name": "Bad", "ansible.builtin.debug": {"msg": use}, "vars": {"skip": ["x"]}},
        ],
        variables={"servers": world.wishes, "facts": json.loads(json.dumps(world.facts())), "skip": []},
    ).results
    assert [one["check"] for one in good.values["msg"]["problems"]] == ["cpu"]
    assert "lightos_preflight: skip has 'x', which is no check; checks are" in bad.values["msg"]
    assert bad.failed


def test_every_check_is_documented() -> None:
    text = (Path(__file__).resolve().parents[3] / "plugins/filter/lightos_preflight.py").read_text(encoding="utf-8")
    assert [check for check in CHECKS if f"C({check})" not in text] == []
