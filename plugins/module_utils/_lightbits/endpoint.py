# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of servers, as users and ``/clusterinfo`` write them. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

# Of the API; LightOS listens nowhere else unless it is told to.
PORT = 443
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\.?", re.ASCII)


@dataclass(frozen=True)
class Endpoint:
    """``host`` is a name or an address without brackets."""

    host: str
    port: int
    scheme: str = "https"

    @classmethod
    def parse(cls, text: str, scheme: str = "https", port: int = PORT) -> Endpoint:
        """Read ``[scheme://]host[:port]``, IPv6 with brackets or, without a port, bare. Raises ValueError."""
        given, found, rest = text.strip().rpartition("://")
        scheme = given.lower() if found else scheme
        if scheme not in ("https", "http"):
            raise ValueError(f"{given}:// is neither https:// nor http://")
        rest = rest.rstrip("/")
        host, digits = _split(rest)
        if digits:
            if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) < 65536:
                raise ValueError(f"{digits!r} is no port")
            port = int(digits)
        return cls(_host(host), port, scheme)

    @property
    def literal(self) -> str:
        """Host and port as they stand in addresses."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"{self.scheme}://{self.literal}"


def _split(text: str) -> tuple[str, str]:
    """Return (host, digits of the port or nothing)."""
    if text.startswith("["):
        host, _bracket, rest = text[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError("something follows the brackets that is no port")
        return host, rest[1:]
    if text.count(":") > 1:
        return text, ""
    host, _colon, digits = text.partition(":")
    return host, digits


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST.fullmatch(text) or len(text) > 253:
            raise ValueError(f"{text!r} is neither a name nor an address") from None
        return text.lower()
