# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, snapshots and policies: names, sizes, states that arrive later, pages, and a cluster that is full."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import running_lightbits

from .raw import Raw

GIB = 1 << 30
VOLUMES = "/projects/default/volumes"
SNAPSHOTS = "/projects/default/snapshots"


def body(name: str = "v1", **fields: object) -> dict[str, Any]:
    return {"name": name, "size": "4 gib", "replicaCount": 2, "acl": {"values": ["ALLOW_NONE"]}, **fields}


def test_a_volume_is_there_a_moment_later(api: Raw) -> None:
    api.control.pace(paused=True)
    made = api.ok("POST", VOLUMES, body())
    assert (made["state"], made["size"], made["ETag"]) == ("Creating", str(4 * GIB), "0")
    assert made["IPAcl"] == {"values": ["ALLOW_ANY"]} and made["compression"] == "false"
    assert "protectionState" not in made and "labels" not in made, "what is zero is left out"
    path = f"{VOLUMES}/{made['UUID']}"
    api.refused(503, 14, "PUT", path, {"size": "8 gib"})
    api.refused(409, 10, "DELETE", path)
    assert api.get_volume(made["UUID"])["state"] == "Creating", "a look changes nothing"
    api.stage()
    found = api.get_volume(made["UUID"])
    assert (found["state"], found["protectionState"], found["ETag"]) == ("Available", "FullyProtected", "1")


def test_an_update_answers_nothing_and_takes_its_time(api: Raw) -> None:
    volume = api.volume("v1", 2)
    path = f"{VOLUMES}/{volume['UUID']}"
    api.control.pace(paused=True)
    assert api.ok("PUT", path, {"size": "8 gib"}, If_Match=volume["ETag"]) == {}
    assert api.get_volume(volume["UUID"])["state"] == "Updating"
    api.refused(503, 14, "PUT", path, {"size": "9 gib"})
    api.stage()
    found = api.get_volume(volume["UUID"])
    assert (found["state"], found["size"]) == ("Available", str(8 * GIB))
    api.refused(400, 9, "PUT", path, {"size": "9 gib"}, If_Match=volume["ETag"])
    api.control.manners(old_status=True)
    api.refused(412, 9, "PUT", path, {"size": "9 gib"}, If_Match=volume["ETag"])
    assert api.get_volume(volume["UUID"]) == found


def test_a_volume_shrinks_only_by_force(api: Raw) -> None:
    path = f"{VOLUMES}/{api.volume('v1', 2)['UUID']}"
    api.refused(400, 3, "PUT", path, {"size": "1 gib"})
    api.refused(400, 3, "PUT", path, {"size": "1 gib", "force": True})
    api.ok("PUT", path, {"size": "1 gib", "Force": True})


def test_a_deleted_volume_stays_for_a_while_and_keeps_no_name(api: Raw) -> None:
    old = api.volume("v1", 2)["UUID"]
    api.control.pace(paused=True)
    assert api.ok("DELETE", f"{VOLUMES}/{old}") == {}
    assert api.get_volume(old)["state"] == "Deleting"
    assert api.ok("GET", f"{VOLUMES}?name=v1") == {}
    assert [one["UUID"] for one in api.ok("GET", f"{VOLUMES}?name=v1&showAll=true")["volumes"]] == [old]
    api.refused(400, 3, "PUT", f"{VOLUMES}/{old}", {"size": "9 gib"})
    assert api.ok("DELETE", f"{VOLUMES}/{old}") == {}
    new = api.ok("POST", VOLUMES, body())["UUID"]
    assert new != old
    api.control.pace(paused=False)
    api.calm()
    api.refused(404, 5, "GET", f"{VOLUMES}/{old}")
    api.refused(404, 5, "DELETE", f"{VOLUMES}/{old}")
    assert api.get_volume(new)["state"] == "Available"


