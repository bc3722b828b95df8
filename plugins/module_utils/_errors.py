# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong when an API is called. Private to the collection metalstack.provisioning.

Each error is one sentence for the operator, free of secrets, and has a structured form for machines.
"""

from __future__ import annotations

from typing import Any

from ._redact import redact


def gave_up(status: int, code: str | None = None) -> bool:
    """Whether an answer is that of a gateway that waits no longer, while the server behind it may go on."""
    return status in (502, 504) or code == "deadline_exceeded"


class UsageError(Exception):
    """What the user asks for cannot be: one sentence with the name of the option, what is wrong and what is right."""


class ApiError(Exception):
    """A call failed.

    ``message`` is the sentence; ``status`` the HTTP status if there was an answer; ``code`` the error code of the API
    if it has one (v2: ``not_found``, ...); ``request`` the method and address, as ``GET https://host/path``.
    ``unclear`` tells that the request may have been processed all the same, ``pending`` that it may still be.
    """

    unclear = False
    pending = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request: str | None = None,
        secrets: tuple[str, ...] = (),
        unclear: bool | None = None,
        pending: bool = False,
    ) -> None:
        self.message = redact(message, secrets)
        self.status = status
        self.code = code
        if unclear is not None:
            self.unclear = unclear
        self.pending = pending
        self.request = None if request is None else redact(request, secrets)
        super().__init__(self.message)

    def failure(self) -> dict[str, Any]:
        """Return the structured form: the keys ``status``, ``code``, ``message`` and ``request``, without secrets."""
        return {"status": self.status, "code": self.code, "message": self.message, "request": self.request}


class TransportError(ApiError):
    """There was no complete answer: name, connection, TLS, timeout."""


class DeadlineError(TransportError):
    """The time that was given for the call, all retries included, is over."""


class ProtocolError(ApiError):
    """There was an answer that nobody can use: not HTTP, not JSON, too large, redirected to a forbidden place."""

    unclear = True


class TruncatedError(ProtocolError, TransportError):
    """The answer ended before it was complete."""


class AuthenticationError(ApiError):
    """The API does not accept the credential."""


class PermissionDeniedError(ApiError):
    """The credential is right, but may not do this."""


class NotFoundError(ApiError):
    """The API does not have what was asked for."""


class ConflictError(ApiError):
    """It exists already, or somebody else changed it meanwhile: read again before the next attempt."""


class RateLimitError(ApiError):
    """Too many calls; the call was not processed."""


class ValidationError(ApiError):
    """The API refuses what was asked for; the same call will fail again."""


class ServerError(ApiError):
    """The API failed; the call may have been processed."""

    unclear = True
