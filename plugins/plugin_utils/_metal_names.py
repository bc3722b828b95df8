# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name and which address a machine has in the inventory. Private to metalstack.provisioning."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?", re.ASCII)
# Names that Ansible takes for the controller itself: a tenant's machine must not become that.
_LOCAL = frozenset({"localhost", "localhost.localdomain", "localhost6", "all", "ungrouped"})

PRIVATE_KINDS = frozenset({"privateprimaryunshared", "privateprimaryshared", "privatesecondaryshared"})
KINDS = frozenset({"external", "underlay", *PRIVATE_KINDS})


def usable(name: str) -> bool:
    """Whether a text can be the name of a host: no pattern, no path, not the controller itself."""
    if name.lower() in _LOCAL:
        return False
    ip = _address(name)
    return bool(_NAME.fullmatch(name)) if ip is None else not (ip.is_loopback or ip.is_unspecified)


def unique(names: Sequence[str], ids: Sequence[str], taken: Collection[str]) -> tuple[list[str], dict[str, int]]:
    """Return names of which each is there once, and how often those were that were not.

    All hosts that share a name get their id after it, so that no name depends on the order of the API's answer.
    Names in ``taken`` (groups) get one as well.
    """
    counts = Counter(names)
    double = {name: count for name, count in counts.items() if count > 1 or name in taken}
    if not double:
        return list(names), {}
    made = [f"{name}-{key}" if name in double and name != key else name for name, key in zip(names, ids)]
    # Somebody may have called a machine as another one is called now.
    again = Counter(made)
    return [name if again[name] == 1 else key for name, key in zip(made, ids)], double


def address(networks: Sequence[Mapping[str, Any]], wishes: Sequence[str], family: str) -> str | None:
    """Return the first IP in the first of the wished networks that has one.

    A wish is the id of a network, a kind of network, or ``private`` for all private kinds. ``family`` is ``any``,
    ``ipv4`` or ``ipv6``. Raises ValueError for an IP that is none.
    """
    for wish in wishes:
        for network in networks:
            kind = network["kind"]
            if wish not in (network["network"], kind) and not (wish == "private" and kind in PRIVATE_KINDS):
                continue
            for ip in network["ips"]:
                version = ipaddress.ip_address(ip).version
                if family == "any" or family == f"ipv{version}":
                    return str(ip)
    return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not text[-1:].isdigit() and ":" not in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
