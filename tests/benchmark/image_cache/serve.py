# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of nginx's own throughput is left behind haproxy."""

from __future__ import annotations

from tests.benchmark.cacheworld import LARGE, STORE, CacheWorld
from tests.benchmark.definition import Benchmark, BenchmarkError, Measurement
from tests.benchmark.interleave import compare

CLIENTS = 8
REPETITIONS = 5


def measure(world: CacheWorld) -> Measurement:
    """Both sides on cache-1, clients and all, by the same address: through port 80, and at nginx's own port.

    The best of each side is compared: what else the machine does can only take throughput away. While it does much, the
    figure is too good, because haproxy's threads then get a share of their own.
    """
    (file,) = world.kept(*LARGE)
    address = world.world.address(21)

    def rate(port: int) -> float:
        """Bytes a second of all clients together."""
        found = world.tool("cache-1", "pull", str(CLIENTS), STORE, f"http://{address}:{port}/{file.path}")
        if found["statuses"] != ["200"] or found["bytes"] != CLIENTS * file.size:
            raise BenchmarkError(
                f"port {port} of cache-1 did not serve {file.path}: {found['statuses']}, {found['bytes']} bytes"
            )
        return float(found["bytes"] / found["seconds"])

    rate(8089)  # from the disk into the memory, for both sides
    found = compare(lambda: rate(80), lambda: rate(8089), REPETITIONS)
    ours, theirs = max(found.ours), max(found.theirs)
    return Measurement(
        ours / theirs,
        f"{ours / 1e9:.2f} GB/s through haproxy and nginx, {theirs / 1e9:.2f} GB/s from nginx, the best of"
        f" {REPETITIONS} each, {CLIENTS} clients on the same host",
    )


BENCHMARK = Benchmark(
    name="image_cache.serve",
    summary="throughput of a 1 GiB image through haproxy and nginx",
    unit="of nginx alone",
    goal=0.8,
    more_is_better=True,
    measure=measure,
)
