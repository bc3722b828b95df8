# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From reports of hosts to sentences that name both ends and the likely cause."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.verdict import problems

from .paper import MTU, hosts, mac, reports, toward


class Paper:
    def __init__(self) -> None:
        self.hosts = hosts()
        self.reports = reports(self.hosts)

    def problems(self, **options: Any) -> list[str]:
        return problems(self.hosts, self.reports, MTU, **options)

    def port(self, source: str, host: str, number: int) -> dict[str, Any]:
        return next(one for one in toward(self.reports[source], "ports", host) if one["port"] == number)

    def lose(self, source: str, host: str, *, outcome: str = "silent", by: str | None = None) -> None:
        """Nothing comes back from the host."""
        for one in toward(self.reports[source], "ports", host):
            one.update(outcome=outcome, by=by)
        for one in toward(self.reports[source], "echoes", host):
            one.update(carried=0, hops=None)


@pytest.fixture(name="paper")
def fixture_paper() -> Paper:
    return Paper()


def test_nothing_is_said_when_all_is_well(paper: Paper) -> None:
    assert paper.problems() == []


def test_after_the_installation_something_has_to_listen(paper: Paper) -> None:
    said = paper.problems(listening=True)
    assert len(said) == 9
    assert said[0] == (
        "storage-1 (10.0.0.1), storage-3 (10.0.0.3) and client-1 (10.0.0.101) cannot reach storage-2"
        " (10.0.0.2), port 443 (API): the host answers, but nothing listens there; look at the service on"
        " storage-2."
    )


def test_a_dropped_port_is_told_once_for_all_who_see_it(paper: Paper) -> None:
    for source in ("storage-1", "storage-3"):
        paper.port(source, "storage-2", 2380)["outcome"] = "silent"
    assert paper.problems() == [
        (
            "storage-1 (10.0.0.1) and storage-3 (10.0.0.3) cannot reach storage-2 (10.0.0.2), port 2380"
            " (etcd peers): no answer, though the host answers otherwise; a firewall on storage-2 or on the"
            " way drops it, look at `nft list ruleset` on storage-2."
        )
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"outcome": "prohibited", "by": "10.0.0.2"}, "a firewall on storage-2 itself rejects it"),
        ({"outcome": "prohibited", "by": "192.0.2.1"}, "a firewall on the way (192.0.2.1) rejects it"),
        ({"outcome": "unreachable", "by": "192.0.2.1", "reason": "EHOSTUNREACH"}, "unreachable, says 192.0.2.1"),
        ({"outcome": "local", "reason": "EPERM"}, "the sender's own kernel refuses (EPERM)"),
    ],
)
def test_the_cause_follows_from_what_was_answered(paper: Paper, change: dict[str, str], why: str) -> None:
    paper.port("client-1", "storage-2", 4420).update(change)
    [said] = paper.problems()
    assert said.startswith("client-1 (10.0.0.101) cannot reach storage-2 (10.0.0.2), port 4420 (NVMe/TCP): ")
    assert why in said


def test_rules_that_are_not_in_effect_are_told_once_for_a_host(paper: Paper) -> None:
    paper.port("client-1", "storage-2", 2380)["outcome"] = "open"
    paper.port("storage-1", "storage-2", 8090)["outcome"] = "refused"
    [said] = paper.problems()
    assert said.startswith(
        "storage-1 (10.0.0.1) and client-1 (10.0.0.101) can reach storage-2, ports 8090 (metrics) and"
        " 2380 (etcd peers), though no rule lets them"
    )


def test_a_host_that_is_gone_is_told_instead_of_all_its_ports(paper: Paper) -> None:
    for source in ("storage-1", "storage-3", "client-1"):
        paper.lose(source, "storage-2")
    assert paper.problems() == [
        (
            "storage-1 (10.0.0.1), storage-3 (10.0.0.3) and client-1 (10.0.0.101) cannot reach storage-2"
            " (10.0.0.2) at all, neither by ping nor on any port: no answer; storage-2 or its link is down,"
            " or something on the way drops everything."
        )
    ]


@pytest.mark.parametrize(
    ("by", "who"), [("10.0.0.1", "nobody on the link answers for the address"), ("192.0.2.1", "192.0.2.1 says so")]
)
def test_who_says_that_a_host_is_gone(paper: Paper, by: str, who: str) -> None:
    paper.lose("storage-1", "storage-2", outcome="unreachable", by=by)
    [said] = paper.problems()
    assert f"neither by ping nor on any port: {who}; storage-2 or its link is down" in said


def test_what_the_own_kernel_says_is_the_cause(paper: Paper) -> None:
    paper.lose("storage-1", "storage-2", outcome="local")
    toward(paper.reports["storage-1"], "echoes", "storage-2")[0]["local"] = "Operation not permitted"
    [said] = paper.problems()
    assert "the sender's own kernel refuses: Operation not permitted" in said


def test_ping_alone_may_be_blocked(paper: Paper) -> None:
    toward(paper.reports["storage-1"], "echoes", "storage-2")[0].update(carried=0, hops=None)
    assert paper.problems() == [
        (
            "The path between storage-1 (10.0.0.1) and storage-2 (10.0.0.2) cannot be measured: ICMP echo is"
            " not answered, though ports are; let it through, since path MTU discovery needs ICMP as well."
        )
    ]


