# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Lightbits API says when it refuses, as errors of the collection.

The gateway puts the code of gRPC into the body, ``{"error":, "message":, "code":, "details": []}``. It decides: the
HTTP status of the same code differs between versions of LightOS. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
from typing import Any

from .. import _errors as errors
from .._http import Response
from .._redact import brief

_NAMES = {
    1: "canceled",
    2: "unknown",
    3: "invalid_argument",
    4: "deadline_exceeded",
    5: "not_found",
    6: "already_exists",
    7: "permission_denied",
    8: "resource_exhausted",
    9: "failed_precondition",
    10: "aborted",
    11: "out_of_range",
    12: "unimplemented",
    13: "internal",
    14: "unavailable",
    16: "unauthenticated",
}


class TemporaryError(errors.ConflictError):
    """The thing is in a state on the way to another one, such as Creating; later it can be changed."""


class UnsupportedError(errors.ValidationError):
    """This version of LightOS cannot do that, or it is switched off."""


_KINDS: dict[str, type[errors.ApiError]] = {
    "invalid_argument": errors.ValidationError,
    "not_found": errors.NotFoundError,
    "already_exists": errors.ConflictError,
    "permission_denied": errors.PermissionDeniedError,
    "resource_exhausted": errors.RateLimitError,
    # Another ETag, mostly: read again, plan again.
    "failed_precondition": errors.ConflictError,
    "aborted": errors.ConflictError,
    "out_of_range": errors.ValidationError,
    "unimplemented": UnsupportedError,
    "unavailable": TemporaryError,
    "unauthenticated": errors.AuthenticationError,
}
# What a proxy before the API, or the gateway itself, says without a code.
_STATUSES: dict[int, type[errors.ApiError]] = {
    400: errors.ValidationError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    412: errors.ConflictError,
    422: errors.ValidationError,
    429: errors.RateLimitError,
    501: UnsupportedError,
}


def failure_of(response: Response, credential: str, secrets: tuple[str, ...]) -> errors.ApiError:
    """Return the error of an answer that is none of success; ``credential`` describes the token, in words."""
    code, text = _body(response)
    status = response.status
    kind = _KINDS.get(code) if code else _STATUSES.get(status)
    if status == 412:
        kind = errors.ConflictError
    if kind is None:
        kind = errors.ProtocolError if 300 <= status < 400 else errors.ServerError
        kind = errors.ValidationError if 400 <= status < 500 and not code else kind
    said = f"{response.request} was answered with status {status}"
    attempts = f" ({response.attempts} attempts)" if response.attempts > 1 else ""
    sentence = f"{said}: {text}{attempts}." if text else f"{said}{attempts}."
    if kind is errors.AuthenticationError:
        sentence = f"{said}: {credential} is not accepted{f' ({text})' if text else ''}."
    elif kind is errors.PermissionDeniedError:
        sentence = f"{said}: {credential} may not do this{f' ({text})' if text else ''}."
    elif 300 <= status < 400:
        sentence = f"{said}, a redirect: set api_endpoints to the servers of the cluster themselves."
    elif status == 404 and code is None:
        sentence = f"{sentence.rstrip('.')} (is that a server of LightOS?)."
    # After a repetition it may be the echo of a success; and an API that was unavailable may have gone on all the same.
    unclear = True if response.attempts > 1 or kind is TemporaryError else None
    pending = kind is errors.ServerError and errors.gave_up(status, code)
    return kind(
        sentence,
        status=status,
        code=code,
        request=response.request,
        secrets=secrets,
        unclear=unclear,
        pending=pending,
    )


def _body(response: Response) -> tuple[str | None, str]:
    """Return (name of the code, None if there is none; the message)."""
    try:
        data: Any = json.loads(response.body)
    except (ValueError, RecursionError):
        page = response.body.lstrip()[:1] == b"<"
        return None, "" if page else brief(response.body.decode("utf-8", "replace")).rstrip(" .")
    if not isinstance(data, dict):
        return None, brief(data).rstrip(" .") if isinstance(data, str) else ""
    number = data.get("code")
    text = data.get("message") or data.get("error") or ""
    name = _NAMES.get(number, "unknown") if isinstance(number, int) and not isinstance(number, bool) else None
    return name, brief(text).rstrip(" .") if isinstance(text, str) else ""
