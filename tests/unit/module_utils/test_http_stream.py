# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Large downloads: read piece by piece into the caller's buffer."""

from __future__ import annotations

import hashlib
import threading

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import (
    ProtocolError,
    TransportError,
    TruncatedError,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient
from tests.unit.module_utils._server import Close, FakeClock, Reset, Server, Wait, answer, replies

BODY = bytes(range(256)) * 20_000  # 5 MB


@pytest.fixture
def client():
    with HttpClient(proxies={}, clock=FakeClock()) as http:
        yield http


def pieces(stream, size):
    buffer = memoryview(bytearray(size))
    found = []
    while count := stream.readinto(buffer):
        found.append(bytes(buffer[:count]))
    assert stream.readinto(buffer) == 0
    return found


@pytest.mark.parametrize("size", [1000, 65536, 1024 * 1024, 8 * 1024 * 1024])
def test_whole_body(client, size):
    with Server(replies(answer(200, BODY, {"ETag": '"a"'}))) as server:
        for _unused in range(2):
            with client.stream("GET", f"{server.url}/big") as stream:
                assert (stream.status, stream.length, stream.headers["etag"]) == (200, len(BODY), '"a"')
                assert stream.url == f"{server.url}/big"
                found = pieces(stream, size)
                assert hashlib.sha256(b"".join(found)).digest() == hashlib.sha256(BODY).digest()
                assert len(found) == -(-len(BODY) // size), "a piece must fill the buffer, else it costs too many calls"
    assert server.connections == 1, "a connection that was read to its end is used again"


def test_range_passes_through(client):
    with (
        Server(replies(answer(206, b"cd", {"Content-Range": "bytes 2-3/4"}))) as server,
        client.stream("GET", server.url, headers={"Range": "bytes=2-", "If-Range": '"a"'}) as stream,
    ):
        assert (stream.status, stream.length, stream.headers["Content-Range"]) == (206, 2, "bytes 2-3/4")
        assert pieces(stream, 10) == [b"cd"]
    assert server.requests[0].headers["range"] == "bytes=2-"
    assert server.requests[0].headers["if-range"] == '"a"'


def test_error_answers_are_answers(client):
    with Server(replies(answer(503, b"later"))) as server, client.stream("GET", server.url) as stream:
        assert (stream.status, stream.length) == (503, 5)
    assert len(server.requests) == 1, "the caller repeats, since it knows what it has"


def test_unknown_length(client):
    chunked = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"]
    with Server(replies(chunked, [*answer(200, b"abcde", length=False), Close()])) as server:
        for _unused in range(2):
            with client.stream("GET", server.url) as stream:
                assert stream.length is None
                assert b"".join(pieces(stream, 4)) == b"abcde"


def test_empty_body_and_empty_buffer(client):
    with Server(replies(answer(200, b""), answer(200, b"a"))) as server:
        with client.stream("GET", server.url) as stream:
            assert (stream.length, pieces(stream, 10)) == (0, [])
        with client.stream("GET", server.url) as stream:
            assert stream.readinto(memoryview(b"")) == 0
            assert pieces(stream, 10) == [b"a"]
    assert server.connections == 1


@pytest.mark.parametrize("sent", [0, 1, 70_000])
@pytest.mark.parametrize("end", [Close(), Reset()])
def test_short_body_is_an_error(client, sent, end):
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * sent, end]
    with (
        Server(replies(steps)) as server,
        client.stream("GET", f"{server.url}/a") as stream,
        pytest.raises(TransportError, match=f"GET {server.url}/a failed: ") as raised,
    ):
        pieces(stream, 1024 * 1024)
    if isinstance(end, Close):
        assert raised.value.__class__ is TruncatedError
        assert f"the answer ended after {sent} of 100000 bytes before it was complete" in str(raised.value)


def test_what_arrived_before_the_end_is_delivered(client):
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 60, Close()]
    buffer = memoryview(bytearray(1024))
    with Server(replies(steps)) as server, client.stream("GET", server.url) as stream:
        assert stream.readinto(buffer) == 60
        with pytest.raises(TruncatedError):
            stream.readinto(buffer)


def test_short_chunked_body_is_an_error(client):
    steps = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", Close()]
    with (
        Server(replies(steps)) as server,
        client.stream("GET", server.url) as stream,
        pytest.raises(TruncatedError, match="the answer ended before it was complete"),
    ):
        pieces(stream, 1000)


def test_body_that_stalls(client):
    event = threading.Event()
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Wait(event)]
    with Server(replies(steps)) as server, client.stream("GET", server.url, timeout=1) as stream:
        with pytest.raises(TransportError, match=r"did not answer within 1 s"):
            pieces(stream, 1000)
        event.set()


def test_body_that_is_left_ends_the_connection(client):
    with Server(replies(answer(200, BODY))) as server:
        for _unused in range(2):
            with client.stream("GET", server.url) as stream:
                assert stream.readinto(memoryview(bytearray(10))) == 10
            assert stream.readinto(memoryview(bytearray(10))) == 0
    assert server.connections == 2


def test_stale_connection_is_replaced(client):
    with Server(replies(answer(200, b"a"), [Close()], answer(200, b"b"))) as server:
        for body in (b"a", b"b"):
            with client.stream("GET", server.url) as stream:
                assert pieces(stream, 10) == [body]
    assert [request.connection for request in server.requests] == [1, 1, 2]


def test_nothing_else_is_repeated(client):
    with (
        Server(replies([Close()], answer())) as server,
        pytest.raises(TransportError, match=r"closed the connection without an answer\.$"),
    ):
        client.stream("GET", server.url)
    assert len(server.requests) == 1


def test_headers_may_be_a_function_and_repr_is_plain(client):
    with (
        Server(replies(answer())) as server,
        client.stream("GET", f"{server.url}/?sig=abcdef", headers=lambda: {"X": "1"}) as stream,
    ):
        assert repr(stream) == f"<StreamResponse 200 to GET {server.url}/?sig=********>"
    assert server.requests[0].headers["x"] == "1"


def test_answer_that_is_not_http_any_more(client):
    steps = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000]
    with (
        Server(replies(steps)) as server,
        client.stream("GET", server.url) as stream,
        pytest.raises(ProtocolError, match="the answer is not proper HTTP"),
    ):
        pieces(stream, 10)