def test_a_missing_route_is_told_instead_of_its_consequences(paper: Paper) -> None:
    paper.lose("storage-1", "storage-2", outcome="local")
    paper.lose("storage-1", "storage-3", outcome="local")
    for host in ("storage-2", "storage-3"):
        toward(paper.reports["storage-1"], "routes", host)[0]["route"] = None
    [said] = paper.problems()
    assert said.startswith(
        "storage-1 cannot reach storage-2 (10.0.0.2) and storage-3 (10.0.0.3), because it has no route there"
    )


def test_a_route_by_another_interface_is_not_symmetric(paper: Paper) -> None:
    toward(paper.reports["storage-1"], "routes", "storage-2")[0]["route"]["interface"] = "mgmt0"
    [said] = paper.problems()
    assert said.startswith(
        "The routes between storage-1 and storage-2 (10.0.0.2) are not symmetric: storage-1 sends"
        " through mgmt0, not through lan0"
    )


def test_another_source_is_told(paper: Paper) -> None:
    toward(paper.reports["storage-1"], "routes", "storage-2")[0]["route"]["source"] = "192.0.2.9"
    [said] = paper.problems()
    assert said.startswith("storage-1 sends to storage-2 (10.0.0.2) from 192.0.2.9, which is not its address")


def test_ways_of_different_length_are_not_symmetric(paper: Paper) -> None:
    toward(paper.reports["storage-1"], "echoes", "storage-2")[0]["hops"] = 2
    [said] = paper.problems()
    assert "The routes between storage-1" in said
    assert "are not symmetric" in said
    assert "storage-2" in said
    assert "2 hops" in said


def test_a_family_that_only_one_end_has_is_told(paper: Paper) -> None:
    paper.hosts[1]["addresses"].append("fd00::2")
    paper.reports = reports(paper.hosts)
    paper.reports["storage-2"]["routes"][-1]["source"] = "10.0.0.2"
    assert any(
        one.startswith("storage-1 has no address of the family of fd00::2, which storage-2 has: give it one")
        for one in paper.problems()
    )


def test_the_own_mtu_is_the_cause_of_narrow_paths(paper: Paper) -> None:
    paper.reports["storage-2"]["interfaces"]["lan0"]["mtu"] = 1500
    for source in ("storage-1", "storage-3", "client-1"):
        toward(paper.reports[source], "echoes", "storage-2")[0]["carried"] = 1500
    assert paper.problems() == [
        "storage-2 has an MTU of 1500 on lan0, not 9000: its paths to storage-1, storage-3 and client-1 carry no more."
    ]


def test_narrow_paths_have_the_host_in_common(paper: Paper) -> None:
    for source in ("storage-1", "storage-3", "client-1"):
        toward(paper.reports[source], "echoes", "storage-2")[0]["carried"] = 1500
        if source != "client-1":
            toward(paper.reports["storage-2"], "echoes", source)[0]["carried"] = 1504
    [said] = paper.problems()
    assert said.startswith(
        "The paths between storage-2 (10.0.0.2) and storage-1 (10.0.0.1), storage-3 (10.0.0.3) and"
        " client-1 (10.0.0.101) carry 1500 bytes unfragmented, not 9000: the link of storage-2"
    )


def test_one_narrow_path_is_between_two(paper: Paper) -> None:
    toward(paper.reports["storage-1"], "echoes", "storage-2")[0]["carried"] = 1500
    [said] = paper.problems()
    assert "The path between" in said
    assert "a link or a switch port between them" in said


def test_an_address_on_two_hosts_is_told_without_its_consequences(paper: Paper) -> None:
    paper.reports["storage-3"]["interfaces"]["lan0"]["addresses"].append("10.0.0.1")
    paper.lose("storage-1", "storage-3")
    toward(paper.reports["storage-3"], "routes", "storage-1")[0]["route"]["interface"] = "lo"
    paper.reports["storage-1"]["claims"] = [{"interface": "lan0", "address": "10.0.0.1", "mac": mac("10.0.0.3")}]
    assert paper.problems() == [
        (
            "The address 10.0.0.1 belongs to both storage-1 and storage-3: storage-3 has it on lan0."
            " Connections to it end at one or the other; give one of them another address."
        )
    ]


def test_a_stranger_with_the_address_is_told_by_its_mac(paper: Paper) -> None:
    paper.reports["storage-1"]["claims"] = [{"interface": "lan0", "address": "10.0.0.1", "mac": "de:ad:be:ef:00:01"}]
    [said] = paper.problems()
    assert said.startswith("The address 10.0.0.1 belongs to both storage-1 and a host with the MAC de:ad:be:ef:00:01")
    assert "unknown to the inventory" in said


def test_an_address_that_the_inventory_gives_twice_is_told(paper: Paper) -> None:
    paper.hosts[2]["addresses"] = ["10.0.0.1"]
    said = paper.problems()
    assert "The address 10.0.0.1 belongs to both storage-1 and storage-3: the inventory says so." in said[0] or any(
        "both storage-1 and storage-3: the inventory says so" in one for one in said
    )


def test_an_address_that_is_not_there_is_told(paper: Paper) -> None:
    paper.reports["storage-2"]["interfaces"]["lan0"]["addresses"] = []
    assert paper.problems()[0].startswith("storage-2 has no interface with its address 10.0.0.2")
    paper.reports["storage-2"]["unused_duplicates"] = ["10.0.0.2"]
    assert paper.problems()[0].startswith("storage-2 does not use its address 10.0.0.2, because another host")


def test_hosts_that_did_not_look_are_left_out(paper: Paper) -> None:
    del paper.reports["storage-3"]
    assert paper.problems() == []
