# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of a Kubernetes API as reading by paths needs, for what is judged before anything is applied."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ADMIN = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
TOKEN = "the-token-of-the-paper-api"
# where the API tells its own addresses
SLICES = (
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    "?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
)


def listed(kind: str, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a list of objects as the API answers it."""
    return {"apiVersion": "v1", "kind": f"{kind}List", "items": list(items)}


def api_server(port: int) -> dict[str, Any]:
    """Return what is at SLICES for an API at this port of 127.0.0.1."""
    return listed("EndpointSlice", [{"endpoints": [{"addresses": ["127.0.0.1"]}], "ports": [{"port": port}]}])


class PaperApi:
    """``objects`` are answers by their paths, ``statuses`` what is answered instead, ``rules`` what one may do."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.statuses: dict[str, int] = {}
        self.rules: list[dict[str, Any]] = ADMIN
        self.incomplete = False
        self.version = "v1.33.2"
        self.requests: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def kubeconfig(self, token: str = TOKEN) -> dict[str, Any]:
        """Return the access to it."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "paper",
            "contexts": [{"name": "paper", "context": {"cluster": "paper", "user": "paper"}}],
            "clusters": [{"name": "paper", "cluster": {"server": self.url}}],
            "users": [{"name": "paper", "user": {"token": token}}],
        }

    def answer(self, path: str, namespace: str | None) -> tuple[int, Any]:
        """Return status and object of a request; ``namespace`` is that of a review."""
        if path in self.statuses:
            return self.statuses[path], {"kind": "Status"}
        if namespace is not None:
            return 201, {"status": {"resourceRules": self.rules, "incomplete": self.incomplete}}
        if path == "/version":
            return 200, {"gitVersion": self.version}
        found = self.objects.get(path)
        return (404, {"kind": "Status"}) if found is None else (200, found)


@contextmanager
def running_paper_api() -> Iterator[PaperApi]:
    """Serve one until the block ends."""
    api = PaperApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # else the body waits 40 ms for the client's word that it has the head
        disable_nagle_algorithm = True

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.requests.append(f"{self.command} {self.path}")
            namespace = json.loads(body)["spec"]["namespace"] if self.command == "POST" else None
            status, found = api.answer(self.path, namespace)
            if self.command not in ("GET", "POST"):
                # what is on paper cannot be changed
                status, found = 405, {"kind": "Status"}
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, found = 401, {"kind": "Status"}
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply

        def log_message(self, *_arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
