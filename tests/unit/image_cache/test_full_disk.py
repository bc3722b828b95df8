# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk, at whatever operation it shows: a clear error, nothing that is served changes, the next run recovers."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import space
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import Generations
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.manifest import FileEntry
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.problems import DiskFullError
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.space import Space
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore
from tests.unit.image_cache.test_sync import content


class FullDisk:
    """Lets operations that need space fail from the ``start``-th one on, below ``root``, while it is ``on``."""

    _hooked = False
    _current: FullDisk | None = None

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = errno.ENOSPC) -> None:
        self.code = code
        self.root = ""
        self.start = 0
        self.seen = 0
        self.on = False
        FullDisk._current = self
        if not FullDisk._hooked:
            # cannot be removed again, and does nothing while no disk is on
            sys.addaudithook(FullDisk._hook)
            FullDisk._hooked = True
        real = os.write

        def write(descriptor: int, data: Any) -> int:
            if self.on and os.readlink(f"/proc/self/fd/{descriptor}").startswith(self.root):
                self.need()
            return real(descriptor, data)

        monkeypatch.setattr(os, "write", write)

    @staticmethod
    def _hook(event: str, arguments: tuple[Any, ...]) -> None:
        disk = FullDisk._current
        if disk is None or not disk.on:
            return
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT:
            path = arguments[0]
        elif event in ("os.mkdir", "os.link", "os.symlink"):
            path = arguments[0] if event == "os.mkdir" else arguments[1]
        else:
            return
        if str(path).startswith(disk.root):
            disk.need()

    def need(self) -> None:
        """Something needs space."""
        self.seen += 1
        if self.seen >= self.start:
            raise OSError(self.code, os.strerror(self.code), self.root)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """A disk that can become full."""
    result = FullDisk(monkeypatch)
    yield result
    FullDisk._current = None


def test_full_at_every_operation(host: Host, store: ImageStore, run: Run, disk: FullDisk, tmp_path: Path) -> None:
    """Let the disk be full from the first, the second, ... operation of a run on."""
    host.configure(parallel=1)
    store.image("ubuntu-24.04.20250101", content())
    kept = store.image("ubuntu-24.04.20250102", content())
    run("sync")
    store.image("ubuntu-24.04.20250101", content(), modified=LONG_AGO + 1)
    store.image("ubuntu-24.04.20250103", content())
    origin = tmp_path / "origin"
    subprocess.run(["cp", "-a", host.directory, origin], check=True)
    before = host.served()
    disk.root = str(host.directory)
    codes = set()
    while True:
        shutil.rmtree(host.directory)
        subprocess.run(["cp", "-a", origin, host.directory], check=True)
        disk.start, disk.seen, disk.on = disk.start + 1, 0, True
        path = host.root / host.name / "config.json"
        from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import cli

        code = cli.main(["--config", str(path), "sync", "--json"], host.environment)
        disk.on = False
        codes.add(code)
        if disk.seen < disk.start:
            break
        served = host.served()
        assert kept in served
        # all or nothing of each file, and always with its own checksum
        for key in {name for name in served if not name.endswith(".md5")}:
            assert served[key] in (before.get(key), store.files[key].content)
        assert run("verify")["result"] == "complete"
        assert run("sync")["result"] == "complete"
        assert {key: host.file(key).read_bytes() for key in store.files} == {
            key: file.content for key, file in store.files.items()
        }
    assert disk.start > 15
    # the last one had enough space; 3 is a full disk that showed only in a part
    assert codes == {0, 1, 3}


def test_a_full_disk_is_named_and_the_partial_file_removed(
    host: Host, store: ImageStore, run: Run, disk: FullDisk
) -> None:
    store.image("ubuntu-24.04.20250101", content(3_000_000))
    host.directory.mkdir(parents=True)
    disk.root = str(host.directory / "staging")
    disk.start, disk.on = 6, True
    report = run("sync", code=1)
    disk.on = False
    assert "The disk of the cache is full" in report["failures"][0]["reason"]
    assert list((host.directory / "staging").iterdir()) == []


