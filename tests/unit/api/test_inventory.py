# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, in Ansible, against the emulator and against answers that it would never give."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_names import unique, usable
from tests.conftest import ROOT
from tests.emulators.metal_api.process import MetalApi

from .ansible_process import AnsibleProcess, Answer, PluginError, ansible_environment, ansible_process
from .machine_list import MachineList, machine_list

VIEW = {"METALCTL_HMAC": "metal-view"}
IMAGE = "ubuntu-24.04.20251010"
PROJECT = "4b9b17c4-2d7c-4190-ae95-dda44e430fa5"
PASSWORD = "bmc-password-of-nobody"
USER_DATA = "user-data-of-nobody"


def network(name: str, kind: str, *ips: str, vrf: int = 1, **more: object) -> dict[str, Any]:
    return {"networkid": name, "networktype": kind, "ips": list(ips), "vrf": vrf, "asn": 4210000001, **more}


STATE = {
    "projects": [{"id": PROJECT, "name": "storage", "tenant_id": "metal-stack"}],
    "partitions": [
        {"id": "fra-equ01", "bootconfig": {"imageurl": "http://i", "kernelurl": "http://k", "commandline": ""}}
    ],
    "sizes": [{"id": "s1-large-x86"}],
    "images": [{"id": IMAGE, "url": "http://images.example.com/u"}],
    "machines": [
        {
            "id": "m-server",
            "partition": "fra-equ01",
            "rackid": "fra-equ01-rack01",
            "size": "s1-large-x86",
            "tags": ["storage", "a=b"],
            "hardware": {"memory": 1024, "cpus": [{"cores": 16}, {"cores": 16}], "disks": [{"name": "sda", "size": 5}]},
            "ipmi": {"address": "10.0.0.9:623", "user": "root", "password": PASSWORD, "mac": "aa:bb"},
            "allocation": {
                "project": PROJECT,
                "image": IMAGE,
                "name": "server-1",
                "hostname": "server-1",
                "user_data": USER_DATA,
                "vpn": {"address": "100.64.0.1", "auth_key": "vpn-key-of-nobody", "connected": True},
                "networks": [network("storage", "privateprimaryshared", "fd00::5", "10.131.0.5", vrf=20)],
            },
        },
        {
            "id": "m-firewall",
            "partition": "fra-equ01",
            "rackid": "fra-equ01-rack02",
            "size": "s1-large-x86",
            "state": {"value": "LOCKED", "description": "do not touch"},
            "allocation": {
                "project": PROJECT,
                "image": IMAGE,
                "name": "fw",
                "hostname": "fw",
                "role": "firewall",
                "networks": [
                    network("tenant", "privateprimaryunshared", "10.0.0.1"),
                    network("storage", "privatesecondaryshared", "10.131.0.7"),
                    network("internet", "external", "212.34.83.1", nat=True),
                    network("underlay", "underlay", "10.1.0.1"),
                ],
            },
        },
        {
            "id": "m-free",
            "partition": "fra-equ01",
            "size": "s1-large-x86",
            "state": {"value": "RESERVED", "description": "x"},
        },
    ],
}


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnsibleProcess]:
    with ansible_process(tmp_path_factory.mktemp("home")) as process:
        yield process


@pytest.fixture(scope="module")
def answers() -> Iterator[MachineList]:
    with machine_list() as server:
        yield server


class Inventories:
    """Writes configurations and loads them."""

    def __init__(self, ansible: AnsibleProcess, folder: Path, url: str) -> None:
        self._ansible = ansible
        self.path = folder / "metal.yml"
        self._url = url

    def write(self, **options: object) -> Path:
        config = {"plugin": "metalstack.provisioning.metal", "api_url": self._url, "retries": 0, **options}
        self.path.write_text(yaml.safe_dump(config))
        return self.path

    def load(
        self, *, cache_allowed: bool = True, environ: Mapping[str, str] | None = None, **options: object
    ) -> Answer:
        environ = VIEW if environ is None else environ
        return self._ansible.inventory(self.write(**options), environ=environ, cache=cache_allowed)

    def again(self) -> Answer:
        """Load the file as it is."""
        return self._ansible.inventory(self.path, environ=VIEW)

    def hosts(self, **options: Any) -> dict[str, Any]:
        hosts = self.load(**options).result["hosts"]
        assert isinstance(hosts, dict)
        return hosts

    def fails(self, **options: Any) -> str:
        with pytest.raises(PluginError) as caught:
            self.load(**options)
        assert "Traceback" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def emulated(ansible: AnsibleProcess, api: MetalApi, tmp_path: Path) -> Inventories:
    api.control.replace_state(**STATE)
    return Inventories(ansible, tmp_path, api.v1)


