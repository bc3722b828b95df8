# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_server, states present and absent: servers that are added, and above all those that are not removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

ENDPOINT = "http://10.10.10.104:2380"
PRESENT: Mapping[str, Any] = {"name": "server04", "state": "present", "endpoint": ENDPOINT}
ABSENT: Mapping[str, Any] = {"name": "server00", "state": "absent"}


@pytest.fixture(scope="module")
def running() -> Any:
    """Four servers: one may be spared."""
    with running_lightbits("--servers", "4") as cluster:
        yield cluster


@pytest.fixture
def server(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_server", defaults=tuple(QUICK.items()))


def names(cluster: Lightbits) -> list[str]:
    return [one["name"] for one in cluster.control.state()["servers"]]


def put_volume(cluster: Lightbits, name: str, *servers: str) -> None:
    """A volume with replicas on these servers."""
    nodes = {node["name"]: node["UUID"] for node in cluster.control.state()["nodes"]}
    places = [nodes[f"{one}-0"] for one in servers]
    cluster.control.change_state(volumes=[{"name": name, "replicaCount": len(places), "nodeList": places}])


@pytest.mark.parametrize(("extend", "state"), [(True, "Active"), (False, "Unattached")])
def test_added_once(server: Runner, cluster: Lightbits, extend: bool, state: str) -> None:
    wish = {**PRESENT, "extend_cluster": extend}
    predicted = ok(server(**wish, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(server(**wish))
    assert done["diff"] == predicted["diff"]
    assert done["diff"] == {"before": {}, "after": {"name": "server04", "state": "Enabled"}}
    assert [node["state"] for node in done["server"]["nodes"]] == [state]
    assert not ok(server(**wish))["changed"]
    assert not ok(server(name="server04", state="present"))["changed"], "it is there: nothing more is needed"
    assert writes(cluster) == ["POST /servers"]


def test_with_its_own_uuid(server: Runner) -> None:
    uuid = "6f0c9b1d-0000-4000-8000-000000000001"
    assert ok(server(**PRESENT, uuid=uuid))["server"]["uuid"] == uuid
    other = uuid[:-1] + "2"
    assert f"uuid is {other}, but the server server04 is there with the UUID" in failure(server(**PRESENT, uuid=other))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({**PRESENT, "endpoint": None}, "endpoint is missing: the cluster has no server server04"),
        (
            {**PRESENT, "endpoint": "http://10.10.10.101:2380"},
            "endpoint is http://10.10.10.101:2380, but that is the address of the server server01.",
        ),
        (
            {**PRESENT, "name": "server00"},
            f"endpoint is {ENDPOINT}, but the server server00 is there with the address http://10.10.10.100:2380.",
        ),
        ({**PRESENT, "force": True}, "force is given, but it says something only together with state=disabled or"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_added(
    server: Runner, cluster: Lightbits, wish: dict[str, Any], said: str, check_mode: bool
) -> None:
    given = {name: value for name, value in wish.items() if value is not None}
    assert said in failure(server(**given, check_mode=check_mode))
    assert writes(cluster) == []


def test_a_server_that_calls_itself_something_else(server: Runner) -> None:
    said = failure(server(**{**PRESENT, "name": "server77"}))
    assert "is given up: the server at http://10.10.10.104:2380 calls itself server04" in said


def test_removed_when_nothing_speaks_against_it(server: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "data", "server01", "server02")
    predicted = ok(server(**ABSENT, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(server(**ABSENT))
    assert done["diff"] == predicted["diff"] and done["server"] is None
    assert names(cluster) == ["server01", "server02", "server03"]
    assert not ok(server(**ABSENT))["changed"]
    assert len(writes(cluster)) == 1


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"servers": [{"name": "server01", "state": "Disabled"}]}, "the server server01 is in the state Disabled"),
        ({"nodes": [{"name": "server01-0", "state": "Inactive"}]}, "the node server01-0 is in the state Inactive"),
        ({"cluster": {"lastUpgrade": {"Status": "Upgrading"}}}, "the cluster is being upgraded"),
        ({"servers": [{"name": "server00", "LastUpgrade": {"Status": "Upgrading"}}]}, "the server itself is being"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_the_gate(server: Runner, cluster: Lightbits, sections: dict[str, Any], reason: str, check_mode: bool) -> None:
    cluster.control.change_state(**sections)
    said = failure(server(**ABSENT, check_mode=check_mode))
    assert said.startswith("state is absent, but the server server00 may not be removed: ")
    assert reason in said
    assert writes(cluster) == []


def test_three_servers_stay(server: Runner, cluster: Lightbits) -> None:
    ok(server(**ABSENT))
    said = failure(server(name="server01", state="absent"))
    assert "only 2 servers would be left, and LightOS needs 3" in said
    assert names(cluster) == ["server01", "server02", "server03"]


def test_a_server_with_data_is_only_removed_by_force(server: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "data", "server00", "server01")
    said = failure(server(**ABSENT))
    assert "it has replicas of the volumes default/data: let a spare node take their place (lightbits_node)" in said
    cluster.control.pace(paused=True)
    waited = failure(server(**{**ABSENT, "force": True, "wait_timeout": 0}))
    assert "to be absent, in vain; the last state was: Deleting" in waited
    assert names(cluster)[0] == "server00"
    cluster.control.change_state(volumes=[{"name": "data", "nodeList": []}])
    cluster.control.pace(paused=False)
    assert ok(server(**ABSENT))["server"] is None, "the second run waits for the first one's work"
    assert len(writes(cluster)) == 1


def test_what_is_at_risk_has_to_be_acknowledged(server: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "data", "server00", "server01")
    cluster.control.change_state(nodes=[{"name": "server01-0", "state": "Inactive"}])
    said = failure(server(**ABSENT, force=True))
    assert "force is true, but acknowledge_data_at_risk does not name default/data" in said
    assert writes(cluster) == []


def test_the_only_replica_is_never_removed(server: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "single", "server00")
    for options in ({}, {"force": True, "acknowledge_data_at_risk": ["default/single"]}):
        assert "it has the only replica of default/single, which the cluster never moves" in failure(
            server(**ABSENT, **options)
        )
    assert writes(cluster) == []


def test_somebody_else_goes_between_the_plan_and_the_removal(server: Runner, cluster: Lightbits) -> None:
    away = {"servers": [{"name": "server01", "state": "Disabled"}]}
    cluster.control.add_fault("change", path="/api/v2/servers$", skip=2, count=1, change=away)
    assert "the server server01 is in the state Disabled" in failure(server(**ABSENT))
    assert writes(cluster) == []


@pytest.mark.parametrize("wish", [PRESENT, ABSENT], ids=["present", "absent"])
@pytest.mark.parametrize(
    "action",
    [
        {"action": "reset", "when": "after"},
        {"action": "status", "status": 503, "when": "after"},
        {"action": "race"},
        {"action": "status", "status": 412},
    ],
)
def test_lost_answers_and_races(
    server: Runner, cluster: Lightbits, wish: Mapping[str, Any], action: dict[str, Any]
) -> None:
    cluster.control.add_fault(**action, method="POST|DELETE", count=1)
    assert ok(server(**wish))["changed"]
    assert ("server04" in names(cluster), "server00" in names(cluster)) == (wish is PRESENT, wish is PRESENT)
