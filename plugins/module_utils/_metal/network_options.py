# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of metal_network, and which kind of network takes which. Private to metalstack.provisioning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._errors import UsageError
from .addresses import FAMILIES, family_of, wanted_prefixes
from .network import CHILD, EXTERNAL, SUPER

_TEXTS = ("id", "name", "description", "kind", "project", "partition", "address_family")
_OTHERS = ("shared", "nat", "vrf", "vrf_shared")
_PREFIXES = ("prefixes", "destination_prefixes", "additional_announcable_cidrs")
_LENGTHS = ("prefix_length", "default_child_prefix_length")
# What a new network of a kind cannot have.
_NOT_FOR_CHILDREN = {
    "prefixes": "the API takes them from the super network: say with prefix_length how large they shall be",
    "vrf": "the API chooses it",
    "vrf_shared": "the API chooses the VRF",
    "default_child_prefix_length": "only super networks have it",
    "additional_announcable_cidrs": "only super networks have it",
}
_ONLY_FOR_CHILDREN = ("prefix_length", "address_family")


def wanted_network(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in the spelling of the API, None where nothing is asked for. Raises UsageError."""
    values = {name: options.get(name) for name in (*_TEXTS, *_OTHERS)}
    values["labels"] = _labels(options.get("labels"))
    for name in _PREFIXES:
        given = options.get(name)
        values[name] = None if given is None else wanted_prefixes(name, given)
    for name in _LENGTHS:
        values[name] = _lengths(name, options.get(name))
    if not values["id"]:
        values["id"] = None
        if values["kind"] not in (None, CHILD):
            raise UsageError(f"id is missing: a network of the kind {values['kind']} is known by its id.")
        missing = [name for name in ("name", "project", "partition") if not values[name]]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: a child network is known by "
                "id, or by name, project and partition together."
            )
    return values


def wanted_filters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of metal_network_info in the spelling of the API. Raises UsageError."""
    values = {name: options.get(name) for name in (*_TEXTS, *_OTHERS, "parent")}
    values["labels"] = _labels(options.get("labels"))
    for name in ("prefixes", "destination_prefixes"):
        given = options.get(name)
        values[name] = None if given is None else wanted_prefixes(name, given)
    return values


def of_kind(wanted: Mapping[str, Any], label: str) -> None:
    """Check the options for a new network. Raises UsageError."""
    kind = wanted["kind"]
    if kind == CHILD:
        _of_child(wanted)
        return
    for option in ("prefixes", *(("default_child_prefix_length",) if kind == SUPER else ())):
        if not wanted[option]:
            raise UsageError(f"{option} is missing: {label} does not exist yet, and a new {kind} network needs it.")
    for option in _ONLY_FOR_CHILDREN:
        if wanted[option]:
            raise UsageError(f"{option} is given, but kind is {kind}; only new child networks take it.")
    if wanted["shared"]:
        raise UsageError(f"shared is true, but kind is {kind}; only child networks are shared.")
    if kind != SUPER:
        for option in ("default_child_prefix_length", "additional_announcable_cidrs"):
            if wanted[option]:
                raise UsageError(f"{option} is given, but kind is {kind}; only super networks have it.")
    if kind != EXTERNAL and wanted["nat"]:
        raise UsageError(f"nat is true, but kind is {kind}, which is never translated.")
    _check_lengths(wanted, label)


def _of_child(wanted: Mapping[str, Any]) -> None:
    if wanted["id"]:
        raise UsageError(
            f"id is {wanted['id']}, but there is no such network, and the API gives a new child network an id of its "
            "own: leave id out, or set kind to create another kind of network."
        )
    for option, reason in _NOT_FOR_CHILDREN.items():
        if wanted[option] is not None:
            raise UsageError(f"{option} is given, but a new child network cannot choose it: {reason}.")


def _check_lengths(wanted: Mapping[str, Any], label: str) -> None:
    """Check the default lengths of a new super network: one for each family, longer than its prefixes."""
    lengths = wanted["default_child_prefix_length"] or {}
    families = {family_of(prefix).lower() for prefix in wanted["prefixes"]}
    if lengths and set(lengths) != families:
        raise UsageError(
            f"default_child_prefix_length has {', '.join(sorted(lengths))}, but the prefixes of {label} are "
            f"{' and '.join(sorted(families))}: it needs exactly those."
        )
    for prefix in wanted["prefixes"] if lengths else ():
        length, own = lengths[family_of(prefix).lower()], int(prefix.rpartition("/")[2])
        if length <= own:
            raise UsageError(
                f"default_child_prefix_length is {length}, but must be longer than that of the prefix {prefix}."
            )


def _labels(given: Mapping[str, Any] | None) -> dict[str, str] | None:
    if given is None:
        return None
    for key, value in given.items():
        if not isinstance(value, (str, int, float)):
            raise UsageError(f"labels: the value of {key} is not text: write it in quotes.")
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def _lengths(option: str, given: Mapping[str, Any] | None) -> dict[str, int] | None:
    if given is None:
        return None
    lengths = {name: given[name] for name in map(str.lower, FAMILIES) if given.get(name) is not None}
    for name, length in lengths.items():
        longest = 32 if name == "ipv4" else 128
        if not 1 <= length <= longest:
            raise UsageError(f"{option} is {length} for {name}; it must be between 1 and {longest}.")
    return lengths or None