@pytest.fixture
def odd(ansible: AnsibleProcess, answers: MachineList, tmp_path: Path) -> Inventories:
    answers.serve([])
    return Inventories(ansible, tmp_path, answers.url)


def plain(machine_id: str, **allocation: object) -> dict[str, Any]:
    """Return a machine as v1 answers it, allocated if anything is known of the allocation."""
    machine: dict[str, Any] = {"id": machine_id, "partition": {"id": "p"}, "size": {"id": "s"}, "state": {"value": ""}}
    return {**machine, "allocation": {"project": "x", "role": "machine", **allocation} if allocation else None}


# --- hosts ---


def test_machines_firewalls_and_free_machines_are_hosts(emulated: Inventories, api: MetalApi) -> None:
    hosts = emulated.hosts()
    assert set(hosts) == {"server-1", "fw", "m-free"}
    assert api.control.counts() == {"POST /metal/v1/machine/find 200": 1}
    server = hosts["server-1"]
    assert server["metal_id"] == "m-server"
    assert server["metal_networks"] == [
        {
            "network": "storage",
            "kind": "privateprimaryshared",
            "ips": ["fd00::5", "10.131.0.5"],
            "prefixes": [],
            "destination_prefixes": [],
            "vrf": 20,
            "asn": 4210000001,
            "nat": False,
            "project": "",
        }
    ]
    expected = {
        "metal_allocated": True,
        "metal_asn": 4210000001,
        "metal_event": "Phoned Home",
        "metal_image": IMAGE,
        "metal_liveliness": "Alive",
        "metal_partition": "fra-equ01",
        "metal_project": PROJECT,
        "metal_rack": "fra-equ01-rack01",
        "metal_role": "machine",
        "metal_size": "s1-large-x86",
        "metal_state": "available",
        "metal_tags": ["a=b", "storage"],
    }
    assert {name: server[name] for name in expected} == expected
    assert server["metal_hardware"] == {
        "memory": 1024,
        "cores": 32,
        "gpus": 0,
        "disks": [{"name": "sda", "size": 5}],
        "nics": [],
    }
    assert hosts["fw"]["metal_role"] == "firewall"
    assert hosts["m-free"]["metal_role"] is None and not hosts["m-free"]["metal_allocated"]
    # a play may use any variable of any host
    assert set(hosts["m-free"]) | {"ansible_host"} == set(server)


def test_default_groups(emulated: Inventories) -> None:
    groups = emulated.load().result["groups"]
    everyone = ["fw", "m-free", "server-1"]
    assert {name: hosts for name, hosts in groups.items() if name.startswith("metal_")} == {
        "metal_partition_fra_equ01": everyone,
        "metal_rack_fra_equ01_rack01": ["server-1"],
        "metal_rack_fra_equ01_rack02": ["fw"],
        "metal_size_s1_large_x86": everyone,
        "metal_image_ubuntu_24_04_20251010": ["fw", "server-1"],
        "metal_project_" + PROJECT.replace("-", "_"): ["fw", "server-1"],
        "metal_state_available": ["server-1"],
        "metal_state_locked": ["fw"],
        "metal_state_reserved": ["m-free"],
        "metal_role_free": ["m-free"],
        "metal_role_machine": ["server-1"],
        "metal_role_firewall": ["fw"],
    }


def test_groups_of_choice(emulated: Inventories) -> None:
    groups = emulated.load(group_by=["role"], group_prefix="").result["groups"]
    assert set(groups) == {"all", "ungrouped", "role_free", "role_machine", "role_firewall"}


def test_groups_whose_names_become_one_are_told(odd: Inventories, answers: MachineList) -> None:
    answers.serve([{**plain("a"), "rackid": "r.1"}, {**plain("b"), "rackid": "r-1"}])
    answer = odd.load(group_by=["rack"])
    assert answer.result["groups"]["metal_rack_r_1"] == ["a", "b"]
    assert answer.warnings == ["The group metal_rack_r_1 is of the rack 'r-1' and of the rack 'r.1'."]


