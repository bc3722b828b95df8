# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_project and metal_project_info against the emulator. Numbers are those of metal-ansible-modules' defects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.project_resource import ProjectResource
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

P1 = "11111111-1111-4111-8111-111111111111"
STORED = {
    "id": P1,
    "name": "storage",
    "description": "disks",
    "tenant_id": "provider",
    "labels": ["team=a", "plain"],
    "annotations": {"owner": "me", "metal-stack.io/contract": "7"},
    "quotas": {"machine": 3, "ip": 7},
    "avatar_url": "http://images.example.com/p.png",
}
SHOWN = {
    "id": P1,
    "name": "storage",
    "description": "disks",
    "tenant": "provider",
    "labels": ["plain", "team=a"],
    "annotations": {"owner": "me", "metal-stack.io/contract": "7"},
    "quotas": {"cluster": None, "machine": 3, "ip": 7, "project": None},
}
SERVICE = "/metalstack.api.v2.ProjectService"
METHODS = [f"{SERVICE}/{method}" for method in ("List", "Create", "Update", "Delete")]
# A token of the user who owns the tenant provider, good for all that this user may do.
OWNER = (("user", "provider"), ("permissions", [{"subject": "*", "methods": METHODS}]))
NETWORK = {"id": "net", "projectid": P1, "prefixes": ["10.0.0.0/16"]}


def stored(api: MetalApi) -> list[dict[str, Any]]:
    projects: list[dict[str, Any]] = api.control.state()["projects"]
    return projects


@pytest.fixture
def project(api: MetalApi) -> Runner:
    api.control.change_state(projects=[STORED])
    return Runner(api, "metal_project")


@pytest.fixture
def project_v2(api: MetalApi) -> Runner:
    api.control.change_state(projects=[STORED])
    return Runner(api, "metal_project", methods=METHODS, rights=OWNER)


def test_create(api: MetalApi) -> None:
    project = Runner(api, "metal_project")
    done = ok(project(name="a", tenant="t", description="x", labels=["l"], annotations={"k": True}, quotas={"ip": 0}))
    (after,) = stored(api)
    assert done["project"] == {
        "id": after["id"],
        "name": "a",
        "description": "x",
        "tenant": "t",
        "labels": ["l"],
        "annotations": {"k": "true"},
        "quotas": {"cluster": None, "machine": None, "ip": 0, "project": None},
    }
    assert after["quotas"] == {"ip": 0}
    assert writes(api) == ["PUT /v1/project"]


def test_an_answer_that_is_lost_makes_no_second_project(api: MetalApi) -> None:
    """The API takes a name twice."""
    project = Runner(api, "metal_project")
    api.control.add_fault("reset", when="after", method="PUT", count=1)
    assert ok(project(name="a", tenant="t"))["changed"]
    assert [one["name"] for one in stored(api)] == ["a"]


def test_an_answer_that_comes_too_late_makes_no_second_project(api: MetalApi) -> None:
    """The first request may still come true after we have looked, so it must not be repeated."""
    api.control.add_fault("latency", seconds=2.5, method="PUT", count=1)
    # what only reads is repeated, so that a busy machine does not matter
    assert "PUT" in failure(Runner(api, "metal_project")(name="a", tenant="t", timeout=1, retries=5))
    assert writes(api) == ["PUT /v1/project"]


@pytest.mark.parametrize("key", [{"name": "storage"}, {"name": "storage", "tenant": "provider"}, {"id": P1}])
def test_defect_13_an_update_keeps_what_was_not_given(api: MetalApi, project: Runner, key: dict[str, Any]) -> None:
    done = ok(project(**key, description="more disks"))
    assert done["project"] == {**SHOWN, "description": "more disks"}
    (after,) = stored(api)
    for name in ("name", "tenant_id", "labels", "annotations", "quotas", "avatar_url"):
        assert after[name] == STORED[name]
    # and the next one is no conflict with the first
    assert ok(project(**key, description="even more"))["changed"]
    assert not [kind for kind in api.control.counts() if kind.endswith("422")]


