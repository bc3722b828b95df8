# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that all benchmarks of the image cache share: a store, two cache hosts set up by the role, a machine."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed import content, playbook
from tests.testbed.emulated import CONTROL_PORT
from tests.testbed.engine import TestbedError, docker
from tests.testbed.imagecache import ImageCacheWorld
from tests.testbed.world import Host

from .definition import BenchmarkError

WORLD = "bench"
NETWORK = "172.30.56"
#: As in the scenario, with the host's own disk for the cache of both.
HOSTS = (
    Host("store", 10, "store", more_addresses=(11, 12, 13)),
    Host("cache-1", 21, "debian12"),
    Host("cache-2", 22, "debian13"),
    Host("client", 31, "debian12", resolvers=(21, 22)),
)
STORE = content.STORE
CA = "/usr/local/share/ca-certificates/testbed.crt"
TOOLS = "/opt/benchmark"
#: On the disk of the container, beside the cache that the role set up, and gone after each benchmark.
SCRATCH = "/var/tmp/benchmark"
STORE_ROOT = f"/srv/store/{STORE}"
NEEDED_DISK = 16 << 30

#: What the role's own cache holds, for the benchmarks that download from it.
LARGE = ("bench-large", 1, 1 << 30)
SMALL = ("bench-small", 20, 64 << 10)


@dataclass(frozen=True)
class StoreFile:
    """A file of the store: its address is https://<STORE>/<path>."""

    path: str
    md5: str
    size: int

    @property
    def url(self) -> str:
        return f"https://{STORE}/{self.path}"


class CacheWorld:
    """The running world. Its hosts are those of `HOSTS`."""

    def __init__(self, world: ImageCacheWorld) -> None:
        self.world = world
        self._kept: dict[str, list[StoreFile]] = {}

    # -- life ----------------------------------------------------------------------------------------------------------
    def up(self) -> None:
        """Bring it up, or use what an earlier run with --keep has left, and run the role on both cache hosts."""
        if not self._is_running():
            self.world.up()
        for host in ("store", "cache-1", "client"):
            docker("cp", f"{Path(__file__).parent}/hostside/.", f"{self.world.container(host)}:{TOOLS}")
        blocks, block = self.world.exec("cache-1", "stat", "--file-system", "--format=%a %S", "/var/tmp").split()
        free = int(blocks) * int(block)
        if free < NEEDED_DISK:
            raise TestbedError(f"the Docker engine has {free >> 30} GiB of disk left, bench needs {NEEDED_DISK >> 30}")
        self.world.store("heal")
        self.announce([file for kept in (LARGE, SMALL) for file in self.kept(*kept)])
        bound = "image_cache_sync_max_cache_size=20G"
        playbook.play(self.world, "setting up two cache hosts with the role", "--extra-vars", bound)
        for host in ("cache-1", "cache-2"):
            self.world.exec(host, "systemctl", "start", "image-cache-sync.service", timeout=300)

    def _is_running(self) -> bool:
        wanted = {(host.name, "running") for host in HOSTS}
        return (
            self.world.directory.exists() and {(name, state) for name, _unused, state in self.world.status()} == wanted
        )

    def down(self) -> None:
        """Remove it."""
        self.world.down()

    # -- parts ---------------------------------------------------------------------------------------------------------
    def tool(self, host: str, name: str, *arguments: str, timeout: float = 300) -> Any:
        """Run a program of hostside/ on the host, return the JSON it prints."""
        return json.loads(self.world.exec(host, "python3", f"{TOOLS}/{name}.py", *arguments, timeout=timeout))

    def fill(self, name: str, count: int, size: int) -> list[StoreFile]:
        """Put `count` files of `size` bytes each, and their .md5, into the store, below /<name>."""
        made = self.tool("store", "fill", f"{STORE_ROOT}/{name}", str(count), str(size), "img.tar.lz4")
        return [StoreFile(f"{name}/{path}", md5, size) for path, md5 in made]

    def remove(self, name: str) -> None:
        """Take the files below /<name> from the store."""
        self.world.exec("store", "rm", "-rf", f"{STORE_ROOT}/{name}")

    def kept(self, name: str, count: int, size: int) -> list[StoreFile]:
        """`fill` for all benchmarks that fetch the same files; they go with the world."""
        if name not in self._kept:
            self.remove(name)
            self._kept[name] = self.fill(name, count, size)
        return self._kept[name]

    @contextlib.contextmanager
    def filled(self, name: str, count: int, size: int) -> Iterator[list[StoreFile]]:
        """`fill` for as long as the block runs."""
        try:
            yield self.fill(name, count, size)
        finally:
            self.remove(name)

    def announce(self, files: Sequence[StoreFile]) -> None:
        """Let the metal-api know these images and no others."""
        state = {"images": images_of(files, datetime.datetime.now(datetime.timezone.utc))}
        self.world.exec(
            "store", "curl", "--silent", "--show-error", "--fail", "--request", "PATCH", "--data", "@-",
            f"http://127.0.0.1:{CONTROL_PORT}/-/control/state", data=json.dumps(state),
        )  # fmt: skip

    @contextlib.contextmanager
    def uplink(self, megabits: int) -> Iterator[None]:
        """Let the store send that many Mbit/s altogether for as long as the block runs.

        Evenly, as a line does it: nginx's limit_rate sends what a connection may have in a second at once and is silent
        for the rest of it.
        """
        device = ("dev", "eth0", "root")
        shape = ("tbf", "rate", f"{megabits}mbit", "burst", "512k", "latency", "30ms")
        self.world.exec("store", "tc", "qdisc", "replace", *device, *shape)
        try:
            yield
        finally:
            self.world.exec("store", "tc", "qdisc", "del", *device)

    @contextlib.contextmanager
    def scratch(self, host: str = "cache-1") -> Iterator[str]:
        """An empty directory of the host's disk for as long as the block runs."""
        self.world.exec(host, "sh", "-c", f"rm -rf {SCRATCH} && mkdir -p {SCRATCH}")
        try:
            yield SCRATCH
        finally:
            self.world.exec(host, "rm", "-rf", SCRATCH)

    def timed(self, host: str, *command: str, timeout: float = 300) -> Timed:
        """Run a command on the host; BenchmarkError when it fails."""
        found = self.tool(host, "timed", *command, timeout=timeout)
        if found["returncode"] != 0:
            last = " / ".join(found["said"].strip().splitlines()[-3:])
            raise BenchmarkError(f"`{' '.join(command)[:120]}` on {host} ended with {found['returncode']}: {last}")
        return Timed(found["seconds"], found["cpu"], found["read"])


@dataclass(frozen=True)
class Timed:
    """What a command needed: seconds, CPU seconds (user and system), bytes it read."""

    seconds: float
    cpu: float
    read: int


def images_of(files: Sequence[StoreFile], now: datetime.datetime) -> list[dict[str, object]]:
    """The files as images of the metal-api: a directory of the store is a variant, a file a version."""
    expires = (now + datetime.timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "id": f"{file.path.split('/')[0]}-1.0.{20260000 + number}",
            "name": file.path.split("/")[0],
            "url": f"http://{STORE}/{file.path}",
            "features": ["machine"],
            "classification": "supported",
            "expirationDate": expires,
        }
        for number, file in enumerate(files)
    ]
