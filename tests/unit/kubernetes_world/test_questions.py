# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenarios ask a world: rights, requests, and where secrets are."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes import leaks, questions
from tests.kubernetes.base import KubernetesError

TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6InN5c3RlbTpyb290In0"


class Reviewer:
    """An API server where `jane` may get secrets in `duros`, update the stateful set `one`, and nothing else."""

    def __call__(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        assert (method, path) == ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews")
        asked = body["spec"]["resourceAttributes"]
        given = [
            {"verb": "get", "group": "", "resource": "secrets", "subresource": "", "namespace": "duros", "name": ""},
            {"verb": "update", "group": "apps", "resource": "statefulsets", "subresource": "status", "namespace": "",
             "name": "one"},
        ]  # fmt: skip
        return {"status": {"allowed": True} if body["spec"]["user"] == "jane" and asked in given else {}}


def wrong(**entry: Any) -> list[str]:
    return questions.wrong_rights(Reviewer(), [{"user": "jane", **entry}])  # type: ignore[arg-type]


def test_a_table_of_rights_that_is_right() -> None:
    assert wrong(namespace="duros", allowed=["get secrets"], refused=["get secrets one", "delete secrets"]) == []
    assert wrong(allowed=["update apps:statefulsets/status one"], refused=["get secrets"]) == []


def test_a_right_that_lacks_and_one_that_is_too_many() -> None:
    assert wrong(namespace="duros", allowed=["delete secrets"], refused=["get secrets"]) == [
        "jane may not delete secrets in duros",
        "jane may get secrets in duros",
    ]


def test_an_empty_table_proves_nothing() -> None:
    with pytest.raises(KubernetesError, match="the table of rights is empty"):
        wrong()


def test_requests_are_those_of_the_audit_log(tmp_path: Path) -> None:
    entry = {"user": {"username": "admin"}, "userAgent": "OpenAPI-Generator", "verb": "get", "requestURI": "/version"}
    (tmp_path / "audit.log").write_text(json.dumps(entry) + "\n")
    expected = {"user": "admin", "agent": "OpenAPI-Generator", "verb": "get", "path": "/version"}
    assert questions.requests(tmp_path / "audit.log") == [expected]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    for name in ("lightbits", "pki", "outputs"):
        (tmp_path / name).mkdir()
    token = tmp_path / "lightbits" / "admin-token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    public = tmp_path / "lightbits" / "root-key.pub"
    public.write_text("what everybody may know, and is in every log")
    public.chmod(0o644)
    (tmp_path / "outputs" / "apply.log").write_text("what everybody may know, and is in every log")
    return tmp_path


SECRET = "/api/v1/secrets duros/admin"
DEPLOYMENT = "/apis/apps/v1/deployments duros/duros-controller"


def looked(world: Path, monkeypatch: pytest.MonkeyPatch, objects: dict[str, Any]) -> list[str]:
    monkeypatch.setattr(leaks, "everything", lambda _api: objects)
    found = leaks.exposed(world, None)  # type: ignore[arg-type]
    assert (found["objects"], found["files"]) == (len(objects), 1)
    wrong: list[str] = found["wrong"]
    return wrong


def test_secrets_may_be_in_secrets_only(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jwt = "a token that only the controller has minted"
    data = {"jwt": base64.b64encode(jwt.encode()).decode()}
    secret = {"type": "Opaque", "metadata": {"annotations": {}}, "data": data}
    deployment: dict[str, Any] = {"metadata": {"annotations": {}}}
    objects = {SECRET: secret, DEPLOYMENT: deployment}
    assert looked(world, monkeypatch, objects) == []
    deployment["metadata"]["annotations"]["seen"] = f"token {TOKEN}"
    assert looked(world, monkeypatch, objects) == [f"{DEPLOYMENT}: eyJhbGci..."]
    deployment["metadata"]["annotations"] = {}
    secret["metadata"] = {"annotations": {"last-applied": data["jwt"]}}
    assert looked(world, monkeypatch, objects) == [f"{SECRET}: {data['jwt'][:8]}..."]
    secret["metadata"] = {}
    (world / "outputs" / "apply.log").write_text(f"jwt: {jwt}")
    assert looked(world, monkeypatch, objects) == ["apply.log: a token ..."]
