# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small image store with faults, and a metal-api v1 that lists its images, for tests of the sync program.

The store is reached as a proxy (``http_proxy``), so that addresses keep the host names and ports they have in reality.
The real proofs against nginx and the emulated metal-api are in the molecule scenario.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# A fixed date: validators of a run do not depend on when it runs.
LONG_AGO = 1_700_000_000


@dataclass(frozen=True)
class StoredFile:
    """A file of the store; ``sidecars`` maps md5, sha256, sha512 to the text of the checksum file."""

    content: bytes
    sidecars: Mapping[str, bytes] = field(default_factory=dict)
    etag: str | None = None
    modified: int = LONG_AGO
    content_type: str = "application/octet-stream"


@dataclass
class Fault:
    """What goes wrong with the next ``count`` matching requests; ``after`` is in bytes of the body."""

    kind: str
    path: str = ""
    method: str = "GET"
    count: int = 1
    status: int = 503
    after: int = 0
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str = ""


@dataclass(frozen=True)
class Request:
    """One line of the log: ``sent`` is what left as body."""

    method: str
    path: str
    status: int
    range: str | None
    if_range: str | None
    sent: int


class ImageStore:
    """Serves ``files`` (``host/path`` to file), and ``images`` and ``partitions`` as a metal-api at ``api``."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.images: list[dict[str, Any]] = []
        self.partitions: list[dict[str, Any]] = [
            {"id": "fra-01", "bootconfig": {"imageurl": "", "kernelurl": "", "commandline": ""}}
        ]
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        # what is damaged on its way arrives differently every time
        self.damages = itertools.cycle(range(1, 256))
        self.ranges = True
        self.head = True
        self.delay: Callable[[str], float] = lambda _path: 0.0
        self.api_status = 200
        self._lock = threading.Lock()
        store = self

        class Handler(_Handler):
            owner = store

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The address of the proxy."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api(self) -> str:
        """The address of the metal-api v1."""
        return f"{self.url}/metal"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # content

    def put(
        self, key: str, content: bytes, *sidecars: str, modified: int = LONG_AGO, etag: str | None = "auto"
    ) -> None:
        """Publish a file with right checksum files."""
        name = key.rpartition("/")[2]
        texts = {kind: f"{hashlib.new(kind, content).hexdigest()}  {name}\n".encode() for kind in sidecars}
        tag = f'"{hashlib.md5(content).hexdigest()}"' if etag == "auto" else etag
        self.files[key] = StoredFile(content, texts, tag, modified)

    def image(
        self,
        image_id: str,
        content: bytes,
        *sidecars: str,
        expires: str = "2035-01-01T00:00:00Z",
        modified: int = LONG_AGO,
    ) -> str:
        """Publish an image, list it in the metal-api, and return its key."""
        key = f"images.test/{image_id}/img.tar.lz4"
        self.put(key, content, *(sidecars or ("md5",)), modified=modified)
        self.images = [image for image in self.images if image["id"] != image_id]
        url = f"http://{key}"
        self.images.append({"id": image_id, "url": url, "features": ["machine"], "expirationDate": expires})
        return key

    def boot(self, kernel: str, image: str) -> None:
        """Set the boot configuration of the partition, to keys of files."""
        self.partitions[0]["bootconfig"] = {
            "kernelurl": f"http://{kernel}",
            "imageurl": f"http://{image}",
            "commandline": "",
        }

    def fault(self, kind: str, path: str = "", **options: Any) -> None:
        """Let something go wrong."""
        with self._lock:
            self.faults.append(Fault(kind, path, **options))

    # what happened

    def downloads(self) -> Counter[str]:
        """Return how often the content of each file was sent from its beginning and to its end."""
        with self._lock:
            return Counter(
                entry.path
                for entry in self.log
                if entry.method == "GET" and entry.status == 200 and entry.sent and entry.path in self.files
            )

    def requests(self) -> list[Request]:
        """Return all that was asked."""
        with self._lock:
            return list(self.log)

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self.log.clear()

    # for the handler

    def take_fault(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with a request."""
        with self._lock:
            for fault in self.faults:
                here = fault.path in ("", path) or path.startswith(f"{fault.path}/")
                if fault.count > 0 and fault.method in (method, "*") and here:
                    fault.count -= 1
                    return replace(fault)
        return None

    def note(self, request: Request) -> None:
        """Add to the log."""
        with self._lock:
            self.log.append(request)


