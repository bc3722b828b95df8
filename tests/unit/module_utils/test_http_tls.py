# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS of the HTTP client, with a throw-away certificate authority."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import threading
import warnings

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _http_tls
from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy, TlsOptions
from tests.unit.module_utils._pki import Authority
from tests.unit.module_utils._server import Close, FakeClock, Server, answer, replies

OK = answer(200, b"ok")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


def client(**options):
    return HttpClient(proxies={}, tls=TlsOptions(**options), clock=FakeClock())


def test_trusted_authority_and_kept_connection(authority):
    with Server(replies(OK), authority.server()) as server, client(ca_path=str(authority.path)) as http:
        for _unused in range(3):
            assert http.request("GET", server.url).body == b"ok"
    assert server.connections == 1


def test_directory_of_authorities(authority, tmp_path):
    (tmp_path / "ca.pem").write_bytes(authority.path.read_bytes())
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True)
    with Server(replies(OK), authority.server()) as server, client(ca_path=str(tmp_path)) as http:
        assert http.request("GET", server.url).body == b"ok"


def test_unknown_authority_is_refused_at_once(authority):
    with (
        Server(replies(OK), authority.server()) as server,
        client() as http,
        pytest.raises(TransportError) as raised,
    ):
        http.request("GET", server.url)
    assert str(raised.value) == (
        f"GET {server.url} failed: the certificate of 127.0.0.1:{server.port} is not trusted: unable to get local "
        "issuer certificate; set ca_path to the file with the certificate of its authority."
    )
    assert (server.requests, server.handshakes_failed) == ([], 1)


def test_wrong_authority_is_named(authority, tmp_path):
    wrong = Authority(tmp_path, "someone else").path
    with (
        Server(replies(OK), authority.server()) as server,
        client(ca_path=str(wrong)) as http,
        pytest.raises(TransportError, match=f"is not trusted: .*; ca_path is {wrong}\\."),
    ):
        http.request("POST", server.url, body=b"secret")
    assert server.requests == []


def test_certificate_for_another_host(authority):
    tls = authority.server("images.example")
    with (
        Server(replies(OK), tls) as server,
        client(ca_path=str(authority.path)) as http,
        pytest.raises(TransportError, match=r"is not trusted: IP address mismatch.*'127.0.0.1'\.$"),
    ):
        http.request("GET", server.url)
    assert server.requests == []


def test_expired_certificate(authority):
    tls = authority.server(expired=True)
    with (
        Server(replies(OK), tls) as server,
        client(ca_path=str(authority.path)) as http,
        pytest.raises(TransportError, match=r"is not trusted: certificate has expired\.$"),
    ):
        http.request("GET", server.url)


def test_check_can_be_switched_off(authority):
    with Server(replies(OK), authority.server("images.example")) as server, client(validate_certs=False) as http:
        assert http.request("GET", server.url).body == b"ok"


def test_old_protocols_are_refused(authority):
    old = authority.server()
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        # that they are deprecated, newer Pythons say
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        Server(replies(OK), old) as server,
        client(ca_path=str(authority.path)) as http,
        pytest.raises(TransportError, match=r"TLS with 127.0.0.1:[0-9]+ failed: .*protocol"),
    ):
        http.request("GET", server.url)
    assert server.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_new_protocols(authority, version):
    tls = authority.server()
    tls.minimum_version = tls.maximum_version = version
    with Server(replies(OK), tls) as server, client(ca_path=str(authority.path)) as http:
        assert [http.request("GET", server.url).body for _unused in range(2)] == [b"ok", b"ok"]
    assert server.connections == 1


def test_name_of_the_server_is_sent(authority, monkeypatch):
    names = []
    tls = authority.server("images.example")
    tls.sni_callback = lambda _sock, name, _context: names.append(name)
    with Server(replies(OK), tls) as server, client(ca_path=str(authority.path)) as http:
        entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_unused: [entry])
        assert http.request("GET", "https://images.example/").body == b"ok"
    assert names == ["images.example"]


