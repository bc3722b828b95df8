# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""duros_controller_preflight: planted defects of token, key, endpoints, project and storage classes, all at once."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.api.helpers import perform_module
from tests.unit.module_utils._pki import Authority

PROJECT = "8a2a8c4b-8f6a-4a8e-8a52-0f5b0d3c7a11"
YEAR = 365 * 86400
GOLD = {"name": "gold", "replicas": 3, "compression": True, "default": True}


def pem(key: rsa.RSAPrivateKey, *, pkcs8: bool = False) -> str:
    form = serialization.PrivateFormat.PKCS8 if pkcs8 else serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@cache
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def look(cluster: Lightbits, **changes: Any) -> dict[str, Any]:
    """Run it with options that are right, but for the changes."""
    options = {
        "endpoints": list(cluster.urls),
        "admin_token": keys.token(lifetime=YEAR),
        "admin_key": pem(keys.root_key()),
        "project": PROJECT,
        "storage_classes": [GOLD],
        "retries": 0,
        **changes,
    }
    return perform_module("duros_controller_preflight", options, {})


def problems(cluster: Lightbits, **changes: Any) -> list[str]:
    found: list[str] = look(cluster, **changes)["problems"]
    return found


def test_all_is_well(cluster: Lightbits) -> None:
    found = look(cluster)
    assert (found["problems"], found["warnings_found"], found["changed"]) == ([], [], False)
    assert found["cluster"]["servers"] == 3
    assert (found["cluster"]["project"], found["cluster"]["credential"]) == (False, False)
    assert len(found["cluster"]["endpoints"]) == 3


def test_newline_after_the_token_is_no_problem(cluster: Lightbits) -> None:
    assert problems(cluster, admin_token=keys.token(lifetime=YEAR) + "\n") == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (lambda: "", ["There is no admin token: give admin_token or admin_token_file."]),
        (lambda: "no-token", ["The admin token cannot be used: The token is not a JSON Web Token."]),
        (lambda: keys.token(lifetime=-60), ["The admin token expired at "]),
        (lambda: keys.token(lifetime=86400), ["The admin token is good for 1.0 days only"]),
        (
            lambda: keys.token(["default:admin"], lifetime=YEAR),
            ["The admin token has the roles default:admin; duros-controller needs system:cluster-admin."],
        ),
        (lambda: keys.token(lifetime=YEAR, key=other_key()), ["The cluster cannot be asked at "]),
    ],
)
def test_tokens(cluster: Lightbits, token: Any, expected: list[str]) -> None:
    found = problems(cluster, admin_token=token())
    assert [one for one in expected if not any(problem.startswith(one) for problem in found)] == []
    # what follows from a token that is no good is not told once more
    assert len(found) == (2 if "default:admin" in expected[0] else 1)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", "There is no admin key"),
        ("no key", "admin_key has no key"),
        ("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", "admin_key has a public key"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----",
            "admin_key has a private key that cannot",
        ),
    ],
)
def test_keys(cluster: Lightbits, key: str, expected: str) -> None:
    [found] = problems(cluster, admin_key=key)
    assert found.startswith(expected)


def test_key_that_is_pkcs8_is_converted_on_request_only(cluster: Lightbits) -> None:
    key = pem(keys.root_key(), pkcs8=True)
    [found] = problems(cluster, admin_key=key)
    assert found.startswith("The admin key is PKCS#8, but duros-controller reads PKCS#1 only")
    assert problems(cluster, admin_key=key, convert_key=True) == []


def test_key_that_is_not_the_one_of_the_credential(cluster: Lightbits) -> None:
    credential = {"api_endpoints": list(cluster.urls), "api_token": keys.token()}
    perform_module("lightbits_project", {**credential, "name": PROJECT}, {})
    content = keys.public_pem(other_key())
    perform_module("lightbits_credential", {**credential, "project": PROJECT, "id": "root", "content": content}, {})
    [found] = problems(cluster)
    assert found.startswith(f"The credential root of the project {PROJECT} is not of the admin key")
    right = look(cluster, admin_key=pem(other_key()))
    assert right["problems"] == []
    assert (right["cluster"]["project"], right["cluster"]["credential"]) == (True, True)