class _Handler(BaseHTTPRequestHandler):
    owner: ImageStore
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        path = f"{parts.netloc or ''}{parts.path}".lstrip("/")
        if path.startswith("metal/v1/"):
            self._api(path)
            return
        fault = self.owner.take_fault(self.command, path)
        if fault is not None and fault.kind == "status":
            self._send(fault.status, b"no\n", {"Content-Type": "text/plain", **fault.headers}, path)
            return
        if fault is not None and fault.kind == "redirect":
            self._send(302, b"", {"Location": fault.location}, path)
            return
        if fault is not None and fault.kind == "refuse":
            self._reset()
            return
        if self.command == "HEAD" and not self.owner.head:
            self._send(403, b"", {}, path)
            return
        file = self._file(path)
        if file is None:
            self._send(404, b"not here\n", {"Content-Type": "text/plain"}, path)
            return
        content = file.content
        if fault is not None and fault.kind == "corrupt":
            damage = next(self.owner.damages)
            content = bytes(byte ^ damage for byte in content[:16]) + content[16:]
        headers = {"Content-Type": file.content_type, "Last-Modified": formatdate(file.modified, usegmt=True)}
        if file.etag:
            headers["ETag"] = file.etag
        status, offset = 200, 0
        wanted = self.headers.get("Range")
        if wanted and self.owner.ranges and self._unchanged(file):
            first, _dash, last = wanted.partition("=")[2].partition("-")
            offset = int(first)
            end = min(int(last) + 1, len(content)) if last else len(content)
            if offset >= len(content):
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"}, path)
                return
            status = 206
            headers["Content-Range"] = f"bytes {offset}-{end - 1}/{len(content)}"
            content = content[:end]
        self._send(status, content[offset:], headers, path, fault)

    def _unchanged(self, file: StoredFile) -> bool:
        condition = self.headers.get("If-Range")
        return condition is None or condition in (file.etag, formatdate(file.modified, usegmt=True))

    def _file(self, path: str) -> StoredFile | None:
        file = self.owner.files.get(path)
        if file is not None:
            return file
        base, _dot, kind = path.rpartition(".")
        owner = self.owner.files.get(base)
        if owner is None or kind not in owner.sidecars:
            return None
        return StoredFile(owner.sidecars[kind], content_type="text/plain")

    def _api(self, path: str) -> None:
        data = {"metal/v1/image": self.owner.images, "metal/v1/partition": self.owner.partitions}.get(path)
        status = self.owner.api_status if data is not None else 404
        body = data if status == 200 else {"statuscode": status, "message": "no"}
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"}, path)

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str], path: str, fault: Fault | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = 0
        if self.command != "HEAD":
            whole = body
            if fault is not None and fault.kind in ("reset", "truncate"):
                body = body[: fault.after]
            pause = self.owner.delay(path)
            try:
                for start in range(0, len(body), 65536):
                    piece = body[start : start + 65536]
                    self.wfile.write(piece)
                    sent += len(piece)
                    if pause:
                        time.sleep(pause)
            except OSError:
                self.close_connection = True
            if len(body) < len(whole):
                self.close_connection = True
        self.owner.note(
            Request(self.command, path, status, self.headers.get("Range"), self.headers.get("If-Range"), sent)
        )
        if fault is not None and fault.kind == "reset":
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def running_store() -> Iterator[ImageStore]:
    """Start and stop a store."""
    store = ImageStore()
    store.start()
    try:
        yield store
    finally:
        store.stop()


@dataclass
class Host:
    """A cache host: its directories, its configuration file, and the environment of its program."""

    root: Path
    name: str
    store: ImageStore
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """Where the cache lies."""
        return self.root / self.name / "cache"

    @property
    def runtime(self) -> Path:
        """Where ``state.json`` lies during a run."""
        return self.root / self.name / "run"

    def configure(self, **options: Any) -> Path:
        """Write the configuration and return its path."""
        self.options.update(options)
        base = self.root / self.name
        for name in ("run", "credentials"):
            (base / name).mkdir(parents=True, exist_ok=True)
        (base / "credentials" / "metal-api-hmac").write_text("view-key-of-tests\n")
        config = {
            "partition": "fra-01",
            "host": self.name,
            "source": {"api": "v1", "url": self.store.api, "timeout": 5},
            "intercept_domains": ["images.test", "github.test"],
            "store": {"allow_http": True, "timeout": 5},
            "peers": [],
            "directory": str(self.directory),
            "runtime_directory": str(self.runtime),
            "state_directory": str(base / "state"),
            "policy": {"min_images_per_name": 1, "max_images_per_name": -1, "max_cache_size": -1},
            **self.options,
        }
        path = base / "config.json"
        path.write_text(json.dumps(config))
        return path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the program."""
        return {
            "CREDENTIALS_DIRECTORY": str(self.root / self.name / "credentials"),
            "http_proxy": self.store.url,
            "no_proxy": "127.0.0.1",
        }

    def file(self, key: str) -> Path:
        """Return a file as nginx serves it."""
        return self.directory / "current" / "www" / key

    def served(self) -> dict[str, bytes]:
        """Return all files that are visible, by their names below ``www``."""
        root = self.directory / "current" / "www"
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def report(self) -> dict[str, Any]:
        """Return the report of the last run."""
        data: dict[str, Any] = json.loads((self.directory / "report.json").read_text())
        return data


class PeerServer:
    """What nginx of a cache host answers other cache hosts; ``down`` and ``fault`` for when it does not."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.log: list[tuple[str, int, int]] = []
        self.down = False
        # how many bytes of the next blobs are sent before the connection breaks
        self.cut: list[int] = []
        self.replace: dict[str, bytes] = {}
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def entry(self) -> dict[str, str]:
        """The peer as it stands in the configuration of others."""
        return {"name": self.host.name, "url": f"http://127.0.0.1:{self._server.server_address[1]}"}

    def stop(self) -> None:
        """End serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        if self.down:
            request.close_connection = True
            return
        name = request.path.removeprefix("/-/image-cache/")
        places = {
            "state.json": self.host.runtime / "state.json",
            "manifest.json": self.host.directory / "current" / "manifest.json",
        }
        path = self.host.directory / name if name.startswith("blobs/") else places[name]
        try:
            body = self.replace.get(name.partition("/")[0]) or path.read_bytes()
            status = 200
        except FileNotFoundError:
            body, status = b"", 404
        wanted = request.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and status == 200 else 0
        whole, body = len(body), body[first:]
        request.send_response(206 if first else status)
        if first:
            request.send_header("Content-Range", f"bytes {first}-{whole - 1}/{whole}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cut and name.startswith("blobs/") and status == 200:
            body = body[: self.cut.pop(0)]
            request.close_connection = True
        self.log.append((name, status, len(body)))
        request.wfile.write(body)
