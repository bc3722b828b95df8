# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_project_info against the emulator."""

from __future__ import annotations

import pytest

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests

POLICY = {"policyType": "snapshot", "policyUUID": "u"}


@pytest.fixture
def projects(cluster: Lightbits) -> Runner:
    pem = keys.public_pem(keys.root_key())
    cluster.control.replace_state(
        projects=[{"name": "tenant", "description": "of tests", "defaultPolicies": [POLICY]}],
        credentials=[
            {"projectName": "tenant", "ID": name, "type": "RS256PubKey", "payload": pem} for name in ("z", "root")
        ],
    )
    cluster.control.forget_requests()
    return Runner(cluster, "lightbits_project_info")


def test_all_of_them(projects: Runner, cluster: Lightbits) -> None:
    found = ok(projects())
    assert found["changed"] is False
    assert [project["name"] for project in found["projects"]] == ["default", "system", "tenant"]
    assert set(found["projects"][2]) == {"name", "uuid", "description", "default_policies"}
    assert found["projects"][2]["description"] == "of tests"
    assert [one["default_policies"] for one in found["projects"]] == [[], [], [{"type": "snapshot", "uuid": "u"}]]
    assert requests(cluster) == ["GET /projects"]


def test_credentials_without_their_content(projects: Runner, cluster: Lightbits) -> None:
    found = ok(projects(gather=["credentials"]))["projects"]
    assert [[one["id"] for one in project["credentials"]] for project in found] == [[], ["root"], ["root", "z"]]
    assert {tuple(sorted(one)) for project in found for one in project["credentials"]} == {
        ("fingerprint", "id", "type")
    }
    credential = Runner(cluster, "lightbits_credential")
    managed = ok(credential(project="tenant", id="z", content=keys.public_pem(keys.root_key())))["credential"]
    assert found[2]["credentials"][1]["fingerprint"] == managed["fingerprint"]


def test_roles_as_tokens_have_them(projects: Runner, cluster: Lightbits) -> None:
    found = ok(projects(name="system", gather=["roles"]))["projects"]
    assert found[0]["roles"] == ["system:cluster-admin", "system:cluster-viewer"]
    assert requests(cluster) == ["GET /projects/system", "GET /projects/system/roles"]


def test_one_of_them_or_none(projects: Runner) -> None:
    assert [one["name"] for one in ok(projects(name="tenant"))["projects"]] == ["tenant"]
    assert ok(projects(name="nobody", gather=["credentials"]))["projects"] == []


@pytest.mark.usefixtures("projects")
def test_what_a_tenant_may(cluster: Lightbits) -> None:
    tenant = Runner(cluster, "lightbits_project_info", token=keys.token(["tenant:viewer"]))
    found = ok(tenant(name="tenant", gather=["credentials", "roles"]))["projects"]
    assert found[0]["roles"] == ["tenant:admin", "tenant:viewer"]
    assert "the token (roles: tenant:viewer) may not do this" in failure(tenant())
    assert "the token (roles: tenant:viewer) may not do this" in failure(tenant(name="system"))
