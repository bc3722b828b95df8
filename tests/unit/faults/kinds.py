# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.unit.conformance.emulation import LIGHTBITS, Emulation

# Longer than TIMEOUT, so that the answer comes too late; the API goes on with the request all the same.
LATENCY = 0.3
TIMEOUT = 0.15

_COMMON: Mapping[str, Mapping[str, Any]] = {
    "latency past the timeout": {"action": "latency", "seconds": LATENCY},
    "latency past the timeout, after the commit": {"action": "latency", "seconds": LATENCY, "when": "after"},
    "403": {"action": "status", "status": 403, "message": "you are not member in one of [admin]"},
    "409": {"action": "status", "status": 409, "message": "the entity was changed from another, please retry"},
    "429": {"action": "status", "status": 429, "retry_after": 0},
    "500": {"action": "status", "status": 500},
    "500 after the commit": {"action": "status", "status": 500, "when": "after"},
    "503": {"action": "status", "status": 503},
    "503 after the commit": {"action": "status", "status": 503, "when": "after"},
    "reset before the commit": {"action": "reset"},
    "reset after the commit": {"action": "reset", "when": "after"},
    "truncated JSON": {"action": "truncate", "when": "after"},
    "no JSON": {"action": "invalid_json", "when": "after"},
    "null lists": {"action": "null_list"},
    "somebody else is faster": {"action": "race"},
}
_METAL = {
    "422": {"action": "status", "status": 422, "message": "no machine available"},
    "bare string": {
        "action": "status",
        "status": 403,
        "body": '"tenant  not allowed"',
        "content_type": "application/json",
    },
}
NEVER = "state that never arrives"
_LIGHTBITS = {
    "412": {"action": "status", "status": 412, "message": "Etag mismatch"},
    "loss of the server": {"action": "stop"},
    "loss of the server after the commit": {"action": "stop", "when": "after"},
    # not by a fault, but by the pace of the emulator
    NEVER: {},
}


def faults_of(api: Emulation) -> Mapping[str, Mapping[str, Any]]:
    """Return the descriptions of faults (see ``tests/emulators/README.md``) that can happen to an API, by name."""
    return {**_COMMON, **(_LIGHTBITS if api.name == LIGHTBITS.name else _METAL)}
