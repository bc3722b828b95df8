# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program of a pod is given: everything that the API server says, as a kubelet gives it."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.container import Container


@dataclass
class Answer:
    status_code: int
    document: Any

    def json(self) -> Any:
        return self.document


@dataclass
class PaperApi:
    """What `Api` is used for, with objects from a dictionary."""

    objects: dict[str, Any] = field(default_factory=dict)
    server: str = "https://192.0.2.1:6443"

    def send(self, method: str, path: str) -> Answer:
        assert method == "GET"
        return Answer(200, self.objects[path]) if path in self.objects else Answer(404, {})

    def __call__(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        assert (method, path) == ("POST", "/api/v1/namespaces/duros/serviceaccounts/duros-controller/token")
        assert body["spec"]["boundObjectRef"]["uid"] == "1-2-3"
        return {"status": {"token": "minted"}}


def secret(**data: str) -> dict[str, Any]:
    return {"data": {name.replace("_", "-"): base64.b64encode(text.encode()).decode() for name, text in data.items()}}


SECRET = "/api/v1/namespaces/duros/secrets/admin"


@pytest.fixture
def api() -> PaperApi:
    ca = {"data": {"ca.crt": "the CA"}}
    objects = {SECRET: secret(admin_token="a token", admin_key="a key")}
    return PaperApi({**objects, "/api/v1/namespaces/duros/configmaps/kube-root-ca.crt": ca})


@pytest.fixture
def pod() -> dict[str, Any]:
    account = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {
        "metadata": {"name": "duros-controller-x", "namespace": "duros", "uid": "1-2-3"},
        "spec": {
            "serviceAccountName": "duros-controller",
            "containers": [
                {
                    "name": "duros-controller",
                    "image": "ghcr.io/metal-stack/duros-controller:v0.12.1",
                    "args": ["-namespace=duros", "-admin-token=/duros/admin-token", "-metrics-addr=:8080"],
                    "env": [{"name": "GRPC_TRACE", "value": "all"}],
                    "volumeMounts": [
                        {"name": "admin", "mountPath": "/duros"},
                        {"name": "account", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
                    ],
                }
            ],
            "volumes": [
                {"name": "admin", "secret": {"secretName": "admin", "defaultMode": 0o400}},
                {"name": "account", "projected": {"sources": account, "defaultMode": 0o644}},
            ],
        },
    }


@pytest.fixture
def container(
    api: PaperApi, pod: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Container]:
    """One whose program is a script: it needs an interpreter, so it stays in the root directory of this machine."""
    program = tmp_path / "program"
    program.write_text(
        f"#!{sys.executable}\nimport json, os, sys, time\n"
        "print(json.dumps({'words': sys.argv[1:], 'environment': dict(os.environ)}), flush=True)\n"
        "time.sleep(0 if 'end' in sys.argv else 600)\n"
    )
    program.chmod(0o755)
    one = Container(api, pod, program, tmp_path / "pod", 12345)  # type: ignore[arg-type]
    monkeypatch.setattr(one, "_command", lambda root, words: [str(root / "duros-controller"), *words])
    yield one
    one.stop()


def said(container: Container) -> dict[str, Any]:
    end = time.monotonic() + 30
    while not container.log.read_text().endswith("\n"):
        assert time.monotonic() < end
        time.sleep(0.01)
    found: dict[str, Any] = json.loads(container.log.read_text().splitlines()[-1])
    return found


def test_arguments_and_environment_are_those_of_the_pod(container: Container) -> None:
    container.keep_running()
    heard = said(container)
    assert heard["words"] == [
        "-namespace=duros", "-admin-token=/duros/admin-token", "-metrics-addr=:8080", "-metrics-addr=127.0.0.1:12345",
    ]  # fmt: skip
    expected = {"GRPC_TRACE": "all", "KUBERNETES_SERVICE_HOST": "192.0.2.1", "KUBERNETES_SERVICE_PORT": "6443"}
    assert {name: heard["environment"].get(name) for name in expected} == expected
    # nothing of whoever runs the test
    assert "HOME" not in heard["environment"]


def test_volumes_are_where_they_are_mounted(container: Container) -> None:
    container.keep_running()
    root = container.directory / "root"
    account = root / "var/run/secrets/kubernetes.io/serviceaccount"
    assert {path.name: path.read_text() for path in (root / "duros").iterdir()} == {
        "admin-token": "a token", "admin-key": "a key",
    }  # fmt: skip
    assert (root / "duros" / "admin-key").stat().st_mode & 0o777 == 0o400
    assert {path.name: path.read_text() for path in account.iterdir()} == {
        "token": "minted", "ca.crt": "the CA", "namespace": "duros",
    }  # fmt: skip


def test_a_secret_that_is_missing_is_told_of_and_waited_for(container: Container, api: PaperApi) -> None:
    missing = api.objects.pop(SECRET)
    container.keep_running()
    assert (container.running, container.problem) == (False, "secret 'admin' not found")
    api.objects[SECRET] = missing
    end = time.monotonic() + 30
    while not container.running:
        assert time.monotonic() < end
        container.keep_running()
        time.sleep(0.05)
    assert container.problem == ""


def test_a_key_that_is_missing_is_told_of(container: Container, pod: dict[str, Any]) -> None:
    pod["spec"]["volumes"][0]["secret"]["items"] = [{"key": "api-ca", "path": "api-ca"}]
    container.keep_running()
    assert container.problem == "references non-existent key api-ca of admin"


def test_a_program_that_ends_is_started_again(container: Container, pod: dict[str, Any]) -> None:
    pod["spec"]["containers"][0]["args"] = ["end"]
    container.keep_running()
    end = time.monotonic() + 60
    while len(container.exits) < 2:
        assert time.monotonic() < end
        container.keep_running()
        time.sleep(0.01)
    assert container.exits == [0, 0]
    assert len(container.log.read_text().splitlines()) == 2


def test_what_it_cannot_give_is_a_problem(container: Container, pod: dict[str, Any]) -> None:
    pod["spec"]["containers"][0]["env"].append({"name": "TOKEN", "valueFrom": {"secretKeyRef": {}}})
    container.keep_running()
    assert container.problem == "this node cannot give TOKEN a value from elsewhere"
