# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_server against the emulator: above all, when a server is not disabled."""

from __future__ import annotations

import threading
from collections.abc import Mapping
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
        ({**ENABLED, "force": True}, "force is given, but it says something only together with state=disabled"),
        ({**ENABLED, "permanent_failure_timeout": 0}, "permanent_failure_timeout is given"),
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
            settle(cluster)
            away = [name for name, state in states(cluster).items() if state != "Enabled"]
            won = [result for result in results if not result.get("failed")]
            assert len(away) <= 1, (away, results)
            assert len(won) == len(away), (away, results)


def settle(cluster: Lightbits) -> None:
    """Let everything happen that is still to happen."""
    while cluster.control.state()["waiting"]:
        cluster.control.pace(advance=1)
