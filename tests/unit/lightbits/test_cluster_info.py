# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_cluster_info against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.cluster import Cluster
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.condition import Condition
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.health import health
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests

API = "10.0.0.1:443"
# each on two of three servers in turn
VOLUMES = [{"name": f"v{number}", "size": 1 << 30} for number in range(9)]


@pytest.fixture
def info(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_cluster_info")


def problems(info: Runner) -> list[str]:
    health = ok(info(gather=["health"]))["health"]
    assert health["ok"] is not bool(health["problems"])
    found = health["problems"]
    assert isinstance(found, list)
    return found


def test_everything_of_a_new_cluster(info: Runner, cluster: Lightbits) -> None:
    found = ok(info())
    assert found["changed"] is False
    addresses = sorted(url.partition("://")[2] for url in cluster.urls)
    shown = found["cluster"]
    assert (shown["name"], shown["max_replicas"], shown["in_band_authentication"]) == ("test", 3, False)
    assert shown["encryption"] == "Disabled"
    assert shown["subsystem_nqn"].startswith("nqn.2016-01.com.lightbitslabs:uuid:")
    assert shown["api_endpoints"] == addresses
    assert shown["nvme_endpoints"] == ["10.10.10.100:4420", "10.10.10.101:4420", "10.10.10.102:4420"]
    assert shown["last_upgrade"]["status"] == "None"
    assert sorted(found["endpoints"]) == ["duros_controller", "firewall", "prometheus", "storage_class"]
    assert found["endpoints"]["storage_class"] == ",".join(addresses)
    assert found["health"] == {"state": "OK", "ok": True, "problems": []}
    # three servers of four devices of 4 TiB, a quarter for parity
    assert found["capacity"]["installed"] == 12 * (4 << 40)
    assert found["capacity"]["logical_free"] == found["capacity"]["logical"] == 9 * (4 << 40)
    assert found["versions"] == {"lowest": "3.12.1", "lowest_allowed": "3.10.1", "highest_allowed": "3.14.9"}
    assert [(server["name"], server["nodes"]) for server in found["servers"]] == [
        (f"server0{number}", [f"server0{number}-0"]) for number in range(3)
    ]
    assert [node["server"] for node in found["nodes"]] == ["server00", "server01", "server02"]
    first = found["devices"][0]
    assert (first["serial"], first["server"], first["node"]) == ("SERVER00-0", "server00", "server00-0")
    assert len(found["devices"]) == 12
    assert requests(cluster) == ["GET /cluster", "GET /nvmeDevices", "GET /nodes", "GET /servers"]


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        ("capacity", ["GET /cluster"]),
        ("versions", ["GET /cluster"]),
        ("nodes", ["GET /nodes", "GET /servers"]),
        ("servers", ["GET /nodes", "GET /servers"]),
        ("devices", ["GET /nvmeDevices", "GET /nodes", "GET /servers"]),
        ("health", ["GET /cluster", "GET /nvmeDevices", "GET /nodes", "GET /servers"]),
    ],
)
def test_only_what_is_wanted_is_read(info: Runner, cluster: Lightbits, part: str, asked: list[str]) -> None:
    found = ok(info(gather=[part]))
    assert set(found) - {"changed"} == {"cluster", "endpoints", part}
    assert requests(cluster) == asked


def test_a_tenant_sees_the_endpoints(cluster: Lightbits) -> None:
    tenant = Runner(cluster, "lightbits_cluster_info", token=keys.token(["default:viewer"]))
    found = ok(tenant(gather=[]))
    assert set(found) == {"changed", "cluster", "endpoints"}
    assert requests(cluster) == []
    assert "the token (roles: default:viewer) may not do this" in failure(tenant())


def test_the_health_names_what_a_disabled_server_means(info: Runner, cluster: Lightbits) -> None:
    cluster.control.replace_state(volumes=VOLUMES)
    server = Runner(cluster, "lightbits_server", defaults=(("wait_interval", 0.01),))
    ok(server(name="server01", state="disabled"))
    found = ok(info())
    assert found["health"]["state"] == "Warning"
    assert found["health"]["problems"] == [
        "The server server01 is in the state Disabled.",
        "The node server01-0 is in the state Inactive.",
        "6 volumes default/v0, default/v1, default/v3, default/v4, default/v6 and 1 more are degraded.",
    ]
    assert {server["state"] for server in found["servers"]} == {"Enabled", "Disabled"}
    ok(server(name="server01", state="enabled"))
    cluster.control.settle()
    assert problems(info) == []


