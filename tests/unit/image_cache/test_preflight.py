# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight's checks, with a host made of values and the emulated metal-api."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.preflight import (
    DnsServer,
    Report,
    Request,
    Service,
    check,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.preflight_host import (
    Disk,
    Host,
    Listener,
)
from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api

GIB = 1024**3


class FakeHost(Host):
    """A good host; tests make one thing of it bad."""

    def __init__(self) -> None:
        super().__init__(lambda _arguments: (127, ""))
        self.clock_ahead = timedelta(0)
        self.taken: list[Listener] = []
        self.own: list[str] | None = ["10.0.0.1", "127.0.0.1", "::1"]
        self.bindable = {"10.0.0.1"}
        self.space = Disk("/var/lib", 200 * GIB, 150 * GIB, 0)
        self.systemd_version: int | None = 252
        self.python_version: tuple[int, int] | None = (3, 11)
        self.names = {"store.test": ["192.0.2.7"], "github.test": ["192.0.2.8"]}
        self.dns_reason: str | None = None
        self.tcp_reason: str | None = None
        self.asked: list[tuple[str, int]] = []
        self.expiry: dict[str, list[datetime] | OSError] = {}

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + self.clock_ahead

    def listeners(self, ports: Iterable[int]) -> list[Listener]:
        return [listener for listener in self.taken if listener.port in set(ports)]

    def addresses(self) -> list[str] | None:
        return self.own

    def can_bind(self, address: str) -> bool:
        return address in self.bindable

    def disk(self, directory: str) -> Disk:
        assert directory == "/var/lib/image-cache"
        return self.space

    def systemd(self) -> int | None:
        return self.systemd_version

    def python(self, program: str) -> tuple[int, int] | None:
        assert program == "/usr/bin/python3"
        return self.python_version

    def resolve(self, names: Sequence[str]) -> dict[str, list[str]]:
        return {name: self.names.get(name, []) for name in names}

    def ask_dns(self, server: str, port: int, name: str) -> str | None:  # noqa: ARG002
        self.asked.append((server, port))
        return self.dns_reason

    def connects(self, server: str, port: int) -> str | None:
        self.asked.append((server, port))
        return self.tcp_reason

    def certificates(self, path: str) -> list[datetime]:
        ends = self.expiry.get(path, [self.now() + timedelta(days=365)])
        if isinstance(ends, OSError):
            raise ends
        return ends


@pytest.fixture(scope="module")
def emulator() -> Iterator[MetalApi]:
    with running_metal_api() as api:
        api.control.change_state(
            images=[
                {
                    "id": "ubuntu-24.04.20251010",
                    "url": "http://store.test/u",
                    "expirationDate": "2099-01-01T00:00:00Z",
                }
            ],
            partitions=[
                {
                    "id": "fra-01",
                    "bootconfig": {"kernelurl": "http://store.test/k", "imageurl": "http://store.test/b"},
                }
            ],
        )
        yield api


@pytest.fixture(autouse=True)
def no_faults(emulator: MetalApi) -> Iterator[None]:
    yield
    emulator.control.clear_faults()
    emulator.control.shift_clock(0)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def request_(emulator: MetalApi) -> Request:
    """A request that finds nothing wrong with FakeHost."""
    return Request(
        config={
            "partition": "fra-01",
            "host": "cache-1",
            "source": {"api": "v1", "url": emulator.v1},
            "intercept_domains": ["store.test", "github.test"],
            "policy": {"max_cache_size": "100GiB"},
        },
        cache_hosts=(("cache-1", "10.0.0.1"), ("cache-2", "10.0.0.2")),
        addresses=("10.0.0.1", "127.0.0.1"),
        services=(
            Service("unbound", "10.0.0.1", 53),
            Service("unbound", "10.0.0.1", 53, "udp"),
            Service("haproxy", "10.0.0.1", 80),
            Service("haproxy", "10.0.0.1", 443),
            Service("nginx", "10.0.0.1", 8089),
        ),
        allowed_networks=("10.0.0.0/16",),
        external_dns_servers=(DnsServer("google", "192.0.2.53"),),
        hmac=KEYS["Metal-View"],
    )


