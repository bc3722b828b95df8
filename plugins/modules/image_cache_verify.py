#!/usr/bin/python

# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_cache_verify
short_description: Test the image cache of a partition as a machine would use it
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Runs on a cache host. Asks DNS on every cache host, downloads one cached image through this host's haproxy,
    compares its checksum, and tries what has to be refused.
  - Changes nothing. All problems are reported together, one sentence each.
options:
  address:
    description: The service address of this cache host.
    type: str
    required: true
  cache_hosts:
    description: All cache hosts that serve, this one included.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name for messages.
        type: str
        required: true
      address:
        description: Service address.
        type: str
        required: true
  domains:
    description: The intercepted names.
    type: list
    elements: str
    required: true
  units:
    description: Units of systemd that have to be active on this host.
    type: list
    elements: str
    default: []
  require_image:
    description: Whether it is a problem that nothing is cached yet.
    type: bool
    default: true
  max_age:
    description: How many seconds ago the last run of image-cache-sync may have ended. V(0) does not look at it.
    type: int
    default: 0
  dns_port:
    description: Port of unbound.
    type: int
    default: 53
  http_port:
    description: Port of haproxy for HTTP.
    type: int
    default: 80
  https_port:
    description: Port of haproxy for HTTPS.
    type: int
    default: 443
  nginx_port:
    description: Port of nginx.
    type: int
    default: 8089
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 5
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: none
  platform:
    description: Target operating systems or families.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: Verify the image cache from one of its hosts
  metalstack.provisioning.image_cache_verify:
    address: 10.0.0.2
    cache_hosts:
      - {name: cache-1, address: 10.0.0.2}
      - {name: cache-2, address: 10.0.0.3}
    domains: [images.metal-stack.io, github.com]
    units: [unbound.service, nginx.service, haproxy.service, image-cache-sync.timer]
    max_age: 86400
"""

RETURN = r"""
problems:
  description: What is wrong, one sentence each. The task fails if there is any.
  returned: always
  type: list
  elements: str
  sample: ["unbound on cache-2 (10.0.0.3) does not answer github.com by TCP: timed out."]
image:
  description: The file that was downloaded, none if nothing is cached.
  returned: success
  type: dict
  sample:
    url: http://images.metal-stack.io/os/ubuntu.tar.lz4
    bytes: 512000000
    md5: 0cc175b9c0f1b6a831c399e269772661
"""

import hashlib
import http.client
import ipaddress
import json
import os
import re
import socket
import ssl
import struct
import time
import urllib.parse
from typing import Any

from ansible.module_utils.basic import AnsibleModule

TYPE_A = 1
TYPE_AAAA = 28
UNKNOWN_NAME = "refused.invalid"
# A manifest of some ten thousand files is smaller. Images are read, not kept.
KEEP = 64 * 1024 * 1024
FAILURES = (OSError, http.client.HTTPException, ValueError)


def dns_query(name: str, kind: int, identifier: int) -> bytes:
    """A question of class IN with the wish for recursion."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    return struct.pack("!6H", identifier, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def skip_name(message: bytes, offset: int) -> int:
    while True:
        length = message[offset]
        if length & 0xC0 == 0xC0:
            return offset + 2
        offset += 1 + length
        if length == 0:
            return offset


def dns_addresses(message: bytes, identifier: int) -> set[str]:
    """The addresses in an answer. Raises ValueError when it is not a good answer to this question."""
    try:
        found, flags, questions, answers = struct.unpack_from("!4H", message)
        if found != identifier or not flags & 0x8000:
            raise ValueError("the answer is to another question")
        if flags & 0x000F:
            raise ValueError(f"the answer is an error, code {flags & 0x000F}")
        offset = 12
        for _question in range(questions):
            offset = skip_name(message, offset) + 4
        addresses = set()
        for _answer in range(answers):
            offset = skip_name(message, offset)
            kind, _class, _ttl, length = struct.unpack_from("!2HIH", message, offset)
            offset += 10
            if kind in (TYPE_A, TYPE_AAAA):
                addresses.add(str(ipaddress.ip_address(message[offset : offset + length])))
            offset += length
        return addresses
    except (IndexError, struct.error):
        raise ValueError("the answer is cut off") from None


def ask_dns(server: str, port: int, name: str, kind: int, tcp: bool, timeout: float) -> set[str]:
    identifier = int.from_bytes(os.urandom(2), "big")
    query = dns_query(name, kind, identifier)
    if tcp:
        with socket.create_connection((server, port), timeout) as connection:
            connection.sendall(struct.pack("!H", len(query)) + query)
            with connection.makefile("rb") as stream:
                head = stream.read(2)
                answer = stream.read(struct.unpack("!H", head)[0]) if len(head) == 2 else b""
    else:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.settimeout(timeout)
            connection.connect((server, port))
            connection.send(query)
            answer = connection.recv(4096)
    return dns_addresses(answer, identifier)


