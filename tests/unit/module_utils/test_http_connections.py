# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the HTTP client keeps connections: used again, found stale, shared by threads, left alone after a fork."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from tests.unit.module_utils._server import Close, FakeClock, Reset, Server, answer, replies

OK = answer(200, b"ok")
ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(clock):
    # one attempt: whatever works here is not the work of the retries
    with HttpClient(proxies={}, clock=clock, retry=ONCE) as http:
        yield http


def until(condition):
    """Wait for a condition, at most ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.001)


def used(server):
    return [request.connection for request in server.requests]


def test_connection_is_used_again(client):
    with Server(replies(OK)) as server:
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
            client.request(method, server.url)
    # the answer to HEAD has the body of OK behind it, so that connection cannot be used again, but this was the last
    assert used(server) == [1] * 5


@pytest.mark.parametrize(
    "last",
    [
        answer(200, b"x", {"Connection": "close"}),
        [b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"],
        [*answer(200, b"x", length=False), Close()],
    ],
)
def test_connection_that_the_server_ends_is_not_used_again(client, last):
    with Server(replies(last, OK)) as server:
        assert client.request("GET", server.url).body == b"x"
        assert client.request("GET", server.url).body == b"ok"
    assert used(server) == [1, 2]


def test_answer_with_more_than_it_said_ends_the_connection(client):
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    with Server(replies([OK[0] + poison], OK)) as server:
        assert client.request("GET", server.url).body == b"ok"
        assert client.request("GET", server.url).body == b"ok"
    assert used(server) == [1, 2]


def test_body_after_head_ends_the_connection(client):
    with Server(replies(OK)) as server:
        assert client.request("HEAD", server.url).body == b""
        assert client.request("GET", server.url).body == b"ok"
    assert used(server) == [1, 2]


def test_something_said_unasked_ends_the_connection(client):
    with Server(replies(OK)) as server:
        client.request("GET", server.url)
        (idle,) = server._open
        idle.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        until(lambda: not client._pool._idle[next(iter(client._pool._idle))][0].alive())
        assert client.request("POST", server.url).status == 200
    assert used(server) == [1, 2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connection_that_was_closed_while_idle_is_noticed(client, method):
    with Server(replies(OK)) as server:
        client.request("GET", server.url)
        server.disconnect()
        until(lambda: not client._pool._idle[next(iter(client._pool._idle))][0].alive())
        assert client.request(method, server.url).status == 200
    assert used(server) == [1, 2]


@pytest.mark.parametrize("end", [Close(), Reset()])
def test_connection_that_closes_during_the_next_request(client, end):
    """The server was just closing it: another connection is made. It may have seen the request: two attempts."""
    with Server(replies(OK, [end], OK)) as server:
        client.request("GET", server.url)
        response = client.request("GET", server.url)
        assert (response.status, response.attempts) == (200, 2)
    assert used(server) == [1, 1, 2]


def test_after_one_stale_connection_the_others_are_not_tried(client):
    barrier = threading.Barrier(3)

    def script(request):
        if request.target == "/first":
            barrier.wait(10)
            return OK
        return [Close()] if request.connection <= 3 else OK

    with Server(script) as server, ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: client.request("GET", f"{server.url}/first"), range(3)))
        assert client.request("GET", server.url).status == 200
        assert [request.connection > 3 for request in server.requests[3:]] == [False, True]


@pytest.mark.parametrize("end", [Close(), Reset()])
def test_post_on_a_connection_that_closes_is_not_sent_again(client, end):
    with Server(replies(OK, [end], OK)) as server:
        client.request("GET", server.url)
        with pytest.raises(TransportError, match="it may have been processed all the same"):
            client.request("POST", server.url)
    assert used(server) == [1, 1]


def test_idempotent_post_on_a_connection_that_closes_is_sent_again(client):
    with Server(replies(OK, [Close()], OK)) as server:
        client.request("GET", server.url)
        assert client.request("POST", server.url, idempotent=True).status == 200
    assert used(server) == [1, 1, 2]


def test_new_connection_that_closes_is_a_failure(client):
    with (
        Server(replies([Close()], OK)) as server,
        pytest.raises(TransportError, match="closed the connection without an answer"),
    ):
        client.request("GET", server.url)
    assert used(server) == [1]


def test_second_connection_that_closes_is_a_failure(client):
    with Server(replies(OK, [Close()], [Close()], OK)) as server:
        client.request("GET", server.url)
        with pytest.raises(TransportError):
            client.request("GET", server.url)
    assert used(server) == [1, 1, 2]


def test_answer_that_breaks_on_a_used_connection_is_a_failure(client):
    with Server(replies(OK, [b"HTTP/1.1 2", Close()], OK)) as server:
        client.request("GET", server.url)
        with pytest.raises(TransportError):
            client.request("GET", server.url)
    assert used(server) == [1, 1]


@pytest.mark.parametrize(
    ("method", "idle", "connection"), [("GET", 29, 1), ("GET", 31, 2), ("POST", 1, 1), ("POST", 3, 2)]
)
def test_old_connections_are_not_trusted(client, clock, method, idle, connection):
    with Server(replies(OK)) as server:
        client.request("GET", server.url)
        clock.now += idle
        client.request(method, server.url)
    assert used(server) == [1, connection]


def test_origins_do_not_share_connections(client):
    with Server(replies(OK)) as one, Server(replies(OK)) as two:
        for server in (one, two, one, two):
            client.request("GET", server.url)
    assert (used(one), used(two)) == ([1, 1], [1, 1])


def test_threads_share_the_pool_but_never_a_connection(client):
    barrier = threading.Barrier(8)

    def script(request):
        return answer(200, request.target.encode())

    def work(worker):
        barrier.wait(10)
        for number in range(50):
            path = f"/{worker}/{number}"
            assert client.request("GET", server.url + path).body == path.encode()
        return True

    with Server(script) as server, ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))
        assert len(server.requests) == 400
        assert server.connections <= 8


def test_only_some_connections_stay_idle(client):
    barrier = threading.Barrier(12)

    def script(_request):
        barrier.wait(10)
        return OK

    with Server(script) as server, ThreadPoolExecutor(12) as threads:
        assert {r.status for r in threads.map(lambda _: client.request("GET", server.url), range(12))} == {200}
        assert server.connections == 12
        until(lambda: len(server._open) == 8)


def test_close_ends_idle_connections_and_the_client_still_works(client):
    with Server(replies(OK)) as server:
        client.request("GET", server.url)
        client.close()
        until(lambda: not server._open)
        client.request("GET", server.url)
    assert used(server) == [1, 2]


def test_forgotten_client_closes_its_connections():
    with Server(replies(OK)) as server:
        http = HttpClient(proxies={})
        http.request("GET", server.url)
        del http
        gc.collect()
        until(lambda: not server._open)


def test_forgotten_answers_are_silent(client):
    """The garbage collector finalizes an answer and its connection in any order (found with Python 3.13)."""
    with Server(replies([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])) as server:
        cycle = [client.stream("GET", server.url)]
        cycle.append(cycle)
        del cycle
        with warnings.catch_warnings():
            # that the socket was not closed is true
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        until(lambda: not server._open)


def test_child_process_makes_its_own_connection(client):
    def script(request):
        return answer(200, str(request.connection).encode())

    with Server(script) as server:
        assert client.request("GET", server.url).body == b"1"
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, client.request("GET", server.url).body)
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            assert pipe.read() == b"2"
        os.waitpid(child, 0)
        assert client.request("GET", server.url).body == b"1", "the child must not end the connection of its parent"


def test_small_packets_are_not_delayed(client):
    with Server(replies(OK)) as server:
        client.request("POST", server.url, body=b"x")
        (idle,) = client._pool._idle.popitem()[1]
        assert idle._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        idle.close()
