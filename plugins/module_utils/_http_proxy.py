# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which proxy a request goes through. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy; ``authorization`` is the value of the header Proxy-Authorization, or None."""

    host: str
    port: int
    authorization: str | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


def environment() -> dict[str, str]:
    """Return the proxies of the environment: the keys ``http``, ``https`` and ``no``, as far as they are set.

    Lower-case names win. ``HTTP_PROXY`` is not used in a CGI process, where the client sets it by a header.
    """
    found = {}
    for key in ("http", "https", "no"):
        name = f"{key}_proxy"
        value = os.environ.get(name)
        if value is None and not (key == "http" and "REQUEST_METHOD" in os.environ):
            value = os.environ.get(name.upper())
        if value:
            found[key] = value
    return found


def choose(proxies: Mapping[str, str], scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy for a request, or None. Raises ValueError (a part of a sentence) for an unusable address."""
    address = proxies.get(scheme)
    if not address or excluded(proxies.get("no", ""), host, port):
        return None
    return parse(address, f"{scheme}_proxy")


def parse(address: str, name: str) -> Proxy:
    """Understand ``[http://][user[:password]@]host[:port]``. Raises ValueError, which never shows the address."""
    problem = f"the proxy address in {name} cannot be used (expected http://host:port)"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(problem) from None
    if parts.scheme != "http" or not host:
        raise ValueError(problem)
    authorization = None
    if parts.username is not None:
        from base64 import b64encode

        credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + b64encode(credential.encode()).decode("ascii")
    return Proxy(host, port or 80, authorization)


def excluded(rule: str, host: str, port: int) -> bool:
    """Say whether ``rule`` (the value of NO_PROXY) names the host.

    Understood are ``*``, names (which include their subdomains, with or without a leading dot), addresses, networks
    (``10.0.0.0/8``), each optionally with a port.
    """
    host = host.lower().rstrip(".")
    for entry in rule.lower().replace(" ", ",").split(","):
        pattern = entry
        if pattern == "*":
            return True
        if "/" in pattern:
            if _within(host, pattern):
                return True
            continue
        if pattern.startswith("["):
            pattern, _bracket, tail = pattern[1:].partition("]")
            wanted = tail.lstrip(":")
        elif pattern.count(":") == 1:
            pattern, _colon, wanted = pattern.partition(":")
        else:
            wanted = ""
        pattern = pattern.lstrip("*").lstrip(".").rstrip(".")
        if pattern and (not wanted or wanted == str(port)) and (host == pattern or host.endswith(f".{pattern}")):
            return True
    return False


def _within(host: str, network: str) -> bool:
    if not (host[:1].isdigit() or ":" in host):
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
