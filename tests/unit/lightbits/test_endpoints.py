# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter lightbits_endpoints."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.filter import lightbits_endpoints
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.endpoint import Endpoint
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.firewall_rules import rules_from_options
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import running_lightbits
from tests.support.playbook import play

INFO = {
    "apiEndpoints": ["10.0.0.11:443", "10.0.0.10:443", "10.0.0.9:443"],
    "discoveryEndpoints": ["10.0.1.11:8009", "10.0.1.10:8009"],
    "nvmeEndpoints": ["10.0.1.10:4420", "10.0.1.10:4421", "10.0.1.11:4420"],
    "subsystemNQN": "nqn.2016-01.com.lightbitslabs:uuid:1",
    "supportedMaxReplicas": 3,
}
IPV6 = {
    "apiEndpoints": ["[fd00:0::b]:443", "[fd00::a]:8443"],
    "discoveryEndpoints": ["[fd00:1::a]:8009"],
    "nvmeEndpoints": ["[fd00:1::a]:4420"],
    "subsystemNQN": "nqn.2016-01.com.lightbitslabs:uuid:1",
}
HOST = "nqn.2014-08.org.nvmexpress:uuid:2"
FORMS = ("storage_class", "duros_controller", "prometheus", "firewall")


def use(*arguments: Any, **options: Any) -> Any:
    return lightbits_endpoints.FilterModule().filters()["lightbits_endpoints"](*arguments, **options)


def fails(*arguments: Any, **options: Any) -> str:
    with pytest.raises(AnsibleFilterError) as caught:
        use(*arguments, **options)
    return str(caught.value)


def test_storage_class_and_duros_controller() -> None:
    servers = "10.0.0.9:443,10.0.0.10:443,10.0.0.11:443"
    assert use(INFO, "storage_class") == servers
    assert use(INFO, "duros_controller") == [f"-endpoints={servers}", "-api-endpoint=10.0.0.9:443"]
    assert use(IPV6, "storage_class") == "[fd00::a]:8443,[fd00::b]:443"
    assert use(IPV6, "duros_controller")[1] == "-api-endpoint=[fd00::a]:8443"


def test_discovery_client() -> None:
    text = use(INFO, "discovery_client", host_nqn=HOST)
    assert text.splitlines()[0] == f"-t tcp -a 10.0.1.10 -s 8009 -q {HOST} -n nqn.2016-01.com.lightbitslabs:uuid:1"
    assert text.count("\n") == 2 and text.endswith("\n")
    words = shlex.split(use(IPV6, "discovery_client", host_nqn=HOST))
    assert words[words.index("-a") + 1] == "fd00:1::a", "an address of IPv6 without brackets"


def test_prometheus() -> None:
    exporters, api = use(IPV6, "prometheus")
    assert exporters == {"targets": ["[fd00::a]:8090", "[fd00::b]:8090"], "labels": {"job": "lightbox-exporter"}}
    assert api["targets"] == ["[fd00::a]:8443", "[fd00::b]:443"]
    assert api["labels"] == {"job": "lightos-api", "__scheme__": "https"}
    twice = use({**INFO, "apiEndpoints": ["10.0.0.10:443", "10.0.0.10:8443"]}, "prometheus")
    assert twice[0]["targets"] == ["10.0.0.10:8090"], "one exporter a server"


def test_firewall() -> None:
    rules = use(INFO, "firewall")
    assert [(rule["comment"], rule["ports"], rule["to"]) for rule in rules] == [
        ("storage api", [443], ["10.0.0.9/32", "10.0.0.10/32", "10.0.0.11/32"]),
        ("storage discovery", [8009], ["10.0.1.10/32", "10.0.1.11/32"]),
        ("storage nvme over tcp", [4420], ["10.0.1.10/32", "10.0.1.11/32"]),
        ("storage nvme over tcp", [4421], ["10.0.1.10/32"]),
    ]
    both = {**INFO, "discoveryEndpoints": [*INFO["discoveryEndpoints"], "[fd00::a]:8009", "storage.example.com:8009"]}  # type: ignore[misc]
    discovery = [rule["to"] for rule in use(both, "firewall") if rule["ports"] == [8009]]
    assert discovery == [["10.0.1.10/32", "10.0.1.11/32"], ["fd00::a/128"]], "a family each, and nothing for a name"