# --- the choice ---


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"allocation_role": "firewall"}, {"fw"}),
        ({"tags": ["storage"]}, {"server-1"}),
        ({"tags": "storage"}, {"server-1"}),
        ({"network_ids": ["storage"]}, {"fw", "server-1"}),
        ({"rackid": "fra-equ01-rack02"}, {"fw"}),
        ({"allocation_succeeded": True, "allocation_name": "fw"}, {"fw"}),
    ],
    ids=str,
)
def test_filters_are_for_the_api(emulated: Inventories, filters: dict[str, Any], expected: set[str]) -> None:
    assert set(emulated.hosts(filters=filters)) == expected


def test_filters_go_to_the_api_with_their_types(odd: Inventories, answers: MachineList) -> None:
    odd.load(filters={"network_vrfs": "20", "hardware_memory": 5, "fru_product_serial": "x", "disk_sizes": [1, 2]})
    asked = {"network_vrfs": [20], "hardware_memory": 5, "fru_product_serial": "x", "disk_sizes": [1, 2]}
    assert answers.asked == [("/v1/machine/find", asked)]


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"partition": "x"}, "filters has 'partition', which the API does not find by; it knows allocation_hostname,"),
        ({"partition_id": ["x"]}, "filters has partition_id: ['x'], but it must be a text."),
        ({"network_vrfs": ["x"]}, "filters has network_vrfs: ['x'], but it must be a whole number or a list of them."),
        ({"allocation_succeeded": "yes"}, "it must be true or false."),
        ({"state_value": "RESERVED"}, "use the option states instead."),
    ],
    ids=str,
)
def test_filters_that_the_api_would_ignore_are_refused(
    odd: Inventories, answers: MachineList, filters: dict[str, Any], sentence: str
) -> None:
    assert sentence in odd.fails(filters=filters)
    assert answers.asked == []


def test_states_are_filtered_here_since_the_api_cannot(emulated: Inventories) -> None:
    assert set(emulated.hosts(states=["reserved", "locked"])) == {"m-free", "fw"}


# --- names ---


def test_equal_names_are_made_unique_by_the_id(odd: Inventories, answers: MachineList) -> None:
    machines = [plain("a", hostname="metal"), plain("b", hostname="metal"), plain("c", hostname="other")]
    for order in (machines, machines[::-1]):
        answers.serve(order)
        answer = odd.load()
        assert set(answer.result["hosts"]) == {"metal-a", "metal-b", "other"}
        assert answer.result["hosts"]["metal-b"]["metal_id"] == "b"
        assert answer.warnings == ["2 machines would be called 'metal'; they have their ids after it."]


def test_name_by_templates_in_order(odd: Inventories, answers: MachineList) -> None:
    answers.serve([plain("a", name="N1"), plain("b"), plain("c", name="N3", hostname="h")])
    wish = [
        "{{ metal_hostname ~ '.example.com' if metal_hostname else '' }}",
        "{{ metal_name | default('', true) | lower }}",
    ]
    assert set(odd.hosts(hostname=wish)) == {"n1", "b", "h.example.com"}


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "::1", "all", "a b", "a:b", "../x", "a,b", "{{ 7*7 }}", "-o"]
)
def test_no_machine_becomes_the_controller_or_a_pattern(odd: Inventories, answers: MachineList, name: str) -> None:
    answers.serve([plain("a", name=name)])
    answer = odd.load()
    assert set(answer.result["hosts"]) == {"a"}
    assert answer.warnings == [f"The machine a cannot be called {name!r}."]


def test_no_machine_takes_the_name_of_a_group(odd: Inventories, answers: MachineList) -> None:
    answers.serve([plain("a", name="metal_role_machine"), plain("b", name="x")])
    answer = odd.load()
    assert set(answer.result["hosts"]) == {"metal_role_machine-a", "x"}
    assert answer.result["groups"]["metal_role_machine"] == ["metal_role_machine-a", "x"]
    assert answer.warnings == ["A machine would be called 'metal_role_machine' like a group; it has its id after it."]


def test_unique_names_survive_a_name_that_looks_like_another_with_its_id() -> None:
    names, _double = unique(["metal", "metal", "metal-a"], ["a", "b", "c"], ())
    assert len(set(names)) == 3 and "metal-b" in names


@pytest.mark.parametrize("name", ["a", "web-1", "web_1.example.com", "10.0.0.1", "fd00::1"])
def test_usable_names(name: str) -> None:
    assert usable(name)