def test_by_name_there_are_two_ways(api: Raw) -> None:
    """With a slash at the end it is one thing or 404, without it is a list that may be empty."""
    volume = api.volume("v1", 2)
    assert api.ok("GET", f"{VOLUMES}/?name=v1") == volume
    api.refused(404, 5, "GET", f"{VOLUMES}/?name=v2")
    assert api.ok("GET", f"{VOLUMES}?name=v1") == {"volumes": [volume]}
    assert api.ok("GET", f"{VOLUMES}?name=v2") == {}
    made = api.ok("POST", SNAPSHOTS, {"name": "s1", "sourceVolumeName": "v1"})
    api.calm()
    found = api.ok("GET", f"{SNAPSHOTS}/?Name=s1")
    assert (found["UUID"], found["state"]) == (made["UUID"], "Available")
    api.refused(404, 5, "GET", f"{SNAPSHOTS}/?name=s1")  # the name is spelt with a capital letter here


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ("4294967296", 4 * GIB),
        ("4294967296b", 4 * GIB),
        ("4 gib", 4 * GIB),
        ("4 Gib", 4 * GIB),
        ("4097", 8192),
        ("0", None),
        ("-1", None),
        ("9223372036854775808", None),
        ("lots", None),
    ],
)
def test_sizes(api: Raw, size: str, stored: int | None) -> None:
    if stored is None:
        api.refused(400, 3, "POST", VOLUMES, body(size=size))
        assert api.ok("GET", VOLUMES) == {}
    else:
        assert api.ok("POST", VOLUMES, body(size=size))["size"] == str(stored)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 254},
        {"acl": {}},
        {"acl": {"values": []}},
        {"acl": {"values": ["ALLOW_ANY", "nqn.x"]}},
        {"IPAcl": {"values": ["ALLOW_ANY", "ALLOW_NONE"]}},
        {"replicaCount": 0},
        {"replicaCount": 4},
        {"compression": "yes"},
        {"labels": [{"key": f"k{number}", "value": ""} for number in range(17)]},
    ],
)
def test_refused_volumes(api: Raw, fields: dict[str, object]) -> None:
    api.refused(400, 3, "POST", VOLUMES, body(**fields))
    assert api.ok("GET", VOLUMES) == {}


def test_names_are_those_of_a_project(api: Raw) -> None:
    api.volume("v1", 2)
    api.refused(409, 6, "POST", VOLUMES, body())
    api.ok("POST", "/projects", {"name": "tenant"})
    api.ok("POST", "/projects/tenant/volumes", body())
    api.refused(404, 5, "POST", "/projects/nobody/volumes", body())


def test_without_the_project_in_the_path(api: Raw) -> None:
    made = api.ok("POST", "/volumes", body(projectName="default"))
    api.refused(404, 5, "POST", "/volumes", body("v2"))
    api.calm()
    path = f"/volumes/{made['UUID']}"
    api.ok("PUT", path, {"projectName": "default", "size": "8 gib"})
    api.calm()
    assert api.ok("GET", f"{path}?projectName=default")["size"] == str(8 * GIB)
    tenant = Raw(api.url, api.control, keys.token(["default:admin"]))
    tenant.refused(403, 7, "GET", path)
    assert tenant.ok("GET", f"{VOLUMES}/{made['UUID']}")["name"] == "v1"
    api.ok("DELETE", path)
    # what the path says counts
    api.ok("POST", "/projects", {"name": "tenant"})
    assert api.ok("POST", "/projects/tenant/volumes", body(projectName="default"))["projectName"] == "tenant"


def test_access_is_a_set_and_labels_lose_their_prefix(api: Raw) -> None:
    labels = [{"key": "example.com-team", "value": "db"}]
    made = api.ok("POST", VOLUMES, body(acl={"values": ["nqn.b", "nqn.a", "nqn.b"]}, labels=labels))
    assert made["acl"] == {"values": ["nqn.a", "nqn.b"]}
    assert made["labels"] == [{"key": "team", "value": "db"}]


