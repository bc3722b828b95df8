# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module image_cache_verify, against a cache host on loopback in which single things are broken."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import ipaddress
import json
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.metalstack.provisioning.plugins.modules import image_cache_verify

DOMAIN = "images.metal-stack.io"
CONTENT = b"an image " * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()
KEY = f"{DOMAIN}/os/small.tar"
NOW = 1_800_000_000.0


class CacheHost:
    """What the parts of a cache host answer. Tests break one thing each."""

    def __init__(self) -> None:
        self.address = "127.0.0.1"
        self.answers = ["127.0.0.1"]
        self.dns_error = 0
        self.dns_by_tcp = True
        self.files = {
            f"/{KEY.split('/', 1)[1]}": CONTENT,
            f"/{KEY.split('/', 1)[1]}.md5": f"{MD5}  small.tar\n".encode(),
        }
        self.manifest: Any = {
            "files": {
                KEY: {"kind": "image", "size": len(CONTENT)},
                f"{DOMAIN}/os/large.tar": {"kind": "image", "size": 10**12},
                f"{DOMAIN}/kernel": {"kind": "kernel", "size": 1},
                "elsewhere.example/os/tiny.tar": {"kind": "image", "size": 1},
            }
        }
        self.metrics: bytes | None = (
            b'image_cache_sync_last_run_result{result="complete"} 1\n'
            b'image_cache_sync_last_run_result{result="failed"} 0\n'
            b"image_cache_sync_last_run_timestamp_seconds 1799999900\n"
        )
        self.unknown_status = 421
        self.passes_any_name = False
        self.cut_off = False
        self.requests: list[tuple[str, str, str]] = []

    def answer(self, query: bytes) -> bytes:
        """An answer to one question, with the name compressed as real servers do it."""
        identifier = query[:2]
        kind = struct.unpack("!H", query[-4:-2])[0]
        packed = [ipaddress.ip_address(address).packed for address in self.answers]
        records = [one for one in packed if len(one) == (4 if kind == 1 else 16)]
        head = identifier + struct.pack("!5H", 0x8180 | self.dns_error, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, 30, len(one)) + one for one in records)
        return head + query[12:] + body


