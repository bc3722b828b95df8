# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests exactly as the tests want them: nothing is added, nothing is retried. Standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.controlclient import ControlClient

URI = "https://packages.example.com/lightos-3-13-1-rhl-9/"


class Raw:
    """One server's API. ``status`` and ``headers`` are of the last answer."""

    def __init__(
        self, url: str, control: ControlClient, token: str | None = None, *, trusted: ssl.SSLContext | None = None
    ) -> None:
        self.url = url
        self.trusted = trusted
        self.control = control
        self.token = keys.token() if token is None else token
        self.status = 0

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Send a request and return the JSON of the answer, whatever its status; text when it is none."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        if self.trusted is not None:
            connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, timeout=10, context=self.trusted)
        try:
            given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            given.update({name.replace("_", "-"): value for name, value in headers.items()})
            content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, "/api/v2" + path, content, given)
            response = connection.getresponse()
            self.status = response.status
            return json.loads(response.read())
        finally:
            connection.close()

    def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The same, for a request that has to succeed."""
        answer = self(method, path, body, **headers)
        assert self.status == 200, answer
        return answer

    def refused(self, status: int, code: int, method: str, path: str, body: object = None, **headers: str) -> str:
        """The message of a request that has to be refused so."""
        answer = self(method, path, body, **headers)
        assert (self.status, answer.get("code")) == (status, code), answer
        assert answer["error"] == answer["message"]
        return str(answer["message"])

    def server(self, number: int = 0) -> dict[str, Any]:
        """A server of the installation."""
        found: dict[str, Any] = self.ok("GET", f"/servers?Name=server{number:02}")["servers"][0]
        return found

    def node(self, number: int = 0) -> dict[str, Any]:
        """Its node."""
        found: dict[str, Any] = self.ok("GET", f"/nodes?name=server{number:02}-0")["nodes"][0]
        return found

    def of_server(self, number: int, action: str, **body: object) -> Any:
        """POST an action of a server, which has to succeed."""
        return self.ok("POST", f"/servers/{self.server(number)['UUID']}/{action}", body)

    def volume(self, name: str, replicas: int = 3) -> dict[str, Any]:
        """Make a volume and wait until it is there."""
        body = {"name": name, "size": "4 gib", "replicaCount": replicas, "acl": {"values": ["ALLOW_NONE"]}}
        uuid = self.ok("POST", "/projects/default/volumes", body)["UUID"]
        return self.until(lambda: self.get_volume(uuid), lambda found: found["state"] == "Available")

    def get_volume(self, uuid: str) -> dict[str, Any]:
        """A volume as it is."""
        found: dict[str, Any] = self.ok("GET", f"/projects/default/volumes/{uuid}")
        return found

    def until(self, read: Callable[[], dict[str, Any]], good: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Read until it is good."""
        end = time.monotonic() + 10
        while not good(found := read()):
            assert time.monotonic() < end, found
            time.sleep(0.005)
        return found

    def calm(self) -> None:
        """Wait until nothing is to happen any more."""
        self.until(self.control.state, lambda state: not state["waiting"])

    def stage(self, count: int = 1) -> None:
        """While the pace is paused: let the next things happen."""
        self.control.pace(advance=count)
