# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory for the vendor's installer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_inventory import installer_inventory
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._lightos_servers import (
    failure_domains,
    read_servers,
)
from tests.support.playbook import play, settings

CLUSTER = "6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f"


def server(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "name": f"server0{number}",
        "address": f"10.0.0.{10 + number}",
        "rack": f"rack-{number}",
        "instances": [{"data_address": f"10.131.0.{10 + number}", "devices": {"initial": 6}}],
        **changes,
    }


SERVERS = [server(number) for number in range(3)]


def files(servers: Any = None, **options: Any) -> dict[str, str]:
    return installer_inventory(SERVERS if servers is None else servers, **{"cluster_id": CLUSTER, **options})


def node(**instance: Any) -> dict[str, Any]:
    [found] = yaml.safe_load(
        files([server(0, instances=[{"data_address": "10.131.0.10", "devices": {"initial": 6}, **instance}])])[
            "host_vars/server00.yml"
        ]
    )["nodes"]
    assert isinstance(found, dict)
    return found


def test_one_instance_a_server() -> None:
    found = files()
    assert sorted(found) == [
        "group_vars/all.yml",
        "host_vars/server00.yml",
        "host_vars/server01.yml",
        "host_vars/server02.yml",
        "hosts",
    ]
    assert found["hosts"] == (
        "server00 ansible_host=10.0.0.10 ansible_connection=ssh ansible_ssh_user=root ansible_become_user=root\n"
        "server01 ansible_host=10.0.0.11 ansible_connection=ssh ansible_ssh_user=root ansible_become_user=root\n"
        "server02 ansible_host=10.0.0.12 ansible_connection=ssh ansible_ssh_user=root ansible_become_user=root\n"
        "\n[duros_nodes]\nserver00\nserver01\nserver02\n"
        "\n[etcd]\nserver00\nserver01\nserver02\n"
        "\n[initiators]\n"
        f"\n[duros_nodes:vars]\ncluster_identifier={CLUSTER}\nauto_install=true\nauto_reboot=false\n"
    )
    assert yaml.safe_load(found["group_vars/all.yml"]) == {
        "use_lightos_kernel": False,
        "enable_iptables": False,
        "persistent_memory": False,
        "start_discovery_service_retries": 5,
        "cluster_info": {"clusterId": CLUSTER},
    }
    assert yaml.safe_load(found["host_vars/server01.yml"]) == {
        "name": "server01",
        "nodes": [
            {
                "instanceID": 0,
                "data_ip": "10.131.0.11",
                "failure_domains": ["server01", "rack-1"],
                "ec_enabled": False,
                "lightfieldMode": "SW_LF",
                "storageDeviceLayout": {
                    "initialDeviceCount": 6,
                    "maxDeviceCount": 12,
                    "allowCrossNumaDevices": False,
                    "deviceMatchers": ["partition == false", "size >= gib(300)"],
                },
            }
        ],
    }


def test_two_instances_with_ipv6() -> None:
    instances = [
        {"id": 1, "data_address": "fd00:0:0::11", "devices": {"names": ["nvme6n1", "nvme7n1"], "maximum": 4}},
        {"id": 0, "data_address": "fd00::10", "erasure_coding": True, "devices": {"initial": 8, "cross_numa": True}},
    ]
    found = yaml.safe_load(files([server(0, address="fd01::1", instances=instances)])["host_vars/server00.yml"])
    assert [(one["instanceID"], one["data_ip"], one["ec_enabled"]) for one in found["nodes"]] == [
        (0, "fd00::10", True),
        (1, "fd00::11", False),
    ]
    assert [one["storageDeviceLayout"] for one in found["nodes"]] == [
        {
            "initialDeviceCount": 8,
            "maxDeviceCount": 12,
            "allowCrossNumaDevices": True,
            "deviceMatchers": ["partition == false", "size >= gib(300)"],
        },
        {
            "initialDeviceCount": 2,
            "maxDeviceCount": 4,
            "allowCrossNumaDevices": False,
            "deviceMatchers": ["partition == false", 'name =~ "^(nvme6n1|nvme7n1)$"'],
        },
    ]


