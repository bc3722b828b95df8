# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to an emulator's control endpoint from a test. Standard library only."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


class ControlError(RuntimeError):
    """The control endpoint refused; the message is its own sentence."""


class ControlClient:
    """The control endpoint that all emulators have; ``url`` is ``control`` of the ready line."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send a request and return its JSON."""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(f"{method} {path}: {error.code} {error.read().decode()}") from error

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
        while any(entry["seconds"] is None for entry in self.requests()):
            if time.monotonic() > end:
                raise TimeoutError("a request to the emulator does not end")
            time.sleep(0.01)

    def forget_requests(self) -> None:
        """Empty the request log."""
        self.call("DELETE", "/requests")