def test_a_report_that_cannot_be_written_does_not_hide_the_result(
    host: Host, store: ImageStore, run: Run, disk: FullDisk
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    disk.root = str(host.directory / ".")
    disk.root = f"{host.directory}/.report"
    disk.start, disk.on = 1, True
    report = run("sync")
    assert "the report cannot be written" in report["log"]
    assert "The disk of the cache is full" in report["log"]


@pytest.mark.parametrize("enough", [True, False])
def test_a_disk_too_full_for_the_new_generation(
    enough: bool, host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old generations go first; what has arrived goes as well when that does not help, so that there is room again."""
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    store.images.clear()
    second = store.image("ubuntu-24.04.20250102", content())
    run("sync")
    third = store.image("ubuntu-24.04.20250103", content())
    publish = Generations.publish

    def full(self: Generations, files: Mapping[str, FileEntry], created: str) -> int:
        if not enough or len(list(self.blobs.iterdir())) > 2:
            raise DiskFullError("full")
        return publish(self, files, created)

    monkeypatch.setattr(Generations, "publish", full)
    report = run("sync", code=0 if enough else 1)
    visible = {name for name in host.served() if not name.endswith(".md5")}
    blobs = [path.stat().st_size for path in (host.directory / "blobs").iterdir()]
    assert (visible, len(blobs)) == (({second, third}, 2) if enough else ({second}, 1))
    assert report["reason"] == (None if enough else "full")


def test_a_damaged_file_is_withdrawn_from_a_full_disk(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Withdrawing needs a little space as well, and comes before anything that would make room."""
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    store.images.clear()
    kept = store.image("ubuntu-24.04.20250102", content())
    damaged = store.image("ubuntu-24.04.20250103", content())
    run("sync")
    assert len(list((host.directory / "blobs").iterdir())) == 3
    host.file(damaged).unlink()
    host.file(damaged).symlink_to("nowhere")
    next((host.directory / "blobs").glob(hashlib.md5(store.files[damaged].content).hexdigest())).unlink()
    store.fault("status", damaged, status=404, count=1000, method="*")
    publish = Generations.publish

    def full(self: Generations, files: Mapping[str, FileEntry], created: str) -> int:
        if len(list(self.blobs.iterdir())) > 1:
            raise DiskFullError("full")
        return publish(self, files, created)

    monkeypatch.setattr(Generations, "publish", full)
    report = run("sync", code=3)
    assert [failure["file"] for failure in report["failures"]] == [damaged]
    assert {name for name in host.served() if not name.endswith(".md5")} == {kept}


def statvfs(free: int, *, blocks: int = 10**9, inodes: int = 1000, files: int = 10**6) -> Any:
    """Return a file system with this many free bytes."""
    return lambda _path: os.statvfs_result((1, 1, blocks, free, free, files, inodes, inodes, 0, 255))


def test_space_is_shared_between_downloads() -> None:
    free = 1000 + 10**7
    disk = Space(Path("/"), statvfs=statvfs(free))
    with disk.reserve(600) as first:
        with pytest.raises(DiskFullError, match=r"has 400 B left for it and 500 B are needed"):
            disk.reserve(500)
        # what is written is not free any more, as the file system says itself
        first.written(600)
        disk.reserve(1000).__exit__()
    with disk.reserve(700) as second:
        second.written(100)
    with disk.reserve(1000):
        pass


def test_inodes_count(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="no inodes left"):
        Space(tmp_path, statvfs=statvfs(10**9, inodes=3)).reserve(1)
    # a file system without a fixed number
    Space(tmp_path, statvfs=statvfs(10**9, inodes=0, files=0)).reserve(1)


def test_the_space_is_checked_before_the_download(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    big = store.image("ubuntu-24.04.20250102", content(300_000))
    run("sync")
    new = store.image("ubuntu-24.04.20250103", content(100))
    store.image("ubuntu-24.04.20250102", content(300_001), modified=LONG_AGO + 1)
    store.forget()
    original = space.Space.__init__
    monkeypatch.setattr(
        space.Space,
        "__init__",
        lambda self, directory: original(self, directory, statvfs=statvfs(200_000 + 10**7)),
    )
    report = run("sync", code=3)
    assert [failure["file"] for failure in report["failures"]] == [big]
    # a little less than 195.3 KiB while the small file is on its way
    assert "has 195." in report["failures"][0]["reason"]
    assert "KiB left for it and 293.0 KiB are needed" in report["failures"][0]["reason"]
    assert sum(request.sent for request in store.requests() if request.path == big) < 300_001
    assert new in host.served()
    assert len(host.file(big).read_bytes()) == 300_000


def test_old_generations_make_room(host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first = store.image("ubuntu-24.04.20250101", content(200_000))
    run("sync")
    store.image("ubuntu-24.04.20250102", content(200_000))
    store.images = [image for image in store.images if image["id"] != "ubuntu-24.04.20250101"]
    run("sync")
    blobs = host.directory / "blobs"
    assert len(list(blobs.iterdir())) == 2
    new = store.image("ubuntu-24.04.20250103", content(150_000))
    original = space.Space.__init__

    def small(directory: Path) -> Any:
        used = sum(path.stat().st_size for path in blobs.iterdir())
        return statvfs(500_000 - used + 10**7)(directory)

    monkeypatch.setattr(space.Space, "__init__", lambda self, directory: original(self, directory, statvfs=small))
    report = run("sync")
    assert {name for name in host.served() if not name.endswith(".md5")} > {new}
    assert "old generations were removed" in report["log"]
    assert first not in host.served()
