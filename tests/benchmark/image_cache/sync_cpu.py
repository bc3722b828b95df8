# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much CPU it takes to fetch, verify and store, beside fetching and computing a checksum alone."""

from __future__ import annotations

from statistics import median

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, Measurement
from tests.benchmark.interleave import compare

from .fetching import COUNT, NAME, PARALLEL, SIZE, curl_to_md5sum
from .program import HOST, Program

# of many seconds, which are no wall clock's: one time is like the next
REPETITIONS = 1


def measure(world: CacheWorld) -> Measurement:
    """CPU seconds, user and system, of all processes of each side; the store's are not counted."""
    files = world.kept(NAME, COUNT, SIZE)
    with world.scratch() as scratch:
        world.announce(files)
        program = Program(world, f"{scratch}/ours")

        def ours() -> float:
            program.prepare()
            done = program.run()
            program.check(files)
            world.world.exec(HOST, "rm", "-rf", program.directory)
            return done.cpu

        found = compare(ours, lambda: curl_to_md5sum(world, files, f"{scratch}/theirs").cpu, REPETITIONS)
    return Measurement(
        found.ratio,
        f"{COUNT} images of {SIZE >> 20} MiB, {PARALLEL} connections without limit: image-cache-sync"
        f" {median(found.ours):.1f} CPU seconds, curl | md5sum {median(found.theirs):.1f}",
    )


BENCHMARK = Benchmark(
    name="image_cache.sync_cpu",
    summary="CPU to fetch, verify and store 40 images",
    unit="of curl | md5sum",
    goal=1.5,
    measure=measure,
)
