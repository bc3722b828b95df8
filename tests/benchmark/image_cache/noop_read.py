# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much image content a run with nothing to do reads."""

from __future__ import annotations

from tests.benchmark.cacheworld import CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement

from .program import HOST, Program

COUNT = 100
SIZE = 1 << 20


def measure(world: CacheWorld) -> Measurement:
    """All content is brought out of the memory of the machine; what is there after the run, somebody has read.

    That sees every way of reading: by read(), by a mapping, by sending a file, by another process. A run of `verify`,
    which has to read everything, shows that it is seen.
    """
    with world.filled("bench-read", COUNT, SIZE) as files, world.scratch() as scratch:
        world.announce(files)
        program = Program(world, f"{scratch}/read")
        program.prepare()
        program.run()
        program.check(files)

        dropped = world.tool(HOST, "resident", "drop", program.blobs)
        if dropped["files"] != COUNT or dropped["resident"] != 0:
            raise BenchmarkError(
                f"{dropped['resident']} bytes of {dropped['files']} files stay in memory whatever is done,"
                " so that nobody can tell what is read (is the disk of the Docker engine a tmpfs?)"
            )
        run = program.run()
        after_run = world.tool(HOST, "resident", "count", program.blobs)
        program.run("verify")
        after_verify = world.tool(HOST, "resident", "count", program.blobs)
    # a machine that is short of memory may have put some of it out again
    if after_verify["resident"] < 0.9 * COUNT * SIZE:
        raise BenchmarkError(f"`verify` reads all {COUNT * SIZE} bytes, but only {after_verify['resident']} were seen")
    return Measurement(
        after_run["resident"],
        f"{COUNT} images of {SIZE >> 20} MiB; everything the process read, program and network included:"
        f" {run.read / 1024:.0f} KiB; `verify` in the same way: {after_verify['resident'] >> 20} MiB of content",
    )


BENCHMARK = Benchmark(
    name="image_cache.noop_read",
    summary="image content read by a run with nothing to do",
    unit="bytes",
    goal=0,
    count=True,
    measure=measure,
)
