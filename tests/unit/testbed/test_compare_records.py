# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario's comparison of prediction and deed must notice every kind of difference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testbed.compare_records import differences, together


def change(
    task: str, *, host: str = "a", item: str | None = None, handler: bool = False, diff: Any = None
) -> dict[str, Any]:
    return {"host": host, "task": task, "item": item, "handler": handler, "diff": diff or []}


def record(*changes: dict[str, Any], check: bool = False) -> dict[str, Any]:
    return {"check": check, "hosts": ["a", "b"], "changes": list(changes), "failed": []}


FILE = [{"before": "one\n", "after": "two\n"}]


def test_the_same_changes_in_another_order_are_as_predicted() -> None:
    predicted = record(change("x"), change("y", host="b", diff=FILE), check=True)
    assert differences(predicted, record(change("y", host="b", diff=FILE), change("x")), {}) == []


@pytest.mark.parametrize(
    ("actual", "says"),
    [
        ([], "predicted, but not done: a / x"),
        ([change("x", item="1", diff=FILE), change("z")], "done, but not predicted: a / z"),
        ([change("x", item="2", diff=FILE)], "done, but not predicted: a / x / 2"),
        ([change("x", item="1", host="b", diff=FILE)], "done, but not predicted: b / x / 1"),
        (
            [change("x", item="1", diff=[{"before": "one\n", "after": "three\n"}])],
            "predicted otherwise than done (after)",
        ),
        (
            [change("x", item="1", diff=[{"before": "none\n", "after": "two\n"}])],
            "predicted otherwise than done (before)",
        ),
    ],
)
def test_a_difference_is_told(actual: list[dict[str, Any]], says: str) -> None:
    predicted = record(change("x", item="1", diff=FILE), check=True)
    assert any(line.startswith(says) for line in differences(predicted, record(*actual), {}))


def test_on_fresh_hosts_only_what_files_become_counts() -> None:
    predicted = record(change("x", diff=[{"before": "", "after": "two\n"}]), check=True)
    assert differences(predicted, record(change("x", diff=FILE)), {}, fresh=True) == []
    otherwise = record(change("x", diff=[{"before": "", "after": "three\n"}]))
    assert differences(predicted, otherwise, {}, fresh=True) != []


def test_a_task_that_predicts_another_one() -> None:
    predicted = record(change("would install"), check=True)
    assert differences(predicted, record(change("install")), {"would install": "install"}) == []
    assert differences(predicted, record(change("install")), {}) != []


def test_a_task_that_predicts_the_whole_of_some() -> None:
    wholes = {"unpack": "would install", "run": "would install"}
    predicted = record(change("would install"), change("x"), check=True)
    done = [change("unpack", item="1"), change("unpack", item="2"), change("run", host="b"), change("x")]
    assert differences(predicted, record(*done), {}, wholes=wholes) == []
    assert differences(predicted, record(change("x")), {}, wholes=wholes) == [
        "predicted, but not done: a / would install / "
    ]
    assert differences(record(change("x"), check=True), record(*done), {}, wholes=wholes) != []
    assert differences(predicted, record(*done, change("y")), {}, wholes=wholes) == [
        "done, but not predicted: a / y / "
    ]


def test_a_start_may_be_done_by_a_handler_of_that_service_on_that_host() -> None:
    predicted = record(change("would start", item="nginx.service"), check=True)
    names = {"would start": "start"}
    assert differences(predicted, record(change("Restart nginx", handler=True)), names, starts="start") == []
    for other in (change("Restart haproxy", handler=True), change("Restart nginx", host="b", handler=True)):
        assert differences(predicted, record(other), names, starts="start") != []


def test_two_predictions_or_other_hosts_are_no_comparison() -> None:
    assert differences(record(check=True), record(check=True), {}) != []
    assert differences(record(), record(), {}) != []
    assert differences({**record(check=True), "hosts": ["a"]}, record(), {}) != []


def test_a_run_that_failed_and_the_one_that_went_on_are_one() -> None:
    predicted = record(change("x"), change("y"), check=True)
    assert differences(predicted, together([record(change("x")), record(change("y"))]), {}) == []
    assert differences(predicted, together([record(check=True), record(change("x"), change("y"))]), {}) != []
