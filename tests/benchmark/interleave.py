# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fair comparison on a machine that does other things as well: in turn, and the middle of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .definition import BenchmarkError


@dataclass(frozen=True)
class Comparison:
    """What both sides needed in each repetition, in the order in which they were measured."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The middle of ours divided by the middle of theirs."""
        return median(self.ours) / median(self.theirs)


def compare(ours: Callable[[], float], theirs: Callable[[], float], repetitions: int) -> Comparison:
    """Measure theirs, ours, theirs, ours, ...; both sides return a positive number, such as seconds."""
    found: tuple[list[float], list[float]] = ([], [])
    for _unused in range(repetitions):
        found[1].append(_positive(theirs()))
        found[0].append(_positive(ours()))
    return Comparison(tuple(found[0]), tuple(found[1]))


def _positive(value: float) -> float:
    if not value > 0:
        raise BenchmarkError(f"a side of a comparison measured {value:g}, which nothing can be divided by")
    return value
