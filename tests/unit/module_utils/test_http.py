# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and answers of the HTTP client, against a scripted server."""

from __future__ import annotations

import socket
import threading

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import (
    DeadlineError,
    ProtocolError,
    TransportError,
    TruncatedError,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from tests.unit.module_utils._server import Close, FakeClock, Reset, Server, Wait, answer, replies

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def client():
    with HttpClient(proxies={}, retry=ONCE, clock=FakeClock()) as http:
        yield http


def test_what_is_sent(client):
    with Server(replies(answer(201, b'{"a": 1}', {"X-Thing": "yes"}))) as server:
        response = client.request("post", f"{server.url}/v1/x?q=1#part", headers={"X-A": "b"}, body=b"{}")
    assert (response.status, response.body, response.attempts) == (201, b'{"a": 1}', 1)
    assert response.json() == {"a": 1}
    assert response.headers["x-thing"] == response.headers.get("X-THING") == "yes"
    assert set(response.headers) == {"content-length", "x-thing"}
    assert len(response.headers) == 2
    assert response.url == f"{server.url}/v1/x?q=1#part"
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/v1/x?q=1", b"{}")
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "user-agent": "metalstack.provisioning",
        "content-length": "2",
        "x-a": "b",
    }


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("DELETE", None), ("POST", "0"), ("PUT", "0")])
def test_length_without_body(client, method, length):
    with Server(replies(answer(204))) as server:
        assert client.request(method, server.url).body == b""
    assert server.requests[0].headers.get("content-length") == length


def test_own_headers_replace_the_usual_ones(client):
    with Server(replies(answer())) as server:
        client.request("GET", server.url, headers={"user-agent": "else", "ACCEPT-ENCODING": "x"})
    assert server.requests[0].headers["user-agent"] == "else"
    assert server.requests[0].headers["accept-encoding"] == "x"


def test_target_is_quoted(client):
    with Server(replies(answer())) as server:
        client.request("GET", f"{server.url}/ü%20x?ä=1")
    assert server.requests[0].target == "/%C3%BC%20x?%C3%A4=1"


def test_every_status_is_an_answer(client):
    with Server(replies(answer(500, b"no"), answer(304), answer(404, b"not"))) as server:
        assert [client.request("GET", server.url).status for _unused in range(3)] == [500, 304, 404]
    assert server.connections == 1


def test_headers_that_come_twice_are_joined(client):
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\nx: b\r\n\r\n"]
    with Server(replies(steps)) as server:
        assert client.request("GET", server.url).headers["X"] == "a, b"


def test_chunked_and_interim_answers(client):
    steps = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n",
    ]
    with Server(replies(steps)) as server:
        assert [client.request("GET", server.url).body for _unused in range(2)] == [b"abcde", b"abcde"]
    assert server.connections == 1


def test_body_until_the_end_of_the_connection(client):
    with Server(replies([*answer(200, b"x" * 100_000, length=False), Close()])) as server:
        assert client.request("GET", server.url).body == b"x" * 100_000


def test_head_has_no_body(client):
    with Server(replies([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], answer(200, b"ab"))) as server:
        response = client.request("HEAD", server.url)
        assert (response.body, response.headers["Content-Length"]) == (b"", "5")
        assert client.request("GET", server.url).body == b"ab"
    assert server.connections == 1


def test_large_body_is_refused_before_and_while_it_is_read(client):
    chunked = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3\r\nabc\r\n" * 4 + b"0\r\n\r\n"]
    with Server(replies(answer(200, b"x" * 11), chunked, answer(200, b"x" * 10))) as server:
        with pytest.raises(ProtocolError, match="was answered with more than 10 bytes, which is too much") as raised:
            client.request("GET", server.url, max_body=10)
        assert raised.value.status == 200
        with pytest.raises(ProtocolError, match="more than 10 bytes"):
            client.request("GET", server.url, max_body=10)
        assert client.request("GET", server.url, max_body=10).body == b"x" * 10
    # the rest of a refused answer must not become the beginning of the next one
    assert [request.connection for request in server.requests] == [1, 2, 3]


