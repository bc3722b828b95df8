# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a volume may be."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..refusal import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, Refusal
from .health import statistics

if TYPE_CHECKING:
    from ..state import State, Thing

BLOCK = 4096
LABELS = 16
_NAME = re.compile(r"[a-zA-Z0-9-_.]{1,253}")
_SIZE = re.compile(r"(\d+)\s*(b|kib|mib|gib|tib|)", re.IGNORECASE)
_UNITS = {"": 0, "b": 0, "kib": 10, "mib": 20, "gib": 30, "tib": 40}
_ON, _OFF = ("true", "enable", "enabled"), ("false", "disable", "disabled", "")
_EVERYBODY, _NOBODY = "ALLOW_ANY", "ALLOW_NONE"


def parse_size(text: Any) -> int:
    """Bytes of ``4294967296``, ``4294967296b`` or ``4 gib``, in whole blocks."""
    match = _SIZE.fullmatch(str(text))
    size = int(match[1]) << _UNITS[match[2].lower()] if match else 0
    if not 0 < size < 1 << 63:
        raise Refusal(INVALID_ARGUMENT, f"invalid size {text!r}")
    return -(-size // BLOCK) * BLOCK


def parse_compression(text: str) -> str:
    """``true`` or ``false``."""
    if text.lower() not in (*_ON, *_OFF):
        raise Refusal(INVALID_ARGUMENT, f"invalid compression {text!r}")
    return "true" if text.lower() in _ON else "false"


def parse_acl(message: Mapping[str, Any] | None, default: str | None) -> dict[str, Any]:
    """An access list; the words for everybody and nobody stand alone, and an empty list is none."""
    values = (message or {}).get("values") or ([default] if default and message is None else [])
    if not values or (len(set(values)) > 1 and {_EVERYBODY, _NOBODY} & set(values)):
        raise Refusal(INVALID_ARGUMENT, "invalid ACL")
    return {"values": sorted(set(values))}


def parse_labels(given: Any) -> list[dict[str, str]]:
    """Labels; of a key only what follows its last dash or dot is kept."""
    labels = [{"key": re.split(r"[-.]", label["key"])[-1], "value": label["value"]} for label in given or []]
    if len(labels) > LABELS:
        raise Refusal(INVALID_ARGUMENT, f"a volume has at most {LABELS} labels")
    return labels


def check_name(name: str) -> None:
    """Refusal when a volume cannot be called so."""
    if not _NAME.fullmatch(name):
        raise Refusal(INVALID_ARGUMENT, f"invalid volume name {name!r}")


def check_space(state: State, size: int) -> None:
    """Refusal when the cluster is full."""
    if size > statistics(state)["estimatedFreeLogicalStorage"]:
        raise Refusal(RESOURCE_EXHAUSTED, "not enough space in the cluster")


def new_volume(state: State, project: str, name: str, size: int, replicas: int) -> Thing:
    """A volume that is being made, on the nodes with the fewest volumes, each in failure domains of its own."""
    nodes = [node for node in state.nodes if node["state"] == "Active" and not node["readOnly"]]
    load = {node["UUID"]: sum(node["UUID"] in volume["nodeList"] for volume in state.volumes) for node in nodes}
    chosen: list[str] = []
    taken: set[str] = set()
    for node in sorted(nodes, key=lambda node: load[node["UUID"]]):
        if len(chosen) < replicas and not taken & set(node["failureDomains"]):
            chosen.append(node["UUID"])
            taken |= set(node["failureDomains"])
    if not 1 <= replicas <= 3 or len(chosen) < replicas:
        raise Refusal(INVALID_ARGUMENT, f"replica count {replicas} is not possible")
    return blank_volume(project, name, size, chosen, len(state.volumes) + 1)


def blank_volume(project: str, name: str, size: int, nodes: Sequence[str], nsid: int) -> Thing:
    """A volume that is being made on these nodes."""
    return {
        "UUID": str(uuid.uuid4()),
        "name": name,
        "projectName": project,
        "state": "Creating",
        "replicaCount": len(nodes),
        "nodeList": list(nodes),
        "nsid": nsid,
        "size": size,
        "sectorSize": 4096,
        "rebuildProgress": "None",
        "labels": [],
        "sourceSnapshotUUID": "",
        "sourceSnapshotName": "",
        "ETag": "0",
        "_rebuilding": [],
        "_rolled_back": [],
    }