def test_interface_with_an_address_is_configured_by_the_installer() -> None:
    interfaces = [
        {"name": "eth1", "address": "10.131.0.10/24", "connection": "data"},
        {"name": "eth2"},
        {"name": "eth3", "address": "10.132.0.10/24"},
    ]
    found = yaml.safe_load(files([server(0, data_interfaces=interfaces)])["host_vars/server00.yml"])
    assert found["data_ifaces"] == [
        {"bootproto": "static", "conn_name": "data", "ifname": "eth1", "ip4": "10.131.0.10/24"},
        {"bootproto": "static", "conn_name": "eth3", "ifname": "eth3", "ip4": "10.132.0.10/24"},
    ]


def test_failure_domains() -> None:
    assert node()["failure_domains"] == ["server00", "rack-0"]
    assert node(failure_domains=["room-1", "room-1", "server00"])["failure_domains"] == ["room-1", "server00"]
    without = files([server(0)], racks_are_failure_domains=False)["host_vars/server00.yml"]
    assert yaml.safe_load(without)["nodes"][0]["failure_domains"] == ["server00"]
    without = files([server(0, rack="")])["host_vars/server00.yml"]
    assert yaml.safe_load(without)["nodes"][0]["failure_domains"] == ["server00"]


@pytest.mark.parametrize(("written", "meant"), [("no", False), ("False", False), ("yes", True), (1, True)])
def test_true_and_false_as_an_inventory_of_the_format_ini_has_them(written: object, meant: bool) -> None:
    one = read_servers([server(0, etcd=written, instances=[{**INSTANCE, "erasure_coding": written}])])[0]
    assert (one.etcd, one.instances[0].erasure_coding) == (meant, meant)


def test_failure_domains_of_all_instances_need_nothing_else() -> None:
    servers = [
        {"name": "server00", "rack": "rack-0", "instances": [{}]},
        {"name": "server01", "rack": "", "instances": [{"failure_domains": []}]},
        {"name": "server02", "rack": 2, "instances": [{"failure_domains": [7, "room-1"]}, {"devices": {}}]},
    ]
    found = failure_domains(servers)
    assert found == {
        "server00": ["server00", "rack-0"],
        "server01": ["server01"],
        "server02": ["7", "room-1", "server02", "2"],
    }
    assert failure_domains(servers, racks_are_failure_domains=False) == {
        "server00": ["server00"],
        "server01": ["server01"],
        "server02": ["7", "room-1", "server02"],
    }


@pytest.mark.parametrize(
    ("servers", "wrong"),
    [
        ("server00", "The servers are not a list of dictionaries."),
        ([{"name": "a b"}], "A server has the name 'a b'; it must be of letters"),
        ([{"name": "server00", "instances": []}], "The server server00 needs instances, a list of one or two."),
        ([{"name": "server00", "instances": ["x"]}], "The server server00 has an instance that is not a dictionary."),
        (
            [{"name": "server00", "instances": [{"failure_domains": "rack-1"}]}],
            "The server server00 has failure_domains 'rack-1', which is not a list; write it like [rack-1].",
        ),
    ],
)
def test_failure_domains_of_what_is_no_server(servers: Any, wrong: str) -> None:
    with pytest.raises(UsageError) as refused:
        failure_domains(servers)
    assert str(refused.value).startswith(wrong)


def test_journal_devices_are_handed_on_by_the_name_of_the_release() -> None:
    instances = [{"data_address": "10.131.0.10", "devices": {"names": ["nvme1n1"]}, "journal_devices": ["nvme0n1"]}]
    for variable, expected in ((None, {}), ("journalDevices", {"journalDevices": ["nvme0n1"]})):
        found = files([server(0, instances=instances)], journal_variable=variable)["host_vars/server00.yml"]
        [one] = yaml.safe_load(found)["nodes"]
        assert {key: value for key, value in one.items() if "ournal" in key} == expected