def check_dns(options: dict[str, Any]) -> list[str]:
    """Every cache host answers every intercepted name with all cache hosts, by UDP and TCP."""
    problems = []
    addresses = {str(ipaddress.ip_address(host["address"])) for host in options["cache_hosts"]}
    for host in options["cache_hosts"]:
        where = f"unbound on {host['name']} ({host['address']})"
        for domain in options["domains"]:
            for tcp in (False, True):
                protocol = "TCP" if tcp else "UDP"
                try:
                    found: set[str] = set()
                    for kind in (TYPE_A, TYPE_AAAA):
                        found |= ask_dns(host["address"], options["dns_port"], domain, kind, tcp, options["timeout"])
                except FAILURES as error:
                    problems.append(f"{where} does not answer {domain} by {protocol}: {error}.")
                    continue
                if found != addresses:
                    said, wanted = (", ".join(sorted(these)) or "nothing" for these in (found, addresses))
                    problems.append(f"{where} answers {domain} by {protocol} with {said}, not with {wanted}.")
    return problems


class Response:
    """Status, headers, size and MD5 of a body; the body itself when it is small."""

    def __init__(self, status: int, location: str, size: int, md5: str, body: bytes, length: int | None) -> None:
        self.status = status
        self.location = location
        self.size = size
        self.md5 = md5
        self.body = body
        self.length = length


def fetch(address: str, port: int, host: str, path: str, timeout: float, method: str = "GET") -> Response:
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(method, path, headers={"Host": host, "User-Agent": "image-cache-verify"})
        answer = connection.getresponse()
        length = answer.getheader("Content-Length")
        digest = hashlib.md5()
        body = b""
        size = 0
        while True:
            chunk = answer.read(1024 * 1024)
            if not chunk:
                break
            digest.update(chunk)
            size += len(chunk)
            if size <= KEEP:
                body += chunk
        if method == "GET" and length is not None and size != int(length):
            raise ValueError(f"the body ended after {size} of {length} bytes")
        return Response(
            answer.status,
            answer.getheader("Location") or "",
            size,
            digest.hexdigest(),
            body,
            int(length) if length is not None else None,
        )
    finally:
        connection.close()


def sample(manifest: object, domains: list[str]) -> str | None:
    """The key of the smallest image that is served, else of the smallest file; None if there is none."""
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict):
        raise ValueError("the manifest lists no files")
    try:
        known = [
            (entry.get("kind") != "image", int(entry["size"]), key)
            for key, entry in files.items()
            if key.split("/")[0] in domains
        ]
    except (AttributeError, KeyError, TypeError):
        raise ValueError("the manifest lists something that is no file") from None
    return min(known)[2] if known else None


def check_download(options: dict[str, Any]) -> tuple[list[str], dict[str, Any] | None]:
    """One image through this host's haproxy, its checksum, and its presence through the other hosts' haproxy."""
    address, timeout, port = options["address"], options["timeout"], options["http_port"]
    try:
        answer = fetch(address, options["nginx_port"], "image-cache", "/-/image-cache/manifest.json", timeout)
        if answer.status == 404:
            key = None
        elif answer.status != 200:
            return [f"nginx answers the manifest with status {answer.status}, not 200."], None
        else:
            key = sample(json.loads(answer.body), options["domains"])
    except FAILURES as error:
        return [f"nginx at {address}, port {options['nginx_port']}, does not give its manifest: {error}."], None
    if key is None:
        if options["require_image"]:
            return ['Nothing is cached: look at "image-cache-sync status" and "journalctl -u image-cache-sync".'], None
        return [], None

    domain, _slash, path = key.partition("/")
    # a key is what nginx finds after it has decoded the path
    path = "/" + urllib.parse.quote(path)
    url = f"http://{domain}{path}"
    try:
        sidecar = fetch(address, port, domain, path + ".md5", timeout)
        image = fetch(address, port, domain, path, timeout)
    except FAILURES as error:
        return [f"haproxy at {address}, port {port}, does not serve {url}: {error}."], None
    for answer, what in ((sidecar, url + ".md5"), (image, url)):
        if answer.status != 200:
            return [f"haproxy at {address} answers {what} with status {answer.status}, not 200."], None
    said = sidecar.body.decode("ascii", "replace").split()
    if said[:1] != [image.md5]:
        return [f"{url} has the MD5 {image.md5}, but its .md5 says {said[0] if said else 'nothing'}."], None

    problems = []
    for host in options["cache_hosts"]:
        if host["address"] == address:
            continue
        try:
            other = fetch(host["address"], port, domain, path, timeout, method="HEAD")
        except FAILURES as error:
            problems.append(f"haproxy on {host['name']} ({host['address']}), port {port}, does not answer: {error}.")
            continue
        if (other.status, other.length) != (200, image.size):
            problems.append(
                f"haproxy on {host['name']} ({host['address']}) answers {url} with status {other.status} and "
                f"{other.length} bytes, not with 200 and {image.size}."
            )
    return problems, {"url": url, "bytes": image.size, "md5": image.md5}