def test_large_limit_is_named_in_mebibytes(client):
    with (
        Server(replies([b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"])) as server,
        pytest.raises(ProtocolError, match="more than 2 MiB"),
    ):
        client.request("GET", server.url, max_body=2 * 1024 * 1024)


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b"", {}, "nothing where JSON was expected"),
        (b" <!DOCTYPE html><p>", {}, "a web page instead of JSON: is the address of the API right"),
        (b"hello", {"Content-Type": "text/html"}, "a web page instead of JSON"),
        (b"{", {}, r"something that is not valid JSON: '\{'"),
        (b"\xff\xfe\x00", {}, "not valid JSON"),
        (b"[" * 100_000, {}, "not valid JSON"),
        (b"\x1f\x8b", {"Content-Encoding": "gzip"}, "the content encoding gzip, which nobody asked for"),
        (b"password=hunter2 {", {}, r"not valid JSON: 'password=\*+ \{'"),
    ],
)
def test_not_json(client, body, headers, says):
    with Server(replies(answer(200, body, headers))) as server, pytest.raises(ProtocolError, match=says) as raised:
        client.request("GET", f"{server.url}/a").json()
    assert str(raised.value).startswith(f"GET {server.url}/a was answered with status 200 and ")
    assert str(raised.value).count(". ") == 0
    assert raised.value.failure() == {
        "status": 200,
        "code": None,
        "message": str(raised.value),
        "request": f"GET {server.url}/a",
    }


@pytest.mark.parametrize(
    ("steps", "kind", "says"),
    [
        ([Close()], TransportError, "closed the connection without an answer"),
        ([Reset()], TransportError, "reset the connection"),
        ([b"HTTP/1.1 20", Close()], TruncatedError, "closed the connection within the headers"),
        ([b"HTTP/1.1 200 OK\r\nContent-Len", Close()], TruncatedError, "closed the connection within the headers"),
        ([b"HTTP/1.1 200 OK\r\n", Close()], TruncatedError, "closed the connection within the headers"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd", Close()], TruncatedError, "after 4 of 9 bytes"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", Close()],
            TruncatedError,
            "the answer ended before it was complete",
        ),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"],
            TruncatedError,
            "the answer ended before it was complete",
        ),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000],
            ProtocolError,
            "the answer is not proper HTTP",
        ),
        ([b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"], ProtocolError, "does not answer as HTTP"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"], ProtocolError, "does not answer as HTTP"),
        ([b"HTTP/1.1 102 Processing\r\n\r\n" * 50], ProtocolError, "does not answer as HTTP"),
    ],
)
def test_broken_answers(client, steps, kind, says):
    with Server(replies(steps)) as server, pytest.raises(kind, match=says) as raised:
        client.request("GET", f"{server.url}/a?token=abcdefgh")
    assert str(raised.value).startswith(f"GET {server.url}/a?token=******** failed: ")
    assert issubclass(TruncatedError, TransportError)
    assert issubclass(TruncatedError, ProtocolError)


def test_refused(client):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TransportError, match=f"failed: 127.0.0.1:{port} refused the connection\\.$"):
        client.request("GET", f"http://127.0.0.1:{port}")


def test_name_that_does_not_exist(monkeypatch):
    asked = []

    def lookup(*arguments):
        asked.append(arguments)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with (
        HttpClient(proxies={}, clock=FakeClock()) as http,
        pytest.raises(TransportError, match=r"the name of nowhere\.test cannot be resolved \(Name or service"),
    ):
        http.request("GET", "http://nowhere.test/")
    assert len(asked) == 1, "a name that does not exist will not appear"


def test_name_server_that_is_away_is_asked_again(monkeypatch):
    asked = []

    def lookup(*arguments):
        asked.append(arguments)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with (
        HttpClient(proxies={}, clock=FakeClock()) as http,
        pytest.raises(TransportError, match=r"\(Temporary failure in name resolution\) \(4 attempts\)\.$"),
    ):
        http.request("POST", "http://nowhere.test/")
    assert len(asked) == 4, "nothing was sent, so even a POST may be repeated"


