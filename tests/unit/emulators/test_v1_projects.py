# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: projects on the wire."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .provision import OTHER, PROJECT, SECTIONS, STORAGE
from .requests import RawClient

WISH = {
    "name": "storage",
    "description": "block storage",
    "tenant_id": "metal-stack",
    "meta": {"labels": ["a=b"], "annotations": {"ci.metal-stack.io/manager": "ansible"}},
    "quotas": {"machine": {"quota": 8}},
}


def test_lists_of_nothing_are_null(raw: RawClient) -> None:
    assert raw.v1("GET", "/v1/project", role="view").body == b"null"
    assert raw.v1("POST", "/v1/project/find", {"name": "x"}, role="view").body == b"null"


def test_created(raw: RawClient) -> None:
    answer = raw.v1("PUT", "/v1/project", WISH)
    assert answer.status == 201
    project = answer.json()
    assert uuid.UUID(project["meta"]["id"])
    assert (project["meta"]["version"], project["meta"]["labels"]) == (0, ["a=b"])
    assert project["meta"]["annotations"] == {"ci.metal-stack.io/manager": "ansible"}
    assert project["meta"]["created_time"] == project["meta"]["updated_time"]
    assert project["quotas"] == {"cluster": None, "machine": {"quota": 8}, "ip": None, "project": None}
    alone = raw.v1("GET", f"/v1/project/{project['meta']['id']}", role="view").json()
    assert alone["quotas"] == {**project["quotas"], "machine": {"quota": 8, "used": 0}, "ip": {"used": 0}}
    assert raw.v1("GET", "/v1/project").json() == [project]


def test_refused(raw: RawClient) -> None:
    answer = raw.v1("PUT", "/v1/project", {**WISH, "tenant_id": ""})
    assert (answer.status, answer.json()["message"]) == (400, "no tenant given")
    named = {**WISH, "meta": {"id": PROJECT}}
    assert [raw.v1("PUT", "/v1/project", named).status for _unused in range(2)] == [201, 409]
    assert raw.v1("GET", "/v1/project/none").status == 404


def test_an_update_replaces_everything(raw: RawClient) -> None:
    project = raw.v1("PUT", "/v1/project", WISH).json()
    meta = {"id": project["meta"]["id"], "version": project["meta"]["version"]}
    after = raw.v1("POST", "/v1/project", {"meta": meta, "tenant_id": "metal-stack", "name": "new"}).json()
    assert (after["name"], after["description"], after["quotas"]) == ("new", "", None)
    assert (after["meta"]["labels"], after["meta"]["annotations"], after["meta"]["version"]) == (None, None, 1)
    assert after["meta"]["created_time"] == project["meta"]["created_time"]


def test_update_with_an_old_version(api: MetalApi, raw: RawClient) -> None:
    project = raw.v1("PUT", "/v1/project", WISH).json()
    api.control.add_fault("race", method="POST", path="/project$", count=1)
    for _unused in range(2):
        answer = raw.v1("POST", "/v1/project", project)
        assert answer.status == 422, "announced as 412, but not so"
        assert "existing version 1 mismatches entity version 0" in answer.json()["message"]
    project["meta"]["version"] = 1
    assert raw.v1("POST", "/v1/project", project).json()["meta"]["version"] == 2
    answer = raw.v1("POST", "/v1/project", {"name": "x"})
    assert (answer.status, answer.json()["message"]) == (400, "project and project.meta must be specified")


def test_projects_in_use_stay(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(**SECTIONS, ips=[{"ipaddress": "10.0.8.1", "networkid": STORAGE, "projectid": OTHER}])
    for project, what in ((PROJECT, "networks"), (OTHER, "ips")):
        answer = raw.v1("DELETE", f"/v1/project/{project}")
        message = f"there are still {what} allocated by this project"
        assert (answer.status, answer.json()["message"]) == (400, message)
    used = raw.v1("GET", f"/v1/project/{OTHER}").json()["quotas"]["ip"]["used"]
    raw.v1("DELETE", "/v1/ip/free/10.0.8.1")
    assert (used, raw.v1("DELETE", f"/v1/project/{OTHER}").status) == (1, 200)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [PROJECT, OTHER]),
        ({"id": OTHER}, [OTHER]),
        ({"name": "storage"}, [PROJECT]),
        ({"tenant_id": "acme"}, [OTHER]),
        ({"tenant_id": "acme", "name": "storage"}, None),
    ],
)
def test_find(api: MetalApi, raw: RawClient, query: dict[str, Any], found: list[str] | None) -> None:
    api.control.change_state(**SECTIONS)
    projects = raw.v1("POST", "/v1/project/find", query, role="view").json()
    assert (projects and [project["meta"]["id"] for project in projects]) == found


@pytest.mark.parametrize(("method", "path"), [("PUT", ""), ("POST", ""), ("DELETE", f"/{PROJECT}")])
def test_only_admins_write(api: MetalApi, raw: RawClient, method: str, path: str) -> None:
    api.control.change_state(projects=SECTIONS["projects"])
    body = None if method == "DELETE" else {**WISH, "meta": {"id": PROJECT}}
    assert raw.v1(method, f"/v1/project{path}", body, role="edit").status == 403