def test_unknown_name_variable(odd: Inventories, answers: MachineList) -> None:
    answers.serve([plain("a")])
    assert "hostname has 'metal_nmae', which is neither a variable" in odd.fails(hostname=["metal_nmae"])


# --- addresses ---


@pytest.mark.parametrize(
    ("options", "firewall", "server"),
    [
        ({}, "212.34.83.1", "fd00::5"),
        ({"connect_family": "ipv4"}, "212.34.83.1", "10.131.0.5"),
        ({"connect_by": ["storage"]}, "10.131.0.7", "fd00::5"),
        ({"connect_by": ["privateprimaryunshared", "storage"]}, "10.0.0.1", "fd00::5"),
        ({"connect_by": ["internet"]}, "212.34.83.1", None),
        ({"connect_by": []}, None, None),
    ],
    ids=str,
)
def test_address_by_network(
    emulated: Inventories, options: dict[str, Any], firewall: str | None, server: str | None
) -> None:
    hosts = emulated.hosts(**options)
    assert (hosts["fw"].get("ansible_host"), hosts["server-1"].get("ansible_host")) == (firewall, server)
    assert "ansible_host" not in hosts["m-free"]


def test_address_that_is_none_is_not_connected_to(odd: Inventories, answers: MachineList) -> None:
    answers.serve([plain("a", name="x", networks=[network("n", "external", "-oProxyCommand=evil")])])
    answer = odd.load()
    assert "ansible_host" not in answer.result["hosts"]["x"]
    assert "The machine a has no ansible_host" in answer.warnings[0]


# --- odd machines ---


@pytest.mark.parametrize(
    "machine",
    [
        None,
        "text",
        {},
        {"id": 5},
        {**plain("odd"), "partition": "p"},
        {**plain("odd"), "tags": [1, "a"]},
        {**plain("odd"), "events": {"log": [5]}},
        plain("odd", name=["x"]),
        plain("odd", networks=[{"networkid": "n", "ips": [5]}]),
        {**plain("odd"), "hardware": {"cpus": ["x"]}},
        plain("good"),
    ],
    ids=str,
)
def test_one_odd_machine_does_not_keep_the_others_away(odd: Inventories, answers: MachineList, machine: object) -> None:
    answers.serve([plain("good"), machine, plain("fine")])
    answer = odd.load()
    assert set(answer.result["hosts"]) == {"good", "fine"}
    (warning,) = answer.warnings
    assert warning.startswith("The machine ") and "is left out, since it cannot be understood: " in warning


def test_what_v1_leaves_out_is_not_odd(odd: Inventories, answers: MachineList) -> None:
    nothing = dict.fromkeys(
        ("partition", "size", "rackid", "hardware", "bios", "state", "ledstate", "liveliness", "events", "tags")
    )
    networks = [{"networkid": "n", "networktype": None, "ips": None, "prefixes": None, "vrf": None, "asn": None}]
    empty = {"image": None, "networks": networks, "ssh_pub_keys": None, "filesystemlayout": None, "name": "x"}
    answers.serve([{"id": "bare"}, {"id": "null", **nothing, "allocation": None}, plain("c", **empty)])
    answer = odd.load()
    assert set(answer.result["hosts"]) == {"bare", "null", "x"}
    assert answer.warnings == []


def test_many_odd_machines_do_not_fill_the_screen(odd: Inventories, answers: MachineList) -> None:
    answers.serve([{"id": 5}] * 100)
    warnings = odd.load().warnings
    assert len(warnings) == 11 and warnings[-1] == "90 more machines of the metal-api are odd."


@pytest.mark.parametrize("body", [None, []])
def test_no_machines(odd: Inventories, answers: MachineList, body: object) -> None:
    answers.serve(body)
    assert odd.hosts() == {}


# --- secrets ---


def test_no_secrets(emulated: Inventories, api: MetalApi, tmp_path: Path) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    hosts = emulated.hosts(**cache)
    assert "metal_bmc" not in hosts["server-1"]
    with_bmc = emulated.hosts(bmc=True, **cache)
    bmc = with_bmc["server-1"]["metal_bmc"]
    assert (bmc["address"], bmc["user"], bmc["power_state"]) == ("10.0.0.9:623", "root", "ON")
    seen = json.dumps([hosts, with_bmc])
    seen += "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    for secret in (PASSWORD, USER_DATA, "vpn-key-of-nobody", "metal-view"):
        assert secret not in seen
    # the API does give it
    assert api.control.counts()["POST /metal/v1/machine/ipmi/find 200"] == 1 and bmc["mac"] == "aa:bb"


