# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirects: only when asked for, never with credentials to another host, never from https to http."""

from __future__ import annotations

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy, TlsOptions
from tests.unit.module_utils._pki import Authority
from tests.unit.module_utils._server import FakeClock, Server, answer, replies

SECRETS = {
    "Authorization": "Bearer abc",
    "X-Date": "2026-01-01T00:00:00Z",
    "X-Data-Salt": "salt",
    "Cookie": "a=b",
    "X-Api-Key": "k",
    "Proxy-Authorization": "Basic x",
}
HARMLESS = {"Accept": "x/y", "Range": "bytes=0-1", "If-Range": '"e"'}


@pytest.fixture
def client():
    with HttpClient(proxies={}, clock=FakeClock()) as http:
        yield http


def to(location, status=302):
    return answer(status, b"moved", {"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_followed_when_asked(client, status, method):
    last = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"ok" if method == "GET" else b"")]
    moved = [to("../c?d=1#e", status)[0][: -5 if method == "HEAD" else None]]
    with Server(replies(moved, last)) as server:
        response = client.request(method, f"{server.url}/a/b", redirects=1)
        assert response.status == 200
        assert response.url == f"{server.url}/c?d=1#e"
        assert response.request == f"{method} {server.url}/a/b"
    assert [request.target for request in server.requests] == ["/a/b", "/c?d=1"]
    assert server.connections == 1


def test_not_followed_by_default(client):
    with Server(replies(to("/b"))) as server:
        assert client.request("GET", server.url).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [302, 307])
def test_changes_are_not_redirected(client, method, status):
    with Server(replies(to("/b", status))) as server:
        assert client.request(method, server.url, redirects=5).status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [300, 304])
def test_other_answers_are_no_redirects(client, status):
    with Server(replies(to("/b", status), answer())) as server:
        assert client.request("GET", server.url, redirects=5).status == status


def test_redirect_without_location(client):
    with Server(replies(answer(302))) as server:
        assert client.request("GET", server.url, redirects=5).status == 302


def test_too_many(client):
    with (
        Server(replies(to("/b"))) as server,
        pytest.raises(ProtocolError, match=f"GET {server.url}/a was redirected more than 3 times"),
    ):
        client.request("GET", f"{server.url}/a", redirects=3)
    assert len(server.requests) == 4


def test_credentials_stay_on_the_same_origin(client):
    with Server(replies(to("/b"), answer())) as server:
        client.request("GET", server.url, headers={**SECRETS, **HARMLESS}, redirects=1)
    for name, value in {**SECRETS, **HARMLESS}.items():
        assert server.requests[1].headers[name.lower()] == value


def test_credentials_do_not_go_elsewhere_and_not_back_again(client):
    with Server(replies(answer())) as other, Server(replies(answer())) as home:
        other.script = replies(to(f"{home.url}/back"))
        home.script = replies(to(f"{other.url}/x"), answer(200, b"ok"))
        with client.stream("GET", home.url, headers=lambda: {**SECRETS, **HARMLESS}) as stream:
            assert stream.url == f"{home.url}/back"
    for request in (other.requests[0], home.requests[1]):
        assert not {name.lower() for name in SECRETS} & set(request.headers)
        for name, value in HARMLESS.items():
            assert request.headers[name.lower()] == value


def test_attempts_after_a_redirect_start_again_with_credentials(client):
    with Server(replies(answer(503), answer(200))) as other, Server(replies(to(f"{other.url}/x"))) as home:
        response = client.request("GET", home.url, headers=lambda: SECRETS, redirects=1)
        assert (response.status, response.attempts) == (200, 2)
    assert [request.headers.get("x-api-key") for request in home.requests] == ["k", "k"]
    assert [request.headers.get("x-api-key") for request in other.requests] == [None, None]


def test_downgrade_is_refused(tmp_path):
    authority = Authority(tmp_path)
    with Server(replies(answer())) as plain:
        location = f"{plain.url}/x?token=abcdefgh"
        with (
            Server(replies(to(location)), authority.server()) as secure,
            HttpClient(proxies={}, tls=TlsOptions(ca_path=str(authority.path))) as http,
            pytest.raises(ProtocolError, match=r"was redirected from https to http://.*, which is not") as raised,
        ):
            http.request("GET", secure.url, redirects=5)
    assert plain.requests == []
    assert "abcdefgh" not in str(raised.value)


def test_upgrade_is_followed_without_credentials(tmp_path):
    authority = Authority(tmp_path)
    with (
        Server(replies(answer(200, b"ok")), authority.server()) as secure,
        Server(replies(to(secure.url))) as plain,
        HttpClient(proxies={}, tls=TlsOptions(ca_path=str(authority.path))) as http,
    ):
        assert http.request("GET", plain.url, headers=SECRETS, redirects=1).body == b"ok"
    assert "authorization" not in secure.requests[0].headers


@pytest.mark.parametrize(
    "location",
    ["ftp://host/x", "http://", "http://user:hunter2@127.0.0.1/", "http://host:99999/", "file:///etc/passwd"],
)
def test_bad_targets(location):
    with (
        Server(replies(to(location))) as server,
        HttpClient(proxies={}, retry=RetryPolicy(attempts=1)) as http,
        pytest.raises(ProtocolError) as raised,
    ):
        http.request("GET", server.url, redirects=1)
    assert "hunter2" not in str(raised.value)


def test_location_with_raw_characters(client):
    with Server(replies(to("/a b/\u00c3\u00bc%20"), answer())) as server:
        client.request("GET", server.url, redirects=1)
    assert server.requests[1].target == "/a%20b/%C3%BC%20"


def test_long_body_of_a_redirect_ends_the_connection(client):
    long = answer(302, b"x" * 100_000, {"Location": "/b"})
    with Server(replies(long, answer(200, b"ok"))) as server:
        assert client.request("GET", server.url, redirects=1).body == b"ok"
    assert [request.connection for request in server.requests] == [1, 2]