def web(host: CacheHost, part: str) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Tests need no log."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            host.requests.append((part, self.command, self.path))
            status, body = self.content()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[: len(body) // 2] if host.cut_off and body == CONTENT else body)

        def content(self) -> tuple[int, bytes]:
            if part == "nginx":
                pages = {
                    "/-/image-cache/manifest.json": None
                    if host.manifest is None
                    else json.dumps(host.manifest).encode(),
                    "/-/image-cache/metrics": host.metrics,
                }
                found = pages.get(self.path)
                return (404, b"") if found is None else (200, found)
            if self.headers["Host"] != DOMAIN:
                return host.unknown_status, b""
            found = host.files.get(self.path)
            return (307, b"") if found is None else (200, found)

    return Handler


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "store.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={DOMAIN}"]
    subprocess.run([*command, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def host() -> CacheHost:
    return CacheHost()


def start(stack: contextlib.ExitStack, host: CacheHost, certificate: Path, address: str, ports: dict[str, int]) -> None:
    """Serve everything of a cache host at the address; ports that are not given are chosen and added."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, answering = self.request
            answering.sendto(host.answer(data), self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = struct.unpack("!H", self.rfile.read(2))[0]
            query = self.rfile.read(length)
            if host.dns_by_tcp:
                answer = host.answer(query)
                self.wfile.write(struct.pack("!H", len(answer)) + answer)

    class Tls(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(5)
            if not host.passes_any_name:
                # reads the first message and closes, as haproxy does with a name that it does not know
                self.request.recv(4096)
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            with context.wrap_socket(self.request, server_side=True) as session:
                session.recv(1)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    servers = {
        "dns_port": lambda place: Server(place, Tcp),
        "http_port": lambda place: http.server.ThreadingHTTPServer(place, web(host, "haproxy")),
        "nginx_port": lambda place: http.server.ThreadingHTTPServer(place, web(host, "nginx")),
        "https_port": lambda place: Server(place, Tls),
    }
    for name, server in servers.items():
        ports[name] = stack.enter_context(serving(server((address, ports.get(name, 0)))))
    stack.enter_context(serving(socketserver.ThreadingUDPServer((address, ports["dns_port"]), Udp)))


@pytest.fixture
def options(host: CacheHost, certificate: Path) -> Iterator[dict[str, Any]]:
    """The module's options for a running cache host on loopback."""
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        start(stack, host, certificate, "127.0.0.1", ports)
        yield {
            "address": "127.0.0.1",
            "cache_hosts": [{"name": "cache-1", "address": "127.0.0.1"}],
            "domains": [DOMAIN],
            "require_image": True,
            "max_age": 3600,
            "timeout": 2,
            **ports,
        }


@pytest.fixture
def second(host: CacheHost, options: dict[str, Any], certificate: Path) -> Iterator[CacheHost]:
    """Another cache host, at the same ports of another loopback address."""
    other = CacheHost()
    host.answers = other.answers = ["127.0.0.1", "127.0.0.2"]
    options["cache_hosts"].append({"name": "cache-2", "address": "127.0.0.2"})
    with contextlib.ExitStack() as stack:
        start(
            stack, other, certificate, "127.0.0.2", {name: options[name] for name in options if name.endswith("_port")}
        )
        yield other


def problems_of(options: dict[str, Any]) -> list[str]:
    return image_cache_verify.verify(options, NOW)[0]


def test_a_whole_cache_host_has_no_problem_and_the_smallest_image_was_read(
    host: CacheHost, options: dict[str, Any]
) -> None:
    problems, image = image_cache_verify.verify(options, NOW)
    assert problems == []
    assert image == {"url": f"http://{KEY}", "bytes": len(CONTENT), "md5": MD5}
    assert ("haproxy", "GET", "/os/small.tar.md5") in host.requests
    assert not any("large" in path or "kernel" in path for _part, _method, path in host.requests)


def test_an_image_whose_name_has_to_be_encoded(host: CacheHost, options: dict[str, Any]) -> None:
    host.manifest = {"files": {f"{DOMAIN}/a b+ä": {"kind": "image", "size": len(CONTENT)}}}
    host.files = {"/a%20b%2B%C3%A4": CONTENT, "/a%20b%2B%C3%A4.md5": MD5.encode()}
    assert problems_of(options) == []


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        ("answers", ["127.0.0.9"], f"answers {DOMAIN} by UDP with 127.0.0.9, not with 127.0.0.1."),
        ("answers", [], f"answers {DOMAIN} by TCP with nothing, not with 127.0.0.1."),
        ("answers", ["127.0.0.1", "::1"], "with 127.0.0.1, ::1, not with 127.0.0.1."),
        ("dns_error", 5, f"does not answer {DOMAIN} by UDP: the answer is an error, code 5."),
        ("dns_by_tcp", False, f"does not answer {DOMAIN} by TCP: the answer is cut off."),
        ("manifest", None, "Nothing is cached"),
        ("manifest", {"files": {}}, "Nothing is cached"),
        ("manifest", [], "does not give its manifest: the manifest lists no files."),
        ("manifest", {"files": {KEY: {}}}, "the manifest lists something that is no file."),
        ("files", {}, f"answers http://{KEY}.md5 with status 307, not 200."),
        (
            "files",
            {"/os/small.tar": CONTENT, "/os/small.tar.md5": b"00  x\n"},
            f"has the MD5 {MD5}, but its .md5 says 00.",
        ),
        ("files", {"/os/small.tar": CONTENT, "/os/small.tar.md5": b""}, "but its .md5 says nothing."),
        ("cut_off", True, f"does not serve http://{KEY}: "),
        (
            "unknown_status",
            200,
            "haproxy answers the unknown name refused.invalid with status 200, not with a refusal.",
        ),
        ("unknown_status", 307, "with status 307, not with a refusal."),
        ("passes_any_name", True, "haproxy passes HTTPS for the unknown name refused.invalid on"),
        ("metrics", None, "image-cache-sync has not run yet."),
        ("metrics", b"", "it has not come to an end yet."),
        (
            "metrics",
            b"image_cache_sync_last_run_timestamp_seconds 1799990000\n",
            "ended 10000 s ago, more than 3600 s.",
        ),
        (
            "metrics",
            (
                b'image_cache_sync_last_run_result{result="failed"} 1\n'
                b"image_cache_sync_last_run_timestamp_seconds 1799999999\n"
            ),
            "The last run of image-cache-sync failed",
        ),
    ],
)
def test_each_broken_thing_is_named(
    host: CacheHost, options: dict[str, Any], attribute: str, value: object, sentence: str
) -> None:
    setattr(host, attribute, value)
    problems = problems_of(options)
    assert any(sentence in problem for problem in problems), problems
    assert all(problem.endswith((".", '".')) for problem in problems)


