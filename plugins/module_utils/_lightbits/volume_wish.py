# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user wants a volume to be, in the terms of :meth:`~.volume.Volume.as_dict`.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import UsageError
from .._units import SizeError, parse_size
from .._values import normal_address
from .naming import check_name, check_project_name

BLOCK = 4096
MOST_LABELS = 16
EVERYBODY, NOBODY = "ALLOW_ANY", "ALLOW_NONE"


def normal_volume(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of lightbits_volume, None where nothing was said. Raises UsageError."""
    name, project = wanted.get("name"), wanted.get("project") or "default"
    check_name("name", name)
    check_project_name("project", project)
    return {
        "name": name,
        "project": project,
        "size": _size(wanted.get("size")),
        "replica_count": wanted.get("replica_count"),
        "compression": wanted.get("compression"),
        "acl": _access("acl", wanted.get("acl")),
        "ip_acl": _access("ip_acl", _addresses(wanted.get("ip_acl"))),
        "labels": _labels(wanted.get("labels")),
        "qos_policy": wanted.get("qos_policy"),
        "source_snapshot": wanted.get("source_snapshot"),
    }


def _size(given: Any) -> int | None:
    if given is None:
        return None
    try:
        size = parse_size(given, "size")
    except SizeError as error:
        raise UsageError(str(error)) from None
    if not size:
        raise UsageError("size is 0, but a volume has at least one block of 4096 bytes.")
    return -(-size // BLOCK) * BLOCK


def _addresses(given: Sequence[str] | None) -> list[str] | None:
    """Return addresses in one spelling: IPv6 has many, and the API gives back its own."""
    if given is None:
        return None
    for entry in given:
        try:
            if entry not in (EVERYBODY, NOBODY):
                ipaddress.ip_address(entry)
        except ValueError:
            raise UsageError(
                f"ip_acl has {entry!r}, which is no IP address: give single addresses, like 10.0.0.5 or fd00::5, or "
                f"{EVERYBODY} or {NOBODY}."
            ) from None
    return [normal_address(entry) for entry in given]


def _access(option: str, given: Sequence[str] | None) -> list[str] | None:
    """Return a list as the API compares it: a set."""
    if given is None:
        return None
    entries = sorted(set(given))
    if not entries:
        raise UsageError(f"{option} is empty: give {NOBODY} to let nobody in.")
    if len(entries) > 1 and {EVERYBODY, NOBODY} & set(entries):
        raise UsageError(f"{option} has {EVERYBODY} or {NOBODY} beside others, but each of them stands alone.")
    return entries


def _labels(given: Mapping[str, Any] | None) -> dict[str, str] | None:
    if given is None:
        return None
    if len(given) > MOST_LABELS:
        raise UsageError(f"labels has {len(given)} entries, but a volume has at most {MOST_LABELS}.")
    for key in given:
        if not key or re.search(r"[-.]", str(key)):
            raise UsageError(
                f"labels has the key {key!r}: the API drops whatever is before a dash or a dot, so use neither."
            )
    return {str(key): str(value) for key, value in sorted(given.items())}
