# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand, and a cluster as it is in the field: an HTTPS address for each server, and each can go alone."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.module_utils._pki import Authority

from .raw import Raw


def projects(api: Raw) -> list[str]:
    return [project["name"] for project in api.control.state()["projects"]]


def make(api: Raw) -> Any:
    return api("POST", "/projects", {"name": "tenant"})


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        ({"action": "reset"}, ConnectionResetError, False),
        ({"action": "reset", "when": "after"}, ConnectionResetError, True),
        ({"action": "stop"}, ConnectionResetError, False),
        ({"action": "stop", "when": "after"}, ConnectionResetError, True),
        ({"action": "truncate"}, http.client.IncompleteRead, True),
        ({"action": "stall", "seconds": 0.01}, http.client.IncompleteRead, True),
        ({"action": "invalid_json"}, ValueError, True),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_answers_that_get_lost(
    api: Raw, cluster: Lightbits, fault: dict[str, Any], error: type[Exception], done: bool
) -> None:
    api.control.add_fault(**fault, method="POST", count=1)
    with pytest.raises(error):
        make(api)
    assert ("tenant" in projects(api)) is done
    if fault["action"] == "stop":
        with pytest.raises(ConnectionRefusedError):
            api("GET", "/version")
    Raw(cluster.urls[1], api.control).ok("GET", "/version")


@pytest.mark.parametrize("when", ["before", "after"])
def test_errors_before_and_after_the_commit(api: Raw, when: str) -> None:
    api.control.add_fault("status", status=503, when=when, method="POST", count=1)
    api.refused(503, 14, "POST", "/projects", {"name": "tenant"})
    assert ("tenant" in projects(api)) is (when == "after")


@pytest.mark.parametrize(("action", "content"), [("empty_list", []), ("null_list", None)])
def test_lists_that_are_empty(api: Raw, action: str, content: object) -> None:
    api.control.add_fault(action, count=1)
    assert api.ok("GET", "/servers") == {"servers": content}
    assert len(api.ok("GET", "/servers")["servers"]) == 4


def test_a_late_answer(api: Raw) -> None:
    api.control.add_fault("latency", seconds=0.2, count=1)
    api.ok("GET", "/version")
    (entry,) = api.control.requests()
    assert entry["seconds"] >= 0.2


@pytest.mark.parametrize(("when", "seen"), [("before", "Disabled"), ("after", "Enabled")])
def test_somebody_changes_the_state_at_a_request(api: Raw, when: str, seen: str) -> None:
    change = {"servers": [{"name": "server01", "state": "Disabled"}]}
    api.control.add_fault("change", path="/servers", when=when, skip=1, count=1, change=change)
    assert api.server(1)["state"] == "Enabled"
    assert api.server(1)["state"] == seen
    assert api.server(1)["state"] == "Disabled"


@pytest.fixture
def secure(tmp_path: Path) -> tuple[Authority, list[str]]:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("127.0.0.1")
    return authority, ["--tls-cert", str(certificate), "--tls-key", str(key)]


def test_each_server_has_its_own_https_address(secure: tuple[Authority, list[str]]) -> None:
    authority, arguments = secure
    trusted = ssl.create_default_context(cafile=authority.path)
    with running_lightbits("--servers", "3", *arguments) as cluster:
        assert len(set(cluster.urls)) == 3 and all(url.startswith("https://127.0.0.1:") for url in cluster.urls)
        apis = [Raw(url, cluster.control, trusted=trusted) for url in cluster.urls]
        listed = apis[0].ok("GET", "/clusterinfo")["apiEndpoints"]
        assert [f"https://{one}" for one in listed] == cluster.urls
        with pytest.raises(ssl.SSLCertVerificationError):
            Raw(cluster.urls[0], cluster.control, trusted=ssl.create_default_context())("GET", "/version")
        for number in range(3):
            cluster.control.stop_servers(number)
            answers: list[Callable[[], Any]] = [lambda one=one: one.ok("GET", "/version") for one in apis]  # type: ignore[misc]
            with pytest.raises(ConnectionRefusedError):
                answers.pop(number)()
            assert [answer() for answer in answers] == [{"apiVersion": "v2.0"}] * 2
        cluster.control.stop_servers()
        cluster.control.add_fault("stop", method="POST", when="after", count=1)
        with pytest.raises(ConnectionResetError):
            make(apis[2])
        assert "tenant" in json.dumps(apis[0].ok("GET", "/projects"))


def test_an_own_certificate_for_clients(secure: tuple[Authority, list[str]]) -> None:
    authority, arguments = secure
    with running_lightbits("--servers", "1", *arguments, "--tls-client-ca", str(authority.path)) as cluster:
        trusted = ssl.create_default_context(cafile=authority.path)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Raw(cluster.urls[0], cluster.control, trusted=trusted)("GET", "/version")
        trusted.load_cert_chain(*authority.issue("client.example"))
        Raw(cluster.urls[0], cluster.control, trusted=trusted).ok("GET", "/version")
