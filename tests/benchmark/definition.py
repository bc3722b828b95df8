# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cacheworld import CacheWorld


class BenchmarkError(Exception):
    """A measurement could not be made. The text is one sentence that says why."""


@dataclass(frozen=True)
class Measurement:
    """The figure, and in a few words what it was computed from."""

    value: float
    detail: str


@dataclass(frozen=True)
class Benchmark:
    """One figure.

    ``goal`` is the least good value where ``more_is_better``, else the greatest. A ``count`` is a property that has to
    hold, whatever the machine: breaking it is a failure, while missing another goal is only shown. ``hosts``: it needs
    the hosts, which are brought up before it. What is not ``timed`` comes out the same whatever else the machine does,
    so that the hosts are brought up meanwhile.
    """

    name: str
    summary: str
    unit: str
    goal: float
    measure: Callable[[CacheWorld], Measurement]
    more_is_better: bool = False
    count: bool = False
    hosts: bool = True
    timed: bool = True

    @property
    def command(self) -> str:
        """What measures this figure alone."""
        return f"python -m tests.benchmark {self.name}"

    def verdict(self, value: float) -> str:
        """``ok``, ``missed``, or ``BROKEN`` for a count."""
        if value >= self.goal if self.more_is_better else value <= self.goal:
            return "ok"
        return "BROKEN" if self.count else "missed"


@dataclass(frozen=True)
class Result:
    """A benchmark that was run: what it found, or why it could not be measured, and how long that took."""

    benchmark: Benchmark
    measurement: Measurement | None
    problem: str
    seconds: float

    @property
    def verdict(self) -> str:
        """As of the benchmark, or ``FAILED`` when there is no measurement."""
        return "FAILED" if self.measurement is None else self.benchmark.verdict(self.measurement.value)

    @property
    def good(self) -> bool:
        """False when the command has to fail."""
        return self.verdict in ("ok", "missed")
