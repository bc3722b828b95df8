# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook of a whole partition costs, first and second run, as the scenario default has measured it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cacheworld import CacheWorld
from .definition import Benchmark, Measurement
from .scenario import NOTES, noted


@dataclass(frozen=True)
class Run:
    """A run of the playbook."""

    seconds: float
    tasks: int
    seconds_in_tasks: float

    def detail(self) -> str:
        """In words; what is not in tasks is the start of Ansible and reading playbooks and inventory."""
        share = 100 * self.seconds_in_tasks / self.seconds if self.seconds else 0.0
        return f"{self.seconds:.0f} s, {self.tasks} tasks, {share:.0f} % of the time in them"


def run(name: str, directory: Path = NOTES) -> Run:
    """Return a run that the scenario has made."""
    return Run(**noted(f"site-{name}", directory))


def _first(_world: CacheWorld) -> Measurement:
    first = run("first")
    return Measurement(first.seconds, f"from nothing: {first.detail()}")


def _noop(_world: CacheWorld) -> Measurement:
    first, again = run("first"), run("again")
    return Measurement(
        again.seconds / first.seconds, f"nothing to do: {again.detail()}; the first run: {first.detail()}"
    )


FIRST = Benchmark(
    name="site.first",
    summary="a partition from nothing to storage classes, in seconds",
    unit="s",
    goal=300.0,
    measure=_first,
    hosts=False,
)
NOOP = Benchmark(
    name="site.noop",
    summary="a second run of it, compared with the first",
    unit="of the first",
    goal=0.2,
    measure=_noop,
    hosts=False,
)
BENCHMARKS = (FIRST, NOOP)
