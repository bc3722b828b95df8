# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies: from the environment or given, for http and for https (CONNECT), with exceptions and credentials."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _http_proxy
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError, TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy, TlsOptions
from tests.unit.module_utils._pki import Authority
from tests.unit.module_utils._server import Close, FakeClock, Server, Tunnel, answer, replies

ONCE = RetryPolicy(attempts=1)
BASIC = "Basic dXNlcjpodW50ZXIy"  # user:hunter2


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def test_http_goes_to_the_proxy_with_the_whole_address():
    with Server(replies(answer(200, b"ok"))) as proxy:
        address = proxy.url.replace("//", "//user:hunter2@")
        with HttpClient(proxies={"http": address}) as http:
            for _unused in range(2):
                assert http.request("GET", "http://api.example:8080/a?b").body == b"ok"
    first, second = proxy.requests
    assert (first.target, first.headers["host"]) == ("http://api.example:8080/a?b", "api.example:8080")
    assert first.headers["proxy-authorization"] == BASIC
    assert (first.connection, second.connection) == (1, 1)


def test_https_goes_through_a_tunnel(authority):
    with Server(replies(answer(200, b"ok")), authority.server()) as server:
        tunnel = [b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n", Tunnel(("127.0.0.1", server.port))]
        with Server(replies(tunnel)) as proxy:
            options = TlsOptions(ca_path=str(authority.path))
            with HttpClient(proxies={"https": proxy.url.replace("//", "//user:hunter2@")}, tls=options) as http:
                for _unused in range(2):
                    assert http.request("GET", f"{server.url}/x", headers={"Authorization": "Bearer x"}).body == b"ok"
    (connect,) = proxy.requests
    assert (connect.method, connect.target) == ("CONNECT", f"127.0.0.1:{server.port}")
    assert connect.headers == {"host": f"127.0.0.1:{server.port}", "proxy-authorization": BASIC}
    assert server.requests[0].target == "/x"
    assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("steps", "says", "attempts"),
    [
        (answer(407), "refused to connect to api.example:443 with status 407 (its user name and password", 1),
        (answer(403), "refused to connect to api.example:443 with status 403", 1),
        (answer(503), "refused to connect to api.example:443 with status 503", 2),
        ([Close()], "gave no usable answer to CONNECT", 2),
        ([b"x" * 20_000], "gave no usable answer to CONNECT", 2),
        ([b"220 smtp\r\n\r\n"], "refused to connect to api.example:443 with status ?", 1),
    ],
)
def test_tunnel_that_is_refused(steps, says, attempts):
    with Server(replies(steps)) as proxy:
        address = proxy.url.replace("//", "//user:hunter2@")
        with (
            HttpClient(proxies={"https": address}, retry=RetryPolicy(attempts=2), clock=FakeClock()) as http,
            pytest.raises(TransportError) as raised,
        ):
            http.request("GET", "https://api.example/x")
    assert f"the proxy 127.0.0.1:{proxy.port} {says}" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert BASIC not in str(raised.value)
    assert len(proxy.requests) == attempts


def test_proxy_that_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            HttpClient(proxies={"https": f"127.0.0.1:{port}"}, timeout=0.05, retry=ONCE) as http,
            pytest.raises(TransportError, match=f"the proxy 127.0.0.1:{port} did not answer within 0.05 s"),
        ):
            http.request("GET", "https://api.example/x")


def test_proxy_that_is_away():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        HttpClient(proxies={"http": f"http://127.0.0.1:{port}"}, retry=ONCE) as http,
        pytest.raises(TransportError, match=f"failed: the proxy 127.0.0.1:{port} refused the connection"),
    ):
        http.request("GET", "http://api.example/x")


@pytest.mark.parametrize(
    "address", ["https://proxy:1", "socks5://user:hunter2@proxy", "http://user:hunter2@:80", "a:b:c"]
)
def test_unusable_address_is_not_shown(address):
    with (
        HttpClient(proxies={"https": address}) as http,
        pytest.raises(ProtocolError, match=r"the proxy address in https_proxy cannot be used \(expected") as raised,
    ):
        http.request("GET", "https://api.example/x")
    assert "hunter2" not in str(raised.value)


def test_repr_hides_the_password():
    assert repr(_http_proxy.parse("http://u:hunter2@p:3128", "x")) == "Proxy(p:3128)"
    assert _http_proxy.parse("p", "x").port == 80
    assert _http_proxy.parse("u%40x:p%3A@p", "x").authorization == "Basic dUB4OnA6"


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": "a", "HTTP_PROXY": "b", "NO_PROXY": "c"}, {"https": "a", "http": "b", "no": "c"}),
        ({"https_proxy": "a", "HTTPS_PROXY": "b"}, {"https": "a"}),
        ({"https_proxy": "", "HTTPS_PROXY": "b"}, {}),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, {}),
        ({"http_proxy": "a", "REQUEST_METHOD": "GET"}, {"http": "a"}),
    ],
)
def test_environment(environment, variables, found):
    for name, value in variables.items():
        environment.setenv(name, value)
    assert _http_proxy.environment() == found


def test_environment_is_used_unless_proxies_are_given(environment):
    with Server(replies(answer(200, b"proxy"))) as proxy, Server(replies(answer(200, b"direct"))) as server:
        environment.setenv("HTTP_PROXY", proxy.url)
        with HttpClient() as http:
            assert http.request("GET", server.url).body == b"proxy"
        with HttpClient(proxies={}) as http:
            assert http.request("GET", server.url).body == b"direct"
        environment.setenv("no_proxy", "127.0.0.1")
        with HttpClient() as http:
            assert http.request("GET", server.url).body == b"direct"


@pytest.mark.parametrize(
    ("rule", "host", "port", "excluded"),
    [
        ("", "a.example", 80, False),
        ("*", "a.example", 80, True),
        ("example", "example", 80, True),
        ("example", "a.example", 80, True),
        (".example", "a.example", 80, True),
        (".example", "example", 80, True),
        ("*.example", "a.example", 80, True),
        ("example", "notexample", 80, False),
        ("b,EXAMPLE.", "A.example.", 80, True),
        ("b a.example", "a.example", 80, True),
        ("a.example:8080", "a.example", 80, False),
        ("a.example:80", "a.example", 80, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "10.example", 80, False),
        ("10.0.0.0/8", "a.example", 80, False),
        ("10.0.0.0/99", "10.1.2.3", 80, False),
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("fd00::/8", "fd00::1", 80, True),
        ("::1", "::1", 80, True),
        ("[::1]", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:81", "::1", 80, False),
        (",", "a.example", 80, False),
    ],
)
def test_exceptions(rule, host, port, excluded):
    assert _http_proxy.excluded(rule, host, port) is excluded
    chosen = _http_proxy.choose({"http": "http://p:1", "no": rule}, "http", host, port)
    assert (chosen is None) is excluded
