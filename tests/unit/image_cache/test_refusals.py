# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image whose checksum file is wrong in the store is not fetched again and again to find that out."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import refusals
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.refusals import Refusals
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.store import Remote
from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore, PeerServer, StoredFile

CONTENT = random.Random(7).randbytes(6000)
WRONG = {"md5": b"0" * 32 + b"\n"}
RIGHT = {"md5": hashlib.md5(CONTENT).hexdigest().encode()}
REMOTE = Remote(6000, '"a"', "Tue, 14 Nov 2023 22:13:20 GMT", {"md5": "0" * 32})
FOUND = {"md5": hashlib.md5(CONTENT).hexdigest()}


def metric(host: Host, name: str) -> list[str]:
    text = (host.directory / "metrics.prom").read_text()
    return [line.split()[1] for line in text.splitlines() if line.startswith(f"image_cache_{name} ")]


@pytest.fixture
def refused(store: ImageStore, run: Run) -> str:
    """The key of an image that was fetched twice, with a checksum that is not its own."""
    store.image("debian-12.0.20250101", CONTENT[::-1])
    key = store.image("ubuntu-24.04.20250101", CONTENT)
    store.files[key] = replace(store.files[key], sidecars=WRONG)
    for times in (1, 2):
        run("sync", code=3)
        assert store.downloads()[key] == times
    store.forget()
    return key


def test_what_was_refused_twice_is_not_fetched_but_still_missed(
    host: Host, store: ImageStore, run: Run, refused: str
) -> None:
    for _run in range(3):
        report = run("sync", code=3)
        assert store.downloads() == {}
    assert report["downloaded"] == {"store": 0, "peer": 0}
    [failure] = report["failures"]
    assert failure["file"] == refused and refused not in host.served()
    assert f"its MD5 is {FOUND['md5']} instead of {'0' * 32}" in failure["reason"]
    assert "fetched again when" in failure["reason"]
    [told] = run("status")["sync"]["failures"]
    assert told == failure
    assert metric(host, "sync_failed_files") == ["1"]


def test_a_right_checksum_is_taken_at_once(host: Host, store: ImageStore, run: Run, refused: str) -> None:
    store.files[refused] = replace(store.files[refused], sidecars=RIGHT)
    assert run("sync")["result"] == "complete"
    assert host.file(refused).read_bytes() == CONTENT
    assert list((host.directory / "staging").iterdir()) == []


def test_another_wrong_checksum_is_tried_at_once(store: ImageStore, run: Run, refused: str) -> None:
    store.files[refused] = replace(store.files[refused], sidecars={"md5": b"1" * 32})
    run("sync", code=3)
    assert store.downloads()[refused] == 1


@pytest.mark.parametrize("sign", [{"etag": '"new"'}, {"modified": LONG_AGO + 5}, {"content": CONTENT + b"more"}])
def test_another_image_is_tried_at_once(store: ImageStore, run: Run, refused: str, sign: dict[str, object]) -> None:
    store.files[refused] = replace(store.files[refused], **sign)
    run("sync", code=3)
    assert store.downloads()[refused] == 1


def test_a_peer_that_has_the_promised_content_is_asked_all_the_same(
    host: Host, peer: PeerServer, store: ImageStore, run: Run
) -> None:
    """The checksum is right, and the store has lost the content that belongs to it."""
    key = store.image("ubuntu-24.04.20250101", CONTENT)
    run("sync", on=peer.host)
    store.files[key] = replace(store.files[key], content=CONTENT[::-1])
    host.configure(peers=[])
    for _time in (1, 2):
        run("sync", code=1)
    store.forget()
    host.configure(peers=[peer.entry])
    assert run("sync")["downloaded"] == {"store": 0, "peer": len(CONTENT)}
    assert store.downloads() == {} and host.file(key).read_bytes() == CONTENT


def test_a_damaged_download_is_no_proof(store: ImageStore, run: Run, host: Host) -> None:
    key = store.image("ubuntu-24.04.20250101", CONTENT)
    store.fault("corrupt", key)
    run("sync", code=1)
    assert run("sync")["result"] == "complete"
    assert host.file(key).read_bytes() == CONTENT


def test_without_a_validator_a_change_could_not_be_seen(tmp_path: Path) -> None:
    known = Refusals(tmp_path / "refused.json")
    for _time in range(3):
        known.note("a", Remote(6000, None, None, {"md5": "0" * 32}), FOUND)
    assert known.reason("a", Remote(6000, None, None, {"md5": "0" * 32})) is None
    assert list(tmp_path.iterdir()) == []


def test_two_different_wrong_contents_are_no_proof(tmp_path: Path) -> None:
    known = Refusals(tmp_path / "refused.json")
    known.note("a", REMOTE, FOUND)
    known.note("a", REMOTE, {"md5": "f" * 32})
    assert known.reason("a", REMOTE) is None
    known.note("a", REMOTE, {"md5": "f" * 32})
    assert known.reason("a", REMOTE) == f"its MD5 is {'f' * 32} instead of {'0' * 32}"
    assert known.reason("a", replace(REMOTE, size=6001)) is None


def test_it_is_remembered_by_the_next_process_and_only_what_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "refused.json"
    for key in ("a", "b"):
        Refusals(path).note(key, REMOTE, FOUND)
        Refusals(path).note(key, REMOTE, FOUND)
    known = Refusals(path)
    assert known.reason("a", REMOTE) and known.reason("b", REMOTE)
    assert path.stat().st_mode & 0o777 == 0o600
    known.keep(["b"])
    assert Refusals(path).reason("a", REMOTE) is None and Refusals(path).reason("b", REMOTE)
    known.keep([])
    assert not path.exists()


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_MOST", 3)
    known = Refusals(tmp_path / "refused.json")
    for key in "abcd":
        known.note(key, REMOTE, FOUND)
    assert list(json.loads((tmp_path / "refused.json").read_text())) == ["b", "c", "d"]


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"remote": {}}}', '{"a": {"remote"', "\x00\x00"])
def test_what_cannot_be_read_is_forgotten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "refused.json"
    path.write_text(text)
    known = Refusals(path)
    assert known.reason("a", REMOTE) is None
    known.note("a", REMOTE, FOUND)
    known.note("a", REMOTE, FOUND)
    assert Refusals(path).reason("a", REMOTE)


def test_a_disk_that_takes_nothing_only_costs_the_memory(
    store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    key = store.image("ubuntu-24.04.20250101", CONTENT)
    store.files[key] = StoredFile(CONTENT, WRONG)
    monkeypatch.setattr(refusals, "write_atomic", full)
    report = run("sync", code=1)
    assert "its MD5 is" in report["failures"][0]["reason"]
    assert "could not be noted" in report["log"]
