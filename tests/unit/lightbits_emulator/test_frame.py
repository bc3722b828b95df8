# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens, roles, the manners of the gateway, faults, and servers that are stopped alone."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.common.controlclient import ControlError
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.emulators.process import EmulatorError, running

from .raw import Raw

OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def payload(key: rsa.RSAPrivateKey = OTHER, label: str = "PUBLIC KEY") -> str:
    """A public key as the API takes it."""
    return base64.b64encode(keys.public_pem(key).replace("PUBLIC KEY", label).encode()).decode()


def upload(api: Raw, project: str, name: str, content: str) -> None:
    api.ok("POST", f"/projects/{project}/credentials", {"ID": name, "type": "RS256PubKey", "payload": content})


def test_version_and_clusterinfo(api: Raw, cluster: Lightbits) -> None:
    assert api.ok("GET", "/version") == {"apiVersion": "v2.0"}
    info = api.ok("GET", "/clusterinfo")
    assert info["apiEndpoints"] == [urlsplit(url).netloc for url in cluster.urls]
    assert info["nvmeEndpoints"][1] == "10.10.10.101:4420"
    assert info["discoveryEndpoints"][1] == "10.10.10.101:8009"
    assert (info["currentMaxReplicas"], info["supportedMaxReplicas"]) == (3, 3)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        keys.token(lifetime=-1),
        keys.token(kid="system:gone"),
        keys.token(kid="nowhere:root"),
        keys.token(kid=""),
        keys.token(key=OTHER),
        keys.token(subject=""),
        keys.token(["everything"]),
    ],
    ids=["none", "no token", "expired", "unknown key", "unknown project", "no kid", "forged", "no subject", "no role"],
)
def test_refused_tokens(api: Raw, token: str) -> None:
    api.token = token
    api.refused(401, 16, "GET", "/clusterinfo")


def test_the_clock_of_the_cluster_counts(api: Raw) -> None:
    api.control.shift_clock(7200)
    api.refused(401, 16, "GET", "/version")
    api.control.shift_clock(0)
    api.ok("GET", "/version")


@pytest.mark.parametrize("label", ["PUBLIC KEY", "RSA PUBLIC KEY"])
def test_keys_of_projects(api: Raw, label: str) -> None:
    api.ok("POST", "/projects", {"name": "tenant"})
    upload(api, "tenant", "k1", payload(label=label))
    tenant = Raw(api.url, api.control, keys.token(["tenant:admin"], kid="tenant:k1", key=OTHER))
    tenant.ok("GET", "/projects/tenant/volumes")
    tenant.refused(403, 7, "GET", "/projects/default/volumes")
    tenant.refused(403, 7, "GET", "/cluster")
    tenant.refused(403, 7, "GET", "/servers")
    assert tenant.ok("GET", "/clusterinfo")["UUID"]
    # A project's key vouches for that project's roles alone.
    tenant.token = keys.token(["system:cluster-admin"], kid="tenant:k1", key=OTHER)
    tenant.refused(401, 16, "GET", "/cluster")
    api.ok("DELETE", "/projects/tenant/credentials/k1")
    tenant.token = keys.token(["tenant:admin"], kid="tenant:k1", key=OTHER)
    tenant.refused(401, 16, "GET", "/projects/tenant/volumes")


def test_pkcs1_keys(api: Raw) -> None:
    form = serialization.PublicFormat.PKCS1
    pem = OTHER.public_key().public_bytes(serialization.Encoding.PEM, form)
    upload(api, "default", "k1", base64.b64encode(pem).decode())
    Raw(api.url, api.control, keys.token(["default:viewer"], kid="default:k1", key=OTHER)).ok("GET", "/version")


@pytest.mark.parametrize("role", ["system:cluster-viewer", "default:viewer"])
def test_viewers_only_view(api: Raw, role: str) -> None:
    viewer = Raw(api.url, api.control, keys.token([role]))
    viewer.ok("GET", "/projects/default/volumes")
    viewer.refused(403, 7, "POST", "/projects/default/volumes", {})
    viewer.refused(403, 7, "POST", "/projects", {"name": "x"})


