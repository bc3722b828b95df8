# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that image-cache-sync and curl fetch for comparison, and how curl does it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmark.cacheworld import CA, STORE, CacheWorld, StoreFile, Timed

from .program import HOST, check_files

NAME = "bench-fetch"
COUNT = 40
SIZE = 100 << 20
PARALLEL = 4
CURL = f"curl --silent --show-error --fail --noproxy '*' --cacert {CA}"


def list_of(world: CacheWorld, files: Sequence[StoreFile], directory: str) -> str:
    """Write the paths of the files to a list for xargs on the host; returns its name."""
    name = f"{directory}/list"
    world.world.exec(
        HOST, "sh", "-c", f"mkdir -p {directory} && cat > {name}", data="".join(f"{file.path}\n" for file in files)
    )
    return name


def curl_to_files(world: CacheWorld, files: Sequence[StoreFile], directory: str) -> Timed:
    """One curl a file, as many at a time as image-cache-sync has downloads, onto the same disk."""
    paths = list_of(world, files, directory)
    fetch = f"{CURL} --create-dirs --output '{directory}/files/{{}}' 'https://{STORE}/{{}}'"
    done = world.timed(HOST, "xargs", "--arg-file", paths, "-P", str(PARALLEL), "-I", "{}", "sh", "-c", f"exec {fetch}")
    check_files(world, f"{directory}/files", files)
    return done


def curl_to_md5sum(world: CacheWorld, files: Sequence[StoreFile], directory: str) -> Timed:
    """One `curl | md5sum` a file, as many at a time; nothing is written."""
    paths = list_of(world, files, directory)
    fetch = f"{CURL} 'https://{STORE}/{{}}' | md5sum"
    return world.timed(
        HOST, "xargs", "--arg-file", paths, "-P", str(PARALLEL), "-I", "{}", "bash", "-o", "pipefail", "-c", fetch
    )