def with_config(request: Request, **values: Any) -> Request:
    config = copy.deepcopy(request.config)
    assert isinstance(config, dict)
    for path, value in values.items():
        section, _underscore, key = path.partition("__")
        if key:
            config[section][key] = value
        else:
            config[section] = value
    return replace(request, config=config)


def only_problem(report: Report) -> str:
    assert report.warnings == []
    [problem] = report.problems
    return problem


def only_warning(report: Report) -> str:
    assert report.problems == []
    [warning] = report.warnings
    return warning


def test_a_good_host(request_: Request, host: FakeHost) -> None:
    report = check(request_, host)
    assert (report.problems, report.warnings) == ([], [])
    assert report.facts["images"] == 1
    assert abs(report.facts.pop("clock_skew")) <= 2
    assert report.facts == {
        "python": "3.11",
        "systemd": 252,
        "disk_available": 150 * GIB,
        "disk_used": 0,
        "images": 1,
    }
    assert host.asked == [("192.0.2.53", 53)]


def test_everything_wrong_is_told_at_once(request_: Request, host: FakeHost) -> None:
    host.python_version, host.systemd_version = (3, 7), 241
    host.own = ["10.0.0.9"]
    host.taken = [Listener("tcp", "0.0.0.0", 80, "apache2", "apache2.service", 812)]
    bad = replace(
        with_config(request_, parallel=0, partition="a b"),
        allowed_networks=(),
        external_dns_servers=(),
        cache_hosts=(("cache-1", "10.0.0.1"), ("cache-2", "10.0.0.1")),
        ca_paths=("/gone.pem",),
    )
    host.expiry["/gone.pem"] = OSError(2, "No such file or directory")
    problems = check(bad, host).problems
    words = [
        "partition",
        "parallel",
        "3.7",
        "241",
        "cache-2",
        "10.0.0.1",
        "127.0.0.1",
        "apache2",
        "allowed",
        "external",
    ]
    assert len(problems) == len(words) + 1
    for problem, word in zip(problems, words):
        assert word in problem
    assert "/gone.pem" in problems[-1]
    assert all(problem.endswith(".") and problem.isprintable() for problem in problems)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (None, "/usr/bin/python3 does not run: install Python 3.9 or newer."),
        ((3, 8), "/usr/bin/python3 is Python 3.8: image-cache-sync needs 3.9 or newer."),
        ((2, 7), "/usr/bin/python3 is Python 2.7: image-cache-sync needs 3.9 or newer."),
    ],
)
def test_python(request_: Request, host: FakeHost, version: tuple[int, int] | None, problem: str) -> None:
    host.python_version = version
    assert only_problem(check(request_, host)) == problem


@pytest.mark.parametrize(("version", "word"), [(None, "not run by systemd"), (246, "systemd 246")])
def test_systemd(request_: Request, host: FakeHost, version: int | None, word: str) -> None:
    host.systemd_version = version
    assert word in only_problem(check(request_, host))


def test_the_oldest_that_is_good_enough(request_: Request, host: FakeHost) -> None:
    host.python_version, host.systemd_version = (3, 9), 247
    assert check(request_, host).problems == []


@pytest.mark.parametrize(
    "listener",
    [
        Listener("tcp", "0.0.0.0", 80, "apache2", "apache2.service", 812),
        Listener("tcp", "10.0.0.1", 443, "nginx", "nginx.service", 5),
        Listener("udp", "::", 53, "dnsmasq", None, 5),
        Listener("tcp", "10.0.0.1", 80, "haproxy", "image-cache-haproxy.service", 5),
        Listener("tcp", "10.0.0.1", 80, "haproxy", "container 0123456789ab", 5),
        Listener("tcp", "10.0.0.1", 8089),
    ],
)
def test_ports_that_are_taken(request_: Request, host: FakeHost, listener: Listener) -> None:
    host.taken = [listener, listener]
    problem = only_problem(check(request_, host))
    assert problem.startswith(f"Port {listener.port}/{listener.protocol} of {listener.address} is taken by ")
    assert (listener.program or "cannot be seen") in problem
    assert listener.unit is None or listener.unit in problem


