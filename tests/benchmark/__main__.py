# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.benchmark [NAME...]`: measure, print the table, write build/bench.json."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

from tests.testbed import engine, images
from tests.testbed.engine import REPOSITORY, TestbedError, progress, say
from tests.testbed.imagecache import ImageCacheWorld

from . import api, cacheworld, duros, image_cache, lightbits, lightos, report, site, storage_network
from .definition import Benchmark, BenchmarkError, Result

_GROUPS = (api, lightbits, image_cache, storage_network, lightos, duros, site)
BENCHMARKS = {one.name: one for group in _GROUPS for one in group.BENCHMARKS}
OUTPUT = REPOSITORY / "build" / "bench.json"


def main() -> int:
    """0 when everything could be measured and every count holds; a missed ratio is shown, not failed."""
    options = _parser().parse_args()
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        print(f"bench: there is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    selected = [BENCHMARKS[name] for name in options.names or BENCHMARKS]
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGHUP, _ended)
    try:
        world = cacheworld.CacheWorld(ImageCacheWorld.beside(cacheworld.WORLD, cacheworld.NETWORK, cacheworld.HOSTS))
        results = run(selected, world, options.keep)
    except TestbedError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted, nothing is left running", file=sys.stderr)
        return 130
    report.write(results, OUTPUT)
    print(report.table(results))
    print(f"\nbench: {report.summary(results)}; in {OUTPUT.relative_to(REPOSITORY)}", flush=True)
    return 0 if all(result.good for result in results) else 1


def run(selected: Sequence[Benchmark], world: cacheworld.CacheWorld, keep: bool) -> list[Result]:
    """Measure one after the other: first what needs no hosts, of that last what is not timed."""
    alone = [one for one in selected if one.timed and not one.hosts]
    beside = [one for one in selected if not one.timed and not one.hosts]
    with_hosts = [one for one in selected if one.hosts]
    results = [_measured(one, world) for one in alone]
    if not with_hosts:
        return results + [_measured(one, world) for one in beside]
    engine.ensure()
    images.ensure()
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            measured = pool.submit(lambda: [_measured(one, world) for one in beside])
            world.up()
            results += measured.result()
        return results + [_measured(one, world) for one in with_hosts]
    finally:
        if keep:
            say(f"the hosts stay: TESTBED_WORLD={world.world.name} TESTBED_NETWORK={world.world.network}"
                " python -m tests.testbed down removes them")  # fmt: skip
        else:
            world.down()


def _measured(benchmark: Benchmark, world: cacheworld.CacheWorld) -> Result:
    started = time.monotonic()
    try:
        with progress(f"measuring {benchmark.name}"):
            measurement = benchmark.measure(world)
    except (BenchmarkError, TestbedError) as error:
        say(f"{benchmark.name} could not be measured: {error}")
        return Result(benchmark, None, str(error), time.monotonic() - started)
    return Result(benchmark, measurement, "", time.monotonic() - started)


def _ended(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {one.name:<24} {one.summary}" for one in BENCHMARKS.values())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark",
        description="Measure what the collection promises; a table, and build/bench.json.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="these only (default: all)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts running; the next run uses them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
