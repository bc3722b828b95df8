# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook of a whole partition costs, first and second run, as the scenario default has measured it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.engine import REPOSITORY

from .cacheworld import CacheWorld
from .definition import Benchmark, BenchmarkError, Measurement


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


def run(name: str, directory: Path = REPOSITORY / "build") -> Run:
    """Return a run that the scenario has made; where it has not been run yet, it is now."""
    path = directory / f"site-{name}.json"
    if not path.exists():
        done = subprocess.run([REPOSITORY / "tools/molecule", "default"], capture_output=True, text=True, check=False)
        if done.returncode != 0 or not path.exists():
            raise BenchmarkError("the scenario default, which measures it, fails: make molecule SCENARIO=default")
    return Run(**json.loads(path.read_text(encoding="utf-8")))


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
