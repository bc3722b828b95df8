# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_node against the emulator: when a node is replaced, and above all when not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

WISH: Mapping[str, Any] = {"name": "server00-0", "replaced_by": "server02-0"}
SPARE = {"nodes": [{"name": "server02-0", "state": "Unattached"}]}
AWAY = {
    "servers": [{"name": "server00", "state": "Disabled"}],
    "nodes": [{"name": "server00-0", "state": "Inactive"}, *SPARE["nodes"]],
}


@pytest.fixture
def node(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_node", defaults=tuple(QUICK.items()))


def states(cluster: Lightbits) -> dict[str, str]:
    return {one["name"]: one["state"] for one in cluster.control.state()["nodes"]}


def uuid_of(cluster: Lightbits, name: str) -> str:
    return str(next(one["UUID"] for one in cluster.control.state()["nodes"] if one["name"] == name))


def put_volume(cluster: Lightbits, name: str, *nodes: str) -> None:
    """A volume with replicas on these nodes."""
    places = [uuid_of(cluster, node) for node in nodes]
    cluster.control.change_state(volumes=[{"name": name, "replicaCount": len(places), "nodeList": places}])


def test_a_spare_node_takes_the_place(node: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "data", "server00-0", "server01-0")
    cluster.control.change_state(**AWAY)
    predicted = ok(node(**WISH, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(node(**WISH))
    assert (
        done["diff"]
        == predicted["diff"]
        == {
            "before": {**WISH, "replaced": False},
            "after": {**WISH, "replaced": True},
        }
    )
    assert [one["state"] for one in done["node"]["nodes"]] == ["Unattached", "Active"]
    (volume,) = cluster.control.state()["volumes"]
    assert set(volume["nodeList"]) == {uuid_of(cluster, "server01-0"), uuid_of(cluster, "server02-0")}
    assert not ok(node(**WISH))["changed"]
    assert len(writes(cluster)) == 1


def test_a_node_that_is_gone_with_its_server_was_replaced(node: Runner) -> None:
    done = ok(node(name="server09-0", replaced_by="server02-0"))
    assert not done["changed"]
    assert done["warnings"] == [
        "The cluster has no node server09-0; server02-0 is active and taken for its replacement."
    ]


@pytest.mark.parametrize(
    ("sections", "wish", "said"),
    [
        (SPARE, WISH, "it is in the state Active, but must be Inactive: disable its server first, or set while_active"),
        (
            {"nodes": [{"name": "server00-0", "state": "Inactive"}]},
            WISH,
            "server02-0 is in the state Active, but only a spare node, which is Unattached, can take its place (spare",
        ),
        (
            {**AWAY, "servers": [*AWAY["servers"], {"name": "server02", "state": "Disabled"}]},
            WISH,
            "the server of server02-0 is Disabled",
        ),
        (
            {**AWAY, "servers": [*AWAY["servers"], {"name": "server02", "LastUpgrade": {"Status": "Rebooting"}}]},
            WISH,
            "the server of server02-0 is being upgraded (Rebooting)",
        ),
        (AWAY, {**WISH, "replaced_by": "server00-0"}, "replaced_by is server00-0, the node itself"),
        (AWAY, {**WISH, "replaced_by": "x"}, "has no such node; spare ones are: server02-0."),
        (AWAY, {**WISH, "name": "x"}, "name is 'x', but the cluster has no such node; it has: server00-0, server01-0"),
        (AWAY, {**WISH, "acknowledge_data_at_risk": ["default/x"]}, "is given without force=true"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_speaks_against_it(
    node: Runner, cluster: Lightbits, sections: dict[str, Any], wish: dict[str, Any], said: str, check_mode: bool
) -> None:
    cluster.control.change_state(**sections)
    assert said in failure(node(**wish, check_mode=check_mode))
    assert writes(cluster) == []


def test_all_reasons_at_once(node: Runner) -> None:
    said = failure(node(**WISH))
    assert said.startswith("The node server00-0 cannot be replaced: ")
    assert "server02-0 is in the state Active" in said and "it is in the state Active" in said


def test_no_failure_domain_gets_two_replicas(node: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "data", "server00-0", "server01-0")
    cluster.control.change_state(**AWAY)
    cluster.control.change_state(
        nodes=[
            {"name": "server01-0", "failureDomains": ["server01", "rack-1"]},
            {"name": "server02-0", "failureDomains": ["server02", "rack-1"]},
        ]
    )
    said = failure(node(**WISH))
    assert "server02-0 is in a failure domain with server01-0, which has replicas of the same volumes" in said


def test_the_only_replica_is_lost_only_by_name(node: Runner, cluster: Lightbits) -> None:
    put_volume(cluster, "single", "server00-0")
    put_volume(cluster, "safe", "server00-0", "server01-0")
    cluster.control.change_state(**AWAY)
    reason = "no other node has all data of the volumes default/single, which would be lost"
    assert failure(node(**WISH)) == f"replaced_by is server02-0, but {reason}."
    assert failure(node(**WISH, force=True, acknowledge_data_at_risk=["default/safe"])) == (
        f"force is true, but acknowledge_data_at_risk does not name default/single: {reason}."
    )
    assert writes(cluster) == []
    done = ok(node(**WISH, force=True, acknowledge_data_at_risk=["default/single"]))
    assert done["warnings"] == [f"Forced: {reason}."]


def test_while_it_is_active(node: Runner, cluster: Lightbits) -> None:
    with_two = {"servers": [{"name": "server01", "_unhealthy": True}], **SPARE}
    cluster.control.change_state(**with_two)
    said = failure(node(**WISH, while_active=True))
    assert "the server server01 has the health Error" in said
    assert writes(cluster) == []
    cluster.control.change_state(servers=[{"name": "server01", "_unhealthy": False}])
    assert ok(node(**WISH, while_active=True))["changed"]
    assert (states(cluster)["server00-0"], states(cluster)["server02-0"]) == ("Unattached", "Active")


def test_one_that_goes_on_is_waited_for(node: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(**AWAY)
    cluster.control.pace(paused=True)
    assert ok(node(**WISH, wait=False))["changed"]
    assert not ok(node(**WISH, wait=False))["changed"]
    said = failure(node(**{**WISH, "wait_timeout": 0}))
    assert said == (
        "Waited 0 s for the node server00-0 to be replaced by server02-0, in vain; the last state was: "
        "server00-0 Detaching, server02-0 Attaching."
    )
    cluster.control.pace(paused=False)
    assert not ok(node(**WISH))["changed"]
    assert len(writes(cluster)) == 1


def test_others_that_change_places_are_waited_for(node: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(**AWAY)
    cluster.control.change_state(nodes=[{"name": "server01-0", "state": "Detaching"}])
    said = failure(node(**WISH, wait=False))
    assert said == ("wait is false, but other nodes are just changing places: server01-0. Only one can at a time.")
    cluster.control.add_fault(
        "change", path="/nodes$", skip=1, count=1, change={"nodes": [{"name": "server01-0", "state": "Active"}]}
    )
    assert ok(node(**WISH))["changed"]


@pytest.mark.parametrize(
    "action", [{"action": "reset", "when": "after"}, {"action": "status", "status": 503, "when": "after"}]
)
def test_a_lost_answer(node: Runner, cluster: Lightbits, action: dict[str, Any]) -> None:
    cluster.control.change_state(**AWAY)
    cluster.control.add_fault(**action, path="/replace$", count=1)
    assert ok(node(**WISH))["changed"]
    assert len(writes(cluster)) == 1


def test_the_spare_node_goes_to_somebody_else_in_between(node: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(**AWAY)
    cluster.control.add_fault(
        "change", path="/nodes$", skip=2, count=1, change={"nodes": [{"name": "server02-0", "state": "Active"}]}
    )
    assert "server02-0 is in the state Active, but only a spare node" in failure(node(**WISH))
    assert writes(cluster) == []