def test_settings_connection_and_variables() -> None:
    found = files(
        [
            server(
                0,
                connection={"ansible_ssh_user": "metal", "ansible_ssh_private_key_file": "/srv/my key"},
                etcd=False,
                variables={"datapath_config": "hw-1"},
            )
        ],
        settings={
            "use_lightos_kernel": True,
            "ntp_servers": ["10.0.0.1"],
            "local_repo_base_url": "http://10.0.0.1/rpm",
        },
        other_settings={"brand_new": {"a": 1}},
        install=False,
        reboot=True,
    )
    assert found["hosts"].splitlines()[0] == (
        "server00 ansible_host=10.0.0.10 ansible_connection=ssh ansible_ssh_user=metal ansible_become_user=root "
        'ansible_ssh_private_key_file="/srv/my key"'
    )
    assert "auto_install=false\nauto_reboot=true\n" in found["hosts"]
    assert "[etcd]\n\n" in found["hosts"]
    everywhere = yaml.safe_load(found["group_vars/all.yml"])
    assert (everywhere["use_lightos_kernel"], everywhere["brand_new"]) == (True, {"a": 1})
    assert yaml.safe_load(found["host_vars/server00.yml"])["datapath_config"] == "hw-1"


def test_ansible_reads_what_was_written(tmp_path: Path) -> None:
    for path, text in files([server(0, connection={"ansible_ssh_private_key_file": "/srv/my key"})]).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "inventory", "-i", str(tmp_path / "hosts"), "--host", "server00", "--yaml"],
        env=settings(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    found = yaml.safe_load(done.stdout)
    assert found["ansible_ssh_private_key_file"] == "/srv/my key"
    assert found["cluster_identifier"] == CLUSTER
    assert found["nodes"][0]["data_ip"] == "10.131.0.10"


INSTANCE = {"data_address": "10.131.0.10", "devices": {"initial": 6}}
REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ("server00", {}, "The servers are not a list of dictionaries."),
    ([], {}, "There are no servers to write an inventory for."),
    ([server(0, name="a/../b")], {}, "A server has the name 'a/../b'; it must be of letters, digits, dots"),
    (
        [server(0), server(1, name="server00")],
        {},
        "Both server00 and server00 have the name server00; each needs its own.",
    ),
    ([server(0), server(1, address="10.0.0.10")], {}, "Both server00 and server01 have the address 10.0.0.10"),
    (
        [server(0), server(1, instances=[INSTANCE])],
        {},
        "Both server00 (instance 0) and server01 (instance 0) have the data_address",
    ),
    ([server(0, address="")], {}, "The server server00 has the address ''; give the IP address"),
    ([server(0, racks="r")], {}, "The server server00 has 'racks', which is not known; known are address"),
    (
        [server(0, connection={"ansible_password": "x"})],
        {},
        "has ansible_password in connection; secrets do not belong",
    ),
    (
        [server(0, connection={"color": "x"})],
        {},
        "has 'color' in connection; it is for variables like ansible_ssh_user",
    ),
    ([server(0, connection={"ansible_ssh_user": 'a"b'})], {}, "has ansible_ssh_user with a line break, a quote"),
    ([server(0, instances=[])], {}, "The server server00 needs instances, a list of one or two."),
    (
        [server(0, instances=[INSTANCE, {**INSTANCE, "id": 0, "data_address": "10.131.0.99"}])],
        {},
        "two instances with the same id",
    ),
    ([server(0, instances=[{**INSTANCE, "id": 2}])], {}, "has an id that is neither 0 nor 1."),
    (
        [server(0, instances=[{**INSTANCE, "data_address": "storage"}])],
        {},
        "it must be an IP address of the storage network.",
    ),
    ([server(0, instances=[{**INSTANCE, "devices": {}}])], {}, "needs devices with initial, how many it takes"),
    ([server(0, instances=[{**INSTANCE, "devices": {"initial": 9, "maximum": 4}}])], {}, "1 <= initial <= maximum."),
    (
        [server(0, instances=[{**INSTANCE, "devices": {"names": ["sda"]}}])],
        {},
        "names the device 'sda'; write it as the kernel does",
    ),
    (
        [server(0, instances=[{**INSTANCE, "devices": {"names": ["nvme0n1"], "matchers": ["a"]}}])],
        {},
        "give one of them.",
    ),
    ([server(0, instances=[{**INSTANCE, "journal_devices": ["nvme0n1"]}])], {}, "would take its journal for data."),
    (
        [server(0, instances=[{**INSTANCE, "devices": {"names": ["nvme0n1"]}, "journal_devices": ["nvme0n1"]}])],
        {},
        "has nvme0n1 both for data and for its journal.",
    ),
    *(
        ([server(0, instances=[{**INSTANCE, **text}])], {}, f"has {key}, which is not a list; write it like [")
        for key, text in {
            "failure_domains 'rack-1'": {"failure_domains": "rack-1"},
            "journal_devices 'nvme0n1'": {"journal_devices": "nvme0n1"},
            "devices.names 'nvme1n1'": {"devices": {"names": "nvme1n1"}},
            "devices.matchers 'size > gib(9)'": {"devices": {"initial": 1, "matchers": "size > gib(9)"}},
        }.items()
    ),
    ([server(0, etcd="perhaps")], {}, "The server server00 has etcd 'perhaps', which is neither true nor false."),
    (
        [server(0, instances=[{**INSTANCE, "erasure_coding": 2}])],
        {},
        "instance 0 has erasure_coding 2, which is neither true nor false.",
    ),
    (
        [server(0, instances=[{**INSTANCE, "variables": {"data_ip": "x"}}])],
        {},
        "has data_ip in variables of an instance",
    ),
    ([server(0, data_interfaces=[{"name": "eth1", "address": "10.0.0.1"}])], {}, "write it like 10.131.0.10/24."),
    (
        [server(0, data_interfaces=[{"name": "eth1", "address": "fd00::1/64"}])],
        {},
        "the installer configures IPv4 only",
    ),
    ([server(0, variables={"colour": "red"})], {}, "has 'colour' in variables, which the installer would ignore"),
    (
        [server(0), server(1, instances=[{**INSTANCE, "data_address": "fd00::1"}])],
        {},
        "The servers have data addresses of IPv4 and of IPv6",
    ),
    (SERVERS, {"cluster_id": "cluster-1"}, "cluster_id is 'cluster-1', which is not a UUID."),
    (
        SERVERS,
        {"settings": {"ntp_server": []}},
        "settings has 'ntp_server', which the installer would ignore; it knows chrony_enabled",
    ),
    (
        SERVERS,
        {"settings": {"enable_iptables": "no"}},
        "settings has enable_iptables 'no', which must be of the type bool.",
    ),
    (SERVERS, {"settings": []}, "settings is not a dictionary."),
    (SERVERS, {"other_settings": {"cluster_info": {}}}, "other_settings has 'cluster_info', which has its own place."),
    (
        SERVERS,
        {"other_settings": {"admin_password": "x"}},
        "The settings has admin_password, which looks like a secret",
    ),
]
SECRET_ADDRESSES = [
    "https://dl.lightbitslabs.com/my-key/lightos-3/rpm/el/9/x86_64",
    "https://me:pass@repository.example.com/rpm",
]


