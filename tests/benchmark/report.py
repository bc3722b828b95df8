# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from .definition import Result

HEADINGS = ("benchmark", "value", "goal", "", "seconds", "what it is")


def table(results: Sequence[Result]) -> str:
    """One line a benchmark and, below it, what the figure was computed from."""
    rows = [_row(result) for result in results]
    widths = [max(len(row[column]) for row in (HEADINGS, *rows)) for column in range(len(HEADINGS) - 1)]
    lines = [_line(HEADINGS, widths)]
    for row, result in zip(rows, results):
        lines.append(_line(row, widths))
        lines.append(f"    {result.problem if result.measurement is None else result.measurement.detail}")
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """One sentence: how many goals were reached, and the names of the others."""
    reached = sum(1 for result in results if result.verdict == "ok")
    parts = [f"{reached} of {len(results)} goals reached"]
    for verdict, words in (("missed", "missed"), ("BROKEN", "broken"), ("FAILED", "could not be measured")):
        names = [result.benchmark.name for result in results if result.verdict == verdict]
        if names:
            parts.append(f"{words}: {', '.join(names)}")
    return "; ".join(parts)


def as_json(results: Sequence[Result]) -> dict[str, dict[str, object]]:
    """What ``build/bench.json`` holds; without the benchmarks that could not be measured."""
    return {
        result.benchmark.name: {
            "value": round(result.measurement.value, 4),
            "unit": result.benchmark.unit,
            "goal": result.benchmark.goal,
            "command": result.benchmark.command,
        }
        for result in results
        if result.measurement is not None
    }


def write(results: Sequence[Result], path: Path) -> None:
    """Write the JSON; a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(as_json(results), indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def number(value: float) -> str:
    """Whole numbers as they are, others with three digits that count."""
    if value == int(value):
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _row(result: Result) -> tuple[str, ...]:
    benchmark = result.benchmark
    value = "-" if result.measurement is None else number(result.measurement.value)
    goal = f"{'>=' if benchmark.more_is_better else '<='} {number(benchmark.goal)}"
    return (
        benchmark.name,
        value,
        goal,
        result.verdict,
        f"{result.seconds:.0f}",
        f"{benchmark.unit}: {benchmark.summary}",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    left, *others = (cell.ljust(width) for cell, width in zip(cells, widths))
    return "  ".join([left, *others, cells[-1]]).rstrip()
