# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module and the filters of the storage network: their options and what they say about wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.testing import patch_module_args

from ansible_collections.metalstack.provisioning.plugins.filter import (
    storage_network_members,
    storage_network_probes,
    storage_network_problems,
)
from ansible_collections.metalstack.provisioning.plugins.modules import storage_network_probe

from .paper import MTU, PORTS, hosts, reports


def module(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    given = {"addresses": ["127.0.0.1"], "interfaces": ["lo"], "targets": [], "mtu": 1500, **options}
    with patch_module_args(given), pytest.raises(SystemExit):
        storage_network_probe.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_the_module_looks_at_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    result = module(capsys, timeout=0.2)
    assert result["changed"] is False
    assert "127.0.0.1" in result["report"]["interfaces"]["lo"]["addresses"]
    assert result["report"]["ports"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [({"mtu": 900}, "mtu is 900: give"), ({"timeout": 0}, "timeout is 0: give"), ({"timeout": 601}, "601")],
)
def test_the_module_refuses_wrong_options(
    options: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result = module(capsys, **options)
    assert result["failed"]
    assert said in result["msg"]


@pytest.mark.parametrize(
    ("error", "said"),
    [(PermissionError(1, "Operation not permitted"), "use become"), (OSError(2, "No such file"), "No such file")],
)
def test_the_module_tells_why_it_cannot_look(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_arguments: Any) -> None:
        raise error

    monkeypatch.setattr(storage_network_probe, "look", fail)
    result = module(capsys)
    assert result["failed"]
    assert said in result["msg"]


def test_filters_return_what_the_core_does() -> None:
    probes = storage_network_probes.FilterModule().filters()["storage_network_probes"]
    members = storage_network_members.FilterModule().filters()["storage_network_members"]
    problems = storage_network_problems.FilterModule().filters()["storage_network_problems"]
    assert [one["host"] for one in probes(hosts(2), "storage-1", PORTS)] == ["storage-2", "client-1"]
    assert members(hosts(2), PORTS)["servers"] == {"ipv4": ["10.0.0.1", "10.0.0.2"], "ipv6": []}
    assert problems(reports(hosts()), hosts(), MTU) == []


def test_filters_say_what_is_wrong() -> None:
    probes = storage_network_probes.FilterModule().filters()["storage_network_probes"]
    members = storage_network_members.FilterModule().filters()["storage_network_members"]
    problems = storage_network_problems.FilterModule().filters()["storage_network_problems"]
    with pytest.raises(AnsibleFilterError, match="nobody is not among"):
        probes(hosts(), "nobody", PORTS)
    with pytest.raises(AnsibleFilterError, match="port 443 twice"):
        members(hosts(), PORTS + PORTS)
    with pytest.raises(AnsibleFilterError, match="for storage-1 is not a report"):
        problems({"storage-1": {}}, hosts(), MTU)
