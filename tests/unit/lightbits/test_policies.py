# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_qos_policy and lightbits_snapshot_policy against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

BRONZE: dict[str, Any] = {"name": "bronze", "limit": {"unit": "iops", "read": 2560, "write": 1280}}
START = "2026-01-31T02:00:00Z"
NIGHTLY: dict[str, Any] = {
    "name": "nightly",
    "volume": "data",
    "daily": {"start_time": START},
    "retention_time": "14d",
}


@pytest.fixture
def qos(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_qos_policy", defaults=tuple(QUICK.items()))


@pytest.fixture
def schedule(cluster: Lightbits) -> Runner:
    cluster.control.change_state(volumes=[{"name": "data"}, {"name": "other"}])
    return Runner(cluster, "lightbits_snapshot_policy", defaults=tuple(QUICK.items()))


def test_life_of_a_limit(qos: Runner, cluster: Lightbits) -> None:
    predicted = ok(qos(**BRONZE, check_mode=True))
    assert cluster.control.state()["policies"] == []
    made = ok(qos(**BRONZE))
    assert made["diff"] == predicted["diff"]
    assert made["qos_policy"]["state"] == "Active"
    assert not ok(qos(**BRONZE))["changed"]
    assert not ok(qos(name="bronze"))["changed"]

    wish = {"name": "bronze", "limit": {"unit": "mb_per_second", "read": 100}, "projects": ["default"]}
    predicted = ok(qos(**wish, check_mode=True))
    changed = ok(qos(**wish))
    assert changed["diff"] == predicted["diff"]
    assert changed["qos_policy"]["limit"] == {"unit": "mb_per_second", "read": 100, "write": 0}
    (found,) = cluster.control.state()["policies"]
    assert found["QoSRateLimitPolicy"] == {
        "policyVisibility": "Scoped",
        "projectsNamesScope": ["default"],
        "limitBw": {"readBWLimit": 100, "writeBWLimit": 0},
    }
    assert not ok(qos(**wish))["changed"]
    assert ok(qos(name="bronze", projects=[]))["qos_policy"]["projects"] == []

    assert ok(qos(name="bronze", state="absent"))["qos_policy"] is None
    assert cluster.control.state()["policies"] == []
    assert not ok(qos(name="bronze", state="absent"))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "x"}, "limit is missing: the QoS policy x does not exist yet"),
        ({"name": "x y", "limit": BRONZE["limit"]}, "name is 'x y'"),
        (
            {"name": "x", "limit": {"unit": "iops", "read": 100}},
            "limit.read is 100; the API limits IOPS in steps of 256",
        ),
        ({"name": "x", "limit": {"unit": "iops", "write": -1}}, "limit.write is -1; it must be 0"),
        ({**BRONZE, "projects": ["A"]}, "projects is 'A', but a project's name"),
    ],
)
def test_limits_that_cannot_be(qos: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(qos(**options))
    assert writes(cluster) == []


def test_a_limit_that_a_volume_has_stays(qos: Runner, cluster: Lightbits) -> None:
    ok(qos(**BRONZE))
    volume = Runner(cluster, "lightbits_volume", defaults=tuple(QUICK.items()))
    ok(volume(name="data", size="1GiB", replica_count=1, qos_policy="bronze"))
    assert "policy bronze is in use" in failure(qos(name="bronze", state="absent"))


def test_life_of_a_schedule(schedule: Runner, cluster: Lightbits) -> None:
    predicted = ok(schedule(**NIGHTLY, check_mode=True))
    assert cluster.control.state()["resource_policies"] == []
    made = ok(schedule(**NIGHTLY))
    assert made["diff"] == predicted["diff"]
    assert made["snapshot_policy"]["schedule"] == {"daily": {"every": 1, "start_time": START}}
    assert (made["snapshot_policy"]["state"], made["snapshot_policy"]["retention_time"]) == ("Active", 1209600)
    assert not ok(schedule(**NIGHTLY))["changed"]
    assert not ok(schedule(**{**NIGHTLY, "daily": {"start_time": "2026-01-31T03:00:00+01:00"}}))["changed"]

    week = [{"day": day, "start_time": START} for day in ("Saturday", "Sunday")]
    wish = {"name": "nightly", "weekly": week, "retention_time": "1209600", "description": "weekends"}
    predicted = ok(schedule(**wish, check_mode=True))
    changed = ok(schedule(**wish))
    assert changed["diff"] == predicted["diff"]
    assert [entry["day"] for entry in changed["snapshot_policy"]["schedule"]["weekly"]] == ["Sunday", "Saturday"]
    assert not ok(schedule(**{**wish, "weekly": week[::-1]}))["changed"]
    assert ok(schedule(name="nightly", hourly={"every": 4, "start_time": START}))["changed"]

    assert ok(schedule(name="nightly", state="absent"))["snapshot_policy"] is None
    assert not ok(schedule(name="nightly", state="absent"))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "x"}, "volume and hourly, daily or weekly and retention_time are missing"),
        ({**NIGHTLY, "daily": {"start_time": "02:00"}}, "daily.start_time is wrong: '02:00' is not a time"),
        ({**NIGHTLY, "daily": {"start_time": ""}}, "daily.start_time is ''"),
        ({**NIGHTLY, "daily": {"start_time": START, "every": 0}}, "daily.every is 0; it must be between 1 and 366"),
        ({"name": "x", "weekly": []}, "weekly is empty"),
        ({**NIGHTLY, "retention_time": "0s"}, "retention_time is 0, but snapshots"),
        ({**NIGHTLY, "retention_time": "x"}, "retention_time is 'x', which is not a time"),
    ],
)
def test_schedules_that_cannot_be(schedule: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    assert said in failure(schedule(**options))
    assert writes(cluster) == []


def test_a_schedule_stays_with_its_volume(schedule: Runner) -> None:
    ok(schedule(**NIGHTLY))
    said = failure(schedule(**{**NIGHTLY, "volume": "other"}))
    assert "volume is other, but the snapshot policy default/nightly belongs to data" in said
