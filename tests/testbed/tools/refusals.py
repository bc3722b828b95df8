#!/usr/bin/python3
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try on a cache host, from a machine of the partition, what it must refuse.

refusals.py ADDRESS HOST/PATH      HOST/PATH is a cached file, to be sure that a right request does work

Prints {"right": number of refused attempts, "wrong": [sentences]}.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys

HTTP_PORTS = (80, 8089)
DOMAIN = "images.metal-stack.io"


def http(address: str, port: int, request: str) -> tuple[int, bytes]:
    """Send a request as it stands (no library tidies the path), return status and body."""
    with socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(request.encode())
        answer = b""
        while block := connection.recv(65536):
            answer += block
    head, _unused, body = answer.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body


def ask(
    address: str, port: int, path: str, method: str = "GET", host: str = DOMAIN, more: str = ""
) -> tuple[int, bytes]:
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n"
    return http(address, port, f"{head}{more}\r\n")


def attempts(address: str, path: str) -> list[str | None]:
    """One entry an attempt: None when it was refused, else what was wrong."""
    found: list[str | None] = []

    def expect(what: str, ok: bool, status: object) -> None:
        found.append(None if ok else f"{what}: {status}")

    directory = path.rsplit("/", 1)[0] + "/"
    for port in HTTP_PORTS:
        status, _unused = ask(address, port, path, "HEAD")
        expect(f"HEAD {path} on port {port} must work", status == 200, status)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"):
            status, _unused = ask(address, port, path, method)
            expect(f"{method} {path} on port {port}", 400 <= status < 600, status)
        for listing in ("/", directory, directory.rstrip("/"), "/metal-os/"):
            status, body = ask(address, port, listing)
            expect(f"listing of {listing} on port {port}", status != 200 and b"img.tar" not in body, status)
        for climb in (
            "/../../../../../../etc/passwd",
            "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/-/image-cache/blobs/../../manifest.json",
            "/-/image-cache/../../../etc/passwd",
            "/../manifest.json",
            "/../../lock",
            "//etc/passwd",
            f"{directory}..\\..\\..\\etc\\passwd",
        ):
            status, body = ask(address, port, climb)
            expect(f"traversal {climb} on port {port}", status != 200 and b"root:" not in body, status)
        for name in ("elsewhere.example", "localhost", "metadata", f"{DOMAIN}.evil.example", ""):
            status, _unused = ask(address, port, path, host=name)
            expect(f"Host {name!r} on port {port}", 400 <= status < 500, status)
        status, _unused = http(
            address, port, f"GET http://elsewhere.example/ HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n"
        )
        expect(f"proxy request on port {port}", 400 <= status < 500 or status == 307, status)
        for internal in ("manifest.json", "state.json", f"blobs/{'0' * 32}"):
            for forged in ("", "X-Image-Cache: peer\r\n", "X-Forwarded-For: 127.0.0.1\r\nX-Image-Cache: host\r\n"):
                status, _unused = ask(address, port, f"/-/image-cache/{internal}", more=forged)
                expect(f"/-/image-cache/{internal} for a machine on port {port} ({forged!r})", status == 403, status)
    server_names: tuple[str | None, ...] = (
        "elsewhere.example",
        "api.metal.example",
        f"x{DOMAIN}",
        f"www.{DOMAIN}",
        None,
    )
    for server_name in server_names:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with (
                socket.create_connection((address, 443), timeout=8) as raw,
                context.wrap_socket(raw, server_hostname=server_name) as secured,
            ):
                expect(f"TLS with the name {server_name}", False, f"a certificate came: {secured.version()}")
        except (ssl.SSLError, ConnectionError, TimeoutError):
            expect(f"TLS with the name {server_name}", True, "")
    for port in (65534, 10053, 8404):
        with socket.socket() as connection:
            connection.settimeout(3)
            expect(f"port {port}", connection.connect_ex((address, port)) != 0, "open")
    return found


def main() -> None:
    address, key = sys.argv[1:]
    found = attempts(address, "/" + key.partition("/")[2])
    print(json.dumps({"right": found.count(None), "wrong": [one for one in found if one is not None]}))


if __name__ == "__main__":
    main()
