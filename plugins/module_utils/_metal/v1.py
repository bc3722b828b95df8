# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the metal-api v1 (REST). Private to the collection metalstack.provisioning."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .. import _errors as errors
from .._http import HttpClient, Response, http_date
from .._redact import brief, redact

if TYPE_CHECKING:
    from .auth import Auth

# The database's words for a concurrent change, and those of the masterdata service (projects).
_CHANGED = re.compile(r"changed from another|optimistic ?lock", re.I)
_MISSING_ROLE = re.compile(r"not member in one of", re.I)
_FOREIGN = re.compile(r"^tenant\s+(\S*)\s*not allowed", re.I)
_CREDENTIAL = re.compile(r"hmac|token|timestamp|authori[sz]ation|oidc|issuer|signature|expired|unauthenticated", re.I)
_ROLES = ("view", "edit", "admin")
# v1 has no pages: one answer has all machines of the provider, about 10 kB each.
_LARGEST = 1024 * 1024 * 1024


class MetalV1:
    """Calls of the metal-api v1. ``base_url`` is the address before ``/v1``, with or without a slash at its end.

    All calls return the JSON of the answer (None when it has none) and raise :class:`~.._errors.ApiError`: by status,
    400 and 422 ValidationError, 403 AuthenticationError or PermissionDeniedError (v1 never answers 401 itself),
    404 NotFoundError, 409 ConflictError, 429 RateLimitError, others ServerError.
    """

    def __init__(self, base_url: str, auth: Auth, http: HttpClient) -> None:
        self.base_url = base_url.rstrip("/")
        self.auth = auth
        self.http = http

    def __repr__(self) -> str:
        return f"MetalV1({redact(self.base_url)}, {self.auth!r})"

    def get(self, path: str, *, query: Mapping[str, str] | None = None, deadline: float | None = None) -> Any:
        """GET ``path`` (``/v1/...``)."""
        return self._call("GET", path, None, query, deadline, None)

    def get_list(
        self, path: str, *, query: Mapping[str, str] | None = None, deadline: float | None = None
    ) -> list[Any]:
        """GET ``path``, whose answer is a list; some are ``null`` when they are empty."""
        return self._listed(path, self.get(path, query=query, deadline=deadline))

    def find(self, path: str, body: Mapping[str, Any], *, deadline: float | None = None) -> list[Any]:
        """POST to a ``.../find`` path, which reads only, so it may be repeated."""
        return self._listed(path, self.post(path, body, deadline=deadline, idempotent=True))

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        deadline: float | None = None,
        idempotent: bool = False,
    ) -> Any:
        """POST, which is repeated only where it cannot have been processed, or if it is ``idempotent``."""
        return self._call("POST", path, {} if body is None else body, query, deadline, idempotent)

    def put(self, path: str, body: Any = None, *, deadline: float | None = None, idempotent: bool = False) -> Any:
        """PUT, which creates in v1: repeated only if ``idempotent`` (then a conflict may be the echo of a success)."""
        return self._call("PUT", path, {} if body is None else body, None, deadline, idempotent)

    def delete(
        self,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        deadline: float | None = None,
        idempotent: bool = True,
    ) -> Any:
        """DELETE; after a repetition, NotFoundError may be the echo of a success.

        Not ``idempotent`` is one of what somebody else may get as soon as it is free.
        """
        return self._call("DELETE", path, body, query, deadline, idempotent)

    def _call(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, str] | None,
        deadline: float | None,
        idempotent: bool | None,
    ) -> Any:
        url = f"{self.base_url}/{path.lstrip('/')}"
        if query:
            url += f"?{urlencode(query)}"
        extra = {"Accept": "application/json"}
        data = None
        if body is not None:
            extra["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        response = self.http.request(
            method,
            url,
            headers=lambda: {**extra, **self.auth.headers(method)},
            body=data,
            deadline=deadline,
            idempotent=idempotent,
            max_body=_LARGEST,
        )
        if 200 <= response.status < 300:
            return response.json() if response.body.strip() else None
        raise self._error(response, repeatable=method == "GET" if idempotent is None else idempotent)

    def _listed(self, path: str, answer: Any) -> list[Any]:
        if answer is None:
            return []
        if not isinstance(answer, list):
            raise errors.ProtocolError(f"{path} of the metal-api was answered with something that is not a list.")
        return answer

    def _error(self, response: Response, *, repeatable: bool) -> errors.ApiError:
        status = response.status
        text = message(response)
        kind: type[errors.ApiError] = errors.ServerError
        said = f"{response.request} was answered with status {status}"
        sentence = f"{said}: {text}." if text else f"{said}."
        if _CHANGED.search(text) and status in (400, 409, 412, 422, 500):
            # an update of a partition answers this with 400, one of a project with 422, and other versions otherwise
            kind = errors.ConflictError
        elif status in (401, 403):
            kind, explanation = self._refused(response, text)
            sentence = f"{said}: {explanation}"
        elif status in _KINDS:
            kind = _KINDS[status]
            if status == 404 and not response.body.lstrip().startswith(b"{"):
                # not the API's own answer
                sentence = f"{sentence.rstrip('.')} (is the address of the API right?)."
        elif 300 <= status < 400:
            kind = errors.ProtocolError
            sentence = f"{said}, a redirect: set the address of the API to the one that it leads to."
        elif 400 <= status < 500:
            kind = errors.ValidationError
        if response.attempts > 1:
            sentence = f"{sentence.rstrip('.')} ({response.attempts} attempts)."
        pending = errors.gave_up(status)
        if pending and not repeatable:
            sentence = f"{sentence.rstrip('.')}; it may have been processed all the same."
        return kind(sentence, status=status, request=response.request, secrets=self.auth.secrets, pending=pending)

    def _refused(self, response: Response, text: str) -> tuple[type[errors.ApiError], str]:
        """Return which error a 403 is, and what to do about it."""
        if _MISSING_ROLE.search(text):
            role = next((role for role in _ROLES if re.search(rf"\b\S*{role}\b", text, re.I)), "admin")
            return errors.PermissionDeniedError, (
                f"the {self.auth.describe()} may not do this; it needs the role {role}: the HMAC key of "
                f"Metal-{role.capitalize()}, or a token with the group maas-all-all-{role}."
            )
        foreign = _FOREIGN.match(text)
        if foreign and foreign.group(1):
            return errors.PermissionDeniedError, (
                f"the {self.auth.describe()} belongs to the tenant {foreign.group(1)}, but only the provider's tenant "
                "may use this API."
            )
        if foreign:
            return errors.AuthenticationError, f"the metal-api does not know the {self.auth.describe()}."
        if not _CREDENTIAL.search(text) and response.status == 403:
            return errors.PermissionDeniedError, f"{text or 'it may not do this'} ({self.auth.describe()})."
        hint = skew_hint(response, self.http.time())
        if "too old" in text:
            return errors.AuthenticationError, (
                f"the signature is too old for it{hint or '; the clocks agree, so the request took too long'}."
            )
        reason = text or "no reason given"
        return errors.AuthenticationError, f"the {self.auth.describe()} is not accepted ({reason}){hint}."


_KINDS: dict[int, type[errors.ApiError]] = {
    400: errors.ValidationError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    422: errors.ValidationError,
    429: errors.RateLimitError,
}


def message(response: Response) -> str:
    """Return what the API says about an error: ``{"statuscode":, "message":}``, a bare JSON string, or plain text."""
    try:
        data: Any = json.loads(response.body)
    except (ValueError, RecursionError):
        if "html" in response.headers.get("Content-Type", "").lower() or response.body.lstrip()[:1] == b"<":
            return ""
        data = response.body.decode("utf-8", "replace")
    if isinstance(data, dict):
        data = data.get("message")
    return brief(data).rstrip(" .") if isinstance(data, str) else ""


def skew_hint(response: Response, now: float) -> str:
    """Return a part of a sentence about the clocks, when the server's header Date and ``now`` differ by over 5 s."""
    server = http_date(response.headers.get("Date", ""))
    if server is None or abs(server - now) <= 5:
        return ""
    behind = "behind" if server > now else "ahead of"
    return f"; the clock of this host is {abs(server - now):.0f} s {behind} the server's"
