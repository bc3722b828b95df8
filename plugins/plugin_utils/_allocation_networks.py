# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a machine, in whatever form a user has it. Private to metalstack.provisioning."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._errors import UsageError
from ._metal_facts import network_facts
from ._metal_names import KINDS, PRIVATE_KINDS

SHARED_KINDS = frozenset({"privateprimaryshared", "privatesecondaryshared"})
# Words of users for more than one kind.
WORDS: Mapping[str, frozenset[str]] = {"private": PRIVATE_KINDS, "shared": SHARED_KINDS}
FAMILIES = ("any", "ipv4", "ipv6")


def networks_of(thing: Any, kind: Any = None) -> list[dict[str, Any]]:
    """Return the networks of an allocation in the collection's form, those of some kinds only.

    ``thing`` is a list of networks or has one: a machine of metal_machine or metal_machine_info, the variables of a
    host of the inventory, a machine or an allocation as the API answers it. ``kind`` is a kind, one of :data:`WORDS`,
    or a list of these. Raises UsageError.
    """
    kinds = _kinds(kind)
    networks = [_network(item) for item in _listed(thing)]
    return networks if kinds is None else [network for network in networks if network["kind"] in kinds]


def storage_address(thing: Any, network: Any = None, family: Any = "any") -> str | None:
    """Return the first IP in the network of that id, without one in the first private shared network; None if none.

    Raises UsageError.
    """
    if family not in FAMILIES:
        raise UsageError(f"family is {family!r}; it must be one of {', '.join(FAMILIES)}.")
    found = networks_of(thing, None if network is not None else "shared")
    for one in found:
        if network is not None and one["network"] != network:
            continue
        for ip in one["ips"]:
            try:
                version = ipaddress.ip_address(ip).version
            except ValueError:
                raise UsageError(f"The network {one['network']!r} has the IP {ip!r}, which is none.") from None
            if family in ("any", f"ipv{version}"):
                return str(ip)
    return None


def _listed(thing: Any) -> Sequence[Any]:
    if isinstance(thing, Mapping):
        allocation = thing.get("allocation")
        for where in (thing, allocation if isinstance(allocation, Mapping) else {}):
            for key in ("networks", "metal_networks"):
                if key in where:
                    return _listed(where[key] or [])
        if "allocation" in thing:
            # a machine of the API that is not allocated
            return []
    elif isinstance(thing, Sequence) and not isinstance(thing, (str, bytes)):
        return thing
    raise UsageError(
        "This is neither a machine nor a list of networks of an allocation: give a machine of metal_machine_info, the "
        "hostvars of a host of the inventory metal, or its metal_networks."
    )


def _network(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping) and "kind" in item and "ips" in item:
        return dict(item)
    if isinstance(item, Mapping) and "networkid" in item:
        try:
            return network_facts(item)
        except ValueError as error:
            raise UsageError(f"A network of an allocation cannot be understood: {error}.") from None
    raise UsageError("An entry of the networks is not a network of an allocation.")


def _kinds(kind: Any) -> frozenset[str] | None:
    if kind is None:
        return None
    wanted = kind if isinstance(kind, Sequence) and not isinstance(kind, str) else [kind]
    found: set[str] = set()
    for one in wanted:
        if one not in KINDS and one not in WORDS:
            raise UsageError(f"kind has {one!r}; it must be one of {', '.join([*sorted(WORDS), *sorted(KINDS)])}.")
        found |= WORDS.get(one, {one})
    return frozenset(found)
