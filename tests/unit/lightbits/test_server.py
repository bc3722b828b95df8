# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_server against the emulator: above all, when a server is not disabled."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

DISABLED: Mapping[str, Any] = {"name": "server00", "state": "disabled"}
ENABLED: Mapping[str, Any] = {"name": "server00", "state": "enabled"}


@pytest.fixture
def server(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_server", defaults=tuple(QUICK.items()))


@pytest.fixture
def volume(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_volume", defaults=tuple(QUICK.items()))


def states(cluster: Lightbits) -> dict[str, str]:
    return {one["name"]: one["state"] for one in cluster.control.state()["servers"]}


def only_reads(cluster: Lightbits) -> bool:
    return not [request for request in writes(cluster) if request.startswith("POST /servers")]


def test_out_of_service_and_back(server: Runner, volume: Runner, cluster: Lightbits) -> None:
    ok(volume(name="data", size="1GiB", replica_count=3))
    predicted = ok(server(**DISABLED, check_mode=True))
    assert states(cluster)["server00"] == "Enabled"
    gone = ok(server(**DISABLED, permanent_failure_timeout=7200))
    assert gone["diff"] == predicted["diff"]
    assert gone["server"]["state"] == "Disabled"
    assert [node["state"] for node in gone["server"]["nodes"]] == ["Inactive"]
    assert not ok(server(**DISABLED))["changed"]

    predicted = ok(server(**ENABLED, check_mode=True))
    back = ok(server(**ENABLED))
    assert back["diff"] == predicted["diff"]
    assert [node["state"] for node in back["server"]["nodes"]] == ["Active"], "it is waited for the nodes"
    assert not ok(server(**ENABLED))["changed"]


def test_only_the_time_that_was_given_is_sent(server: Runner, cluster: Lightbits) -> None:
    ok(server(**DISABLED, permanent_failure_timeout=7200))
    (found,) = [one for one in cluster.control.state()["servers"] if one["name"] == "server00"]
    assert found["_failure_timeout"] == 7200


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"servers": [{"name": "server01", "state": "Disabled"}]}, "the server server01 is in the state Disabled"),
        ({"servers": [{"name": "server01", "_unhealthy": True}]}, "the server server01 has the health Error"),
        (
            {"servers": [{"name": "server02", "LastUpgrade": {"Status": "Rebooting"}}]},
            "the server server02 is being upgraded (Rebooting)",
        ),
        (
            {"servers": [{"name": "server00", "LastEviction": {"status": "Evicting"}}]},
            "the server itself is being emptied (Evicting)",
        ),
        ({"nodes": [{"name": "server01-0", "state": "Inactive"}]}, "the node server01-0 is in the state Inactive"),
        ({"nodes": [{"name": "server01-0", "readOnly": True}]}, "the node server01-0 is read-only"),
        ({"nodes": [{"name": "server02-0", "inLocalRebuild": True}]}, "server02-0 rebuilds a failed device"),
        ({"cluster": {"lastUpgrade": {"Status": "Upgrading"}}}, "the cluster is being upgraded"),
    ],
)
def test_the_gate(server: Runner, cluster: Lightbits, sections: dict[str, Any], reason: str) -> None:
    cluster.control.change_state(**sections)
    for check_mode in (True, False):
        said = failure(server(**DISABLED, check_mode=check_mode))
        assert said.startswith("state is disabled, but the server server00 may not be disabled: ")
        assert reason in said
    assert only_reads(cluster)


def test_all_reasons_are_told_at_once(server: Runner, volume: Runner, cluster: Lightbits) -> None:
    for number in range(3):
        ok(volume(name=f"single-{number}", size="1GiB", replica_count=1))
    ok(volume(name="safe", size="1GiB", replica_count=3))
    cluster.control.change_state(nodes=[{"name": "server01-0", "state": "Inactive"}])
    said = failure(server(**DISABLED))
    for reason in (
        "1 volume is degraded",
        "1 volume is not available",
        "the node server01-0 is in the state Inactive",
        "it has the only replica of default/single-0",
        "not fully protected are the volumes default/safe, default/single-1",
        "the server itself is in the state InRiskOfServiceLoss",
    ):
        assert reason in said


