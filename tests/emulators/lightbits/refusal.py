# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the API says no: gRPC codes behind a gateway."""

from __future__ import annotations

import json

INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

STATUS = {
    INVALID_ARGUMENT: 400,
    DEADLINE_EXCEEDED: 504,
    NOT_FOUND: 404,
    ALREADY_EXISTS: 409,
    PERMISSION_DENIED: 403,
    RESOURCE_EXHAUSTED: 429,
    FAILED_PRECONDITION: 400,
    ABORTED: 409,
    UNIMPLEMENTED: 501,
    INTERNAL: 500,
    UNAVAILABLE: 503,
    UNAUTHENTICATED: 401,
}
# Of an injected fault, which names a status only.
_CODES = {
    400: INVALID_ARGUMENT,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: NOT_FOUND,
    409: ABORTED,
    412: FAILED_PRECONDITION,
    429: RESOURCE_EXHAUSTED,
    501: UNIMPLEMENTED,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
}


class Refusal(Exception):
    """A call that is not done. ``status`` differs from that of the code in some versions."""

    def __init__(self, code: int, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status or STATUS[code]

    def body(self) -> bytes:
        """The JSON of the gateway."""
        return error_body(self.code, str(self))


def error_body(code: int, message: str) -> bytes:
    """``{"error", "message", "code", "details"}``."""
    return json.dumps({"error": message, "message": message, "code": code, "details": []}).encode()


def injected_error(status: int, message: str) -> tuple[str, bytes]:
    """Content type and body of a fault."""
    code = _CODES.get(status, INTERNAL if status >= 500 else INVALID_ARGUMENT)
    return "application/json", error_body(code, message or f"injected status {status}")