def test_projects_and_credentials(api: Raw) -> None:
    made = api.ok("POST", "/projects", {"name": "tenant", "description": "A tenant"})
    assert api.ok("GET", "/projects/tenant") == made
    assert [one["name"] for one in api.ok("GET", "/projects")["projects"]] == ["system", "default", "tenant"]
    api.refused(409, 6, "POST", "/projects", {"name": "tenant"})
    api.refused(400, 3, "POST", "/projects", {"name": "Not-A-Name"})
    api.refused(400, 3, "POST", "/projects", {"name": "long", "description": "x" * 257})
    assert api.ok("GET", "/projects/tenant/credentials") == {}
    upload(api, "tenant", "k1", payload())
    again = {"ID": "k1", "type": "RS256PubKey", "payload": payload()}
    api.refused(409, 6, "POST", "/projects/tenant/credentials", again)
    api.refused(400, 3, "POST", "/projects/tenant/credentials", {**again, "ID": "k2", "payload": "bm8gUEVN"})
    stored = api.ok("GET", "/projects/tenant/credentials/k1")
    assert stored == {"projectName": "tenant", **again}
    api.ok("DELETE", "/projects/tenant")
    api.refused(404, 5, "GET", "/projects/tenant")
    api.refused(400, 3, "DELETE", "/projects/default")


def test_unknown_fields_are_ignored(api: Raw) -> None:
    """As by the real gateway: a misspelt field is no error, and does nothing."""
    api.ok("POST", "/projects", {"name": "tenant", "Description": "x"})
    assert "description" not in api.ok("GET", "/projects/tenant")


def test_zero_values_and_wide_numbers(api: Raw) -> None:
    device = api.ok("GET", "/nvmeDevices/SERVER00-0")
    assert device["size"] == str(4 << 40)
    assert "readOnly" not in api.node()
    assert api.ok("GET", "/featureFlags/evict-data") == {"name": "evict-data"}
    api.control.manners(emit_defaults=True)
    assert api.node()["readOnly"] is False
    assert api.ok("GET", "/featureFlags/evict-data") == {"name": "evict-data", "enabled": False}


def test_what_is_the_emulators_own_is_not_shown(api: Raw) -> None:
    assert "_" not in "".join(name[0] for name in (*api.server(), *api.node()))


def test_bad_bodies(api: Raw) -> None:
    api.refused(400, 3, "POST", "/projects", b"{")
    api.refused(400, 3, "POST", "/projects", ["name"])
    api.refused(400, 3, "POST", "/projects", {"name": 5})


@pytest.mark.parametrize("old_status", [False, True])
def test_etags(api: Raw, old_status: bool) -> None:
    api.control.manners(old_status=old_status)
    server = api.server()
    path = f"/servers/{server['UUID']}/disable"
    api.refused(412 if old_status else 400, 9, "POST", path, {}, If_Match="0")
    assert api.server() == server
    api.ok("POST", path, {}, If_Match=server["ETag"])
    assert api.server()["ETag"] != server["ETag"]


def test_a_race_is_lost_by_the_one_with_an_etag(api: Raw) -> None:
    server = api.server()
    path = f"/servers/{server['UUID']}/disable"
    api.control.add_fault("race", method="POST", count=1)
    api.refused(400, 9, "POST", path, {}, If_Match=server["ETag"])
    api.ok("POST", path, {}, If_Match=api.server()["ETag"])


def test_faults_speak_as_the_gateway(api: Raw) -> None:
    api.control.add_fault("status", status=503, message="busy", count=1)
    assert api.refused(503, 14, "GET", "/cluster") == "busy"
    api.control.add_fault("status", status=429, count=1)
    api.refused(429, 8, "GET", "/cluster")


