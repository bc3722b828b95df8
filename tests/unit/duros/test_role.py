# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of the role duros_controller, with a Kubernetes API on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
