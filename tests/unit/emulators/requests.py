# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests as the tests want them: nothing is added, nothing is retried. Standard library only."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def signed(
    method: str, user: str = "Metal-Admin", key: str = "metal-admin", *, age: float = 0, date: str = "", salt: str = "x"
) -> dict[str, str]:
    """Headers of an HMAC signature that is ``age`` seconds old, or made for that ``date``."""
    date = date or (datetime.now(timezone.utc) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = hmac.new(key.encode(), (date + method + salt).encode(), hashlib.sha256).hexdigest()
    return {"X-Date": date, "X-Data-Salt": salt, "Authorization": f"{user} {mac}"}


class RawClient:
    """One connection to a URL; paths are appended to its path."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._base = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=10, context=context)
        else:
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Answer:
        """Send exactly that."""
        self._connection.request(method, self._base + path, body, headers or {})
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def v1(self, method: str, path: str, body: object = None, *, role: str = "admin") -> Answer:
        """A signed request of v1."""
        headers = signed(method, f"Metal-{role.capitalize()}", f"metal-{role}")
        content = None if body is None else json.dumps(body).encode()
        return self.send(method, path, {**headers, **(JSON if body is not None else {})}, content)
