# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of the emulated cluster, and the roles of its projects."""

from __future__ import annotations

import pytest

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits

from .raw import Raw

EVENTS = [
    {"ID": f"e{number}", "Time": f"2026-01-01T0{number}:00:00Z", "Type": kind, "Severity": severity}
    for number, (kind, severity) in enumerate([("Node", "Info"), ("Server", "High"), ("Node", "High")])
]


def ids(api: Raw, query: str) -> list[str]:
    return [event["ID"] for event in api.ok("GET", f"/events?{query}").get("events", [])]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["e0", "e1", "e2"]),
        ("since=2026-01-01T01:00:00.000Z", ["e1", "e2"]),
        ("until=2026-01-01T01:00:00.000Z", ["e0", "e1"]),
        ("componentType=Node", ["e0", "e2"]),
        ("severity=High", ["e1", "e2"]),
        ("severity=High&severity=Info", ["e0", "e1", "e2"]),
        ("severity=Critical", []),
    ],
)
def test_filters(api: Raw, cluster: Lightbits, query: str, expected: list[str]) -> None:
    cluster.control.replace_state(events=EVENTS)
    assert ids(api, query) == expected


def test_pages(api: Raw, cluster: Lightbits) -> None:
    cluster.control.replace_state(events=EVENTS)
    first = api.ok("GET", "/events?limit=2")
    assert first["nextToken"] == "e2", "the first event of the next page"
    last = api.ok("GET", "/events?limit=2&nextToken=e2")
    assert [event["ID"] for event in last["events"]] == ["e2"] and "nextToken" not in last
    api.refused(400, 3, "GET", "/events?nextToken=e9")
    api.refused(400, 3, "GET", "/events?limit=0")
    api.refused(400, 3, "GET", "/events?since=yesterday")
    api.refused(400, 3, "GET", "/events?since=2026-01-01T01:00:00")


@pytest.mark.parametrize("path", ["/events?severity=High&componentType=Node", "/projects/default/events?severity=High"])
def test_one_filter_only(api: Raw, path: str) -> None:
    assert "only a single parameter" in api.refused(501, 12, "GET", path)


def test_what_happens_is_written_down(api: Raw) -> None:
    uuid = api.volume("data", 2)["UUID"]
    api.of_server(3, "disable")
    api.calm()
    api.of_server(3, "enable")
    api.calm()
    api.ok("DELETE", f"/projects/default/volumes/{uuid}")
    api.calm()
    found = api.ok("GET", "/events")["events"]
    assert [event["EventName"] for event in found] == [
        "VolumeCreated",
        "ServerDisabled",
        "NodeInactive",
        "ServerEnabled",
        "NodeActive",
        "VolumeDeleted",
    ]
    assert found[1]["ComponentServerInfo"]["Name"] == "server03"
    assert found[2]["ComponentNodeInfo"]["Name"] == "server03-0"
    listed = found[0]["ComponentVolumesInfo"]["ProjectVolumesMap"]["default"]["VolumeComponentInfoList"]
    assert listed == [{"ID": uuid, "Name": "data"}]
    of_project = api.ok("GET", "/projects/default/events")["events"]
    assert [event["EventName"] for event in of_project] == ["VolumeCreated", "VolumeDeleted"]


def test_who_may_see_them(cluster: Lightbits) -> None:
    cluster.control.replace_state(projects=[{"name": "tenant"}])
    tenant = Raw(cluster.urls[0], cluster.control, keys.token(["tenant:viewer"]))
    assert tenant.ok("GET", "/projects/tenant/events") == {}
    tenant.refused(403, 7, "GET", "/events")
    tenant.refused(403, 7, "GET", "/projects/default/events")


def test_roles(api: Raw) -> None:
    for project, names in (("system", ["cluster-admin", "cluster-viewer"]), ("default", ["admin", "viewer"])):
        roles = api.ok("GET", f"/projects/{project}/roles")["roles"]
        assert [(role["name"], role["projectName"]) for role in roles] == [(name, project) for name in names]