def test_lists_come_in_pages_of_a_thousand(api: Raw) -> None:
    api.control.change_state(volumes=[{"name": f"v{number}"} for number in range(1001)])
    first = api.ok("GET", VOLUMES)["volumes"]
    assert len(first) == 1000
    rest = api.ok("GET", f"{VOLUMES}?offsetUUID={first[-1]['UUID']}")["volumes"]
    assert len(rest) == 1 and rest[0]["UUID"] not in {one["UUID"] for one in first}
    assert api.ok("GET", f"{VOLUMES}?offsetUUID={rest[-1]['UUID']}") == {}
    assert len(api.ok("GET", f"{VOLUMES}?limit=7")["volumes"]) == 7
    api.refused(400, 3, "GET", f"{VOLUMES}?limit=1001")


def test_a_full_cluster(api: Raw) -> None:
    volume = api.volume("v1", 2)
    api.control.change_state(cluster={"_full": True})
    statistics = api.ok("GET", "/cluster")["statistics"]
    assert "estimatedFreeLogicalStorage" not in statistics
    api.refused(429, 8, "POST", VOLUMES, body("v2"))
    api.refused(429, 8, "PUT", f"{VOLUMES}/{volume['UUID']}", {"size": "9 gib"})
    assert [one["name"] for one in api.ok("GET", VOLUMES)["volumes"]] == ["v1"]


def test_read_only_nodes(api: Raw) -> None:
    volume = api.volume("v1", 3)
    names = [node["name"] for node in api.ok("GET", "/nodes")["nodes"] if node["UUID"] in volume["nodeList"]]
    api.control.change_state(nodes=[{"name": name, "readOnly": True} for name in names[:2]])
    assert api.get_volume(volume["UUID"])["protectionState"] == "ReadOnly"
    health = api.ok("GET", "/cluster")["health"]
    assert (health["state"], health["numReadOnlyVolumes"]) == ("Error", 1)
    assert [one.get("readOnly", False) for one in api.ok("GET", "/nodes")["nodes"]].count(True) == 2
    assert {one["health"] for one in api.ok("GET", "/servers")["servers"]} == {"OK", "Error"}
    api.refused(400, 3, "POST", VOLUMES, body("v2", replicaCount=3))


def test_snapshots_clones_and_rolling_back(api: Raw) -> None:
    volume = api.volume("v1", 2)
    api.control.pace(paused=True)
    made = api.ok("POST", SNAPSHOTS, {"name": "s1", "sourceVolumeUUID": volume["UUID"], "retentionTime": "86400s"})
    assert (made["state"], made["retentionTime"], made["sourceVolumeName"]) == ("Creating", "86400s", "v1")
    api.refused(409, 10, "DELETE", f"{SNAPSHOTS}/{made['UUID']}")
    api.refused(400, 9, "POST", VOLUMES, body("c1", sourceSnapshotName="s1"))
    api.stage()
    api.refused(409, 6, "POST", SNAPSHOTS, {"name": "s1", "sourceVolumeName": "v1"})
    api.refused(404, 5, "POST", SNAPSHOTS, {"name": "s2", "sourceVolumeName": "v9"})
    api.refused(400, 3, "POST", SNAPSHOTS, {"name": "s2", "sourceVolumeName": "v1", "retentionTime": "1d"})
    api.refused(400, 3, "POST", VOLUMES, body("c1", sourceSnapshotName="s1", size="1 gib"))
    clone = api.ok("POST", VOLUMES, body("c1", sourceSnapshotName="s1"))
    assert clone["sourceSnapshotUUID"] == made["UUID"]
    path = f"{VOLUMES}/{volume['UUID']}/rollback"
    api.refused(404, 5, "PUT", path, {"srcSnapshotName": "s9"})
    api.refused(400, 3, "PUT", path, {"srcsnapshotname": "s1"})  # unknown fields are ignored, so it names none
    assert api.ok("PUT", path, {"srcSnapshotName": "s1"}) == {}
    assert api.get_volume(volume["UUID"])["state"] == "Rollback"
    api.control.pace(paused=False)
    api.calm()
    assert api.get_volume(volume["UUID"])["state"] == "Available"
    api.ok("DELETE", f"{SNAPSHOTS}/{made['UUID']}")
    api.calm()
    api.refused(404, 5, "GET", f"{SNAPSHOTS}/{made['UUID']}")