@pytest.mark.parametrize(
    "listener",
    [
        Listener("tcp", "10.0.0.1", 80, "haproxy", "haproxy.service", 5),
        Listener("tcp", "0.0.0.0", 80, "haproxy", None, 5),
        Listener("udp", "127.0.0.53", 53, "systemd-resolve", "systemd-resolved.service", 5),
        Listener("tcp", "10.0.0.3", 80, "apache2", "apache2.service", 5),
        Listener("udp", "10.0.0.1", 80, "other", None, 5),
        Listener("tcp", "fd00::1", 80, "apache2", None, 5),
        Listener("tcp", "10.0.0.1", 81, "apache2", None, 5),
    ],
)
def test_ports_that_are_not_in_the_way(request_: Request, host: FakeHost, listener: Listener) -> None:
    host.taken = [listener]
    assert check(request_, host).problems == []


def test_our_own_services_must_not_collide(request_: Request, host: FakeHost) -> None:
    stats = Service("haproxy", "0.0.0.0", 8089)
    problem = only_problem(check(replace(request_, services=(*request_.services, stats)), host))
    assert "nginx and haproxy are both to listen on port 8089/tcp" in problem


def test_missing_addresses(request_: Request, host: FakeHost) -> None:
    host.own = ["10.0.0.9", "127.0.0.1"]
    expected = "This host does not have the address 10.0.0.1; it has 10.0.0.9, 127.0.0.1."
    assert only_problem(check(request_, host)) == expected


def test_missing_addresses_when_they_cannot_be_listed(request_: Request, host: FakeHost) -> None:
    host.own = None
    assert only_problem(check(request_, host)) == "This host does not have the address 127.0.0.1."


def test_the_spelling_of_ipv6_does_not_matter(request_: Request, host: FakeHost) -> None:
    host.own = ["fd00:0:0::1", "10.0.0.1"]
    assert check(replace(request_, addresses=("fd00::0001", "10.0.0.1")), host).problems == []


def test_an_address_that_is_none(request_: Request, host: FakeHost) -> None:
    bad = replace(request_, addresses=("cache-1.example",), services=(Service("nginx", "cache-1.example", 8089),))
    problem = only_problem(check(bad, host))
    assert problem == '"cache-1.example" is not an IP address that this host could listen on.'


def test_cache_hosts_with_the_same_address(request_: Request, host: FakeHost) -> None:
    bad = replace(request_, cache_hosts=(("cache-1", "fd00::1"), ("cache-2", "fd00:0::1")))
    assert only_problem(check(bad, host)) == (
        "The cache hosts cache-1 and cache-2 have the same address fd00::1: give each its own."
    )


def test_a_cache_host_without_address(request_: Request, host: FakeHost) -> None:
    bad = replace(request_, cache_hosts=(("cache-1", "cache-1"),))
    expected = 'The cache host cache-1 has the address "cache-1", which is not an IP address.'
    assert only_problem(check(bad, host)) == expected


@pytest.mark.parametrize(
    ("networks", "word"),
    [
        ((), "allowed_networks is empty"),
        (("10.0.0.1/16",), '"10.0.0.1/16": give a network such as'),
        (("10.0.0.0/33",), '"10.0.0.0/33"'),
        (("partition",), '"partition"'),
    ],
)
def test_networks_that_are_none(request_: Request, host: FakeHost, networks: tuple[str, ...], word: str) -> None:
    assert word in only_problem(check(replace(request_, allowed_networks=networks), host))


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_everybody_as_network_is_warned_of(request_: Request, host: FakeHost, network: str) -> None:
    assert "everybody" in only_warning(check(replace(request_, allowed_networks=(network,)), host))


@pytest.mark.parametrize(
    ("servers", "word"),
    [
        ((), "external_dns_servers is empty"),
        ((DnsServer("x", "dns.example"),), '"x" with the ip "dns.example"'),
        ((DnsServer("x", "10.0.0.2"),), "10.0.0.2, which is the cache host cache-2"),
    ],
)
def test_dns_servers_that_cannot_be(
    request_: Request, host: FakeHost, servers: tuple[DnsServer, ...], word: str
) -> None:
    assert word in only_problem(check(replace(request_, external_dns_servers=servers), host))
    assert host.asked == []


