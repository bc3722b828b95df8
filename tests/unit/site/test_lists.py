# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that have to be lists, given as a text: Ansible's check of arguments lets it pass, the roles do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.playbook import ROOT, play

TEXTS = {
    "image_cache": {
        "image_cache_backend_hosts": "localhost",
        "image_cache_extra_listen_addresses": "10.0.0.2",
        "image_cache_allowed_networks": "10.0.0.0/8,192.168.0.0/16",
        "image_cache_intercept_domains": "images.example.org",
        "image_cache_external_dns_servers": "name=up ip=10.0.0.53",
        "image_cache_monitoring_networks": "10.0.0.0/8",
        "image_cache_sync_excludes": "/old/",
        "image_cache_sync_peers": "name=cache-2 url=https://10.0.0.2:8089",
    },
    "storage_network": {
        "storage_network_server_hosts": "localhost",
        "storage_network_client_hosts": "localhost",
        "storage_network_additional_addresses": "address=10.0.0.2/32",
        "storage_network_interfaces": "lan0",
        "storage_network_client_networks": "10.0.0.0/8",
        "storage_network_management_networks": "10.0.0.0/8",
        "storage_network_ports": "port=443 name=API from=clients",
    },
}
WITH: dict[str, dict[str, Any]] = {
    "image_cache": {"image_cache_internal_ip": "10.0.0.1", "image_cache_allowed_networks": ["10.0.0.0/8"]},
    "storage_network": {"storage_network_address": "10.0.0.1"},
}


def refusal(directory: Path, role: str, variables: dict[str, Any]) -> str:
    """Run the role's preflight on this host; return why the last task has failed."""
    task = {
        "ansible.builtin.include_role": {"name": f"metalstack.provisioning.{role}", "tasks_from": "preflight"},
        "vars": {**WITH[role], **variables},
    }
    done = play(directory, [task])
    assert done.results[-1].failed, done.output
    return str(done.results[-1].values["msg"])


@pytest.mark.once
@pytest.mark.parametrize("role", TEXTS)
def test_all_of_them_are_named_at_once(tmp_path: Path, role: str) -> None:
    # by default, the peers are made of the cache hosts
    hosts = {"image_cache_backend_hosts": ["localhost"]} if role == "image_cache" else {}
    wrong = {name: text for name, text in TEXTS[role].items() if name not in hosts}
    said = refusal(tmp_path, role, {**wrong, **hosts})
    assert f"What has to be a list is a text: {', '.join(wrong)}." in said
    assert f"""--extra-vars '{{"{next(iter(wrong))}": ["first", "second"]}}'""" in said


@pytest.mark.once
@pytest.mark.parametrize("role", TEXTS)
def test_one_is_named_alone(tmp_path: Path, role: str) -> None:
    name, text = next(iter(TEXTS[role].items()))
    assert f"What has to be a list is a text: {name}." in refusal(tmp_path, role, {name: text})


@pytest.mark.parametrize("role", TEXTS)
def test_no_list_of_texts_is_forgotten(role: str) -> None:
    specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text(encoding="utf-8"))
    options = specs["argument_specs"]["main"]["options"]
    lists = [name for name, option in options.items() if option["type"] == "list"]
    assert set(lists) == set(TEXTS[role])
