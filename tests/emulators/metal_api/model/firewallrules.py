# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules of an allocation, and what the API checks of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

PROTOCOLS = ("tcp", "udp")
COMMENT_CHARACTERS = "abcdefghijklmnopqrstuvwxyz_- "
COMMENT_LENGTH = 100


@dataclass(frozen=True)
class Rule:
    """One rule; ``from_`` is only used by ingress rules. Ports are 0 to 65535, addresses CIDRs of one family."""

    protocol: str
    ports: tuple[int, ...] = ()
    to: tuple[str, ...] = ()
    from_: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True)
class FirewallRules:
    """What may leave and what may enter."""

    egress: tuple[Rule, ...] = ()
    ingress: tuple[Rule, ...] = ()


def protocol(text: str) -> str:
    """The protocol in lower case, tcp when empty; ValueError with the server's wording."""
    if (text or "tcp").lower() not in PROTOCOLS:
        raise ValueError(f"no such protocol: {text}")
    return (text or "tcp").lower()


def check_rule(rule: Rule, kind: str) -> None:
    """ValueError with the server's wording; ``kind`` is egress or ingress."""
    try:
        if any(character.lower() not in COMMENT_CHARACTERS for character in rule.comment):
            raise ValueError(f'illegal character in comment found, only: "{COMMENT_CHARACTERS}" allowed')
        if len(rule.comment) > COMMENT_LENGTH:
            raise ValueError(f"comments can not exceed {COMMENT_LENGTH} characters")
        if any(not 0 <= port <= 65535 for port in rule.ports):
            raise ValueError("port is out of range")
        _check_cidrs((*rule.from_, *rule.to))
    except ValueError as error:
        raise ValueError(f"{kind} rule with error:{error}") from error


def _check_cidrs(cidrs: Sequence[str]) -> None:
    families = set()
    for cidr in cidrs:
        if "/" not in cidr:
            raise ValueError(f"invalid cidr: netip.ParsePrefix(\"{cidr}\"): no '/'")
        try:
            families.add(ipaddress.ip_interface(cidr).version)
        except ValueError as error:
            raise ValueError(f'invalid cidr: netip.ParsePrefix("{cidr}"): {error}') from error
    if len(families) > 1:
        raise ValueError(f"mixed address family in one rule is not supported:[{' '.join(cidrs)}]")