def test_a_stopped_server_refuses_and_the_others_go_on(api: Raw, cluster: Lightbits) -> None:
    parts = urlsplit(cluster.urls[1])
    kept = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    kept.request("GET", "/api/v2/version")
    kept.getresponse().read()
    assert kept.sock is not None
    api.control.stop_servers(1, 3)
    with pytest.raises(ConnectionResetError):
        kept.sock.recv(1)
    kept.close()
    for number in (1, 3):
        with pytest.raises(ConnectionRefusedError):
            Raw(cluster.urls[number], api.control)("GET", "/version")
    api.ok("GET", "/version")
    assert len(api.ok("GET", "/clusterinfo")["apiEndpoints"]) == 4
    # Nobody else gets the port meanwhile.
    with socket.socket() as taken, pytest.raises(OSError, match="in use"):
        taken.bind((str(parts.hostname), parts.port or 0))
    for _time in range(3):
        api.control.stop_servers(3)
        Raw(cluster.urls[1], api.control).ok("GET", "/version")
        api.control.stop_servers(1, 3)
    api.control.replace_state()
    Raw(cluster.urls[3], api.control).ok("GET", "/version")


def test_a_slow_server(api: Raw, cluster: Lightbits) -> None:
    api.control.change_state(servers=[{"name": "server01", "_slow": 1}])
    api.ok("GET", "/version")
    Raw(cluster.urls[1], api.control).ok("GET", "/version")
    quick, slow = (entry["seconds"] for entry in api.control.requests())
    assert quick < 1 <= slow


def test_state_and_messages_keep_secrets(api: Raw, cluster: Lightbits) -> None:
    secret = {"ID": "tls", "type": "TlsPrivKeyPem", "payload": base64.b64encode(b"s3cret").decode()}
    api.ok("POST", "/projects/default/credentials", secret)
    shown = json.dumps(api.control.state()) + json.dumps(api.control.requests()) + cluster.emulator.messages()
    assert "tls" in shown
    for word in ("s3cret", secret["payload"], api.token):
        assert word not in shown


def test_wrong_control_requests_change_nothing(api: Raw) -> None:
    before = api.control.state()
    with pytest.raises(ControlError, match="no section 'server'"):
        api.control.change_state(servers=[{"name": "server00", "_slow": 9}], server=[])
    with pytest.raises(ControlError, match="servers has nothing whose name is 'x'"):
        api.control.change_state(servers=[{"name": "server00", "_slow": 9}, {"name": "x"}])
    with pytest.raises(ControlError, match="no server number 4"):
        api.control.stop_servers(4)
    with pytest.raises(ControlError, match="there is no 'speed' in 'pace'"):
        api.control.pace(speed=1)
    assert api.control.state() == before


@pytest.mark.parametrize(
    ("servers", "message"),
    [("17", "--servers is a number from 1 to 16"), ("3", "it is no RSA public key in PEM")],
)
def test_command_line(tmp_path: Path, servers: str, message: str) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key", encoding="ascii")
    arguments = ("--root-public-key", str(key), "--servers", servers)
    with pytest.raises(EmulatorError, match=message), running("tests.emulators.lightbits", *arguments):
        pass


def begin_volume(api: Raw, name: str) -> str:
    """Create a volume without waiting for it; return its UUID."""
    body = {"name": name, "size": "4 gib", "replicaCount": 3, "acl": {"values": ["ALLOW_NONE"]}}
    uuid = api.ok("POST", "/projects/default/volumes", body)["UUID"]
    assert isinstance(uuid, str)
    return uuid


def test_state_can_be_brought_back(api: Raw) -> None:
    with pytest.raises(ControlError, match="no state was kept"):
        api.control.restore_state()
    api.control.pace(paused=True)
    begin_volume(api, "early")
    with pytest.raises(ControlError, match="only when nothing is still to happen"):
        api.control.keep_state()
    api.stage()
    api.control.keep_state()
    before = api.control.state()
    for _time in range(2):
        begin_volume(api, "late")
        api.control.stop_servers(2)
        api.control.restore_state()
        assert api.control.state() == before
        assert api.control.requests() == []


def test_pace_that_goes_on_with_each_request(api: Raw) -> None:
    api.control.pace(per_request=0.4)
    uuid = begin_volume(api, "one")
    states = [api.get_volume(uuid)["state"] for _look in range(3)]
    assert states == ["Creating", "Creating", "Available"]
    begin_volume(api, "two")
    with pytest.raises(ControlError, match="can be changed only when nothing is still to happen"):
        api.control.pace(per_request=0)
