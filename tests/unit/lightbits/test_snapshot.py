# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_snapshot, and what lightbits_volume makes of snapshots, against the emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import QUICK, Runner, writes

GIB = 1 << 30
TAKE: dict[str, Any] = {"name": "before", "volume": "data", "retention_time": "7d"}


@pytest.fixture
def snapshot(cluster: Lightbits) -> Runner:
    return Runner(cluster, "lightbits_snapshot", defaults=tuple(QUICK.items()))


@pytest.fixture
def volume(cluster: Lightbits) -> Runner:
    runner = Runner(cluster, "lightbits_volume", defaults=tuple(QUICK.items()))
    ok(runner(name="data", size="1GiB", replica_count=2, compression=True, labels={"team": "db"}))
    return runner


@pytest.mark.usefixtures("volume")
def test_life(snapshot: Runner, cluster: Lightbits) -> None:
    predicted = ok(snapshot(**TAKE, check_mode=True))
    assert cluster.control.state()["snapshots"] == []
    taken = ok(snapshot(**TAKE))
    assert taken["diff"] == predicted["diff"]
    real = taken["snapshot"]
    assert (real["state"], real["size"], real["retention_time"], real["volume"]) == ("Available", GIB, 604800, "data")
    assert not ok(snapshot(name="before"))["changed"]
    assert not ok(snapshot(**TAKE))["changed"]
    assert ok(snapshot(name="before", state="absent"))["snapshot"] is None
    assert cluster.control.state()["snapshots"] == []
    assert not ok(snapshot(name="before", state="absent"))["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "x"}, "volume is missing: the snapshot default/x does not exist yet"),
        ({"name": "a b", "volume": "data"}, "name is 'a b'"),
        (
            {"name": "x", "volume": "data", "retention_time": "a week"},
            "retention_time is 'a week', which is not a time",
        ),
        ({"name": "x", "volume": "data", "description": "é" * 129}, "description has more than 256 bytes"),
        ({**TAKE, "retention_time": "8d"}, "retention_time is 8d, but the snapshot default/before has 7d"),
        ({**TAKE, "volume": "other"}, "volume is 'other', but the snapshot default/before has 'data'"),
    ],
)
@pytest.mark.usefixtures("volume")
def test_what_cannot_be(snapshot: Runner, cluster: Lightbits, options: dict[str, Any], said: str) -> None:
    ok(snapshot(**TAKE))
    cluster.control.forget_requests()
    assert said in failure(snapshot(**options))
    assert writes(cluster) == []


def test_no_volume_to_take_it_of(snapshot: Runner) -> None:
    assert "volume not found" in failure(snapshot(**TAKE))


def test_a_clone_is_as_its_snapshot(volume: Runner, snapshot: Runner) -> None:
    ok(snapshot(**TAKE))
    clone = {"name": "copy", "source_snapshot": "before"}
    predicted = ok(volume(**clone, check_mode=True))
    made = ok(volume(**clone))
    assert made["diff"] == predicted["diff"]
    real = made["volume"]
    assert (real["size"], real["replica_count"], real["compression"]) == (GIB, 2, True)
    assert (real["labels"], real["source_snapshot"]) == ({"team": "db"}, "before")
    again = ok(volume(**clone))
    assert (again["changed"], again.get("warnings")) == (False, None)


def test_a_clone_may_be_larger_but_not_smaller(volume: Runner, snapshot: Runner) -> None:
    ok(snapshot(**TAKE))
    assert "a clone cannot be smaller" in failure(volume(name="copy", source_snapshot="before", size="512MiB"))
    made = ok(volume(name="copy", source_snapshot="before", size="2GiB", labels={"team": "test"}))
    assert (made["volume"]["size"], made["volume"]["labels"]) == (2 * GIB, {"team": "test"})


