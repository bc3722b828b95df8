# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to reach whom, and who must not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.plan import (
    Membership,
    check_ports,
    probes,
)

from .paper import PORTS, hosts


def numbers(entries: list[dict[str, Any]]) -> list[int]:
    return [one["port"] for one in entries]


def test_a_server_tries_all_others_and_a_client_all_servers() -> None:
    network = hosts(3, 2)
    assert [one["host"] for one in probes("storage-2", network, PORTS)] == [
        "storage-1",
        "storage-3",
        "client-1",
        "client-2",
    ]
    assert [one["host"] for one in probes("client-1", network, PORTS)] == ["storage-1", "storage-2", "storage-3"]


def test_what_the_role_needs_is_reached_and_the_rest_is_blocked() -> None:
    [first, *_others] = probes("storage-2", hosts(), PORTS)
    assert (first["address"], first["source"]) == ("10.0.0.1", "10.0.0.2")
    assert (numbers(first["reach"]), numbers(first["blocked"])) == ([443, 2380], [4420, 8090])
    [first, *_others] = probes("client-1", hosts(), PORTS)
    assert (numbers(first["reach"]), numbers(first["blocked"])) == ([443, 4420], [2380, 8090])


def test_clients_have_no_ports_to_try() -> None:
    target = next(one for one in probes("storage-1", hosts(), PORTS) if one["host"] == "client-1")
    assert target["reach"] == target["blocked"] == []


def test_a_port_that_the_address_may_reach_for_another_reason_is_not_expected_to_be_blocked() -> None:
    [first, *_others] = probes("storage-2", hosts(), PORTS, ["10.0.0.0/24"], ["10.0.0.2"])
    assert numbers(first["blocked"]) == []
    [first, *_others] = probes("storage-2", hosts(), PORTS, filtered=False)
    assert numbers(first["blocked"]) == []


def test_each_address_of_a_host_is_a_target_of_its_own_family() -> None:
    network = hosts(2, 0)
    network[0]["addresses"].append("fd00::1")
    network[1]["addresses"].append("10.1.0.2")
    assert [(one["address"], one["source"]) for one in probes("storage-1", network, PORTS)] == [
        ("10.0.0.2", "10.0.0.1"),
        ("10.1.0.2", "10.0.0.1"),
    ]
    assert [(one["address"], one["source"]) for one in probes("storage-2", network, PORTS)] == [
        ("10.0.0.1", "10.0.0.2"),
        ("fd00::1", None),
    ]


def test_members_of_sets_do_not_overlap() -> None:
    members = Membership(hosts(), ["10.0.0.101/32", "10.2.0.0/16", "10.2.3.0/24", "fd00::/8"], ["192.0.2.7"])
    assert members.elements("servers", 4) == ["10.0.0.1", "10.0.0.2/31"]
    assert members.elements("clients", 4) == ["10.0.0.101", "10.2.0.0/16"]
    assert members.elements("clients", 6) == ["fd00::/8"]
    assert members.elements("management", 4) == ["192.0.2.7"]
    assert members.has("10.2.9.9", ["servers", "clients"])
    assert not members.has("10.2.9.9", ["servers", "management"])


@pytest.mark.parametrize(
    ("ports", "what"),
    [
        ([{"port": 0, "name": "x", "from": []}], 'has the port "0" .*1 to 65535'),
        ([{"port": True, "name": "x", "from": []}], "from 1 to 65535"),
        ([{"port": 80, "name": "x", "from": []}, {"port": 80, "name": "y", "from": []}], "port 80 twice"),
        ([{"port": 80, "name": "x", "from": ["everybody"]}], 'lets "everybody" reach port 80: choose from servers'),
    ],
)
def test_mistakes_in_the_table_of_ports_are_told(ports: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        check_ports(ports)


def test_a_network_with_host_bits_is_told() -> None:
    with pytest.raises(UsageError, match=r'storage_network_client_networks has "10.0.0.1/24": give'):
        Membership(hosts(), ["10.0.0.1/24"])


def test_who_is_not_in_the_network_is_told() -> None:
    with pytest.raises(UsageError, match="nobody is not among the hosts"):
        probes("nobody", hosts(), PORTS)
