# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of the role duros_controller, with a Kubernetes API on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.support.duros_role import ROLE
from tests.support.paper_api import SLICES, PaperApi, api_server, listed
from tests.support.playbook import document, plays

NAMESPACE = "/api/v1/namespaces/duros"
DEPLOYMENT = "/apis/apps/v1/namespaces/duros/deployments/duros-controller"
RESOURCE = "/apis/storage.metal-stack.io/v1/namespaces/duros/duros/default-storage"
VOLUMES = "/api/v1/persistentvolumes"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nof-the-tests\n-----END RSA PRIVATE KEY-----\n"


def role(name: str, **variables: Any) -> dict[str, Any]:
    """Return a play of the role, as the playbook has it."""
    given = {f"duros_controller_{key}": value for key, value in variables.items()}
    return document(name, [{"import_role": {"name": ROLE}}], given)


@pytest.mark.once
def test_tags_that_only_look_remove_and_write_nothing(paper: PaperApi, tmp_path: Path) -> None:
    paper.objects[DEPLOYMENT] = {"metadata": {"name": "duros-controller", "namespace": "duros"}}
    paper.objects[RESOURCE] = {"metadata": {"name": "default-storage", "namespace": "duros"}}
    paper.objects[VOLUMES] = listed("PersistentVolume", [])
    values = {"storageClasses": [{"name": "gold", "replicaCount": 3, "compression": True}]}
    done = plays(
        tmp_path,
        [
            role("absent", kubeconfig=paper.kubeconfig(), state="absent"),
            role(
                "gardener",
                mode="gardener",
                endpoints=["192.0.2.1:443"],
                admin_token="a.b.c",
                admin_key=KEY,
                gardener_partitions={"fra": values},
                gardener_directory=str(tmp_path / "values"),
            ),
        ],
        "--tags",
        "preflight,verify",
    )
    assert [(one.play, one.name) for one in done.results if one.failed] == []
    # both have been looked at
    assert f"GET {VOLUMES}" in paper.requests
    assert "Return the values" in done.output
    assert {one.partition(" ")[0] for one in paper.requests} == {"GET", "POST"}
    assert not (tmp_path / "values").exists()


@pytest.mark.once
def test_what_does_not_end(paper: PaperApi, tmp_path: Path) -> None:
    pods = "/api/v1/namespaces/busy/pods"
    pod = {"metadata": {"name": "duros-controller-x", "labels": {"app.kubernetes.io/name": "duros-controller"}}}
    paper.objects[f"{pods}?labelSelector=app.kubernetes.io%2Fname%3Dduros-controller"] = listed("Pod", [pod])
    reason = {"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining."}
    paper.objects["/api/v1/namespaces/slow"] = {
        "kind": "Namespace",
        "metadata": {"name": "slow", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [reason, {"type": "NamespaceFinalizersRemaining", "status": "False"}]},
    }
    access = {"kubeconfig": paper.kubeconfig(), "verify_timeout": 3}
    done = plays(
        tmp_path,
        [
            role("pod", namespace="busy", state="absent", **access),
            role("namespace", namespace="slow", state="absent", **access),
        ],
        "-e",
        "_duros_controller_end_tries=1",
    )
    told = {
        one.play: one.values["msg"]
        for one in done.results
        if "msg" in one.values and one.name.startswith(("Stop", "Say"))
    }
    assert told["pod"].startswith("The pod duros-controller-x of duros-controller has not ended")
    assert told["namespace"] == "Being removed, and not gone yet: Namespace slow (Some resources are remaining.)."
    assert not any(one.failed for one in done.results if one.play == "namespace" and one.name.startswith("Stop"))


@pytest.mark.once
def test_what_was_not_reached(cluster: Lightbits, paper: PaperApi, tmp_path: Path) -> None:
    """Prometheus on a host of its own, though the play is of this one; a namespace that ends; and a verification."""
    paper.objects[SLICES] = api_server(6443)
    paper.objects[NAMESPACE] = {"metadata": {"name": "duros", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    (tmp_path / "token").write_text(keys.token(), encoding="utf-8")
    away = tmp_path / "ssh"
    away.write_text("#!/bin/sh\nexit 255\n", encoding="utf-8")
    away.chmod(0o700)
    variables = {
        "duros_controller_kubeconfig": paper.kubeconfig(),
        "duros_controller_project": "8a2a8c4b-8f6a-4a8e-8a52-0f5b0d3c7a11",
        "duros_controller_storage_classes": [{"name": "gold", "replicas": 3}],
        "duros_controller_endpoints": list(cluster.urls),
        "duros_controller_admin_token_file": "~/token",
        "duros_controller_admin_key": KEY,
        "duros_controller_prometheus_host": "prom",
        "duros_controller_prometheus_targets": str(tmp_path / "targets.json"),
    }
    done = plays(
        tmp_path,
        [
            document(
                "Test",
                [
                    {"add_host": {"name": "prom", "ansible_host": "192.0.2.1", "ansible_ssh_executable": str(away)}},
                    {"include_role": {"name": ROLE, "tasks_from": "endpoints", "public": True}},
                    {"include_role": {"name": ROLE, "tasks_from": "configure"}},
                    {
                        "name": "Judge what was never looked at",
                        "debug": {"msg": "{{ _duros_controller_runs_wrong + _duros_controller_offers_wrong }}"},
                        "vars": {"_duros_controller_runs": {"failed": True, "msg": "The API is away."}},
                    },
                ],
                variables,
                {"connection": "local", "ignore_unreachable": True},
            )
        ],
        environment={"HOME": str(tmp_path)},
    )
    messages = {one.name.rpartition(" : ")[2]: one.values.get("msg") for one in done.results}
    assert "Look for the targets of Prometheus" not in messages
    assert "UNREACHABLE" in done.output
    assert messages["Stop if anything of it is being removed"] == (
        "Nothing was changed: The Namespace duros is being removed: wait until it is gone."
    )
    assert messages["Show what is different"] == "All have the servers that the cluster has."
    assert messages["Judge what was never looked at"] == []