def test_texts_of_the_api_are_never_templates(emulated: Inventories, api: MetalApi, tmp_path: Path) -> None:
    evil = "{{ 7*7 }}"
    machine = {**STATE["machines"][0], "tags": [evil]}  # type: ignore[dict-item]
    machine["allocation"] = {**machine["allocation"], "description": evil}
    api.control.change_state(machines=[machine])
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    inventory = emulated.write(
        **cache,
        compose={"composed": "metal_description"},
        keyed_groups=[{"key": "metal_description", "prefix": "keyed"}],
    )
    playbook = tmp_path / "play.yml"
    playbook.write_text(
        yaml.safe_dump(
            [
                {
                    "hosts": "all",
                    "gather_facts": False,
                    "tasks": [
                        {
                            "ansible.builtin.copy": {
                                "content": "{{ [metal_description, metal_tags[0], composed] | to_json }}",
                                "dest": str(tmp_path / "seen"),
                                "mode": "0600",
                            },
                            "delegate_to": "localhost",
                            "connection": "local",
                        }
                    ],
                }
            ]
        )
    )
    for _cold_then_warm in range(2):
        (tmp_path / "seen").unlink(missing_ok=True)
        done = _command(tmp_path, "ansible-playbook", "-i", str(inventory), str(playbook))
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "seen").read_text()) == [evil, evil, evil]
    assert api.control.counts() == {"POST /metal/v1/machine/find 200": 1}


# --- constructed ---


def test_constructed(emulated: Inventories) -> None:
    answer = emulated.load(
        compose={"ansible_user": "'metal'", "label": "inventory_hostname ~ '@' ~ metal_rack"},
        groups={"wide": "metal_hardware.cores >= 32", "labelled": "label is defined"},
        keyed_groups=[{"key": "metal_event", "prefix": "event"}, {"key": "label", "prefix": "l"}],
    )
    groups = answer.result["groups"]
    assert answer.result["hosts"]["fw"]["label"] == "fw@fra-equ01-rack02"
    assert answer.result["hosts"]["fw"]["ansible_user"] == "metal"
    assert groups["wide"] == ["server-1"]
    assert groups["labelled"] == ["fw", "m-free", "server-1"]
    assert groups["event_Phoned_Home"] == ["fw", "server-1"]
    assert groups["l_fw_fra_equ01_rack02"] == ["fw"]


def test_strict(emulated: Inventories) -> None:
    assert "missing" not in emulated.hosts(compose={"missing": "no_such_thing"})["fw"]
    assert "no_such_thing" in emulated.fails(compose={"missing": "no_such_thing"}, strict=True)


# --- the cache ---


