# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_feature_flag against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner, requests, writes


@pytest.fixture
def flag(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_feature_flag")


def flags(cluster: Lightbits) -> dict[str, bool]:
    found = cluster.control.state()["flags"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("emit_defaults", [False, True])
@pytest.mark.parametrize(("name", "state"), [("evict-data", "enabled"), ("fail-in-place", "disabled")])
def test_switch(flag: Runner, cluster: Lightbits, name: str, state: str, emit_defaults: bool) -> None:
    cluster.control.manners(emit_defaults=emit_defaults)
    predicted = ok(flag(name=name, state=state, check_mode=True))
    assert predicted["changed"] and writes(cluster) == []
    done = ok(flag(name=name, state=state))
    assert (done["diff"], done["feature_flag"]) == (predicted["diff"], predicted["feature_flag"])
    assert done["feature_flag"] == {"name": name, "state": state}
    assert flags(cluster)[name] is (state == "enabled")
    cluster.control.forget_requests()
    assert not ok(flag(name=name, state=state))["changed"]
    assert requests(cluster) == ["GET /featureFlags"]
    cluster.control.manners()


def test_one_that_stays(flag: Runner, cluster: Lightbits) -> None:
    assert not ok(flag(name="event-log", state="enabled"))["changed"]
    done = flag(name="event-log", state="disabled")
    assert failure(done).startswith("The feature event-log cannot be disabled with this version of LightOS: POST ")
    assert (done["failure"]["status"], done["failure"]["code"]) == (501, "unimplemented")
    assert flags(cluster)["event-log"] is True


def test_unknown_names(flag: Runner, cluster: Lightbits) -> None:
    said = failure(flag(name="Evict-Data", state="enabled"))
    assert said == (
        "name is 'Evict-Data', but the cluster has no such feature; it has: event-log, evict-data, fail-in-place, "
        "in-band-authentication, proactive-rebalance."
    )
    assert writes(cluster) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "reset", "when": "after"},
        {"action": "status", "status": 500, "when": "after"},
        {"action": "status", "status": 409},
        {"action": "status", "status": 503},
    ],
)
def test_lost_answers_and_conflicts(flag: Runner, cluster: Lightbits, fault: dict[str, Any]) -> None:
    cluster.control.add_fault(method="POST", count=1, **fault)
    done = ok(flag(name="evict-data", state="enabled"))
    assert done["changed"] and done["diff"]["before"]["state"] == "disabled"
    assert flags(cluster)["evict-data"] is True
