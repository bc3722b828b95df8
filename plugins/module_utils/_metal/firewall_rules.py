# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of firewalls, which are checked before the API is asked: it refuses a whole allocation for one bad rule.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from .._errors import UsageError
from .._values import integer, mappings, text, texts

_COMMENT = re.compile(r"[A-Za-z_ -]{0,100}")
_PORTS = {"v1": 65535, "v2": 65532}


@dataclass(frozen=True, order=True)
class Rule:
    """One rule; networks are CIDRs without host bits, all sorted. ``sources`` are empty in rules for what leaves."""

    protocol: str
    ports: tuple[int, ...]
    sources: tuple[str, ...]
    to: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class FirewallRules:
    """What may leave and what may enter; the order of rules means nothing."""

    egress: tuple[Rule, ...] = ()
    ingress: tuple[Rule, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return them as users write them."""
        return {
            "egress": [_shown(rule) for rule in self.egress],
            "ingress": [{**_shown(rule), "from": list(rule.sources)} for rule in self.ingress],
        }


def rules_from_options(options: Mapping[str, Any], *, generation: str = "v1") -> FirewallRules:
    """Return the rules of a user's option ``firewall_rules``. Raises UsageError."""
    wanted = {
        kind: [
            _checked(f"firewall_rules: {kind} rule {number}", rule, generation)
            for number, rule in enumerate(options.get(kind) or (), 1)
        ]
        for kind in ("egress", "ingress")
    }
    return FirewallRules(tuple(sorted(wanted["egress"])), tuple(sorted(wanted["ingress"])))


def rules_from_api(document: Mapping[str, Any]) -> FirewallRules | None:
    """Return the rules of an allocation of v1 or v2, None when it has none. Raises ValueError."""
    egress, ingress = (
        tuple(sorted(_read(rule) for rule in mappings(document, kind))) for kind in ("egress", "ingress")
    )
    return FirewallRules(egress, ingress) if egress or ingress else None


def _checked(where: str, rule: Mapping[str, Any], generation: str) -> Rule:
    comment = rule.get("comment") or ""
    if not _COMMENT.fullmatch(comment):
        raise UsageError(
            f"{where} has the comment {comment!r}; only letters, spaces, - and _ are allowed, and at most 100 of them."
        )
    if generation == "v2" and comment != comment.lower():
        raise UsageError(f"{where} has the comment {comment!r}; v2 allows lower case letters only.")
    ports = rule.get("ports") or ()
    if not ports:
        raise UsageError(f"{where} has no ports; a rule needs at least one.")
    last = _PORTS[generation]
    for port in ports:
        if not 0 <= port <= last:
            raise UsageError(f"{where} has the port {port}; ports go from 0 to {last}.")
    sources = _networks(where, "from", rule.get("from"))
    targets = _networks(where, "to", rule.get("to"))
    needed = "from" if "from" in rule else "to"
    if not (sources if needed == "from" else targets):
        raise UsageError(f"{where} has no networks in {needed}; 0.0.0.0/0 is all of IPv4.")
    if len({":" in network for network in (*sources, *targets)}) > 1:
        raise UsageError(f"{where} has IPv4 and IPv6 networks; write a rule for each family.")
    protocol = rule.get("protocol") or "tcp"
    return Rule(protocol, tuple(sorted(set(ports))), sources, targets, comment)


def _networks(where: str, option: str, networks: Sequence[str] | None) -> tuple[str, ...]:
    found = set()
    for network in networks or ():
        if "/" not in network:
            raise UsageError(f"{where} has {network!r} in {option}; write a network with its length, like 10.0.0.0/8.")
        try:
            found.add(str(ip_network(network, strict=False)))
        except ValueError:
            raise UsageError(f"{where} has {network!r} in {option}, which is not a network like 10.0.0.0/8.") from None
    return tuple(sorted(found))


def _read(rule: Mapping[str, Any]) -> Rule:
    protocol = text(rule, "protocol").rpartition("_")[2].lower()
    ports = rule.get("ports") or []
    return Rule(
        protocol if protocol in ("tcp", "udp") else "tcp",
        tuple(sorted({integer(port) for port in ports})),
        _normal(texts(rule, "from")),
        _normal(texts(rule, "to")),
        text(rule, "comment"),
    )


def _normal(networks: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({str(ip_network(network, strict=False)) for network in networks}))


def _shown(rule: Rule) -> dict[str, Any]:
    return {"protocol": rule.protocol, "ports": list(rule.ports), "to": list(rule.to), "comment": rule.comment}