@pytest.mark.parametrize(("servers", "options", "sentence"), REFUSED)
def test_what_is_wrong_is_said_in_a_sentence(servers: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        files(servers, **options)
    assert sentence in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_address_with_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match="local_repo_base_url with a credential") as refused:
        files(settings={"local_repo_base_url": address})
    assert "my-key" not in str(refused.value)
    assert "pass@" not in str(refused.value)


def test_filter_in_a_playbook(tmp_path: Path) -> None:
    use = "{{ servers | metalstack.provisioning.lightos_installer_inventory(cluster_id=cluster, install=false) }}"
    domains = "{{ servers | metalstack.provisioning.lightos_failure_domains(racks_are_failure_domains=false) }}"
    done = play(
        tmp_path,
        [
            {"name": "Good", "ansible.builtin.debug": {"msg": use}},
            {"name": "Bad", "ansible.builtin.debug": {"msg": use}, "vars": {"cluster": "x"}},
            {"name": "Domains", "ansible.builtin.debug": {"msg": domains}},
            {"name": "No servers", "ansible.builtin.debug": {"msg": domains}, "vars": {"servers": "x"}},
        ],
        variables={"servers": SERVERS, "cluster": CLUSTER},
    )
    good, bad, known, none = done.results
    assert good.values["msg"] == files(install=False)
    assert bad.failed
    assert "lightos_installer_inventory: cluster_id is 'x', which is not a UUID." in bad.values["msg"]
    assert known.values["msg"] == {one["name"]: [one["name"]] for one in SERVERS}
    assert none.failed
    assert "lightos_failure_domains: The servers are not a list of dictionaries." in none.values["msg"]