def test_a_silent_dns_server_is_warned_of(request_: Request, host: FakeHost) -> None:
    host.dns_reason = "does not answer"
    expected = "The external DNS server google (192.0.2.53, port 53) does not answer."
    assert only_warning(check(request_, host)) == expected


def test_dns_by_tls_is_asked_on_its_port(request_: Request, host: FakeHost) -> None:
    servers = (DnsServer("a", "192.0.2.1"), DnsServer("b", "192.0.2.2", 8853))
    host.tcp_reason, host.dns_reason = None, "must not be asked"
    assert check(replace(request_, external_dns_tls=True, external_dns_servers=servers), host).warnings == []
    assert host.asked == [("192.0.2.1", 853), ("192.0.2.2", 8853)]


def test_a_domain_that_is_a_cache_host(request_: Request, host: FakeHost) -> None:
    bad = replace(request_, cache_hosts=(("Store.test", "10.0.0.1"),))
    assert "is the name of the cache host Store.test" in only_problem(check(bad, host))


def test_a_domain_that_leads_to_a_cache_host(request_: Request, host: FakeHost) -> None:
    host.names["github.test"] = ["192.0.2.8", "10.0.0.2"]
    assert "github.test leads this host to the cache host cache-2" in only_problem(check(request_, host))


def test_a_domain_that_cannot_be_resolved(request_: Request, host: FakeHost) -> None:
    del host.names["github.test"]
    assert "This host cannot resolve github.test" in only_warning(check(request_, host))


@pytest.mark.parametrize("domains", [None, "store.test", [7, "no dots", "store.test"]])
def test_domains_that_are_wrong_are_told_once(request_: Request, host: FakeHost, domains: object) -> None:
    problem = only_problem(check(with_config(request_, intercept_domains=domains), host))
    assert problem.startswith("intercept_domains")


def test_a_configuration_that_is_none(request_: Request, host: FakeHost) -> None:
    assert only_problem(check(replace(request_, config=[]), host)) == (
        "The configuration is a list: give a JSON object."
    )


@pytest.mark.parametrize(
    ("days", "warned", "refused"), [(-1, False, True), (0, False, True), (10, True, False), (31, False, False)]
)
def test_certificates_that_expire(request_: Request, host: FakeHost, days: int, warned: bool, refused: bool) -> None:
    host.expiry["/ca.pem"] = [host.now() - timedelta(days=90), host.now() + timedelta(days=days)]
    report = check(with_config(request_, store={"ca_path": "/ca.pem"}), host)
    assert [("/ca.pem expire soon" in text) for text in report.warnings] == [True] * warned
    assert [("/ca.pem have expired" in text) for text in report.problems] == [True] * refused


def test_a_certificate_file_that_is_missing(request_: Request, host: FakeHost) -> None:
    host.expiry["/ca.pem"] = OSError(2, "No such file or directory")
    bad = with_config(replace(request_, ca_paths=("/ca.pem",)), store={"ca_path": "/ca.pem"})
    expected = "The certificate file /ca.pem cannot be used: No such file or directory."
    assert only_problem(check(bad, host)) == expected


def test_authorities_without_expiry(request_: Request, host: FakeHost) -> None:
    host.expiry["/ca"] = []
    assert check(replace(request_, ca_paths=("/ca",)), host).problems == []


@pytest.mark.parametrize(
    ("available", "used", "enough"), [(100, 0, True), (60, 40, True), (99, 0, False), (0, 99, False)]
)
def test_space(request_: Request, host: FakeHost, available: int, used: int, enough: bool) -> None:
    host.space = Disk("/var", 500 * GIB, available * GIB, used * GIB)
    problems = check(request_, host).problems
    if enough:
        assert problems == []
    else:
        [problem] = problems
        assert "The file system of /var/lib/image-cache (at /var) has room for 99.0 GiB" in problem
        assert "policy.max_cache_size, 100.0 GiB" in problem


def test_space_without_maximum(request_: Request, host: FakeHost) -> None:
    host.space = Disk("/var", GIB, 0, 0)
    assert check(with_config(request_, policy={"max_cache_size": -1}), host).problems == []


