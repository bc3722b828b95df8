# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the time of a run with nothing to do grows with the number of cached images."""

from __future__ import annotations

from statistics import median

from tests.benchmark.cacheworld import CacheWorld, StoreFile
from tests.benchmark.definition import Benchmark, Measurement
from tests.benchmark.interleave import compare

from .program import Program

FEW, MANY = 100, 1000
SIZE = 1024
REPETITIONS = 5


def measure(world: CacheWorld) -> Measurement:
    """Ten times the images against ten times the time. The metal-api is told before each run which images there are."""
    with (
        world.filled("bench-few", FEW, SIZE) as few,
        world.filled("bench-many", MANY, SIZE) as many,
        world.scratch() as scratch,
    ):

        def side(name: str, files: list[StoreFile]) -> Program:
            program = Program(world, f"{scratch}/{name}")
            program.prepare()
            world.announce(files)
            program.run()
            program.check(files)
            return program

        small, large = side("few", few), side("many", many)

        def again(program: Program, files: list[StoreFile]) -> float:
            world.announce(files)
            return program.run().seconds

        found = compare(lambda: again(large, many), lambda: again(small, few), REPETITIONS)
    return Measurement(
        found.ratio / (MANY / FEW),
        f"{MANY} images in {median(found.ours):.2f} s, {FEW} in {median(found.theirs):.2f} s",
    )


BENCHMARK = Benchmark(
    name="image_cache.noop",
    summary="run with nothing to do, 1000 images against 100",
    unit="of growth in proportion",
    goal=1.0,
    measure=measure,
)