def test_defect_13_somebody_else_changes_it_meanwhile(api: MetalApi, project: Runner) -> None:
    """The API's optimistic lock, which it answers with 422."""
    api.control.add_fault("race", method="POST", path="/v1/project$", count=1)
    done = ok(project(name="storage", description="more disks"))
    assert done["project"]["description"] == "more disks"
    counts = api.control.counts()
    assert (counts["POST /metal/v1/project 422"], counts["POST /metal/v1/project 200"]) == (1, 1)
    assert stored(api)[0]["annotations"] == STORED["annotations"]


@pytest.mark.parametrize("status", [409, 412, 422, 500])
def test_every_wording_of_the_optimistic_lock_is_a_conflict(api: MetalApi, project: Runner, status: int) -> None:
    message = f"rpc error: code = FailedPrecondition desc = optimistic lock error updating: project with id: {P1}"
    api.control.add_fault("status", status=status, message=message, method="POST", path="/v1/project$", count=1)
    assert ok(project(name="storage", description="x"))["project"]["description"] == "x"


def test_another_422_is_no_conflict(api: MetalApi, project: Runner) -> None:
    api.control.add_fault("status", status=422, message="no such quota", method="POST", path="/v1/project$")
    assert "no such quota" in failure(project(name="storage", description="x"))
    assert writes(api) == ["POST /v1/project"]


def test_defect_14_labels_that_are_not_given_are_no_change(api: MetalApi, project: Runner) -> None:
    assert not ok(project(name="storage"))["changed"]
    assert not ok(project(name="storage", labels=["plain", "team=a", "plain"]))["changed"]
    assert requests(api) == ["POST /v1/project/find"] * 2
    api.control.change_state(projects=[{**STORED, "labels": []}])
    assert not ok(project(name="storage"))["changed"]
    assert not ok(project(name="storage", labels=[]))["changed"]


def test_labels_and_annotations_are_cleared(api: MetalApi, project: Runner) -> None:
    done = ok(project(name="storage", labels=[], annotations={}))
    assert (done["project"]["labels"], done["project"]["annotations"]) == ([], {})
    assert not ok(project(name="storage", labels=[], annotations={}))["changed"]
    assert stored(api)[0]["quotas"] == STORED["quotas"]


def test_defect_15_a_project_without_annotations(api: MetalApi, project: Runner) -> None:
    api.control.change_state(projects=[{**STORED, "annotations": {}}])
    assert ok(project(name="storage"))["project"]["annotations"] == {}
    assert ok(project(name="storage", annotations={"a": "b"}))["project"]["annotations"] == {"a": "b"}