def test_client_certificate(authority):
    certificate, key = map(str, authority.issue("client.example"))
    options = {"ca_path": str(authority.path), "client_cert": certificate, "client_key": key}
    with Server(replies(OK), authority.server(clients=True)) as server, client(**options) as http:
        assert http.request("GET", server.url).body == b"ok"
    assert server.requests[0].peer_certificate


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (ssl.TLSVersion.TLSv1_2, r"failed: TLS with 127\.0\.0\.1:[0-9]+ failed: .*handshake failure\.$"),
        (ssl.TLSVersion.TLSv1_3, r"failed: TLS with .* failed: .*certificate required \(it wants client_cert\)\.$"),
    ],
)
def test_missing_client_certificate(authority, version, says):
    tls = authority.server(clients=True)
    tls.minimum_version = tls.maximum_version = version
    with (
        Server(replies(OK), tls) as server,
        client(ca_path=str(authority.path)) as http,
        pytest.raises(TransportError, match=says),
    ):
        http.request("GET", server.url)
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ca_path": "/nowhere/ca.pem"}, "ca_path /nowhere/ca.pem cannot be read: No such file or directory"),
        ({"ca_path": "{text}"}, "ca_path {text} holds no certificate in PEM format"),
        ({"client_cert": "/nowhere/c.pem"}, "client_cert /nowhere/c.pem cannot be read"),
        ({"client_cert": "{ca}", "client_key": "/nowhere/k.pem"}, "client_key /nowhere/k.pem cannot be read"),
        ({"client_key": "{ca}"}, "client_key was given without client_cert"),
        ({"client_cert": "{crt}", "client_key": "{other}"}, "are not a certificate and an unencrypted matching key"),
        ({"client_cert": "{crt}"}, "are not a certificate and an unencrypted matching key"),
        (
            {"client_cert": "{locked}", "client_key": "{locked_key}"},
            "not a certificate and an unencrypted matching key",
        ),
    ],
)
def test_unusable_files(authority, tmp_path, options, says):
    text = tmp_path / "text"
    text.write_text("no certificate")
    crt, _key = authority.issue("a.example")
    _crt, other = authority.issue("b.example")
    locked, locked_key = authority.issue("c.example", password=b"hunter2")
    names = {
        "text": text,
        "ca": authority.path,
        "crt": crt,
        "other": other,
        "locked": locked,
        "locked_key": locked_key,
    }
    filled = {name: value.format(**names) for name, value in options.items()}
    with client(**filled) as http, pytest.raises(TransportError) as raised:
        http.request("GET", "https://127.0.0.1:9/")
    assert says.format(**names) in str(raised.value)
    assert "attempts" not in str(raised.value)


def test_https_to_a_plain_server():
    with (
        Server(lambda _request: OK) as server,
        client() as http,
        pytest.raises(TransportError, match=r"TLS|closed the connection during the TLS handshake"),
    ):
        http.request("GET", server.url.replace("http:", "https:"))


@contextlib.contextmanager
def raw_server(serve):
    """A server that gives its only connection to a function, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            connection, _address = listener.accept()
            with connection, contextlib.suppress(ConnectionError):
                serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join(10)
        assert not thread.is_alive()


def test_server_that_resets_during_the_handshake():
    with (
        raw_server(lambda connection: connection.recv(1)) as url,
        HttpClient(proxies={}, retry=RetryPolicy(attempts=1)) as http,
        pytest.raises(TransportError, match="closed the connection during the TLS handshake: Connection reset"),
    ):
        http.request("GET", url)


def test_server_that_answers_tls_with_http():
    def serve(connection):
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        while connection.recv(1000):
            pass

    with (
        raw_server(serve) as url,
        client() as http,
        pytest.raises(TransportError, match=r"wrong version number \(is it https at all\?\)"),
    ):
        http.request("GET", url)


@pytest.mark.parametrize("silent", [False, True])
def test_server_that_hangs_up_or_waits_during_the_handshake(silent):
    done = threading.Event()

    def serve(connection):
        connection.recv(100_000)
        if silent:
            done.wait(10)

    says = (
        "did not finish the TLS handshake within 0.1 s" if silent else "closed the connection during the TLS handshake"
    )
    timeout = 0.1 if silent else 10
    with raw_server(serve) as url, HttpClient(proxies={}, timeout=timeout, retry=RetryPolicy(attempts=1)) as http:
        with pytest.raises(TransportError, match=says):
            http.request("GET", url)
        done.set()


def test_short_body_over_tls(authority):
    steps = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Close()]
    with Server(replies(steps, OK), authority.server()) as server, client(ca_path=str(authority.path)) as http:
        assert http.request("GET", server.url).body == b"ok"
    assert server.connections == 2


def test_context_is_made_once_and_again_when_a_file_changes(authority, tmp_path, monkeypatch):
    made = []
    create = _http_tls._create
    monkeypatch.setattr(_http_tls, "_create", lambda options: made.append(options) or create(options))
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.path.read_bytes())
    options = TlsOptions(ca_path=str(path))
    first = _http_tls.context(options)
    assert _http_tls.context(TlsOptions(ca_path=str(path))) is first
    assert len(made) == 1
    path.write_bytes(Authority(tmp_path / "other").path.read_bytes())
    os.utime(path, ns=(1, 1))
    assert _http_tls.context(options) is not first
    assert len(made) == 2


def test_defaults_are_strict():
    context = _http_tls.context(TlsOptions())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
