# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP addresses and prefixes in the one spelling that the metal-api has (RFC 5952).

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from .._errors import UsageError

FAMILIES = ("IPv4", "IPv6")


def wanted_address(option: str, value: str) -> str:
    """Return the address that a user gave. Raises UsageError."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise UsageError(f"{option} is {value!r}, which is not an IP address like 10.0.0.1 or 2001:db8::1.") from None


def normal_prefixes(values: Iterable[str]) -> list[str]:
    """Return prefixes of the API sorted, each once; what is no prefix stays as it is."""
    return sorted({_normal_prefix(value) for value in values})


def wanted_prefixes(option: str, values: Iterable[str]) -> list[str]:
    """Return the prefixes that a user gave, sorted, each once. Raises UsageError."""
    found = set()
    for value in values:
        try:
            if "/" not in value:
                raise ValueError
            found.add(str(ip_network(value)))
        except ValueError:
            raise UsageError(
                f"{option} has {value!r}, which is not a prefix like 10.0.0.0/22 or 2001:db8::/64 without host bits."
            ) from None
    return sorted(found)


def family_of(value: str) -> str:
    """Return ``IPv4`` or ``IPv6`` for an address or a prefix."""
    return "IPv6" if ":" in value else "IPv4"


def _normal_prefix(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        return value