def test_second_address_is_used_when_the_first_refuses(client, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = free.getsockname()
    with Server(replies(answer(200, b"ok"))) as server:
        entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_unused: [(*entry, dead), (*entry, ("127.0.0.1", server.port))]
        )
        assert client.request("GET", "http://store.test/").body == b"ok"
    assert server.requests[0].headers["host"] == "store.test"


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_no_name_at_all(client, host):
    with pytest.raises(TransportError, match=r"cannot be resolved \((not a host name|.* not known)\)"):
        client.request("GET", f"https://{host}/")


def test_no_address_at_all(client, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_unused: [])
    with pytest.raises(TransportError, match=r"store\.test:80 cannot be reached: no address"):
        client.request("GET", "http://store.test/")


def test_timeout_of_one_step():
    event = threading.Event()
    with Server(replies([Wait(event)])) as server, HttpClient(proxies={}, retry=ONCE, timeout=0.05) as http:
        with pytest.raises(
            TransportError, match=f"failed: 127.0.0.1:{server.port} did not answer within 0.05 s"
        ) as why:
            http.request("GET", server.url)
        event.set()
    assert not isinstance(why.value, DeadlineError)


def test_connection_that_is_not_accepted_in_time(monkeypatch):
    def late(*_unused):
        raise socket.timeout("timed out")

    monkeypatch.setattr(socket.socket, "connect", late)
    with (
        HttpClient(proxies={}, retry=ONCE) as http,
        pytest.raises(TransportError, match=r"127.0.0.1:9 did not accept the connection within 10 s"),
    ):
        http.request("GET", "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "not an address that starts with https:// or http://"),
        ("ftp://host/", "not an address that starts with https:// or http://"),
        ("http:///path", "not an address that starts with https:// or http://"),
        ("api.example/metal", "not an address that starts with https:// or http://"),
        ("http://host:99999/", "its host or port cannot be understood"),
        ("http://[::1/", "its host or port cannot be understood"),
        ("http://ho..st\u00fc/", "its host or port cannot be understood"),
        ("https://.example/", "its host or port cannot be understood"),
        ("http://host/a b", "it has spaces or control characters"),
        ("http://host/\r\nX: y", "it has spaces or control characters"),
        ("http://user:hunter2@host/", "user name and password do not belong into the address"),
    ],
)
def test_bad_addresses(client, url, says):
    with pytest.raises(ProtocolError, match=f"cannot be sent: .*{says}") as raised:
        client.request("GET", url)
    assert "hunter2" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("method", "headers", "says"),
    [
        ("GET", {"X": "a\r\nY: b"}, "the header X has forbidden characters"),
        ("GET", {"X": "a\x00"}, "the header X has forbidden characters"),
        ("GET", {"X": "\u20ac"}, "the header X has forbidden characters"),
        ("GET", {"X:": "a"}, "a header has a name with forbidden characters"),
        ("GET", {"": "a"}, "a header has a name with forbidden characters"),
        ("G T", {}, "the method has forbidden characters"),
    ],
)
def test_nothing_can_be_smuggled_into_a_request(client, method, headers, says):
    with pytest.raises(ProtocolError, match=says):
        client.request(method, "http://127.0.0.1:9/", headers=headers)


def test_international_host_name(client, monkeypatch):
    with Server(replies(answer())) as server:
        wanted = []

        def lookup(host, *_unused):
            wanted.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        client.request("GET", "http://b\u00fccher.test/")
    assert wanted == ["xn--bcher-kva.test"]
    assert server.requests[0].headers["host"] == "xn--bcher-kva.test"


def test_ipv6_address_in_messages_and_host(client):
    with pytest.raises(TransportError, match=r"\[::1\]:9 "):
        client.request("GET", "http://[::1]:9/")


@pytest.mark.parametrize("timeout", [0, -1])
def test_timeout_must_be_positive(timeout):
    with pytest.raises(ValueError, match="timeout must be more than 0 seconds"):
        HttpClient(timeout=timeout)


def test_repr_shows_no_body(client):
    with Server(replies(answer(200, b"secret thing"))) as server:
        assert repr(client.request("GET", f"{server.url}/x")) == f"<Response 200 to GET {server.url}/x>"