def test_volumes_are_read_only_when_some_are_weak(info: Runner, cluster: Lightbits) -> None:
    cluster.control.replace_state(volumes=VOLUMES[:1])
    assert problems(info) == []
    assert "GET /volumes" not in requests(cluster)
    cluster.control.change_state(nodes=[{"name": "server01-0", "state": "Inactive"}])
    assert "The volume default/v0 is degraded." in problems(info)
    assert requests(cluster).count("GET /volumes") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"servers": [{"name": "server00", "_unhealthy": True}]}, ["The server server00 has the health Error."]),
        ({"nodes": [{"name": "server00-0", "permanentFailure": True}]}, ["The node server00-0 is lost for good."]),
        (
            {"nodes": [{"name": "server00-0", "inLocalRebuild": True}]},
            [
                "The node server00-0 rebuilds a failed device.",
                "The server server00 has the health Warning: it is full, or rebuilds a device.",
            ],
        ),
        (
            {"devices": [{"serial": "SERVER01-2", "state": "Failed"}]},
            ["The device SERVER01-2 of the node server01-0 is in the state Failed."],
        ),
        ({"nodes": [{"name": "server00-0", "state": "Unattached"}]}, []),
        ({"devices": [{"serial": "NEW", "serverUUID": "x", "state": "None"}]}, []),
        (
            {"servers": [{"name": "server02", "LastUpgrade": {"Status": "Rebooting"}}]},
            ["The server server02 is being upgraded (Rebooting)."],
        ),
        (
            {
                "servers": [
                    {"name": "server02", "LastUpgrade": {"Status": "UpgradeFailed", "ErrorMessage": "no space."}}
                ]
            },
            ["The last upgrade of the server server02 failed: no space."],
        ),
        (
            {"servers": [{"name": "server02", "LastEviction": {"status": "Failed"}}]},
            ["The server server02 could not be emptied."],
        ),
        (
            {
                "cluster": {
                    "lastUpgrade": {
                        "Status": "Upgrading",
                        "TargetVersion": "3.13.0",
                        "ProgressStep": 1,
                        "ProgressTotal": 3,
                    }
                }
            },
            ["The cluster is being upgraded to 3.13.0 (step 1 of 3)."],
        ),
        (
            {"cluster": {"lastUpgrade": {"Status": "UpgradeFailed", "ErrorMessage": "no space"}}},
            ["The last upgrade of the cluster failed: no space."],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_problems_in_words(info: Runner, cluster: Lightbits, change: dict[str, Any], said: list[str]) -> None:
    cluster.control.change_state(**change)
    assert problems(info) == said


def test_answers_with_zeros_written_out_are_the_same(info: Runner, cluster: Lightbits) -> None:
    expected = ok(info())
    cluster.control.manners(emit_defaults=True)
    assert ok(info()) == expected


def test_any_server_answers(info: Runner, cluster: Lightbits) -> None:
    expected = ok(info())
    cluster.control.stop_servers(0, 2)
    assert ok(info(api_endpoints=cluster.urls)) == expected


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({}, "it has no apiEndpoints"),
        ({"apiEndpoints": ["10.0.0.1:0"]}, "'0' is no port"),
        ({"apiEndpoints": [API], "currentMaxReplicas": "x"}, "invalid literal"),
        ({"apiEndpoints": [API], "lastUpgrade": [1]}, "its lastUpgrade is not an object"),
        ({"apiEndpoints": [API], "clusterName": 1}, "its clusterName is not text"),
        ({"apiEndpoints": [API], "encryptionStatus": "Enabled"}, "its encryptionStatus is not an object"),
    ],
)
def test_a_cluster_that_makes_no_sense(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Cluster.from_api(answer)
    assert f"The cluster of the Lightbits API cannot be understood: {said}" in caught.value.message


@pytest.mark.parametrize(
    ("answer", "encryption"),
    [
        ({}, "Unknown"),
        ({"encryptionStatus": {}}, "Disabled"),
        ({"encryptionStatus": {"encryptionState": "Enabled", "kekGeneration": "2"}}, "Enabled"),
    ],
)
def test_encryption_as_versions_of_the_api_tell_it(answer: dict[str, Any], encryption: str) -> None:
    assert Cluster.from_api({"apiEndpoints": [API], **answer}).encryption == encryption


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"health": "OK"}, "its health is not an object"),
        ({"health": {"numDegradedVolumes": 1.5}}, "1.5 is not a whole number"),
        ({"statistics": {"freePhysicalStorage": {}}}, "{} is not a whole number"),
    ],
)
def test_a_condition_that_makes_no_sense(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        Condition.from_api(answer)
    assert f"The cluster of the Lightbits API cannot be understood: {said}" in caught.value.message


def test_a_health_that_nothing_explains_is_a_problem() -> None:
    condition = Condition.from_api({"health": {"state": "Error", "numDegradedVolumes": "0"}})
    assert health(condition, [], [], [], []) == {
        "state": "Error",
        "ok": False,
        "problems": ["The cluster has the health Error and does not say why."],
    }


def test_volumes_that_recovered_meanwhile_are_counted_as_they_were() -> None:
    condition = Condition.from_api({"health": {"state": "Error", "numReadOnlyVolumes": 1, "numDegradedVolumes": 2}})
    assert health(condition, [], [], [], [])["problems"] == ["2 volumes are degraded.", "1 volume is read-only."]
