# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness of the benchmarks: comparison, verdicts, table, JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import tests.benchmark.__main__ as main
from tests.benchmark import report
from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement, Result
from tests.benchmark.interleave import Comparison, compare


def unused(_world: object) -> Measurement:
    raise AssertionError("nothing is measured here")


RATIO = Benchmark("some.ratio", "time of ours", "of theirs", 1.15, unused)
RATE = Benchmark("some.rate", "rate of ours", "of theirs", 0.8, unused, more_is_better=True)
COUNT = Benchmark("some.count", "failures", "downloads", 0, unused, count=True)


def result(benchmark: Benchmark, value: float | None, text: str = "as measured") -> Result:
    if value is None:
        return Result(benchmark, None, text, 3.4)
    return Result(benchmark, Measurement(value, text), "", 3.4)


# -- comparison --------------------------------------------------------------------------------------------------------
def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return len(order)

    found = compare(lambda: side("ours"), lambda: side("theirs"), 3)
    assert order == ["theirs", "ours"] * 3
    assert found == Comparison(ours=(2, 4, 6), theirs=(1, 3, 5))
    assert found.ratio == pytest.approx(4 / 3)


def test_one_slow_repetition_does_not_count() -> None:
    assert Comparison(ours=(10, 11, 900), theirs=(10, 10, 10)).ratio == pytest.approx(1.1)


def test_an_even_number_of_repetitions_takes_what_lies_between() -> None:
    assert Comparison(ours=(10, 20), theirs=(5, 15)).ratio == pytest.approx(1.5)


@pytest.mark.parametrize("nothing", [0.0, -1.0, float("nan")])
def test_a_side_that_measured_nothing_is_no_ratio(nothing: float) -> None:
    with pytest.raises(BenchmarkError, match="nothing can be divided by"):
        compare(lambda: 1.0, lambda: nothing, 1)
    with pytest.raises(BenchmarkError, match="nothing can be divided by"):
        compare(lambda: nothing, lambda: 1.0, 1)


# -- verdicts ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("benchmark", "value", "verdict", "good"),
    [
        (RATIO, 1.15, "ok", True),
        (RATIO, 1.16, "missed", True),
        (RATE, 0.8, "ok", True),
        (RATE, 0.79, "missed", True),
        (COUNT, 0, "ok", True),
        (COUNT, 1, "BROKEN", False),
        (RATIO, None, "FAILED", False),
    ],
)
def test_verdict(benchmark: Benchmark, value: float | None, verdict: str, good: bool) -> None:
    found = result(benchmark, value)
    assert (found.verdict, found.good) == (verdict, good)


# -- table -------------------------------------------------------------------------------------------------------------
def test_table_shows_value_goal_and_verdict_of_each() -> None:
    results = [
        result(RATIO, 1.2345, "12.3 s against 10.0 s"),
        result(RATE, 0.9),
        result(COUNT, None, "no route to host"),
    ]
    lines = report.table(results).splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "benchmark value goal seconds what it is",
        "some.ratio 1.23 <= 1.15 missed 3 of theirs: time of ours",
        "12.3 s against 10.0 s",
        "some.rate 0.9 >= 0.8 ok 3 of theirs: rate of ours",
        "as measured",
        "some.count - <= 0 FAILED 3 downloads: failures",
        "no route to host",
    ]
    columns = {line.index("of theirs") for line in lines if "of theirs" in line}
    assert columns == {lines[0].index("what it is")}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1000, "1000"), (104857600, "104857600"), (0.83333, "0.833"), (12345.6, "12346")]
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert report.number(value) == text


def test_a_value_that_rounds_to_its_goal_is_still_told_apart_by_its_verdict() -> None:
    line = report.table([result(RATIO, 1.1501)]).splitlines()[1]
    assert "missed" in line


def test_summary_names_what_is_not_well() -> None:
    results = [result(RATIO, 2.0), result(RATE, 0.9), result(COUNT, 3), result(replace(RATE, name="other"), None)]
    assert report.summary(results) == (
        "1 of 4 goals reached; missed: some.ratio; broken: some.count; could not be measured: other"
    )
    assert report.summary([result(RATE, 0.9)]) == "1 of 1 goals reached"


# -- JSON --------------------------------------------------------------------------------------------------------------
def test_json_has_the_promised_form(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    report.write([result(RATIO, 1.23456), result(COUNT, 0), result(RATE, None)], path)
    assert json.loads(path.read_text()) == {
        "some.ratio": {
            "value": 1.2346,
            "unit": "of theirs",
            "goal": 1.15,
            "command": "python -m tests.benchmark some.ratio",
        },
        "some.count": {"value": 0, "unit": "downloads", "goal": 0, "command": "python -m tests.benchmark some.count"},
    }
    assert [entry.name for entry in path.parent.iterdir()] == ["bench.json"]


# -- order -------------------------------------------------------------------------------------------------------------
class Hosts:
    """A world that says when its hosts come and go, and waits until what goes on beside it has been measured."""

    def __init__(self, beside: threading.Event) -> None:
        self.beside = beside
        self.said: list[str] = []

    def up(self) -> None:
        self.said.append("up")
        assert self.beside.wait(5), "what is not timed is not measured while the hosts come up"

    def down(self) -> None:
        self.said.append("down")


def test_what_is_not_timed_is_measured_while_the_hosts_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main.engine, "ensure", lambda: None)
    monkeypatch.setattr(main.images, "ensure", lambda: None)
    beside = threading.Event()
    world = Hosts(beside)

    def measuring(name: str) -> Callable[[Any], Measurement]:
        def measure(_world: Any) -> Measurement:
            world.said.append(name)
            if name == "bytes":
                beside.set()
            return Measurement(1.0, name)

        return measure

    selected = [
        replace(RATE, name="bytes", measure=measuring("bytes"), hosts=False, timed=False),
        replace(RATIO, name="with hosts", measure=measuring("with hosts")),
        replace(RATIO, name="alone", measure=measuring("alone"), hosts=False),
    ]
    results = main.run(selected, cast(CacheWorld, world), keep=False)
    assert world.said[0] == "alone"
    assert sorted(world.said[1:3]) == ["bytes", "up"]
    assert world.said[3:] == ["with hosts", "down"]
    assert [one.benchmark.name for one in results] == ["alone", "bytes", "with hosts"]
