# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client of the Lightbits API v2 (REST). Private to the collection metalstack.provisioning."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode

from .._errors import ApiError, NotFoundError, PermissionDeniedError, ProtocolError
from .._http import HttpClient
from .._redact import redact
from .endpoint import Endpoint
from .failures import UnsupportedError, failure_of
from .messages import Message, encode
from .token import Token

# The most that the API gives at once, of volumes and of snapshots.
PAGE = 1000


class Lightbits:
    """Calls of a cluster. Each server answers for all of it, so a call goes on with the next one when one is away.

    ``endpoints`` are servers that the user named; ``/clusterinfo`` tells the others, which are asked when these fail.
    Without ``discover`` only those that were named are asked.
    All calls raise :class:`~.._errors.ApiError`, by the code in the body: see :mod:`.failures`.
    """

    def __init__(self, endpoints: Sequence[Endpoint], token: Token, http: HttpClient, *, discover: bool = True) -> None:
        self._known = [endpoint.url for endpoint in endpoints]
        self._first = self._known[0]
        self._scheme = endpoints[0].scheme
        self._token = token
        self._http = http
        self._discovered = not discover

    def __repr__(self) -> str:
        return f"Lightbits({', '.join(map(redact, self.endpoints))})"

    @property
    def endpoints(self) -> list[str]:
        """The addresses that are known by now, the one that answered last at first."""
        first = self._first
        return [first, *(endpoint for endpoint in self._known if endpoint != first)]

    @property
    def key_id(self) -> str:
        """The ``kid`` of the token: ``<project>:<credential>``; "" when it cannot be read."""
        return self._token.key_id

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """GET ``path`` (below ``/api/v2``) and return the object of the answer."""
        return self._call("GET", path, query=query)

    def get_list(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """GET ``path`` and return the list that the answer has under ``key``; the API leaves empty lists out."""
        found = self.get(path, query).get(key) or []
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise ProtocolError(f"{path} of the Lightbits API was answered with {key} that are not a list of objects.")
        return found

    def pages(self, path: str, key: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Return all of a list that comes in pages, each of which begins after the UUID that ended the last one.

        The API works on the next page while the caller works on this one.
        """
        asked = {**(query or {}), "limit": PAGE}
        page = self.get_list(path, key, asked)
        while len(page) >= PAGE:
            last = page[-1].get("UUID")
            if not last or last == asked.get("offsetUUID"):
                yield from page
                raise ProtocolError(f"{path} of the Lightbits API repeats a page of {key}.")
            asked = {**asked, "offsetUUID": last}
            with ThreadPoolExecutor(1) as pool:
                following = pool.submit(self.get_list, path, key, asked)
                yield from page
            page = following.result()
        yield from page

    def post(
        self,
        path: str,
        message: Message,
        values: Mapping[str, Any],
        *,
        repeatable: bool = False,
        secrets: tuple[str, ...] = (),
    ) -> Any:
        """POST ``values`` as ``message``; sent again only if it cannot have been processed, or if ``repeatable``.

        ``secrets`` are texts in it that no error may show, since the API repeats in its messages what it was given.
        """
        return self._call("POST", path, body=encode(message, values), idempotent=repeatable, secrets=secrets)

    def put(
        self, path: str, message: Message, values: Mapping[str, Any], *, etag: str = "", repeatable: bool = True
    ) -> Any:
        """PUT ``values`` as ``message``, if the thing still has ``etag``. A conflict may be the echo of a success."""
        return self._call("PUT", path, body=encode(message, values), etag=etag, idempotent=repeatable)

    def delete(self, path: str, query: Mapping[str, Any] | None = None, *, etag: str = "") -> Any:
        """DELETE, if the thing still has ``etag``. NotFoundError may be the echo of a success."""
        return self._call("DELETE", path, query=query, etag=etag)

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str = "",
        idempotent: bool | None = None,
        secrets: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        self._discover()
        return self._request(method, path, query, body, etag, idempotent, secrets)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str = "",
        idempotent: bool | None = None,
        secrets: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        target = f"/api/v2/{path.lstrip('/')}{_query(query)}"
        headers = {"Accept": "application/json", **self._token.headers()}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if etag:
            headers["If-Match"] = etag
        addresses = [f"{endpoint}{target}" for endpoint in self.endpoints]
        response = self._http.request(
            method,
            addresses[0],
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
            idempotent=idempotent,
            others=addresses[1:],
        )
        self._prefer(response.url)
        if not 200 <= response.status < 300:
            raise failure_of(response, self._token.describe(self._http.time()), (*self._token.secrets, *secrets))
        found = response.json() if response.body.strip() else {}
        if not isinstance(found, dict):
            raise ProtocolError(f"{response.request} was answered with something that is not an object.")
        return found

    def cluster_info(self) -> dict[str, Any]:
        """GET ``/clusterinfo``, which the first call asks for anyway."""
        found = self._discover()
        return self._request("GET", "/clusterinfo") if found is None else found

    def _discover(self) -> dict[str, Any] | None:
        """Learn the other servers before the first call, so that it survives the loss of those that were named.

        Returns what ``/clusterinfo`` has answered, None if it was not asked just now or not answered.
        """
        if self._discovered:
            return None
        self._discovered = True
        try:
            found = self._request("GET", "/clusterinfo")
        except (PermissionDeniedError, NotFoundError, UnsupportedError):
            # the token of a project may not read it with every version
            return None
        except ApiError:
            self._discovered = False
            raise
        listed = found.get("apiEndpoints") or []
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, str) and entry:
                try:
                    url = Endpoint.parse(entry, self._scheme).url
                except ValueError:
                    # of no use, but no reason to fail either
                    continue
                if url not in self._known:
                    self._known.append(url)
        return found

    def _prefer(self, answered: str) -> None:
        """Ask the server that has answered first from now on. Many threads may say so: nothing is ever taken away."""
        self._first = next(one for one in self._known if answered.startswith(f"{one}/"))


def segment(value: str) -> str:
    """Return a name or UUID as a part of a path."""
    return quote(value, safe="")


def _query(query: Mapping[str, Any] | None) -> str:
    written = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in (query or {}).items()
        if value is not None
    }
    return f"?{urlencode(written, doseq=True)}" if written else ""
