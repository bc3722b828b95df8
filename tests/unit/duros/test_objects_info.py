# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubernetes_objects_info: what is there, what may not be read, what may be done, and nothing of a secret."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.metalstack.provisioning.plugins.modules import kubernetes_objects_info
from tests.support.paper_api import TOKEN, PaperApi
from tests.support.playbook import play

NAMESPACE = "/api/v1/namespaces/duros"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
SWITCH = "metalstack_provisioning_in_controller"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("K8S_AUTH_KUBECONFIG", raising=False)

    def call(**options: Any) -> dict[str, Any]:
        with patch_module_args(options), pytest.raises(SystemExit):
            kubernetes_objects_info.main()
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, dict)
        return found

    return call


def test_objects_lists_and_what_is_not_there(run: Any, paper: PaperApi) -> None:
    paper.objects[NAMESPACE] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "duros"}}
    paper.objects[CLASSES] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClassList",
        "items": [{"metadata": {"name": "gold"}}],
    }
    found = run(
        kubeconfig=paper.kubeconfig(), paths=[NAMESPACE, CLASSES, "/api/v1/namespaces/other"], rights_in=["duros"]
    )
    assert found["version"] == "v1.33.2"
    assert found["server"] == paper.url
    assert found["objects"] == {
        NAMESPACE: paper.objects[NAMESPACE],
        CLASSES: [{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gold"}}],
        "/api/v1/namespaces/other": None,
    }
    assert found["rights"]["duros"] == {"rules": paper.rules, "incomplete": False}
    # one request each, and none to discover anything
    assert len(paper.requests) == 5


def test_of_a_secret_nothing_but_checksums(run: Any, paper: PaperApi) -> None:
    value = b"a-token-that-nobody-may-see"
    path = f"{NAMESPACE}/secrets/admin"
    secret = {"kind": "Secret", "metadata": {"name": "admin"}, "data": {"token": base64.b64encode(value).decode()}}
    paper.objects[path] = secret
    paper.objects[f"{NAMESPACE}/secrets"] = {"apiVersion": "v1", "kind": "SecretList", "items": [dict(secret)]}
    found = run(kubeconfig=paper.kubeconfig(), paths=[path, f"{NAMESPACE}/secrets"])
    digest = f"sha256:{hashlib.sha256(value).hexdigest()}"
    assert found["objects"][path]["data"] == {"token": digest}
    assert found["objects"][f"{NAMESPACE}/secrets"][0]["data"] == {"token": digest}
    assert base64.b64encode(value).decode() not in json.dumps(found)


def test_what_may_not_be_read_is_told(run: Any, paper: PaperApi) -> None:
    paper.statuses[NAMESPACE] = 403
    found = run(kubeconfig=paper.kubeconfig(), paths=[NAMESPACE])
    assert (found["forbidden"], found["objects"]) == ([NAMESPACE], {NAMESPACE: None})


def test_access_by_file_and_environment(run: Any, paper: PaperApi, tmp_path: Any, monkeypatch: Any) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(paper.kubeconfig()), encoding="utf-8")
    assert run(kubeconfig=str(path))["version"] == "v1.33.2"
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(path))
    assert run()["server"] == paper.url


def test_failures_are_sentences_without_secrets(run: Any, paper: PaperApi) -> None:
    wrong = run(kubeconfig=paper.kubeconfig("another-token"), paths=[NAMESPACE])
    assert wrong["failed"]
    assert "does not know who asks (status 401)" in wrong["msg"]
    assert "another-token" not in json.dumps(wrong)
    paper.statuses[NAMESPACE] = 500
    assert (
        "answered GET /api/v1/namespaces/duros with status 500"
        in run(kubeconfig=paper.kubeconfig(), paths=[NAMESPACE])["msg"]
    )
    away = {**paper.kubeconfig(), "clusters": [{"name": "paper", "cluster": {"server": "http://127.0.0.1:1"}}]}
    assert run(kubeconfig=away)["msg"].startswith("The Kubernetes API at http://127.0.0.1:1 does not answer: ")
    assert run(kubeconfig="/nowhere/kubeconfig")["msg"].startswith("kubeconfig cannot be used: ")
    assert run(kubeconfig=paper.kubeconfig(), context="other")["msg"].startswith("kubeconfig cannot be used: ")


def test_no_access_at_all_is_a_sentence(run: Any, tmp_path: Any, monkeypatch: Any) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = run(paths=[NAMESPACE])
    assert found["failed"]
    assert found["msg"].startswith("There is no access to Kubernetes: give kubeconfig, or set KUBECONFIG;")


def test_it_is_the_same_in_the_controller_and_as_a_module(paper: PaperApi, tmp_path: Any) -> None:
    """With access that is given, in which the token is a secret, and by an environment that only the task has."""
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(paper.kubeconfig()), encoding="utf-8")
    paper.objects[NAMESPACE] = {"kind": "Namespace", "metadata": {"name": "duros", "annotations": {"said": TOKEN}}}
    name = "metalstack.provisioning.kubernetes_objects_info"
    tasks = [
        {name: {"paths": [NAMESPACE], **given}, "environment": environment, "vars": {SWITCH: there}}
        for given, environment in (({"kubeconfig": paper.kubeconfig()}, {}), ({}, {"KUBECONFIG": str(path)}))
        for there in (True, False)
    ]
    [given, given_to_module, found, found_by_module] = [one.values for one in play(tmp_path, tasks, "-vvv").results]
    assert given == given_to_module
    assert given["objects"][NAMESPACE]["metadata"]["annotations"] == {"said": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}
    assert TOKEN not in json.dumps(given)
    assert found == found_by_module
    assert found["server"] == paper.url
