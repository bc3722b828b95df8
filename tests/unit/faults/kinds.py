# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.unit.conformance.emulation import LIGHTBITS, Emulation

# Seconds that a client waits for an answer that is late. The first is enough unless this machine is busy.
_PATIENCE = (0.15, 0.3, 0.6, 1.2, 2.4, 4.8)

_COMMON: Mapping[str, Mapping[str, Any]] = {
    "latency past the timeout": {"action": "latency"},
    "latency past the timeout, after the commit": {"action": "latency", "when": "after"},
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


def attempts(fault: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (description of the fault, options of the module) until the fault has met its request.

    Only an answer that is late on purpose may come too late. If an earlier one does, because this machine is busy, the
    next attempt has more patience.
    """
    if fault["action"] != "latency":
        yield fault, {}
        return
    for patience in _PATIENCE:
        # The API goes on with the request all the same.
        yield {**fault, "seconds": 2 * patience}, {"timeout": patience}
