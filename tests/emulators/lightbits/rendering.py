# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as the gateway writes it: values that are zero are left out, numbers of 64 bits are text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Fields of 64 bits, whatever message they are in.
NUMBERS_64 = frozenset(
    {
        "size",
        "numaNodeID",
        "installedPhysicalStorage",
        "managedPhysicalStorage",
        "effectivePhysicalStorage",
        "logicalStorage",
        "logicalUsedStorage",
        "physicalUsedStorage",
        "physicalUsedStorageIncludingParity",
        "freePhysicalStorage",
        "estimatedFreeLogicalStorage",
        "estimatedLogicalStorage",
        "ID",
    }
)


# Values of enums that are zero, and therefore left out as well.
_ZEROS = {"encryptionState": "Disabled", "rotationState": "NoRotation"}


def render(message: Mapping[str, Any], *, emit_defaults: bool = False) -> bytes:
    """The body of an answer. What begins with an underscore is the emulator's own and is never shown."""
    return json.dumps(_message(message, emit_defaults)).encode()


def _message(message: Mapping[str, Any], emit: bool) -> dict[str, Any]:
    written = {}
    for name, value in message.items():
        if name.startswith("_") or (not emit and _is_zero(name, value)):
            continue
        written[name] = _value(name, value, emit)
    return written


def _is_zero(name: str, value: Any) -> bool:
    # this order, because nearly all values are none of it, and asking for a Mapping costs most
    return (not value and not isinstance(value, Mapping)) or value == _ZEROS.get(name)


def _value(name: str, value: Any, emit: bool) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _message(value, emit)
    if isinstance(value, (list, tuple)):
        return [_value("", entry, emit) for entry in value]
    if isinstance(value, int) and not isinstance(value, bool) and name in NUMBERS_64:
        return str(value)
    return value
