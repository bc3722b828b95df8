# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gRPC calls of duros-controller, by a client that nobody here wrote, beside the REST calls that mean the same."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.module_utils._pki import Authority

from .raw import Raw
from .rpcclient import RpcClient

PROJECT = "6d0f1a2e-0000-4000-a000-000000000001"
RS256 = 1


@pytest.fixture
def rpc(cluster: Lightbits) -> Iterator[RpcClient]:
    with RpcClient(cluster.urls[0]) as client:
        yield client


@pytest.fixture(scope="module")
def tenant_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def uploaded(key: rsa.RSAPrivateKey) -> bytes:
    """A public key as the controller uploads it: of the usual form, with the label of another one."""
    return keys.public_pem(key).replace(" PUBLIC KEY", " RSA PUBLIC KEY").encode()


def test_it_says_the_same_as_rest_about_the_cluster(rpc: RpcClient, api: Raw) -> None:
    assert rpc("GetVersion") == {4: [b"v2.0"]}
    info = api.ok("GET", "/clusterinfo")
    answer = rpc("GetClusterInfo")
    for number, name in {1: "UUID", 2: "subsystemNQN", 6: "ETag", 14: "clusterName"}.items():
        assert answer[number] == [info[name].encode()], name
    assert (answer[3], answer[4]) == ([info["currentMaxReplicas"]], [info["supportedMaxReplicas"]])
    for number, name in {11: "apiEndpoints", 12: "discoveryEndpoints", 13: "nvmeEndpoints"}.items():
        assert answer[number] == [one.encode() for one in info[name]], name
    assert len(answer[11]) == 4


def test_a_project_is_made_once_and_is_that_of_rest(rpc: RpcClient, api: Raw) -> None:
    assert rpc.refused("GetProject", {1: PROJECT}) == ("NOT_FOUND", "project not found")
    made = rpc("CreateProject", {1: PROJECT, 2: "of a tenant"})
    assert (made[2], made[3]) == ([PROJECT.encode()], [b"of a tenant"])
    assert rpc.refused("CreateProject", {1: PROJECT})[0] == "ALREADY_EXISTS"
    assert rpc("GetProject", {1: PROJECT}) == made
    assert api.ok("GET", f"/projects/{PROJECT}")["UUID"].encode() == made[1][0]
    assert rpc.refused("CreateProject", {1: "No Name"})[0] == "INVALID_ARGUMENT"
    assert rpc.refused("GetProject") == ("INVALID_ARGUMENT", "the name is missing")


def test_a_credential_vouches_for_tokens_of_its_project(
    rpc: RpcClient, api: Raw, cluster: Lightbits, tenant_key: rsa.RSAPrivateKey
) -> None:
    token = keys.token([f"{PROJECT}:admin"], kid=f"{PROJECT}:root", key=tenant_key)
    tenant = Raw(cluster.urls[1], cluster.control, token)
    rpc("CreateProject", {1: PROJECT})
    tenant.refused(401, 16, "GET", f"/projects/{PROJECT}/volumes")
    assert rpc.refused("GetCredential", {1: "root", 2: PROJECT})[0] == "NOT_FOUND"
    pem = uploaded(tenant_key)
    given = {1: PROJECT, 2: "root", 3: RS256, 4: pem}
    made = rpc("CreateCredential", given)
    assert made == {1: [PROJECT.encode()], 2: [b"root"], 3: [RS256], 4: [pem]}
    assert rpc("GetCredential", {1: "root", 2: PROJECT}) == made
    assert rpc.refused("CreateCredential", given)[0] == "ALREADY_EXISTS"
    shown = api.ok("GET", f"/projects/{PROJECT}/credentials/root")
    assert (shown["type"], base64.b64decode(shown["payload"])) == ("RS256PubKey", pem)
    assert tenant.ok("GET", f"/projects/{PROJECT}/volumes") == {}
    with RpcClient(cluster.urls[1], token) as tenants:
        assert tenants("GetProject", {1: PROJECT})[2] == [PROJECT.encode()]
        assert tenants.refused("CreateProject", {1: "another"}) == ("PERMISSION_DENIED", "permission denied")


@pytest.mark.parametrize(
    ("change", "status"),
    [({1: "nobody"}, "NOT_FOUND"), ({3: 0}, "INVALID_ARGUMENT"), ({4: b"no key"}, "INVALID_ARGUMENT")],
    ids=["no such project", "no type", "no key"],
)
def test_a_wrong_credential_is_refused(
    rpc: RpcClient, api: Raw, tenant_key: rsa.RSAPrivateKey, change: dict[int, str | bytes | int], status: str
) -> None:
    rpc("CreateProject", {1: PROJECT})
    given = {1: PROJECT, 2: "root", 3: RS256, 4: uploaded(tenant_key), **change}
    assert rpc.refused("CreateCredential", given)[0] == status
    assert api.ok("GET", f"/projects/{PROJECT}/credentials") == {}


def test_some_versions_call_a_missing_credential_an_invalid_argument(rpc: RpcClient, cluster: Lightbits) -> None:
    rpc("CreateProject", {1: PROJECT})
    cluster.control.manners(old_status=True)
    try:
        assert rpc.refused("GetCredential", {1: "root", 2: PROJECT}) == ("INVALID_ARGUMENT", "credential not found")
    finally:
        cluster.control.manners(old_status=False)


def test_nobody_is_let_in_without_a_good_token(cluster: Lightbits, tenant_key: rsa.RSAPrivateKey) -> None:
    for token in ("", "nonsense", keys.token(lifetime=-1), keys.token(key=tenant_key)):
        with RpcClient(cluster.urls[0], token) as client:
            assert client.refused("GetVersion")[0] == "UNAUTHENTICATED"


def test_other_calls_are_not_implemented(rpc: RpcClient) -> None:
    assert rpc.refused("ListVolumes") == ("UNIMPLEMENTED", "unknown method ListVolumes")


def test_calls_are_logged_and_go_wrong_like_requests(rpc: RpcClient, api: Raw) -> None:
    api.control.add_fault("status", path="CreateProject", status=503, count=1)
    api.control.add_fault("latency", path="CreateProject", seconds=0.01)
    assert rpc.refused("CreateProject", {1: PROJECT})[0] == "UNAVAILABLE"
    assert rpc("CreateProject", {1: PROJECT})[2] == [PROJECT.encode()]
    path = "/lightbits.api.duros.v2.DurosAPI/CreateProject"
    log = [(entry["path"], entry["status"], entry["auth"]) for entry in api.control.requests()]
    assert log == [(path, 503, "Bearer"), (path, 200, "Bearer")]


def test_it_is_behind_the_same_tls_and_client_certificate_as_rest(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("127.0.0.1")
    ca = str(authority.path)
    arguments = ["--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", ca]
    own = authority.issue("client.example")
    with running_lightbits("--servers", "1", *arguments) as cluster:
        (url,) = cluster.urls
        with RpcClient(url, ca=ca) as client:
            assert client.refused("GetVersion")[0] == "UNAVAILABLE"
        with RpcClient(url, ca=ca, certificate=own) as client:
            assert client("GetVersion") == {4: [b"v2.0"]}
        trusted = ssl.create_default_context(cafile=authority.path)
        trusted.load_cert_chain(*own)
        assert Raw(url, cluster.control, trusted=trusted).ok("GET", "/version") == {"apiVersion": "v2.0"}
