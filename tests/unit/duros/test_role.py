# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of the role duros_controller, with a Kubernetes API on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.duros_role import ROLE
from tests.support.paper_api import PaperApi, listed
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