def test_policies_are_read_with_another_spelling(api: Raw) -> None:
    limit = {"policyVisibility": "Global", "limitIOPS": {"readIOPSLimit": 2560, "writeIOPSLimit": 1280}}
    made = api.ok("POST", "/policies", {"name": "bronze", "qoSRateLimitPolicy": limit})
    assert made["QoSRateLimitPolicy"] == limit and "qoSRateLimitPolicy" not in made
    api.refused(409, 6, "POST", "/policies", {"name": "bronze", "qoSRateLimitPolicy": limit})
    api.refused(400, 3, "POST", "/policies", {"name": "p2", "QoSRateLimitPolicy": limit})
    odd = {"policyVisibility": "Global", "limitIOPS": {"readIOPSLimit": 100}}
    api.refused(400, 3, "POST", "/policies", {"name": "p2", "qoSRateLimitPolicy": odd})
    unknown = {**limit, "policyVisibility": "Scoped", "projectsNamesScope": ["nobody"]}
    api.refused(404, 5, "POST", "/policies", {"name": "p2", "qoSRateLimitPolicy": unknown})
    api.calm()
    api.ok("POST", VOLUMES, body(qosPolicyName="bronze"))
    api.refused(400, 9, "DELETE", f"/policies/{made['UUID']}")


def test_schedules(api: Raw) -> None:
    volume = api.volume("v1", 2)
    daily = {"snapshotSchedulePolicy": {"dailySchedule": {"daysInCycle": 1}}, "retentionTime": "86400s"}
    path = "/projects/default/resourcePolicies"
    made = api.ok("POST", path, {"name": "nightly", "resourceName": "v1", "schedulePolicy": daily})
    assert (made["state"], made["resourceUUID"]) == ("Creating", volume["UUID"])
    api.refused(409, 6, "POST", path, {"name": "nightly", "resourceName": "v1", "schedulePolicy": daily})
    api.refused(400, 3, "POST", path, {"name": "p2", "resourceName": "v1", "schedulePolicy": {}})
    api.calm()
    assert api.ok("GET", path)["resourcePolicies"][0]["state"] == "Active"
    api.ok("DELETE", f"{path}/{made['UUID']}")
    api.calm()
    api.refused(404, 5, "GET", f"{path}/{made['UUID']}")


def test_servers_with_two_nodes() -> None:
    """Replicas of a volume are never on both nodes of a server, which are in one failure domain."""
    with running_lightbits("--servers", "3", "--nodes-per-server", "2") as cluster:
        api = Raw(cluster.urls[0], cluster.control)
        nodes = api.ok("GET", "/nodes")["nodes"]
        assert [node["name"] for node in nodes][:3] == ["server00-0", "server00-1", "server01-0"]
        assert [node["nvmeEndpoint"] for node in nodes][:2] == ["10.10.10.100:4420", "10.10.10.100:4421"]
        assert api.server()["NodesUUIDs"] == [node["UUID"] for node in nodes[:2]]
        assert len(api.ok("GET", "/clusterinfo")["discoveryEndpoints"]) == 3
        owners = {node["UUID"]: node["serverUUID"] for node in nodes}
        for number in range(4):
            volume = api.volume(f"v{number}", 3)
            assert len({owners[node] for node in volume["nodeList"]}) == 3
        api.of_server(0, "disable")
        api.calm()
        away = {node["name"] for node in api.ok("GET", "/nodes")["nodes"] if node["state"] == "Inactive"}
        assert away == {"server00-0", "server00-1"}
