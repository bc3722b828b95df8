# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks of the image cache as far as they need no hosts: what exists, configuration, programs."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import parse_config
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import parse_image_id
from tests.benchmark.cacheworld import StoreFile, images_of
from tests.benchmark.image_cache import BENCHMARKS
from tests.benchmark.image_cache.program import configuration
from tests.emulators.metal_api.documents import read_image

HOSTSIDE = Path(__file__).resolve().parents[2] / "benchmark" / "hostside"
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


def tool(name: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(HOSTSIDE / f"{name}.py"), *arguments], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_promised_benchmarks_with_their_goals() -> None:
    goals = {one.name: (one.goal, one.more_is_better, one.count) for one in BENCHMARKS}
    assert goals == {
        "image_cache.serve": (0.8, True, False),
        "image_cache.sync": (1.15, False, False),
        "image_cache.sync_cpu": (1.5, False, False),
        "image_cache.noop": (1.0, False, False),
        "image_cache.noop_read": (0, False, True),
        "image_cache.failover": (0, False, True),
    }


def test_an_unknown_name_is_refused_before_anything_starts() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark", "image_cache.speed"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("bench: there is no benchmark 'image_cache.speed'; there are: api.task, ")


def test_the_programs_configuration_is_the_roles_but_for_what_would_disturb(tmp_path: Path) -> None:
    of_role = {
        "partition": "fra-01",
        "host": "cache-1",
        "source": {"api": "v1", "url": "https://api.metal.example:8443/metal/"},
        "intercept_domains": ["images.metal-stack.io"],
        "store": {"ca_path": "/etc/ca.pem", "timeout": 30, "allow_http": False, "bandwidth_limit": None},
        "peers": [{"name": "cache-2", "url": "http://10.0.0.2:8089"}],
        "directory": "/var/lib/image-cache",
        "runtime_directory": "/run/image-cache-sync",
        "state_directory": "/var/lib/image-cache-sync",
        "policy": {"excludes": ["/pull_requests/"], "max_cache_size": "1M"},
        "kernels": True,
        "boot_images": True,
        "boot_partitions": "this",
        "parallel": 7,
        "allow_empty": False,
        "generations": 3,
    }
    found = parse_config(configuration(of_role, f"{tmp_path}/bench"))
    assert (found.partition, found.parallel, found.generations) == ("fra-01", 7, 3)
    assert found.store.tls.ca_path == "/etc/ca.pem"
    assert found.peers == ()
    assert found.policy.max_cache_size is None
    assert found.policy.max_images_per_name is None
    assert not found.kernels
    assert not found.boot_images
    assert {found.directory.parent, found.state_directory.parent, found.runtime_directory.parent} == {
        tmp_path / "bench"
    }


def test_every_file_is_an_image_that_the_metal_api_takes() -> None:
    files = [
        StoreFile(f"{name}/{number:04d}/img.tar.lz4", "0" * 32, 5) for name in ("few", "many") for number in range(600)
    ]
    images = [read_image(document, NOW) for document in images_of(files, NOW)]
    assert len({image.id for image in images}) == len(files)
    assert len({parse_image_id(image.id)[0] for image in images}) == 2
    assert images[0].url == "http://images.metal-stack.io/few/0000/img.tar.lz4"
    assert all(image.expires_at > NOW for image in images)


# -- programs on hosts -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [65, 3 * (1 << 20) + 5])
def test_fill_makes_different_files_with_their_checksums(tmp_path: Path, size: int) -> None:
    made = tool("fill", str(tmp_path / "store"), "3", str(size), "img")
    assert len({md5 for _unused, md5 in made}) == 3
    for path, md5 in made:
        content = (tmp_path / "store" / path).read_bytes()
        assert len(content) == size
        assert hashlib.md5(content).hexdigest() == md5
        assert (tmp_path / "store" / f"{path}.md5").read_text() == f"{md5}  img\n"


def test_timed_counts_processors_and_bytes_of_children_only(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(bytes(5_000_000))
    work = "import time; stop = time.process_time() + 0.3\nwhile time.process_time() < stop: pass\nprint('said')"
    busy = tool("timed", sys.executable, "-c", work)
    assert busy["returncode"] == 0
    assert busy["said"] == "said\n"
    assert 0.3 <= busy["cpu"] <= busy["seconds"] + 0.5
    idle = tool("timed", "true")
    reading = tool("timed", "sh", "-c", f"cat {tmp_path}/content > /dev/null; exit 4")
    assert reading["returncode"] == 4
    assert 5_000_000 <= reading["read"] < 5_200_000
    assert idle["read"] < 200_000


def test_resident_sees_what_was_read_by_read_and_by_mapping(tmp_path: Path) -> None:
    directory = tmp_path / "blobs"
    directory.mkdir()
    size = 1 << 20
    for name in ("untouched", "read", "mapped"):
        (directory / name).write_bytes(bytes(size))
    before = tool("resident", "drop", str(directory))
    if before["resident"]:
        # a temporary directory in memory (tmpfs): the tool has to say so, and the benchmark refuses to measure then
        assert before["resident"] == before["bytes"] == 3 * size
        return
    assert before == {"files": 3, "bytes": 3 * size, "resident": 0}
    assert tool("resident", "count", str(directory))["resident"] == 0
    (directory / "read").read_bytes()
    # the kernel may take a page back at any moment, so that one is missing now and then on a machine with much to do
    few = size // 16
    after_read = tool("resident", "count", str(directory))["resident"]
    assert size - few <= after_read <= size
    code = "import mmap, sys; f = open(sys.argv[1], 'rb'); sum(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)[:])"
    subprocess.run([sys.executable, "-c", code, str(directory / "mapped")], check=True)
    assert 2 * size - few <= tool("resident", "count", str(directory))["resident"] <= 2 * size