def test_an_empty_cache_may_be_allowed_and_old_metrics_ignored(host: CacheHost, options: dict[str, Any]) -> None:
    host.manifest = None
    host.metrics = None
    assert problems_of({**options, "require_image": False, "max_age": 0}) == []


def test_all_problems_are_reported_together(options: dict[str, Any]) -> None:
    # nothing listens on the ports of a host that is down
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    ports = dict.fromkeys(("dns_port", "http_port", "https_port", "nginx_port"), closed)
    problems = problems_of({**options, **ports})
    for part in ("by UDP", "by TCP", "does not give its manifest", "does not answer", "cannot be reached", "metrics"):
        assert any(part in problem for problem in problems), (part, problems)


def test_two_whole_cache_hosts_have_no_problem(second: CacheHost, options: dict[str, Any]) -> None:
    assert problems_of(options) == []
    # asked for the image, which is not read again
    assert [request for request in second.requests if request[0] == "haproxy"] == [("haproxy", "HEAD", "/os/small.tar")]


@pytest.mark.parametrize(
    ("attribute", "value", "sentence"),
    [
        (
            "files",
            {"/os/small.tar": b"short"},
            f"answers http://{KEY} with status 200 and 5 bytes, not with 200 and 9000.",
        ),
        ("files", {}, f"haproxy on cache-2 (127.0.0.2) answers http://{KEY} with status 307 and 0 bytes"),
        ("answers", ["127.0.0.1"], f"unbound on cache-2 (127.0.0.2) answers {DOMAIN} by UDP with 127.0.0.1, not with"),
    ],
)
def test_the_other_hosts_must_work_as_well(
    second: CacheHost, options: dict[str, Any], attribute: str, value: object, sentence: str
) -> None:
    setattr(second, attribute, value)
    problems = problems_of(options)
    assert any(sentence in problem for problem in problems), problems


def test_another_host_that_is_down_is_named(options: dict[str, Any]) -> None:
    options["cache_hosts"].append({"name": "cache-2", "address": "127.0.0.2"})
    problems = " ".join(problems_of(options))
    assert "haproxy on cache-2 (127.0.0.2), port" in problems
    assert "unbound on cache-2 (127.0.0.2) does not answer" in problems


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (b"", "cut off"),
        (b"\x00\x01\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00", "cut off"),
        (b"\x00\x02\x81\x80\x00\x00\x00\x00\x00\x00\x00\x00", "to another question"),
        (b"\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", "to another question"),
    ],
)
def test_bad_answers_of_dns_are_no_answers(message: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        image_cache_verify.dns_addresses(message, 1)


def test_the_module_fails_with_the_list(
    host: CacheHost, options: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    host.unknown_status = 200
    arguments = {**options, "max_age": 0, "_ansible_tmpdir": str(tmp_path)}
    with patch_module_args(arguments), pytest.raises(SystemExit) as stopped:
        image_cache_verify.main()
    result = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 1
    assert result["msg"] == "The image cache does not work as it should:\n- " + result["problems"][0]
    assert len(result["problems"]) == 1


def test_an_address_that_is_none_gets_one_sentence(
    options: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = {**options, "address": "cache-1", "_ansible_tmpdir": str(tmp_path)}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        image_cache_verify.main()
    assert json.loads(capsys.readouterr().out)["msg"] == '"cache-1" is not an address: give one such as "10.0.0.2".'