@pytest.mark.parametrize("generation", ["v1", "v2"])
@pytest.mark.parametrize("info", [INFO, IPV6], ids=["IPv4", "IPv6"])
def test_rules_are_as_metal_firewall_takes_them(info: dict[str, Any], generation: str) -> None:
    rules = use(info, "firewall")
    assert len(rules_from_options({"egress": rules}, generation=generation).egress) == len(rules) > 2


def test_what_cluster_info_returns_gives_the_same() -> None:
    named = {
        "api_endpoints": INFO["apiEndpoints"],
        "discovery_endpoints": INFO["discoveryEndpoints"],
        "nvme_endpoints": INFO["nvmeEndpoints"],
        "subsystem_nqn": INFO["subsystemNQN"],
    }
    for form in FORMS:
        assert use(named, form) == use(INFO, form)
    assert use(named, "discovery_client", host_nqn=HOST) == use(INFO, "discovery_client", host_nqn=HOST)


@given(st.permutations(INFO["apiEndpoints"]), st.lists(st.sampled_from(INFO["apiEndpoints"])))
def test_order_and_repetition_change_nothing(order: list[str], again: list[str]) -> None:
    shuffled = {**INFO, "apiEndpoints": [*order, *again]}
    for form in FORMS:
        assert use(shuffled, form) == use(INFO, form)


@given(st.lists(st.ip_addresses(), min_size=1, unique=True))
def test_what_is_written_can_be_read(addresses: list[Any]) -> None:
    literals = [f"[{one}]:443" if one.version == 6 else f"{one}:443" for one in addresses]
    text = use({"apiEndpoints": literals}, "storage_class")
    assert {Endpoint.parse(one).host for one in text.split(",")} == set(map(str, addresses))


def test_what_is_wrong() -> None:
    assert fails("10.0.0.1:443", "storage_class") == ("lightbits_endpoints needs what /clusterinfo answers, not str.")
    assert "has no apiEndpoints: give what /clusterinfo answers" in fails({"cluster": INFO}, "storage_class")
    assert "is no cluster: 'x' is no port" in fails({"apiEndpoints": ["10.0.0.1:x"]}, "storage_class")
    assert "is no cluster: its apiEndpoints are not a list of text" in fails({"apiEndpoints": "x"}, "storage_class")
    assert "is no cluster: its subsystemNQN is not text" in fails({**INFO, "subsystemNQN": 1}, "prometheus")
    assert "form is 'helm'; it must be one of storage_class, duros_controller" in fails(INFO, "helm")
    assert "host_nqn is given, but the form firewall" in fails(INFO, "firewall", HOST)


@pytest.mark.parametrize("nqn", [None, "", "host", "nqn.2014 -n evil", "nqn.x\n-t tcp", "nqn." + "a" * 220])
def test_wrong_nqn(nqn: str | None) -> None:
    assert "discovery_client needs the NQN of its host" in fails(INFO, "discovery_client", host_nqn=nqn)


def test_discovery_client_needs_services() -> None:
    for field in ("discoveryEndpoints", "subsystemNQN"):
        info = {name: value for name, value in INFO.items() if name != field}
        assert "lacks discoveryEndpoints or subsystemNQN" in fails(info, "discovery_client", host_nqn=HOST)


def test_examples_work(tmp_path: Path) -> None:
    with running_lightbits() as cluster:
        (tmp_path / "token").write_text(keys.token(), encoding="ascii")
        text = (
            lightbits_endpoints.EXAMPLES.replace("10.0.0.10:443", cluster.urls[0])
            .replace("/etc/lightos/admin.jwt", str(tmp_path / "token"))
            .replace("/etc/discovery-client/discovery.d/", f"{tmp_path}/")
            .replace("/etc/prometheus/targets/", f"{tmp_path}/")
        )
        tasks = yaml.safe_load(text)
        done = play(tmp_path, tasks)
        assert [result.failed for result in done.results] == [False] * len(tasks), done.output
        targets = json.loads((tmp_path / "lightos.json").read_text(encoding="utf-8"))
        assert targets[1]["targets"] == sorted(url.partition("://")[2] for url in cluster.urls)
        lines = (tmp_path / "lightos.conf").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(cluster.urls) and all(line.startswith("-t tcp -a 10.10.10.10") for line in lines)
