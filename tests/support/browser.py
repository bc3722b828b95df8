# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, spoken to by the DevTools protocol over two pipes: no library, no port, one process."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
#: Seconds for an answer; a machine that does many things at once takes its time to start it.
PATIENCE = 120.0


class BrowserError(Exception):
    """The browser cannot be had, or refuses what was asked."""


class Browser:
    """One tab. ``console`` is what a page writes there, and exceptions; ``requested`` what it asked for."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._write, self._read = to_browser, from_browser
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self._events: list[str] = []
        self.console: list[str] = []
        self.requested: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(
        self, page: Path, *, dark: bool = False, width: int = 1240, height: int = 900, media: str = "screen"
    ) -> None:
        """Show a file."""
        self.console.clear()
        self.requested.clear()
        self._events.clear()
        self.look(dark=dark, width=width, height=height, media=media)
        self.call("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._next()

    def look(self, *, dark: bool = False, width: int = 1240, height: int = 900, media: str = "screen") -> None:
        """Change what the page that is open is shown on."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str) -> Any:
        """Return what an expression is in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in found:
            raise BrowserError(found["exceptionDetails"]["exception"].get("description", "an exception"))
        return found["result"].get("value")

    def picture(self, target: Path, *, height: int | None = None) -> bytes:
        """Write a PNG of the whole page, or of its upper part, and return it."""
        whole = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": whole["width"], "height": height or whole["height"], "scale": 1}
        data = base64.b64decode(
            self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        )
        target.write_bytes(data)
        return data

    def paper(self, target: Path) -> bytes:
        """Write a PDF, as it is printed, and return it."""
        data = base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
        target.write_bytes(data)
        return data

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _none, _nothing = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            received = os.read(self._read, 1 << 20) if ready else b""
            if not received:
                raise BrowserError("Chromium has ended or does not answer.")
            self._buffer += received
        line, _nul, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event: str, params: dict[str, Any]) -> None:
        self._events.append(event)
        if event == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif event == "Runtime.exceptionThrown":
            self.console.append(params["exceptionDetails"]["text"])
        elif event == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])


@contextmanager
def chromium(directory: Path) -> Iterator[Browser]:
    """A browser with nothing in its profile, which is kept in the directory."""
    program = next((found for found in map(shutil.which, NAMES) if found), None)
    if program is None:
        raise BrowserError("Chromium is missing, which shows pages: tools/debian-packages install chromium fonts-inter")
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()

    def connect() -> None:
        # the browser reads from 3 and writes to 4, whatever these numbers are here
        one, two = os.dup(commands), os.dup(answers)
        os.dup2(one, 3)
        os.dup2(two, 4)

    process = subprocess.Popen(
        [program, *FLAGS, f"--user-data-dir={directory / 'profile'}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(directory)},
        close_fds=False,
        preexec_fn=connect,  # noqa: PLW1509 - it only calls dup; the browser wants exactly these descriptors
    )
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        os.close(to_browser)
        process.terminate()
        process.wait()
        os.close(from_browser)
