# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for networks: one by one, and against the emulator's, which share nothing with ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.allocation_rules import (
    KnownIP,
    KnownNetwork,
    Surroundings,
    WantedNetwork,
    broken_rules,
)
from tests.emulators.common.clock import Clock
from tests.emulators.metal_api.machines.actions import RuleError
from tests.emulators.metal_api.machines.networks import Wish, gather
from tests.emulators.metal_api.model.ip import IP
from tests.emulators.metal_api.model.network import Network
from tests.emulators.metal_api.model.table import NotFoundError
from tests.emulators.metal_api.state import State

MINE, OTHERS = "mine", "others"
NETWORKS = {
    network.id: network
    for network in (
        KnownNetwork("super", "super", partition="here"),
        KnownNetwork("underlay", "underlay", partition="here"),
        KnownNetwork("internet", "external"),
        KnownNetwork("mpls", "external"),
        KnownNetwork("tenant", "private", project=MINE, partition="here"),
        KnownNetwork("tenant2", "private", project=MINE, partition="here"),
        KnownNetwork("stranger", "private", project=OTHERS, partition="here"),
        KnownNetwork("storage", "private", shared=True, project=MINE, partition="here"),
        KnownNetwork("backup", "private", shared=True, project=OTHERS, partition="here"),
        KnownNetwork("elsewhere", "private", shared=True, project=MINE, partition="there"),
    )
}
IPS = {
    "10.0.0.1": KnownIP("tenant", MINE),
    "10.0.0.2": KnownIP("storage", MINE),
    "10.0.0.3": KnownIP("storage", OTHERS),
    "203.0.113.1": KnownIP("internet", MINE),
}
THERE = Surroundings(NETWORKS, IPS)


def broken(*wanted: str | WantedNetwork, role: str = "machine", generation: str = "v1") -> str:
    networks = [one if isinstance(one, WantedNetwork) else WantedNetwork(one) for one in wanted]
    found = broken_rules(networks, THERE, role=role, project=MINE, partition="here", generation=generation)
    return " ".join(found)


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        ("machine", ["tenant"]),
        ("machine", ["tenant", "internet", "mpls"]),
        ("machine", ["storage"]),
        ("machine", [WantedNetwork("storage", ("10.0.0.2",), auto=False), "internet"]),
        ("firewall", ["tenant", "internet", "storage", "backup"]),
        ("firewall", ["storage", "internet"]),
    ],
)
def test_these_networks_are_allowed(role: str, wanted: Sequence[str | WantedNetwork]) -> None:
    assert broken(*wanted, role=role) == ""


@pytest.mark.parametrize(
    ("role", "wanted", "says"),
    [
        ("machine", [], "networks is empty"),
        ("machine", ["nowhere"], "has nowhere, but there is no such network"),
        ("machine", ["tenant", "tenant"], "has tenant twice"),
        ("machine", ["tenant", "tenant", "tenant"], "has tenant 3 times"),
        ("firewall", ["tenant", "underlay"], "has underlay, an underlay"),
        ("machine", ["super"], "has super, a private super network"),
        ("machine", ["internet"], "has no private network"),
        ("firewall", ["tenant", "tenant2"], "more than one unshared private network (tenant, tenant2)"),
        ("machine", ["tenant", "storage"], "more than one private network (tenant, storage); a machine may be in only"),
        ("machine", ["storage", "backup"], "more than one private network (storage, backup); a machine may be in only"),
        ("firewall", ["storage", "backup"], "private shared networks storage, backup and no private network that is"),
        ("machine", ["backup"], "backup as the primary private network, which belongs to project others"),
        ("firewall", ["stranger", "storage"], "stranger as the primary private network, which belongs to project"),
        ("machine", ["elsewhere"], "elsewhere of partition there, but the machine will be in partition here"),
        ("machine", [WantedNetwork("tenant", auto=False)], "tenant with auto false and no ips"),
        ("machine", [WantedNetwork("tenant", ("10.9.9.9",), auto=False)], "10.9.9.9 for tenant, which nobody has"),
        ("machine", [WantedNetwork("storage", ("10.0.0.3",), auto=False)], "10.0.0.3, which belongs to project others"),
        ("machine", [WantedNetwork("tenant", ("10.0.0.2",), auto=False)], "10.0.0.2 for tenant, but it is of the netw"),
    ],
)
def test_each_broken_rule_has_a_sentence(role: str, wanted: Sequence[str | WantedNetwork], says: str) -> None:
    said = broken(*wanted, role=role)
    assert says in said
    assert said.endswith(".")


def test_all_broken_rules_are_said() -> None:
    assert broken("nowhere", WantedNetwork("tenant", auto=False)).count("networks has") == 2


def test_v2_is_stricter_with_firewalls() -> None:
    assert "no external network" in broken("tenant", role="firewall", generation="v2")
    assert broken("tenant", "internet", role="firewall", generation="v2") == ""
    assert "v2 allows only one" in broken("tenant", "internet", "storage", "backup", role="firewall", generation="v2")


def emulator_allows(wanted: Sequence[WantedNetwork], role: str) -> bool:
    """What the emulator says to the same, through its own model."""
    state = State(Clock())
    for one in NETWORKS.values():
        private = one.kind == "private"
        state.networks.create(
            Network(
                id=one.id,
                project=one.project,
                partition=one.partition,
                prefixes=(),
                private_super=one.kind == "super",
                underlay=one.kind == "underlay",
                shared=one.shared,
                parent="super" if private else "",
            )
        )
    for address, ip in IPS.items():
        state.ips.create(IP(id=address, address=address, network=ip.network, project=ip.project))
    wishes = [Wish(one.network, one.auto) for one in wanted]
    addresses = [address for one in wanted for address in one.ips]
    try:
        gather(state, wishes, addresses, project=MINE, partition="here", role=role)
    except (RuleError, NotFoundError):
        return False
    return True


NAMES = [*NETWORKS, "nowhere"]
ONE = st.builds(WantedNetwork, st.sampled_from(NAMES))


@pytest.mark.once
@settings(max_examples=600, deadline=None)
@given(st.lists(ONE, max_size=4), st.sampled_from(["machine", "firewall"]))
def test_the_emulator_has_the_same_rules(wanted: list[WantedNetwork], role: str) -> None:
    assert (broken(*wanted, role=role) == "") == emulator_allows(wanted, role)


@pytest.mark.once
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["tenant", "storage"]), st.sampled_from([*IPS, "10.9.9.9"]), st.sampled_from(["machine"]))
def test_the_emulator_has_the_same_rules_for_addresses(name: str, address: str, role: str) -> None:
    wanted = [replace(WantedNetwork(name), ips=(address,), auto=False)]
    assert (broken(*wanted, role=role) == "") == emulator_allows(wanted, role)
