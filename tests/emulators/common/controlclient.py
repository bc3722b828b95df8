# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to an emulator's control endpoint from a test. Standard library only."""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit


class ControlError(RuntimeError):
    """The control endpoint refused; the message is its own sentence."""


class ControlClient:
    """The control endpoint that all emulators have; ``url`` is ``control`` of the ready line."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.netloc
        self._prefix = parts.path
        self._connections: dict[int, HTTPConnection] = {}

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return its JSON."""
        connection = self._connection()
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(method, self._prefix + path, data, {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                content = response.read()
        except BaseException:
            # What comes next on it would be the answer to this.
            connection.close()
            raise
        if response.status >= 400:
            raise ControlError(f"{method} {path}: {response.status} {content.decode()}")
        return json.loads(content)

    def address(self, path: str) -> str:
        """The URL of a request, for those who send it without this client."""
        return f"http://{self._address}{self._prefix}{path}"

    def close(self) -> None:
        """End the connections; another call opens one again."""
        while self._connections:
            self._connections.popitem()[1].close()

    def _connection(self) -> HTTPConnection:
        """The connection of this thread, which is opened again when the emulator has ended it."""
        connection = self._connections.setdefault(threading.get_ident(), HTTPConnection(self._address, timeout=10))
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        return connection

    def keep_state(self) -> None:
        """Remember the state as it is now."""
        self.call("POST", "/state/keep")

    def restore_state(self) -> None:
        """Bring back the state that was kept, without faults and with an empty request log.

        That costs less than making it anew.
        """
        self.call("POST", "/state/restore")

    def add_fault(self, action: str, **settings: object) -> str:
        """Set a fault; returns its name. For the settings see ``tests/emulators/README.md``."""
        name = self.call("POST", "/faults", {"action": action, **settings})[0]["name"]
        assert isinstance(name, str)
        return name

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set, with ``seen`` and ``hits``."""
        faults = self.call("GET", "/faults")
        assert isinstance(faults, list)
        return faults

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.call("DELETE", "/faults")

    def shift_clock(self, seconds: float) -> None:
        """Let the emulator's clock be ahead (behind, when negative) of the real time; 0 sets it right."""
        self.call("PUT", "/clock", {"shift": seconds})

    def requests(self) -> list[dict[str, Any]]:
        """The requests since the last ``forget_requests``, oldest first."""
        requests = self.call("GET", "/requests")["requests"]
        assert isinstance(requests, list)
        return requests

    def counts(self) -> Mapping[str, int]:
        """How many requests of each kind: ``{"GET /metal/v1/image 200": 3}``."""
        counts = self.call("GET", "/requests")["counts"]
        assert isinstance(counts, dict)
        return counts

    def wait_until_idle(self, timeout: float = 10.0) -> None:
        """Wait until no request is at work, also none whose client has given up; TimeoutError after so many seconds."""
        end = time.monotonic() + timeout
        while self.call("GET", "/requests/running")["running"]:
            if time.monotonic() > end:
                raise TimeoutError("a request to the emulator does not end")
            time.sleep(0.01)

    def forget_requests(self) -> None:
        """Empty the request log."""
        self.call("DELETE", "/requests")
