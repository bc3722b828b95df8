# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks and ports for a NetworkPolicy, of the addresses that somebody has to reach.

Private to metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._errors import UsageError
from ..module_utils._lightbits.endpoint import Endpoint


def networks(endpoints: Sequence[str], peers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``ports``, the networks by their ports; ``names``, for which a policy has no words; and what is ``wrong``.

    ``peers`` are further networks, each with ``cidr`` and ``port``. Raises UsageError.
    """
    found: dict[int, set[Any]] = {}
    names, wrong = [], []
    for text in dict.fromkeys(endpoints):
        try:
            endpoint = Endpoint.parse(text)
        except ValueError:
            wrong.append(text)
            continue
        try:
            network = ipaddress.ip_network(endpoint.host)
        except ValueError:
            names.append(endpoint.literal)
            continue
        found.setdefault(endpoint.port, set()).add(network)
    for peer in peers:
        unknown = sorted(set(peer) - {"cidr", "port"})
        if unknown or len(peer) != 2:
            raise UsageError(f"a peer has to have cidr and port, nothing else, not {dict(peer)!r}.")
        try:
            network = ipaddress.ip_network(str(peer["cidr"]))
            port = int(peer["port"])
        except ValueError as error:
            raise UsageError(f"a peer has {error}: give a network like 10.0.0.0/24 and a port.") from None
        if not 0 < port < 65536:
            raise UsageError(f"a peer has the port {port}; it must be between 1 and 65535.")
        found.setdefault(port, set()).add(network)
    ordered = {port: sorted(several, key=_order) for port, several in sorted(found.items()) if several}
    ports = {port: [str(one) for one in several] for port, several in ordered.items()}
    return {"ports": ports, "names": names, "wrong": wrong}


def _order(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int, int]:
    return network.version, int(network.network_address), network.prefixlen
