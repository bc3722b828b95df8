# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of firewalls: what is refused, and that the emulator refuses nothing that passes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.firewall_rules import (
    FirewallRules,
    rules_from_api,
    rules_from_options,
)
from tests.emulators.metal_api.documents.machine import read_rules

EGRESS: dict[str, Any] = {"protocol": "tcp", "ports": [443, 80], "to": ["10.0.0.1/8"], "comment": "web"}
INGRESS: dict[str, Any] = {"protocol": "udp", "ports": [53], "from": ["2001:DB8::/32"], "to": ["2001:db8:1::/48"]}


def test_rules_are_shown_in_one_spelling() -> None:
    rules = rules_from_options({"egress": [EGRESS], "ingress": [INGRESS]})
    assert rules.as_dict() == {
        "egress": [{"protocol": "tcp", "ports": [80, 443], "to": ["10.0.0.0/8"], "comment": "web"}],
        "ingress": [
            {"protocol": "udp", "ports": [53], "from": ["2001:db8::/32"], "to": ["2001:db8:1::/48"], "comment": ""}
        ],
    }
    assert rules_from_api({**rules.as_dict()}) == rules


def test_the_order_of_rules_does_not_matter() -> None:
    other = {**EGRESS, "comment": "other"}
    assert rules_from_options({"egress": [EGRESS, other]}) == rules_from_options({"egress": [other, EGRESS]})
    assert rules_from_options({}) == FirewallRules()
    assert rules_from_api({}) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"comment": "a.b"}, "egress rule 1 has the comment 'a.b'; only letters"),
        ({"comment": "x" * 101}, "at most 100"),
        ({"comment": "two\n"}, "only letters"),
        ({"ports": [65536]}, "egress rule 1 has the port 65536; ports go from 0 to 65535"),
        ({"ports": [-1]}, "has the port -1"),
        ({"ports": []}, "has no ports"),
        ({"to": []}, "has no networks in to"),
        ({"to": ["10.0.0.1"]}, "has '10.0.0.1' in to; write a network with its length"),
        ({"to": ["10.0.0.0/33"]}, "has '10.0.0.0/33' in to, which is not a network"),
        ({"to": ["10.0.0.0/8", "::/0"]}, "has IPv4 and IPv6 networks"),
    ],
)
def test_a_bad_rule_has_a_sentence(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match="firewall_rules: egress rule 1") as caught:
        rules_from_options({"egress": [{**EGRESS, **change}]})
    assert says in str(caught.value)


def test_both_sides_of_an_ingress_rule_are_of_one_family() -> None:
    with pytest.raises(UsageError, match="ingress rule 2 has IPv4 and IPv6"):
        rules_from_options({"ingress": [INGRESS, {**INGRESS, "to": ["10.0.0.0/8"]}]})
    with pytest.raises(UsageError, match="no networks in from"):
        rules_from_options({"ingress": [{**INGRESS, "from": []}]})


def test_v2_allows_less() -> None:
    with pytest.raises(UsageError, match="lower case"):
        rules_from_options({"egress": [{**EGRESS, "comment": "Web"}]}, generation="v2")
    with pytest.raises(UsageError, match="0 to 65532"):
        rules_from_options({"egress": [{**EGRESS, "ports": [65533]}]}, generation="v2")


NETWORK = st.sampled_from(["10.0.0.0/8", "192.0.2.1/32", "::/0", "2001:db8::1/64", "10.0.0.0", "x/8", "0.0.0.0/0"])
RULE = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["tcp", "udp"]),
        "ports": st.lists(st.integers(-2, 65537), max_size=2),
        "from": st.lists(NETWORK, max_size=2),
        "to": st.lists(NETWORK, max_size=2),
        "comment": st.text(alphabet="aZ_- .ä", max_size=5),
    }
)


@pytest.mark.once
@settings(max_examples=400, deadline=None)
@given(RULE)
def test_the_emulator_takes_what_passes_and_refuses_what_it_should(rule: dict[str, Any]) -> None:
    try:
        rules_from_options({"ingress": [rule]})
    except UsageError as error:
        if "has no" in str(error):
            return  # the API takes an empty list, though its definition says that it is needed
        with pytest.raises(ValueError, match="ingress rule"):
            read_rules({"ingress": [rule]})
        return
    assert read_rules({"ingress": [rule]}) is not None