def test_the_api_is_not_there(request_: Request, host: FakeHost) -> None:
    problem = only_problem(check(with_config(request_, source__url="http://127.0.0.1:1/metal"), host))
    assert problem.startswith("The metal-api cannot be reached: ")
    assert "127.0.0.1:1" in problem


def test_the_address_is_not_that_of_an_api(request_: Request, host: FakeHost, emulator: MetalApi) -> None:
    emulator.control.add_fault("status", status=200, body="<html>", content_type="text/html")
    assert "web page" in only_problem(check(request_, host))


def test_an_answer_of_any_status_shows_that_the_api_is_there(
    request_: Request, host: FakeHost, emulator: MetalApi
) -> None:
    emulator.control.add_fault("status", status=500, path="/v1/version", body="{}")
    assert check(request_, host).problems == []


class Silent(BaseHTTPRequestHandler):
    """Answers everything with 404 and no Date."""

    def do_GET(self) -> None:
        self.send_response_only(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def test_another_server_than_the_api(request_: Request, host: FakeHost) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        report = check(with_config(request_, source__url=f"http://127.0.0.1:{server.server_port}"), host)
        server.shutdown()
    assert only_problem(report).startswith("The images of the metal-api cannot be read: ")
    assert "clock_skew" not in report.facts


def test_a_wrong_key(request_: Request, host: FakeHost) -> None:
    problem = only_problem(check(replace(request_, hmac="not-the-key"), host))
    assert "refuses the credential" in problem
    assert "not-the-key" not in problem


def test_no_key(request_: Request, host: FakeHost) -> None:
    assert only_problem(check(replace(request_, hmac=None), host)).startswith("The metal-api v1 needs an HMAC key")


@pytest.mark.parametrize("lifetime", [600, None])
def test_a_token_for_v2(request_: Request, host: FakeHost, emulator: MetalApi, lifetime: int | None) -> None:
    token = emulator.control.token(lifetime=600) if lifetime else "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"
    request = replace(with_config(request_, source={"api": "v2", "url": emulator.v2}), hmac=None, token=token)
    report = check(request, host)
    if lifetime:
        assert (report.problems, report.facts["images"]) == ([], 1)
    else:
        assert "refuses the credential" in only_problem(report)
        assert token not in only_problem(report)


def test_an_unknown_partition(request_: Request, host: FakeHost) -> None:
    assert only_problem(check(with_config(request_, partition="fra-1"), host)) == (
        "The metal-api does not know the partition fra-1; it knows: fra-01."
    )


def test_images_that_cannot_be_read(request_: Request, host: FakeHost, emulator: MetalApi) -> None:
    emulator.control.add_fault("status", status=500, path="/v1/image")
    assert only_problem(check(request_, host)).startswith("The images of the metal-api cannot be read: ")


@pytest.mark.parametrize(("ahead", "word"), [(10, "ahead of"), (-10, "behind"), (3600, "ahead of")])
def test_a_clock_that_is_a_bit_wrong(request_: Request, host: FakeHost, ahead: int, word: str) -> None:
    host.clock_ahead = timedelta(seconds=ahead)
    report = check(request_, host)
    assert report.problems == []
    assert re.search(rf"is \d+ seconds {word} the metal-api's: synchronise it\.", report.warnings[0])
    assert abs(report.facts["clock_skew"] - ahead) <= 2


def test_a_clock_that_spoils_signatures(request_: Request, host: FakeHost) -> None:
    host.clock_ahead = timedelta(seconds=-40)
    problem = only_problem(check(request_, host))
    assert "behind the metal-api's, which accepts signatures for 30 seconds only" in problem


def test_a_clock_does_not_spoil_tokens(request_: Request, host: FakeHost, emulator: MetalApi) -> None:
    host.clock_ahead = timedelta(seconds=-40)
    request = replace(request_, hmac=None, token=emulator.control.bearer())
    assert "behind the metal-api's: synchronise it" in only_warning(check(request, host))


def test_secrets_are_not_in_the_request_that_somebody_prints(request_: Request) -> None:
    assert KEYS["Metal-View"] not in repr(request_)
    assert "a-token" not in repr(replace(request_, token="a-token"))