def test_defect_16_two_tenants_have_a_project_of_the_same_name(api: MetalApi, project: Runner) -> None:
    api.control.change_state(projects=[STORED, {"id": "p2", "name": "storage", "tenant_id": "other"}])
    assert ok(project(name="storage", tenant="other", description="x"))["project"]["id"] == "p2"
    assert ok(project(name="storage", tenant="third"))["changed"]
    assert sorted(one["tenant_id"] for one in stored(api)) == ["other", "provider", "third"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_several_projects_match(api: MetalApi, project: Runner, state: str) -> None:
    api.control.change_state(projects=[STORED, {"id": "p2", "name": "storage", "tenant_id": "other"}])
    message = failure(project(name="storage", state=state))
    assert f"{P1} (tenant provider), p2 (tenant other)" in message
    assert "give the tenant" in message
    api.control.change_state(projects=[STORED, {**STORED, "id": "p2"}])
    message = failure(project(name="storage", tenant="provider", state=state))
    assert f"{P1} (tenant provider), p2 (tenant provider)" in message
    assert "give the tenant" not in message
    assert writes(api) == []


def test_rename(api: MetalApi, project: Runner) -> None:
    assert ok(project(id=P1, name="disks"))["diff"]["after"]["name"] == "disks"
    assert stored(api)[0]["name"] == "disks"


def test_quotas_are_changed_one_by_one(api: MetalApi, project: Runner) -> None:
    done = ok(project(name="storage", quotas={"machine": -1, "cluster": 2}))
    assert done["project"]["quotas"] == {"cluster": 2, "machine": None, "ip": 7, "project": None}
    assert stored(api)[0]["quotas"] == {"cluster": 2, "ip": 7}
    assert not ok(project(name="storage", quotas={"machine": -1, "cluster": 2}))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "new"}, "tenant is missing"),
        ({"id": "gone", "name": "x", "tenant": "t"}, "leave id out"),
        ({"id": P1, "tenant": "other"}, f"tenant is 'other', but the project {P1} belongs to 'provider'"),
        ({"id": P1, "tenant": "other", "state": "absent"}, f"tenant is 'other', but the project {P1} belongs to"),
        ({"id": P1, "name": "other", "state": "absent"}, f"name is 'other', but the project {P1} is called 'storage'"),
        ({"name": ""}, "name is empty"),
        ({"id": ""}, "id is empty"),
        ({"name": "storage", "quotas": {"ip": -2}}, "quotas.ip is -2"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    api: MetalApi, project: Runner, options: dict[str, Any], said: str
) -> None:
    assert said in failure(project(**options))
    assert writes(api) == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_project_in_use_is_not_deleted(api: MetalApi, project: Runner, check_mode: bool) -> None:
    ips = [{"ipaddress": f"10.0.0.{number}", "networkid": "net", "projectid": P1} for number in range(1, 8)]
    api.control.change_state(networks=[NETWORK], ips=ips)
    message = failure(project(name="storage", state="absent", check_mode=check_mode))
    assert "1 network (net) and 7 IPs (10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, ...)" in message
    assert len(stored(api)) == 1


def test_delete(api: MetalApi, project: Runner) -> None:
    api.control.add_fault("reset", when="after", method="DELETE", count=1)
    done = ok(project(id=P1, state="absent"))
    assert done["diff"] == {"before": SHOWN, "after": {}}
    assert stored(api) == []
    assert not ok(project(id=P1, state="absent"))["changed"]
    assert not ok(project(name="storage", state="absent"))["changed"]


def test_the_key_that_is_needed_is_said(api: MetalApi) -> None:
    message = failure(Runner(api, "metal_project", user="Metal-Edit")(name="a", tenant="t"))
    assert "Metal-Admin" in message


# v2


def test_v2_create_update_delete(api: MetalApi, project_v2: Runner) -> None:
    new = {"name": "new", "tenant": "provider"}
    made = ok(project_v2(**new, labels=["a=1", "b"], description="x"))
    shown = {"name": "new", "tenant": "provider", "description": "x", "labels": ["a=1", "b"]}
    assert {**shown, "id": made["project"]["id"]} == made["project"]
    assert not ok(project_v2(**new, labels=["b=", "a=1"]))["changed"]
    assert ok(project_v2(**new, labels=[], description=""))["project"] == {
        **made["project"],
        "labels": [],
        "description": "",
    }
    assert not ok(project_v2(**new, labels=[]))["changed"]
    assert ok(project_v2(**new, state="absent"))["changed"]
    assert [one["id"] for one in stored(api)] == [P1]


def test_defect_30_v2_updates_by_the_time_that_it_has_read(api: MetalApi, project_v2: Runner) -> None:
    done = ok(project_v2(name="storage", description="y"))
    assert done["project"]["description"] == "y"
    update = f"POST {SERVICE}/Update"
    assert [kind for kind in api.control.counts() if kind.startswith(update)] == [f"{update} 200"]
    (after,) = stored(api)
    for name in ("annotations", "quotas", "avatar_url"):
        assert after[name] == STORED[name]


