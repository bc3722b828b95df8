# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What uses a partition or a project of the metal-api v1, asked before it is deleted (view key).

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .v1 import MetalV1

_SHOWN = 5
# What it is called, where it is found, the key that names it.
_MACHINES = ("machine", "/v1/machine/find", "id")
_NETWORKS = ("network", "/v1/network/find", "id")
_IPS = ("IP", "/v1/ip/find", "ipaddress")


def users_of_partition(api: MetalV1, partition: str) -> list[str]:
    """Return parts of a sentence like ``2 machines (a, b)``: its machines and networks."""
    return _ask(api, ((_MACHINES, {"partition_id": partition}), (_NETWORKS, {"partitionid": partition})))


def users_of_project(api: MetalV1, project: str) -> list[str]:
    """Return the same for a project: its machines, networks and IPs."""
    queries = (
        (_MACHINES, {"allocation_project": project}),
        (_NETWORKS, {"projectid": project}),
        (_IPS, {"projectid": project}),
    )
    return _ask(api, queries)


def _ask(api: MetalV1, queries: Sequence[tuple[tuple[str, str, str], Mapping[str, Any]]]) -> list[str]:
    found = []
    for (kind, path, key), query in queries:
        names = sorted(str(item.get(key)) for item in api.find(path, query) if isinstance(item, Mapping))
        if names:
            more = ", ..." if len(names) > _SHOWN else ""
            plural = "" if len(names) == 1 else "s"
            found.append(f"{len(names)} {kind}{plural} ({', '.join(names[:_SHOWN])}{more})")
    return found