def test_servers_that_are_silent_are_told_together(cluster: Lightbits) -> None:
    cluster.control.stop_servers(1, 2)
    [found] = problems(cluster)
    assert found.startswith("The cluster cannot be asked at 127.0.0.1:")
    assert found.count("127.0.0.1:") == 2


def test_servers_of_two_clusters(cluster: Lightbits) -> None:
    with running_lightbits("--servers", "1") as other:
        other.control.replace_state(cluster={"UUID": "1" * 8 + "-e5ab-4e0c-96b4-cbbe4b5b3b7f"})
        [found] = problems(cluster, endpoints=[cluster.urls[0], other.urls[0]])
    assert found.startswith("endpoints are of 2 clusters: ")


def test_addresses(cluster: Lightbits) -> None:
    assert problems(cluster, endpoints=[*cluster.urls, "10.0.0.1:port"]) == [
        "endpoints has '10.0.0.1:port', but 'port' is no port: write it as 10.0.0.10:443 or [fd00::10]:443."
    ]
    assert problems(cluster, endpoints=[cluster.urls[0], cluster.urls[0]])[0].endswith(" twice.")
    assert problems(cluster, endpoints=[]) == [
        "endpoints is empty: give the servers of the cluster, like 10.0.0.10:443."
    ]
    [found] = problems(cluster, api_endpoint="10.0.0.1:443,10.0.0.2:443")
    assert "takes one address only" in found
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        [found] = problems(cluster, api_endpoint=f"127.0.0.1:{closed.getsockname()[1]}")
    assert found.startswith("api_endpoint 127.0.0.1:")
    assert problems(cluster, api_endpoint=cluster.urls[1]) == []


@dataclass(frozen=True)
class Proxy:
    """A proxy before the API, with the authority whose certificates it wants and shows."""

    address: str
    authority: Authority

    def client(self, authority: Authority) -> dict[str, str]:
        """Options with a certificate of this authority."""
        certificate, key = (path.read_text(encoding="ascii") for path in authority.issue("duros-controller"))
        ca = self.authority.path.read_text(encoding="ascii")
        return {"api_endpoint": self.address, "api_ca": ca, "api_cert": certificate, "api_key": key}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    authority = Authority(tmp_path_factory.mktemp("proxy"))
    certificate, key = map(str, authority.issue("127.0.0.1"))
    words = ("--servers", "1", "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", str(authority.path))
    with running_lightbits(*words) as behind:
        yield Proxy(behind.urls[0].removeprefix("https://"), authority)


def test_proxy_lets_in_who_has_its_certificate(cluster: Lightbits, proxy: Proxy) -> None:
    assert problems(cluster, **proxy.client(proxy.authority)) == []


def test_proxy_refuses_others(cluster: Lightbits, proxy: Proxy, tmp_path: Path) -> None:
    start = f"api_endpoint {proxy.address} "
    [found] = problems(cluster, api_endpoint=proxy.address)
    assert found.startswith(f"{start}ends the connection; it may want a certificate of its client: give ")
    [found] = problems(cluster, **proxy.client(Authority(tmp_path / "stranger")))
    assert found == f"{start}ends the connection; it may refuse the certificate api_cert."


def test_proxy_says_in_words_of_tls_why_it_refuses(cluster: Lightbits, proxy: Proxy, tmp_path: Path) -> None:
    with talkative(proxy.authority) as address:
        [without] = problems(cluster, api_endpoint=address)
        [stranger] = problems(cluster, **{**proxy.client(Authority(tmp_path / "stranger")), "api_endpoint": address})
        [rest] = problems(cluster, **{**proxy.client(proxy.authority), "api_endpoint": address})
    assert without.startswith(f"api_endpoint {address} wants a certificate of its client: give ")
    assert stranger.startswith(f"api_endpoint {address} refuses the certificate api_cert: ")
    assert rest == f"api_endpoint {address} does not speak HTTP/2, so it is nothing for gRPC."


