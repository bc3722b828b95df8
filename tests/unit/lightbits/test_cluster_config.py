# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_cluster_config against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests, writes

PATIENCE = "DurationToTurnIntoPermanentFailure"


@pytest.fixture
def config(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_cluster_config")


def parameters(cluster: Lightbits) -> dict[str, str]:
    found = cluster.control.state()["config"]
    assert isinstance(found, dict)
    return found


def test_what_differs_is_set(config: Runner, cluster: Lightbits) -> None:
    wish: dict[str, Any] = {PATIENCE: "90m", "AllowedNumRevives": 5, "EnableTrim": False, "ClusterName": "test"}
    predicted = ok(config(parameters=wish, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(config(parameters=wish))
    assert (done["diff"], done["config"]) == (predicted["diff"], predicted["config"])
    assert writes(cluster) == [f"PUT /clusterConfig/{name}" for name in (PATIENCE, "AllowedNumRevives", "EnableTrim")]
    now = parameters(cluster)
    assert (now[PATIENCE], now["AllowedNumRevives"], now["EnableTrim"]) == ("1h30m", "5", "false")
    assert (done["config"]["AllowedNumRevives"], done["config"]["EnableTrim"]) == (5, False)
    cluster.control.forget_requests()
    assert not ok(config(parameters=wish))["changed"]
    assert requests(cluster) == ["GET /clusterConfig"]


@pytest.mark.parametrize("same", ["1h", "60m", "1h0m0s", "3600s", 3600, "3600", " 1H "])
def test_the_same_time_in_other_words(config: Runner, same: object) -> None:
    assert not ok(config(parameters={PATIENCE: same}))["changed"]


@pytest.mark.parametrize(("name", "same"), [("EnableTrim", "True"), ("EnableTrim", "yes"), ("AllowedNumRevives", "3")])
def test_the_same_value_as_text(config: Runner, name: str, same: object) -> None:
    assert not ok(config(parameters={name: same}))["changed"]


def test_days_become_hours(config: Runner, cluster: Lightbits) -> None:
    """The API knows no unit above an hour."""
    assert ok(config(parameters={PATIENCE: "2d"}))["changed"]
    assert parameters(cluster)[PATIENCE] == "48h"


def test_a_name_is_no_time(config: Runner, cluster: Lightbits) -> None:
    ok(config(parameters={"ClusterName": "1h"}))
    assert ok(config(parameters={"ClusterName": "60m"}))["changed"]
    assert parameters(cluster)["ClusterName"] == "60m"


def test_parameters_of_later_versions(config: Runner, cluster: Lightbits) -> None:
    cluster.control.change_state(config={"ScrubInterval": "24h", "Scrub": "false", "ScrubThreads": "4"})
    same = {"ScrubInterval": "1440m", "Scrub": False, "ScrubThreads": 4}
    assert not ok(config(parameters=same))["changed"]


def test_nothing_is_asked_for(config: Runner) -> None:
    found = ok(config(parameters={}))
    assert not found["changed"] and found["config"]["ClusterName"] == "test"


def test_unknown_names(config: Runner, cluster: Lightbits) -> None:
    said = failure(config(parameters={PATIENCE: "2h", "enabletrim": True}))
    assert said.startswith("parameters has enabletrim, which the cluster does not know; it has: AllowedNumRevives, ")
    assert writes(cluster) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (PATIENCE, "soon", f"parameters.{PATIENCE} is 'soon', which is not a time"),
        (PATIENCE, True, f"parameters.{PATIENCE} is True, which is not a time"),
        ("EnableTrim", "maybe", 'parameters.EnableTrim is "maybe", but the parameter is either true or false.'),
        ("AllowedNumRevives", -1, "parameters.AllowedNumRevives is -1, but the parameter is a whole number"),
        ("AllowedNumRevives", True, "parameters.AllowedNumRevives is true, but"),
        ("ClusterName", None, "parameters.ClusterName is null; give"),
        ("ClusterName", ["a"], "parameters.ClusterName is a list; give"),
    ],
)
def test_wrong_values(config: Runner, cluster: Lightbits, name: str, value: object, said: str) -> None:
    assert said in failure(config(parameters={name: value}))
    assert cluster.control.requests() == []


def test_an_empty_value(config: Runner, cluster: Lightbits) -> None:
    assert not ok(config(parameters={"DefaultQoSName": ""}))["changed"]
    assert "parameters.ClusterName is empty" in failure(config(parameters={"ClusterName": ""}))
    assert writes(cluster) == []


@pytest.mark.parametrize("fault", [{"action": "reset", "when": "after"}, {"action": "status", "status": 412}])
def test_lost_answers_and_conflicts(config: Runner, cluster: Lightbits, fault: dict[str, Any]) -> None:
    cluster.control.add_fault(method="PUT", count=1, **fault)
    done = ok(config(parameters={PATIENCE: "2h", "EnableTrim": False}))
    assert done["changed"] and done["diff"]["before"][PATIENCE] == "1h"
    assert (parameters(cluster)[PATIENCE], parameters(cluster)["EnableTrim"]) == ("2h", "false")


def test_a_value_that_the_cluster_refuses(config: Runner, cluster: Lightbits) -> None:
    cluster.control.add_fault("status", method="PUT", status=400, message="value too small")
    done = config(parameters={PATIENCE: "1s"})
    assert "value too small" in failure(done) and done["failure"]["code"] == "invalid_argument"
