# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage network on paper: hosts, ports, and reports of hosts for which all is well. Tests change one thing each."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._storage_network.plan import probes

MTU = 9000
PORTS = [
    {"port": 443, "name": "API", "from": ["servers", "clients", "management"]},
    {"port": 2380, "name": "etcd peers", "from": ["servers"]},
    {"port": 4420, "name": "NVMe/TCP", "from": ["clients"]},
    {"port": 8090, "name": "metrics", "from": ["management"]},
]


def hosts(servers: int = 3, clients: int = 1) -> list[dict[str, Any]]:
    """Servers have 10.0.0.1, .2, ..., clients .101, .102, ..."""
    found = [
        {"name": f"storage-{one}", "role": "server", "addresses": [f"10.0.0.{one}"]} for one in range(1, servers + 1)
    ]
    return found + [
        {"name": f"client-{one}", "role": "client", "addresses": [f"10.0.0.{100 + one}"]}
        for one in range(1, clients + 1)
    ]


def mac(address: str) -> str:
    """Return the MAC of the host that has the address."""
    return f"aa:00:00:00:00:{int(address.rpartition('.')[2]):02x}"


def reports(network: list[dict[str, Any]], *, filtered: bool = True) -> dict[str, dict[str, Any]]:
    """Return what all hosts report when everything is as it should be, before anything listens."""
    found = {}
    for host in network:
        targets = probes(host["name"], network, PORTS, filtered=filtered)
        address = host["addresses"][0]
        found[host["name"]] = {
            "interfaces": {
                "lo": {"mtu": 65536, "mac": "00:00:00:00:00:00", "up": True, "addresses": ["127.0.0.1"]},
                "lan0": {"mtu": MTU, "mac": mac(address), "up": True, "addresses": list(host["addresses"])},
            },
            "data_interfaces": ["lan0"],
            "unused_duplicates": [],
            "routes": [
                {**_ends(one), "route": {"interface": "lan0", "source": one["source"], "gateway": ""}}
                for one in targets
            ],
            "echoes": [{**_ends(one), "carried": MTU, "hops": 0, "local": ""} for one in targets],
            "ports": [
                {
                    **_ends(one),
                    **port,
                    "wanted": wanted,
                    "outcome": "refused" if wanted else "prohibited",
                    "by": None,
                    "reason": "",
                }
                for one in targets
                for wanted, ports in ((True, one["reach"]), (False, one["blocked"]))
                for port in ports
            ],
            "claims": [],
        }
    return copy.deepcopy(found)


def _ends(target: dict[str, Any]) -> dict[str, Any]:
    return {"host": target["host"], "address": target["address"], "source": target["source"]}


def toward(report: dict[str, Any], section: str, host: str) -> list[dict[str, Any]]:
    """Return the entries of a section about a host."""
    return [one for one in report[section] if one["host"] == host]