@contextlib.contextmanager
def talkative(authority: Authority) -> Iterator[str]:
    """A server that sends the alerts of TLS, and then HTTP/1.1 only; for three clients, one after the other."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.path))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*authority.issue("127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _client in range(3):
                plain, _address = listener.accept()
                with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as secure:
                    with contextlib.suppress(ssl.SSLError):
                        secure.do_handshake()
                        secure.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    # what is left unread would reset the connection before the client has read
                    while socket.socket.recv(secure, 1024):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(30)


def test_proxy_that_is_another_one(cluster: Lightbits, proxy: Proxy, tmp_path: Path) -> None:
    options = proxy.client(proxy.authority)
    other = Authority(tmp_path / "other").path.read_text(encoding="ascii")
    [found] = problems(cluster, **{**options, "api_ca": other})
    assert found.startswith(f"api_endpoint {proxy.address} has a certificate that api_ca does not prove: ")
    # a server without TLS, the first of them, is the address when there is none
    [found] = problems(cluster, **{**options, "api_endpoint": None})
    assert found.startswith(
        f"api_endpoint {min(cluster.urls).removeprefix('http://')} does not speak TLS as it should: "
    )


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("api_ca", "no certificate", "api_ca has no certificate in PEM format."),
        ("api_cert", "no certificate", "api_cert and api_key are not a certificate and the unencrypted key"),
        ("api_key", pem(other_key()), "api_cert and api_key are not a certificate and the unencrypted key"),
    ],
)
def test_certificates_that_cannot_be_used(
    cluster: Lightbits, proxy: Proxy, option: str, value: str, expected: str
) -> None:
    [found] = problems(cluster, **{**proxy.client(proxy.authority), option: value})
    assert found.startswith(expected)


def test_storage_classes(cluster: Lightbits) -> None:
    assert problems(cluster, storage_classes=[]) == ["storage_classes is empty: duros-controller needs at least one."]
    assert problems(cluster, storage_classes=[GOLD, {"name": "gold", "replicas": 2, "default": True}]) == [
        "The storage class gold is given 2 times.",
        "Only one storage class can be the default, not gold and gold.",
    ]
    assert problems(cluster, storage_classes=[{"name": "Gold", "replicas": 0}, {"name": "b", "replicas": 4}]) == [
        "The storage class 'Gold' has no name for Kubernetes: use small letters, digits, - and .",
        "The storage class Gold has 0 replicas; 1 to 3 are possible.",
        "The storage class b has 4 replicas; 1 to 3 are possible.",
    ]
    secret = {**GOLD, "encryption": True}
    assert look(cluster, storage_classes=[secret])["warnings_found"] == [
        "The storage class gold is encrypted, so nothing is compressed in it."
    ]


def test_more_replicas_than_servers() -> None:
    with running_lightbits("--servers", "2") as small:
        [found] = problems(small)
    assert found.startswith("The storage class gold has 3 replicas, but the cluster has 2 servers")


def test_projects(cluster: Lightbits) -> None:
    assert problems(cluster, project="") == ["project is empty: give the id of the project in the metal-api."]
    assert problems(cluster, project="No_Project")[0].startswith("project is 'No_Project'")


def test_all_problems_are_told_at_once(cluster: Lightbits) -> None:
    found = problems(
        cluster,
        admin_token=keys.token(lifetime=-60),
        admin_key=pem(keys.root_key(), pkcs8=True),
        storage_classes=[{"name": "x", "replicas": 9}],
        endpoints=[*cluster.urls, "http://127.0.0.1:1"],
        project="",
    )
    assert len(found) == 5
    assert not any(word in " ".join(found) for word in ("eyJ", "MII"))