def test_cache(emulated: Inventories, api: MetalApi, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    cold = emulated.load(**cache).result
    api.control.change_state(machines=STATE["machines"][:1])  # type: ignore[index]
    warm = emulated.load(**cache).result
    assert warm == cold and len(warm["hosts"]) == 3
    assert sum(api.control.counts().values()) == 1
    # names, groups and addresses are made anew from what is cached
    assert set(emulated.hosts(hostname=["metal_id"], connect_by=[], **cache)) == {"m-server", "m-firewall", "m-free"}
    assert sum(api.control.counts().values()) == 1
    # other questions have other answers
    assert set(emulated.hosts(filters={"tags": ["storage"]}, **cache)) == {"server-1"}
    assert "metal_bmc" in emulated.hosts(bmc=True, **cache)["server-1"]
    assert sum(api.control.counts().values()) == 3
    # --flush-cache and refresh_inventory
    assert set(emulated.hosts(cache_allowed=False, **cache)) == {"server-1"}
    assert set(emulated.hosts(**cache)) == {"server-1"}
    assert sum(api.control.counts().values()) == 4


def test_foreign_content_of_the_cache_is_not_used(emulated: Inventories, api: MetalApi, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(folder)}
    emulated.load(**cache)
    for path in folder.iterdir():
        path.write_text(json.dumps({"__payload__": json.dumps("[[")}))
    assert len(emulated.hosts(**cache)) == 3
    assert sum(api.control.counts().values()) == 2


# --- connection ---


def test_credential_of_the_file_hides_that_of_the_environment(emulated: Inventories, api: MetalApi) -> None:
    token = api.control.bearer()
    assert emulated.hosts(api_token=token, environ={"METALCTL_HMAC": "wrong"})
    assert emulated.hosts(api_hmac="metal-view", environ={"METALCTL_API_TOKEN": "wrong"})


def test_templated_and_vaulted_credentials(emulated: Inventories, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("metal-edit\n")
    key = "{{ lookup('ansible.builtin.file', '" + str(tmp_path / "key") + "') }}"
    assert emulated.hosts(api_hmac=key, api_hmac_user="Metal-Edit", environ={})
    assert "api_hmac is a template that cannot be evaluated" in emulated.fails(api_hmac="{{ nothing }}", environ={})
    (tmp_path / "password").write_text("vault-password")
    vault = ("--vault-password-file", str(tmp_path / "password"))
    encrypted = _command(tmp_path, "ansible-vault", "encrypt_string", *vault, "--name", "api_hmac", "metal-view")
    path = emulated.write()
    path.write_text(path.read_text() + encrypted.stdout)
    done = _command(tmp_path, "ansible-inventory", "-i", str(path), *vault, "--list", environ={})
    assert json.loads(done.stdout)["metal_role_firewall"] == {"hosts": ["fw"]}, done.stderr


def test_extra_variables_in_the_credential(emulated: Inventories, tmp_path: Path) -> None:
    path = emulated.write(api_hmac="{{ view_key }}")
    done = _command(tmp_path, "ansible-inventory", "-i", str(path), "--list", "-e", "view_key=metal-view", environ={})
    assert json.loads(done.stdout)["metal_role_firewall"] == {"hosts": ["fw"]}, done.stderr


@pytest.mark.parametrize(
    ("options", "environ", "sentence"),
    [
        ({}, {}, "A credential is missing: set api_hmac"),
        ({"api_hmac": "wrong-key"}, {}, "the HMAC key of Metal-View is not accepted (Wrong HMAC found)"),
        ({"api_url": ""}, VIEW, "api_url is missing"),
        ({"api_url": "http://127.0.0.1:9"}, VIEW, "POST http://127.0.0.1:9/v1/machine/find failed"),
        ({"timeout": 0}, VIEW, "timeout is 0; it must be more than 0 seconds."),
        ({"states": ["free"]}, VIEW, "states"),
        ({"group_by": ["rake"]}, VIEW, "group_by"),
    ],
    ids=str,
)
def test_errors_are_sentences(
    emulated: Inventories, options: dict[str, Any], environ: dict[str, str], sentence: str
) -> None:
    message = emulated.fails(environ=environ, **options)
    assert sentence in message
    assert "wrong-key" not in message


def test_errors_of_the_api_are_not_swallowed(emulated: Inventories, api: MetalApi) -> None:
    api.control.add_fault("status", status=500)
    assert "was answered with status 500" in emulated.fails()


def test_command_line(emulated: Inventories, tmp_path: Path) -> None:
    path = emulated.write()
    done = _command(tmp_path, "ansible-inventory", "-i", str(path), "--list")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)
    assert listed["metal_role_machine"] == {"hosts": ["server-1"]}
    assert listed["_meta"]["hostvars"]["fw"]["metal_asn"] == 4210000001
    other = tmp_path / "other.yml"
    other.write_text(path.read_text())
    refused = _command(tmp_path, "ansible-inventory", "-i", str(other), "--list")
    assert "server-1" not in refused.stdout


def test_examples_work(emulated: Inventories, api: MetalApi, tmp_path: Path) -> None:
    text = (ROOT / "plugins/inventory/metal.py").read_text().partition('EXAMPLES = r"""')[2].partition('"""')[0]
    (tmp_path / "view.key").write_text("metal-view\n")
    seen = []
    for example in yaml.safe_load_all(text.replace("/etc/metal/", f"{tmp_path}/").replace("~/", f"{tmp_path}/")):
        emulated.path.write_text(yaml.safe_dump({**example, "api_url": api.v1}))
        answer = emulated.again()
        seen.append((sorted(answer.result["hosts"]), answer.warnings))
    assert seen == [(["fw", "m-free", "server-1"], []), (["server-1"], [])]
    assert api.control.counts()["POST /metal/v1/machine/ipmi/find 200"] == 1


def _command(
    folder: Path, command: str, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / command), *arguments],
        env={
            **ansible_environment(folder),
            "ANSIBLE_INVENTORY_EXPORT": "false",
            **(VIEW if environ is None else environ),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