def test_force_needs_every_volume_by_name(server: Runner, volume: Runner, cluster: Lightbits) -> None:
    ok(volume(name="single-0", size="1GiB", replica_count=1))
    ok(volume(name="safe", size="1GiB", replica_count=3))
    assert "acknowledge_data_at_risk does not name default/single-0" in failure(server(**DISABLED, force=True))
    assert "does not name default/single-0" in failure(
        server(**DISABLED, force=True, acknowledge_data_at_risk=["default/safe"])
    )
    assert only_reads(cluster)
    done = ok(server(**DISABLED, force=True, acknowledge_data_at_risk=["default/single-0"]))
    assert done["server"]["state"] == "Disabled"
    assert "it has the only replica of default/single-0" in done["warnings"][0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {**ENABLED, "force": True},
            "force is given, but it says something only together with state=disabled or state=absent.",
        ),
        ({**ENABLED, "permanent_failure_timeout": 0}, "permanent_failure_timeout is given"),
        ({**ENABLED, "evict": True}, "evict is given, but it says something only together with state=disabled."),
        (
            {**DISABLED, "endpoint": "http://x:2380"},
            "endpoint is given, but it says something only together with state=",
        ),
        ({**DISABLED, "extend_cluster": False}, "extend_cluster is given, but it says something only"),
        ({**DISABLED, "acknowledge_data_at_risk": ["default/a"]}, "is given without force=true"),
        ({**DISABLED, "permanent_failure_timeout": 60}, "it must be 0, which is never, or at least 3600"),
    ],
)
def test_wrong_options(server: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(server(**options))
    assert cluster.control.requests() == []


def test_a_server_that_is_not_there(server: Runner) -> None:
    said = failure(server(name="server9", state="enabled"))
    assert said == "name is 'server9', but the cluster has no such server; it has: server00, server01, server02."


def test_a_server_that_is_on_its_way_is_waited_for(server: Runner, cluster: Lightbits) -> None:
    cluster.control.pace(paused=True)
    ok(server(**DISABLED, wait=False))
    said = failure(server(**{**DISABLED, "wait_timeout": 0}))
    assert "Waited 0 s for the server server00 to be disabled, in vain; the last state was: Disabling" in said
    cluster.control.pace(paused=False)
    assert not ok(server(**DISABLED))["changed"]


def test_a_failed_server_is_neither_enabled_nor_disabled(server: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(servers=[{"name": "server00", "state": "Failed"}])
    for wish in (ENABLED, DISABLED):
        assert "is in the state Failed, in which it can be neither" in failure(server(**wish))


@pytest.mark.parametrize(
    "action", [{"action": "reset", "when": "after"}, {"action": "status", "status": 503, "when": "after"}]
)
def test_a_lost_answer(server: Runner, cluster: Lightbits, action: dict[str, Any]) -> None:
    cluster.control.add_fault(**action, path="/disable$", count=1)
    assert ok(server(**DISABLED))["changed"]
    cluster.control.add_fault(**action, path="/enable$", count=1)
    assert ok(server(**ENABLED))["changed"]
    assert set(states(cluster).values()) == {"Enabled"}


def test_somebody_else_goes_between_the_plan_and_the_step(server: Runner, cluster: Lightbits) -> None:
    """The second reading of the situation, just before the request, sees what the plan could not see."""
    away = {"servers": [{"name": "server01", "state": "Disabled"}]}
    cluster.control.add_fault("change", path="/api/v2/servers$", skip=1, count=1, change=away)
    assert "the server server01 is in the state Disabled" in failure(server(**DISABLED))
    assert only_reads(cluster)
    assert states(cluster)["server00"] == "Enabled"


def test_two_operators_at_the_same_time() -> None:
    """Of five servers the API itself would let two go in the same moment, and volumes on both would suffer."""
    with running_lightbits("--servers", "5") as cluster:
        for round_ in range(12):
            cluster.control.replace_state()
            cluster.control.pace(step=0.01 * (round_ % 4 + 1))
            gate = threading.Barrier(2)

            def operate(name: str, gate: threading.Barrier = gate) -> dict[str, Any]:
                server = Runner(cluster, "lightbits_server", defaults=tuple(QUICK.items()))
                gate.wait()
                return server(name=name, state="disabled")

            with ThreadPoolExecutor(2) as pool:
                results = list(pool.map(operate, ("server00", "server01")))
            cluster.control.settle()
            away = [name for name, state in states(cluster).items() if state != "Enabled"]
            won = [result for result in results if not result.get("failed")]
            assert len(away) <= 1, (away, results)
            assert len(won) == len(away), (away, results)


def test_a_disabled_server_is_not_all_when_others_are_away_too(server: Runner, cluster: Lightbits) -> None:
    ok(server(**DISABLED))
    cluster.control.change_state(servers=[{"name": "server01", "_unhealthy": True}])
    done = ok(server(**DISABLED))
    assert not done["changed"]
    assert done["warnings"] == ["Not only the server server00 is disabled: the server server01 has the health Error."]


def test_a_retreat_that_fails_says_what_is_urgent(server: Runner, cluster: Lightbits) -> None:
    away = {"servers": [{"name": "server01", "_unhealthy": True}]}
    cluster.control.add_fault("change", path="/disable$", when="after", count=1, change=away)
    cluster.control.add_fault("status", path="/enable$", status=403, message="no", count=1)
    said = failure(server(**DISABLED))
    assert "was disabled, but meanwhile the server server01 has the health Error. It could not be enabled again" in said
    assert "may not do this (no)" in said


@pytest.fixture
def five() -> Iterator[Lightbits]:
    with running_lightbits("--servers", "5") as cluster:
        cluster.control.change_state(flags={"evict-data": True})
        yield cluster


def put_volume(cluster: Lightbits, name: str, *servers: str) -> None:
    """A volume with replicas on these servers."""
    nodes = {node["name"]: node["UUID"] for node in cluster.control.state()["nodes"]}
    places = [nodes[f"{one}-0"] for one in servers]
    cluster.control.change_state(volumes=[{"name": name, "replicaCount": len(places), "nodeList": places}])


def test_eviction_moves_all_data_first(five: Lightbits) -> None:
    server = Runner(five, "lightbits_server", defaults=tuple(QUICK.items()))
    put_volume(five, "data", "server00", "server01")
    predicted = ok(server(**DISABLED, evict=True, check_mode=True))
    done = ok(server(**DISABLED, evict=True))
    assert done["diff"] == predicted["diff"] and done["server"]["state"] == "Disabled"
    (volume,) = five.control.state()["volumes"]
    gone = next(node["UUID"] for node in five.control.state()["nodes"] if node["name"] == "server00-0")
    assert gone not in volume["nodeList"]
    assert not ok(server(**DISABLED, evict=True))["changed"]


def test_eviction_tells_how_far_it_is_and_why_it_fails(five: Lightbits) -> None:
    server = Runner(five, "lightbits_server", defaults=tuple(QUICK.items()))
    put_volume(five, "data", "server00", "server01")
    five.control.pace(paused=True)
    assert "Disabling, 0 % of its data moved" in failure(server(**{**DISABLED, "evict": True, "wait_timeout": 0}))
    five.control.replace_state(flags={"evict-data": True})
    five.control.change_state(servers=[{"name": "server00", "_eviction_error": "a node is away"}])
    five.control.forget_requests()
    said = failure(server(**DISABLED, evict=True))
    assert said == ("The data of the server server00 could not be moved away: a node is away. It is still enabled.")
    assert len(writes(five)) == 1, "it is not tried again and again"


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"flags": {"evict-data": False}}, "the feature evict-data is disabled (lightbits_feature_flag enables it)"),
        (
            {"servers": [{"name": name, "state": "Disabled"} for name in ("server03", "server04")]},
            "only 3 servers are enabled, of which it takes 4",
        ),
        (
            {"servers": [{"name": "server03", "LastEviction": {"status": "Evicting"}}]},
            "the data of server03 is being moved, and only one server can be emptied at a time",
        ),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_eviction_needs(five: Lightbits, sections: dict[str, Any], reason: str, check_mode: bool) -> None:
    server = Runner(five, "lightbits_server", defaults=tuple(QUICK.items()))
    five.control.change_state(**sections)
    said = failure(server(**DISABLED, evict=True, force=True, check_mode=check_mode))
    assert said.startswith("evict is true, but the server server00 cannot be emptied: ")
    assert reason in said
    assert writes(five) == []


def test_eviction_needs_more_than_one_replica_and_an_enabled_server(five: Lightbits) -> None:
    server = Runner(five, "lightbits_server", defaults=tuple(QUICK.items()))
    put_volume(five, "single", "server00")
    assert "volumes with a single replica cannot be moved: default/single" in failure(server(**DISABLED, evict=True))
    five.control.replace_state(flags={"evict-data": True})
    put_volume(five, "data", "server00", "server01")
    ok(server(**DISABLED))
    said = failure(server(**DISABLED, evict=True))
    assert "is disabled already and has replicas of default/data: only from an enabled server" in said
