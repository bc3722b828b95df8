# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to fill an empty cache over a fast uplink, beside curl."""

from __future__ import annotations

from statistics import median

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement
from tests.benchmark.interleave import compare

from .fetching import COUNT, NAME, PARALLEL, SIZE, curl_to_files
from .program import HOST, Program

# Mbit/s of one connection, when each has its part of the line
SHARE = 600
# the line decides how long it takes, so that one time is like the next
REPETITIONS = 1


def measure(world: CacheWorld) -> Measurement:
    """Both sides begin with nothing on the disk, and their files go when they are counted."""
    files = world.kept(NAME, COUNT, SIZE)
    with world.scratch() as scratch:
        world.announce(files)
        program = Program(world, f"{scratch}/ours")

        def ours() -> float:
            program.prepare()
            done = program.run()
            program.check(files)
            world.world.exec(HOST, "rm", "-rf", program.directory)
            return done.seconds

        def theirs() -> float:
            directory = f"{scratch}/theirs"
            done = curl_to_files(world, files, directory)
            world.world.exec(HOST, "rm", "-rf", directory)
            return done.seconds

        with world.uplink(SHARE * PARALLEL):
            found = compare(ours, theirs, REPETITIONS)
    return Measurement(
        found.ratio,
        f"{COUNT} images of {SIZE >> 20} MiB, {PARALLEL} connections of {SHARE} Mbit/s: image-cache-sync with checksums"
        f" {median(found.ours):.1f} s, curl {median(found.theirs):.1f} s",
    )


BENCHMARK = Benchmark(
    name="image_cache.sync",
    summary="time to fetch and verify 40 images",
    unit="of curl's time",
    goal=1.15,
    measure=measure,
)
