# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures of sockets that no server can be made to cause reliably: the socket itself is a stub."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _http_connection
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import DeadlineError, TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from ansible_collections.metalstack.provisioning.plugins.module_utils._http_connection import (
    Connection,
    Limit,
    Origin,
    Problem,
)
from tests.unit.module_utils._server import FakeClock, Reset, Server, answer, replies

ORIGIN = Origin("https", "api.example", 443)


class Stub:
    """A socket whose calls fail as they are told."""

    def __init__(self, *, send=None, receive=None, pending=0):
        self._send = send
        self._receive = receive
        self._pending = pending

    def settimeout(self, seconds):
        assert seconds > 0

    def sendall(self, _data):
        raise self._send

    def recv(self, _size):
        if self._receive is None:
            return b""
        raise self._receive

    def recv_into(self, _buffer, _size):
        raise self._receive

    def pending(self):
        return self._pending

    def close(self):
        pass


def ssl_error(kind, reason):
    error = kind(1, "text")
    error.reason = reason
    return error


def connection(stub):
    return Connection(ORIGIN, stub, Limit(FakeClock(), 10))


@pytest.mark.parametrize(
    ("alert", "says", "permanent"),
    [
        (
            ssl_error(ssl.SSLError, "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            "TLS with api.example:443 failed: tlsv13 alert certificate required (it wants client_cert)",
            True,
        ),
        (ssl_error(ssl.SSLEOFError, "EOF"), "api.example:443 reset the connection", False),
        (ConnectionResetError(), "api.example:443 reset the connection", False),
        (None, "api.example:443 reset the connection", False),
    ],
)
def test_reason_for_the_end_of_tls_is_looked_for(monkeypatch, alert, says, permanent):
    monkeypatch.setattr(ssl, "SSLSocket", Stub)
    with pytest.raises(Problem) as raised:
        connection(Stub(send=BrokenPipeError(), receive=alert)).send(b"x")
    assert (str(raised.value), raised.value.permanent) == (says, permanent)


@pytest.mark.parametrize(
    ("error", "says", "silent", "permanent"),
    [
        (ssl_error(ssl.SSLEOFError, "EOF"), "api.example:443 closed the connection", True, False),
        (ssl_error(ssl.SSLZeroReturnError, "X"), "api.example:443 closed the connection", True, False),
        (
            ssl_error(ssl.SSLError, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"),
            "TLS with api.example:443 failed: decryption failed or bad record mac",
            False,
            True,
        ),
        (
            OSError(errno.EHOSTUNREACH, "No route to host"),
            "the connection to api.example:443 failed: No route to host",
            False,
            False,
        ),
        (socket.timeout(), "api.example:443 did not answer within 10 s", False, False),
    ],
)
def test_failures_while_reading(error, says, silent, permanent):
    with pytest.raises(Problem) as raised:
        connection(Stub(receive=error)).makefile("rb").read(1)
    problem = raised.value
    assert (str(problem), problem.silent, problem.permanent) == (says, silent, permanent)


def test_decrypted_rest_ends_a_connection(monkeypatch):
    monkeypatch.setattr(ssl, "SSLSocket", Stub)
    assert not connection(Stub(pending=5)).alive()


def test_socket_that_cannot_be_made(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", refuse)
    with (
        HttpClient(proxies={}, retry=RetryPolicy(attempts=1)) as http,
        pytest.raises(TransportError, match=r"127\.0\.0\.1:9 cannot be reached: Too many open files"),
    ):
        http.request("GET", "http://127.0.0.1:9/")


def test_deadline_that_passes_while_the_name_is_looked_up(monkeypatch):
    clock = FakeClock()

    def lookup(*_):
        clock.now += 6
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with (
        HttpClient(proxies={}, clock=clock) as http,
        pytest.raises(DeadlineError, match=r"did not succeed within 5 s\."),
    ):
        http.request("GET", "http://api.example/", deadline=5)


def test_proxy_that_resets():
    with (
        Server(replies([Reset()])) as proxy,
        HttpClient(proxies={"https": proxy.url}, retry=RetryPolicy(attempts=1)) as http,
        pytest.raises(TransportError, match=f"the proxy 127.0.0.1:{proxy.port} failed: "),
    ):
        http.request("GET", "https://api.example/")


def test_interrupted_request_closes_its_connection(monkeypatch):
    closed = []

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Connection, "send", interrupt)
    monkeypatch.setattr(_http_connection.Connection, "close", lambda self: closed.append(self._sock.close()))
    with Server(replies(answer())) as server, HttpClient(proxies={}) as http:
        with pytest.raises(KeyboardInterrupt):
            http.request("GET", server.url)
        assert len(closed) == 1
        assert http._pool._idle == {}
