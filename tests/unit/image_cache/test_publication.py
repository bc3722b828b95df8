# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing during a run, and what happens when something changes or fails at the wrong moment."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.board import Board
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.claims import Claims
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import Generations
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.journal import Journal
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.problems import CacheError
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore, StoredFile
from tests.unit.image_cache.test_sync import content

PACKAGE = "ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache"


def test_what_has_arrived_is_published_during_a_long_run(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.configure(parallel=2)
    old = store.image("debian-12.0.20250101", content())
    run("sync")
    store.images.clear()
    first = store.image("ubuntu-24.04.20250102", content())
    slow = store.image("ubuntu-24.04.20250101", content(200_000))
    monkeypatch.setattr(f"{PACKAGE}.sync.PUBLISH_EVERY", 0.05)
    seen: list[set[str]] = []

    def delay(path: str) -> float:
        if path == slow:
            deadline = time.monotonic() + 30
            while first not in host.served() and time.monotonic() < deadline:
                time.sleep(0.02)
            seen.append({name for name in host.served() if not name.endswith(".md5")})
        return 0.0

    store.delay = delay
    report = run("sync")
    # nothing is removed before the end
    assert seen == [{old, first}]
    assert {name for name in host.served() if not name.endswith(".md5")} == {first, slow}
    assert report["generation"] >= 3


def test_a_publication_in_between_that_fails_is_a_warning(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.image("ubuntu-24.04.20250102", content())
    slow = store.image("ubuntu-24.04.20250101", content(200_000))
    monkeypatch.setattr(f"{PACKAGE}.sync.PUBLISH_EVERY", 0.05)
    real = Generations.publish
    failed: list[int] = []

    def publish(self: Generations, files: Any, created: str) -> int:
        if not failed:
            failed.append(1)
            raise CacheError("not now")
        return real(self, files, created)

    monkeypatch.setattr(Generations, "publish", publish)

    def delay(path: str) -> float:
        deadline = time.monotonic() + 30
        while path == slow and not failed and time.monotonic() < deadline:
            time.sleep(0.02)
        return 0.0

    store.delay = delay
    report = run("sync")
    assert "could not be published yet" in report["log"]
    assert {key, slow} <= set(host.served())


def test_replaced_between_the_look_and_the_download(host: Host, store: ImageStore, run: Run) -> None:
    """The checksum was read before, the content after the image was published again."""
    key = store.image("ubuntu-24.04.20250101", content())
    new = content()
    real = store.note

    def note(request: Any) -> None:
        real(request)
        if request.method == "HEAD" and request.path == key:
            store.image("ubuntu-24.04.20250101", new, modified=LONG_AGO + 5)

    store.note = note  # type: ignore[method-assign]
    assert run("sync")["failures"] == []
    assert host.file(key).read_bytes() == new


def test_a_wrong_checksum_is_not_fetched_twice(store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    store.files[key] = StoredFile(content(), store.files[key].sidecars)
    run("sync", code=1)
    assert store.downloads()[key] == 1


def test_a_damaged_blob_is_not_adopted(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    run("sync")
    name = next((host.directory / "blobs").iterdir())
    for path in ("current", "generations/00000001/www", "generations/00000001/manifest.json"):
        whole = host.directory / path
        if whole.is_symlink() or whole.is_file():
            whole.unlink()
    name.chmod(0o600)
    name.write_bytes(b"x" * len(data))
    report = run("sync")
    assert "a damaged blob was removed" in report["log"]
    assert host.file(key).read_bytes() == data


def test_a_state_that_cannot_be_shown_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = Board(tmp_path / "missing" / "state.json", Claims("a", "r"), Journal(), list)
    with board:
        board.publish()
        board.publish()
        assert board.round(["k"], dict, time.monotonic)["k"].action == "go"
    assert capsys.readouterr().err.count("peers cannot see this run") == 1


def test_the_heartbeat_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{PACKAGE}.board.HEARTBEAT", 0.01)
    path = tmp_path / "state.json"
    with Board(path, Claims("a", "r"), Journal(), list):
        first = path.read_text()
        deadline = time.monotonic() + 30
        while path.read_text() == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert not path.exists()


def test_a_cache_that_cannot_be_written_is_a_sentence(
    host: Host, store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.image("ubuntu-24.04.20250101", content())

    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(30, "Read-only file system", str(host.directory))

    monkeypatch.setattr(os, "link", refuse)
    report = run("sync", code=1)
    assert report["reason"] == f"Read-only file system at {host.directory}."
    assert host.directory.joinpath("current").exists() is False
