# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to ``POST /v1/machine/find`` that an emulator would never give: odd ones, and huge ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class MachineList(ThreadingHTTPServer):
    """Answers every POST with ``body``; ``asked`` are (path, document) of the requests."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.body = b"[]"
        self.asked: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def serve(self, machines: object) -> None:
        """Answer this from now on."""
        self.body = json.dumps(machines).encode()
        self.asked.clear()


class _Handler(BaseHTTPRequestHandler):
    # Answers of HTTP/1.0 end the connection, so that no thread waits for another request.
    protocol_version = "HTTP/1.0"
    wbufsize = 1 << 20
    server: MachineList

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, document))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def machine_list() -> Iterator[MachineList]:
    """Serve while the block runs."""
    with MachineList() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
