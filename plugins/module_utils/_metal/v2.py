# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the metal-api v2 (metal-apiserver): unary calls of the Connect protocol with JSON.

Field names are lowerCamelCase, enumerations are names, numbers of 64 bits are text, times are RFC 3339, and what has
its default value is left out. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .. import _errors as errors
from .._http import HttpClient, Response
from .._redact import brief, redact

if TYPE_CHECKING:
    from .auth import Auth

_READS = ("Get", "List", "Latest", "TokenScopedList", "Usage", "Capacity", "Queues", "Issues", "Match", "Try")

_KINDS: dict[str, type[errors.ApiError]] = {
    "invalid_argument": errors.ValidationError,
    "failed_precondition": errors.ValidationError,
    "out_of_range": errors.ValidationError,
    "unimplemented": errors.ValidationError,
    "unauthenticated": errors.AuthenticationError,
    "permission_denied": errors.PermissionDeniedError,
    "not_found": errors.NotFoundError,
    "already_exists": errors.ConflictError,
    "aborted": errors.ConflictError,
    "resource_exhausted": errors.RateLimitError,
}


class MetalV2:
    """Calls of the metal-api v2. ``base_url`` is the address before ``/metalstack...``; without ``auth``, public calls.

    Raises :class:`~.._errors.ApiError` by the code of the error; ``code`` of the exception has it.
    """

    def __init__(self, base_url: str, auth: Auth | None, http: HttpClient) -> None:
        self.base_url = base_url.rstrip("/")
        self.auth = auth
        self.http = http

    def __repr__(self) -> str:
        return f"MetalV2({redact(self.base_url)}, {self.auth!r})"

    def call(
        self,
        method: str,
        message: Mapping[str, Any] | None = None,
        *,
        idempotent: bool | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """Call ``package.Service/Method`` with a message and return the answer, a JSON object.

        Calls that only read (Get, List, ...) may be repeated; ``idempotent`` says it of others.
        """
        repeatable = method.rpartition("/")[2].startswith(_READS) if idempotent is None else idempotent
        extra = {"Accept": "application/json", "Content-Type": "application/json", "Connect-Protocol-Version": "1"}
        response = self.http.request(
            "POST",
            f"{self.base_url}/{method.lstrip('/')}",
            headers=lambda: {**extra, **(self.auth.headers("POST") if self.auth else {})},
            body=json.dumps(message or {}).encode(),
            deadline=deadline,
            idempotent=repeatable,
        )
        if response.status != 200:
            raise self._error(response, method, repeatable=repeatable)
        answer = response.json()
        if not isinstance(answer, dict):
            raise errors.ProtocolError(
                f"{response.request} was answered with JSON that is not an object.",
                status=response.status,
                request=response.request,
            )
        return answer

    def _error(self, response: Response, method: str, *, repeatable: bool) -> errors.ApiError:
        status = response.status
        try:
            body: Any = json.loads(response.body)
        except (ValueError, RecursionError):
            body = None
        code = body.get("code") if isinstance(body, dict) else None
        text = body.get("message") if isinstance(body, dict) else None
        if isinstance(code, str):
            kind = _KINDS.get(code, errors.ServerError)
        else:
            code = None
            kind = _by_status(status)
        said = brief(code or "") or f"status {status}"
        reason = brief(text).rstrip(" .") if isinstance(text, str) else ""
        sentence = f"{response.request} was answered with {said}" + (f": {reason}" if reason else "")
        if kind is errors.AuthenticationError:
            sentence += f" (the {self.auth.describe()} is not accepted)" if self.auth else " (it needs a token)"
        elif kind is errors.PermissionDeniedError:
            needed = f"the token needs the permission for /{method.lstrip('/')}" if self.auth else "it needs a token"
            sentence += f" ({needed})"
        elif kind is errors.NotFoundError and code is None:
            sentence += " (is the address of the API right?)"
        if response.attempts > 1:
            sentence += f" ({response.attempts} attempts)"
        pending = errors.gave_up(status, code)
        if pending and not repeatable:
            sentence += "; it may have been processed all the same"
        secrets = self.auth.secrets if self.auth else ()
        asked = response.request
        return kind(f"{sentence}.", status=status, code=code, request=asked, secrets=secrets, pending=pending)


def _by_status(status: int) -> type[errors.ApiError]:
    """Return the error for an answer that is not from the API but from a proxy or a wrong address."""
    if 300 <= status < 400:
        return errors.ProtocolError
    return {
        400: errors.ValidationError,
        401: errors.AuthenticationError,
        403: errors.PermissionDeniedError,
        404: errors.NotFoundError,
        409: errors.ConflictError,
        429: errors.RateLimitError,
    }.get(status, errors.ServerError)