def test_defect_30_v2_gives_back_the_time_as_it_was_written() -> None:
    """So the server compares it, and refuses if the project was changed after we have read it."""
    calls: list[tuple[str, Any]] = []
    answer = {"projects": [{"uuid": P1, "name": "a", "meta": {"updatedAt": "2026-01-01T00:00:00.123456789Z"}}]}

    class Api(MetalV2):
        def call(self, method: str, message: Mapping[str, Any] | None = None, **_settings: Any) -> dict[str, Any]:
            calls.append((method, message))
            return answer

    resource = ProjectResource(Api("http://localhost", None, HttpClient()), {"id": P1, "description": "x"})
    (step,) = resource.plan(resource.read()).steps
    step.run()
    assert calls[-1] == (
        "metalstack.api.v2.ProjectService/Update",
        {
            "project": P1,
            "updateMeta": {
                "updatedAt": "2026-01-01T00:00:00.123456789Z",
                "lockingStrategy": "OPTIMISTIC_LOCKING_STRATEGY_CLIENT",
            },
            "description": "x",
        },
    )


def test_v2_somebody_else_changes_it_meanwhile(api: MetalApi, project_v2: Runner) -> None:
    api.control.add_fault("race", path="ProjectService/Update", count=1)
    assert ok(project_v2(name="storage", description="y"))["project"]["description"] == "y"
    assert api.control.counts()[f"POST {SERVICE}/Update 409"] == 1


def test_v2_an_answer_that_is_lost_makes_no_second_project(api: MetalApi, project_v2: Runner) -> None:
    api.control.add_fault("reset", when="after", path="ProjectService/Create", count=1)
    assert ok(project_v2(name="new", tenant="provider"))["changed"]
    assert sorted(one["name"] for one in stored(api)) == ["new", "storage"]


def test_v2_a_project_in_use_is_not_deleted(api: MetalApi, project_v2: Runner) -> None:
    api.control.change_state(networks=[NETWORK])
    assert "there are still networks" in failure(project_v2(name="storage", state="absent"))


def test_v2_an_admin_sees_what_others_own(api: MetalApi) -> None:
    api.control.change_state(projects=[{**STORED, "tenant_id": "other"}])
    admin = "/metalstack.admin.v2.ProjectService/List"
    mine = Runner(api, "metal_project_info", methods=[*METHODS, admin], rights=(("admin_role", "VIEWER"),))
    assert [one["tenant"] for one in ok(mine())["projects"]] == ["other"]
    assert ok(Runner(api, "metal_project_info", methods=METHODS)())["projects"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"annotations": {}}, "annotations is given, but only the metal-api v1"),
        ({"quotas": {"ip": 1}}, "quotas is given, but only the metal-api v1"),
        ({"labels": ["a=1", "a=2"]}, "labels has a key with different values"),
    ],
)
def test_v2_what_it_does_not_have(project_v2: Runner, options: dict[str, Any], said: str) -> None:
    assert said in failure(project_v2(name="storage", **options))


# metal_project_info


def test_info(api: MetalApi) -> None:
    api.control.change_state(projects=[STORED, {"id": "p2", "name": "other", "tenant_id": "provider"}])
    info = Runner(api, "metal_project_info", user="Metal-View")
    assert [one["name"] for one in ok(info())["projects"]] == ["other", "storage"]
    assert ok(info(id=P1))["projects"] == [SHOWN]
    assert ok(info(labels=["team=a"]))["projects"] == [SHOWN]
    assert ok(info(name="storage", tenant="provider"))["projects"] == [SHOWN]
    for nothing in ({"id": "x"}, {"name": "x"}, {"tenant": "x"}, {"labels": ["x"]}):
        assert ok(info(**nothing))["projects"] == []


def test_info_v2(api: MetalApi) -> None:
    api.control.change_state(projects=[STORED])
    info = Runner(api, "metal_project_info", methods=METHODS, rights=OWNER)
    both = {name: value for name, value in SHOWN.items() if name not in ("annotations", "quotas")}
    assert ok(info(labels=["plain"]))["projects"] == [both]


def test_null_is_no_project(api: MetalApi) -> None:
    """v1 answers null for none."""
    assert ok(Runner(api, "metal_project_info")())["projects"] == []