def check_refusals(options: dict[str, Any]) -> list[str]:
    """Names that are not intercepted are neither served by HTTP nor passed on by HTTPS."""
    address, timeout = options["address"], options["timeout"]
    problems = []
    try:
        answer = fetch(address, options["http_port"], UNKNOWN_NAME, "/", timeout)
        if answer.status < 400:
            problems.append(
                f"haproxy answers the unknown name {UNKNOWN_NAME} with status {answer.status}, not with a refusal."
            )
    except FAILURES as error:
        problems.append(f"haproxy at {address}, port {options['http_port']}, does not answer: {error}.")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # whose certificate it is does not matter: there must be none
    context.verify_mode = ssl.CERT_NONE
    try:
        connection = socket.create_connection((address, options["https_port"]), timeout)
    except OSError as error:
        return [*problems, f"haproxy at {address}, port {options['https_port']}, cannot be reached: {error}."]
    with connection:
        try:
            with context.wrap_socket(connection, server_hostname=UNKNOWN_NAME):
                problems.append(f"haproxy passes HTTPS for the unknown name {UNKNOWN_NAME} on, instead of refusing it.")
        except TimeoutError:
            problems.append(f"haproxy neither refuses nor answers HTTPS for the unknown name {UNKNOWN_NAME}.")
        except OSError:
            # closed or reset: refused, as it has to be
            return problems
    return problems


def check_metrics(options: dict[str, Any], now: float) -> list[str]:
    """The last run of image-cache-sync is not too long ago and has not failed."""
    if options["max_age"] <= 0:
        return []
    try:
        answer = fetch(
            options["address"], options["nginx_port"], "image-cache", "/-/image-cache/metrics", options["timeout"]
        )
    except FAILURES as error:
        return [f"nginx does not give the metrics: {error}."]
    if answer.status != 200:
        return [f"nginx answers the metrics with status {answer.status}, not 200: image-cache-sync has not run yet."]
    text = answer.body.decode("utf-8", "replace")
    last = re.search(r"^image_cache_sync_last_run_timestamp_seconds ([0-9.e+]+)$", text, re.MULTILINE)
    if last is None:
        return ["The metrics do not say when image-cache-sync ran: it has not come to an end yet."]
    problems = []
    age = now - float(last.group(1))
    if age > options["max_age"]:
        problems.append(f"The last run of image-cache-sync ended {age:.0f} s ago, more than {options['max_age']} s.")
    if re.search(r'^image_cache_sync_last_run_result\{result="failed"\} 1$', text, re.MULTILINE):
        problems.append('The last run of image-cache-sync failed: look at "journalctl -u image-cache-sync".')
    return problems


def check_units(module: AnsibleModule, units: list[str]) -> list[str]:
    if not units:
        return []
    _code, output, _errors = module.run_command(["systemctl", "is-active", *units])
    states = output.split()
    if len(states) != len(units):
        return [f"systemctl does not say whether {', '.join(units)} are active."]
    return [
        f'{unit} is {state}, not active: look at "journalctl -u {unit}".'
        for unit, state in zip(units, states)
        if state != "active"
    ]


def verify(options: dict[str, Any], now: float) -> tuple[list[str], dict[str, Any] | None]:
    problems, image = check_download(options)
    return [*check_dns(options), *problems, *check_refusals(options), *check_metrics(options, now)], image


def main() -> None:
    port = {"type": "int"}
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "cache_hosts": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
            },
            "domains": {"type": "list", "elements": "str", "required": True},
            "units": {"type": "list", "elements": "str", "default": []},
            "require_image": {"type": "bool", "default": True},
            "max_age": {"type": "int", "default": 0},
            "dns_port": {**port, "default": 53},
            "http_port": {**port, "default": 80},
            "https_port": {**port, "default": 443},
            "nginx_port": {**port, "default": 8089},
            "timeout": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    for value in [module.params["address"]] + [host["address"] for host in module.params["cache_hosts"]]:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            module.fail_json(msg=f'"{value}" is not an address: give one such as "10.0.0.2".', problems=[])
    problems = check_units(module, module.params["units"])
    found, image = verify(module.params, time.time())
    problems += found
    if problems:
        lines = "".join(f"\n- {problem}" for problem in problems)
        module.fail_json(msg=f"The image cache does not work as it should:{lines}", problems=problems)
    module.exit_json(changed=False, problems=[], image=image)


if __name__ == "__main__":
    main()