def test_a_volume_that_is_no_clone_of_it(volume: Runner, snapshot: Runner) -> None:
    for name in ("before", "after"):
        ok(snapshot(**{**TAKE, "name": name}))
    ok(volume(name="copy", source_snapshot="before"))
    said = failure(volume(name="copy", source_snapshot="after"))
    assert "source_snapshot is after, but the volume default/copy was cloned from before" in said
    assert "which does not exist" in failure(volume(name="new", source_snapshot="missing"))
    warned = perform_with_warnings(volume, name="data", source_snapshot="before")
    assert "the API does not say what the volume default/data was cloned from" in warned


def perform_with_warnings(volume: Runner, **options: Any) -> str:
    """Return the warnings of a task that changes nothing."""
    result = ok(volume(**options))
    assert not result["changed"]
    return " ".join(result["warnings"])


def test_the_last_label_stays(volume: Runner, cluster: Lightbits) -> None:
    cluster.control.forget_requests()
    assert "labels is empty, but the API cannot take the last label" in failure(volume(name="data", labels={}))
    assert writes(cluster) == []


def rolled_back(cluster: Lightbits) -> list[str]:
    (found,) = [one for one in cluster.control.state()["volumes"] if one["name"] == "data"]
    listed = found["_rolled_back"]
    assert isinstance(listed, list)
    return listed


def test_back_to_a_snapshot(volume: Runner, snapshot: Runner, cluster: Lightbits) -> None:
    ok(snapshot(**TAKE))
    predicted = ok(volume(name="data", rollback_to="before", check_mode=True))
    assert rolled_back(cluster) == []
    done = ok(volume(name="data", rollback_to="before"))
    assert (done["changed"], done["diff"], done["volume"]["state"]) == (True, predicted["diff"], "Available")
    assert rolled_back(cluster) == ["before"]
    assert ok(volume(name="data", rollback_to="before"))["changed"], "the API does not tell that it was done"
    assert rolled_back(cluster) == ["before", "before"]


def test_back_to_a_snapshot_after_a_change(volume: Runner, snapshot: Runner, cluster: Lightbits) -> None:
    ok(snapshot(**TAKE))
    wish = {"name": "data", "acl": ["nqn.a"], "rollback_to": "before"}
    predicted = ok(volume(**wish, check_mode=True))
    done = ok(volume(**wish))
    assert done["diff"] == predicted["diff"]
    assert done["volume"]["acl"] == ["nqn.a"]
    assert rolled_back(cluster) == ["before"]


@pytest.mark.parametrize(
    "fault",
    [{"action": "reset"}, {"action": "reset", "when": "after"}, {"action": "status", "status": 503, "when": "after"}],
)
def test_an_answer_that_is_lost_does_not_roll_back_twice(
    volume: Runner, snapshot: Runner, cluster: Lightbits, fault: dict[str, Any]
) -> None:
    ok(snapshot(**TAKE))
    cluster.control.add_fault(**fault, path="rollback", count=1)
    said = failure(volume(name="data", rollback_to="before", retries=3))
    assert said.startswith("Whether the volume default/data was rolled back is not known: PUT http")
    assert said.endswith("Look at its data, and run the task again if it was not.")
    cluster.control.wait_until_idle()
    assert len(rolled_back(cluster)) <= 1
    assert len([one for one in writes(cluster) if one.endswith("/rollback")]) == 1


def test_back_to_what_is_not_there(volume: Runner, snapshot: Runner, cluster: Lightbits) -> None:
    ok(volume(name="other", size="1GiB", replica_count=1))
    ok(snapshot(**{**TAKE, "name": "others", "volume": "other"}))
    cluster.control.forget_requests()
    for name in ("missing", "others"):
        assert f"rollback_to is {name}, but the volume default/data has no snapshot" in failure(
            volume(name="data", rollback_to=name)
        )
    assert "does not exist" in failure(volume(name="none", rollback_to="before"))
    assert "only together with state=present" in failure(volume(name="data", rollback_to="before", state="absent"))
    assert writes(cluster) == []
