# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run image-cache-sync on cache-1 with the configuration of the role and a cache of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmark.cacheworld import STORE, CacheWorld, StoreFile, Timed
from tests.benchmark.definition import BenchmarkError

HOST = "cache-1"
#: The program itself: what would be a systemd credential is the file that the service's unit gives to systemd.
COMMAND = ("env", "CREDENTIALS_DIRECTORY=/etc/image-cache-sync", "/usr/local/bin/image-cache-sync")
KEPT = ("partition", "host", "source", "intercept_domains", "store", "parallel", "generations", "allow_empty")


def configuration(of_role: dict[str, Any], directory: str) -> dict[str, Any]:
    """The role's, for images only, without a limit, without other cache hosts, and with directories of its own."""
    return {
        **{key: of_role[key] for key in KEPT},
        "peers": [],
        "directory": f"{directory}/cache",
        "runtime_directory": f"{directory}/run",
        "state_directory": f"{directory}/state",
        "policy": {"excludes": [], "min_images_per_name": 1, "max_images_per_name": -1, "max_cache_size": -1},
        "kernels": False,
        "boot_images": False,
    }


@dataclass(frozen=True)
class Program:
    """image-cache-sync with its cache below `directory`."""

    world: CacheWorld
    directory: str

    @property
    def blobs(self) -> str:
        """Where the content is."""
        return f"{self.directory}/cache/blobs"

    def prepare(self) -> None:
        """Empty directories and the configuration; removes what an earlier repetition has left."""
        of_role = json.loads(self.world.world.exec(HOST, "cat", "/etc/image-cache-sync/config.json"))
        make = f"rm -rf {self.directory} && mkdir -p {self.directory}/cache {self.directory}/run {self.directory}/state"
        self.world.world.exec(HOST, "sh", "-c", f"{make} && cat > {self.directory}/config.json",
                              data=json.dumps(configuration(of_role, self.directory)))  # fmt: skip

    def run(self, command: str = "sync") -> Timed:
        """One run; it must end with 0 (complete)."""
        return self.world.timed(HOST, *COMMAND, "--config", f"{self.directory}/config.json", command)

    def check(self, files: Sequence[StoreFile]) -> None:
        """Every file is published, with its size, and nothing else is."""
        check_files(self.world, f"{self.directory}/cache/current/www/{STORE}", files)


def check_files(world: CacheWorld, directory: str, files: Sequence[StoreFile]) -> None:
    """The directory holds these files, complete (by their size); BenchmarkError otherwise."""
    found = world.world.exec(HOST, "find", f"{directory}/", "-type", "f", "!", "-name", "*.md5", "-printf", "%P %s\\n")
    wanted = sorted(f"{file.path} {file.size}" for file in files)
    if sorted(found.splitlines()) != wanted:
        raise BenchmarkError(
            f"{directory} should hold {len(wanted)} complete files after the run, not {len(found.splitlines())}"
        )
