# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of ``image-cache-sync sync`` against a store with faults."""

from __future__ import annotations

import hashlib
import json
import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.image_cache.conftest import Run
from tests.unit.image_cache.image_store import LONG_AGO, Host, ImageStore, StoredFile

DICE = random.Random(1)


def content(size: int = 5000) -> bytes:
    """Return bytes that nothing else has."""
    return DICE.randbytes(size)


def paths(store: ImageStore, method: str) -> list[str]:
    """Return what was asked of the store, without the metal-api."""
    return sorted(r.path for r in store.requests() if r.method == method and not r.path.startswith("metal/"))


def test_a_first_run_serves_images_kernel_and_boot_image(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", image := content(), "md5", "sha256", "sha512")
    store.put("github.test/kernel", kernel := content())
    store.put("github.test/initrd", initrd := content(), "md5")
    store.boot("github.test/kernel", "github.test/initrd")
    report = run("sync")
    served = host.served()
    assert {name: served[name] for name in served if not name.endswith(".md5")} == {
        key: image,
        "github.test/kernel": kernel,
        "github.test/initrd": initrd,
    }
    assert served[f"{key}.md5"] == f"{hashlib.md5(image).hexdigest()}  img.tar.lz4\n".encode()
    assert served["github.test/kernel.md5"] == f"{hashlib.md5(kernel).hexdigest()}  kernel\n".encode()
    assert (report["result"], report["files"]) == ("complete", {"image": 1, "kernel": 1, "boot-image": 1})
    assert report["downloaded"] == {"store": 15000, "peer": 0}
    manifest = json.loads((host.directory / "current" / "manifest.json").read_text())
    entry = manifest["files"][key]
    assert entry["sidecars"] == ["md5", "sha256", "sha512"]
    assert entry["checksums"]["sha256"] == hashlib.sha256(image).hexdigest()
    assert (entry["size"], entry["mtime"], entry["image_id"]) == (5000, LONG_AGO, "ubuntu-24.04.20250101")
    # what nginx sends as Last-Modified is the same on every cache host
    assert host.file(key).stat().st_mtime == host.file(f"{key}.md5").stat().st_mtime == LONG_AGO
    assert stat.S_IMODE(host.file(key).stat().st_mode) == 0o444
    assert list((host.directory / "staging").iterdir()) == []
    assert not (host.runtime / "state.json").exists()
    assert os.readlink(host.directory / "current") == "generations/00000001"


def test_a_run_with_nothing_to_do_asks_little_reads_nothing_and_publishes_nothing(
    host: Host, store: ImageStore, run: Run
) -> None:
    for number in range(20):
        store.image(f"ubuntu-24.04.202501{number + 10}", content(), "md5", "sha256")
    store.put("github.test/kernel", content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    store.forget()
    before = {path: path.stat().st_atime_ns for path in (host.directory / "blobs").iterdir()}
    current = os.readlink(host.directory / "current")
    report = run("sync")
    assert report["result"] == "complete"
    assert report["fetched"] == report["removed"] == []
    assert os.readlink(host.directory / "current") == current
    assert len(paths(store, "GET")) == 20
    assert all(path.endswith(".md5") for path in paths(store, "GET"))
    assert paths(store, "HEAD") == ["github.test/kernel"]
    assert {path: path.stat().st_atime_ns for path in (host.directory / "blobs").iterdir()} == before


def test_no_content_is_read_when_nothing_changed(store: ImageStore, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    read: list[object] = []
    real = os.readv
    monkeypatch.setattr(os, "readv", lambda *arguments: (read.append(arguments), real(*arguments))[1])
    run("sync")
    assert read == []
    run("verify")
    assert read != []


def test_a_republished_image_replaces_the_old_one(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    run("sync")
    old = host.file(key).stat().st_ino
    opened = host.file(key).open("rb")
    before = opened.read(100)
    store.image("ubuntu-24.04.20250101", new := content(), modified=LONG_AGO + 5)
    report = run("sync")
    assert [entry["file"] for entry in report["fetched"]] == [key]
    assert host.file(key).read_bytes() == new
    assert host.file(key).stat().st_ino != old
    # whoever was in the middle of the old one gets the rest of the old one
    opened.seek(0)
    assert opened.read(100) == before
    opened.close()


@pytest.mark.parametrize("etag", ["auto", None, 'W/"weak"'])
def test_a_file_without_checksum_is_replaced_when_its_validator_changes(
    etag: str | None, host: Host, store: ImageStore, run: Run
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", content(), etag=etag)
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    assert run("sync")["fetched"] == []
    changed = etag.replace("weak", "other") if etag and etag != "auto" else etag
    store.put("github.test/kernel", new := content(), modified=LONG_AGO + 5, etag=changed)
    assert [entry["file"] for entry in run("sync")["fetched"]] == ["github.test/kernel"]
    assert host.file("github.test/kernel").read_bytes() == new
    # the same size and no other sign: a new date is all there is
    assert run("sync")["fetched"] == []


def test_an_etag_says_more_than_a_date(store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    # another front end with another date
    store.put("github.test/kernel", kernel, modified=LONG_AGO + 5)
    store.forget()
    run("sync")
    assert paths(store, "GET") == ["images.test/ubuntu-24.04.20250101/img.tar.lz4.md5"]
    # other content of the same size and date
    store.put("github.test/kernel", content())
    assert [entry["file"] for entry in run("sync")["fetched"]] == ["github.test/kernel"]


def test_the_same_content_uploaded_again_is_not_fetched_again(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    store.put("github.test/kernel", kernel, "md5", modified=LONG_AGO + 5, etag='"other"')
    report = run("sync")
    assert report["fetched"] == []
    manifest = json.loads((host.directory / "current" / "manifest.json").read_text())
    assert manifest["files"]["github.test/kernel"]["etag"] == '"other"'
    assert manifest["files"]["github.test/kernel"]["sidecars"] == ["md5"]
    store.forget()
    run("sync")
    assert "github.test/kernel.md5" in paths(store, "GET")


def test_one_failing_download_does_not_stop_the_others(host: Host, store: ImageStore, run: Run) -> None:
    good = store.image("ubuntu-24.04.20250101", content())
    bad = store.image("debian-12.0.20250101", content())
    store.files[bad] = StoredFile(content(), store.files[bad].sidecars)
    report = run("sync", code=3)
    assert report["result"] == "partial"
    assert good in host.served()
    assert bad not in host.served()
    [failure] = report["failures"]
    assert failure["file"] == bad
    assert "MD5" in failure["reason"]
    assert report["reason"].startswith("1 of 2 files failed")
    assert [path.name for path in (host.directory / "staging").iterdir()] == ["refused.json"]


def test_a_wrong_replacement_leaves_the_old_file(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", old := content())
    other = store.image("debian-12.0.20250101", content())
    run("sync")
    store.image("ubuntu-24.04.20250101", content())
    store.files[key] = StoredFile(content(), store.files[key].sidecars)
    run("sync", code=3)
    assert host.file(key).read_bytes() == old
    assert other in host.served()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<!DOCTYPE html><html>log in</html>", "holds no MD5 checksum"),
        (b"", "is empty"),
        (b"d41d8cd98f00b204e9800998ecf8427", "holds no MD5 checksum"),
        (b"\xff\xfe", "not plain text"),
    ],
)
def test_a_checksum_file_that_is_none_is_an_error(
    body: bytes, sentence: str, host: Host, store: ImageStore, run: Run
) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    store.files[key] = StoredFile(data, {"md5": body})
    report = run("sync", code=1)
    assert sentence in report["failures"][0]["reason"]
    assert host.served() == {}


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
def test_further_checksums_of_the_store_count(kind: str, host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(), "md5")
    wrong = hashlib.new(kind, b"something else").hexdigest().encode()
    store.files[key] = StoredFile(data, {**store.files[key].sidecars, kind: wrong})
    assert f"its {kind.upper()} is" in run("sync", code=1)["failures"][0]["reason"]
    assert host.served() == {}


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_an_interrupted_transfer_is_resumed_where_it_ended(kind: str, host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(1_500_000))
    store.fault(kind, key, after=1_000_000)
    run("sync")
    assert host.file(key).read_bytes() == data
    first, second = [r for r in store.requests() if r.path == key and r.method == "GET"]
    assert first.range is None
    if kind == "truncate":
        # a reset may throw away what was on its way
        assert second.status == 206
        assert second.if_range == store.files[key].etag
        assert 500_000 <= second.sent < 1_000_000


def test_a_transfer_is_resumed_by_date_without_an_etag(store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(400_000))
    store.put(key, data, "md5", etag=None)
    store.fault("truncate", key, after=150_000)
    run("sync")
    second = [r for r in store.requests() if r.path == key and r.method == "GET"][1]
    assert (second.status, second.if_range) == (206, "Tue, 14 Nov 2023 22:13:20 GMT")


def test_a_weak_validator_does_not_resume(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(400_000))
    store.put(key, data, "md5", etag='W/"x"')
    store.fault("truncate", key, after=150_000)
    run("sync")
    second = [r for r in store.requests() if r.path == key and r.method == "GET"][1]
    assert (second.status, second.range) == (200, None)
    assert host.file(key).read_bytes() == data


def test_a_store_without_ranges_starts_again(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content(400_000))
    store.ranges = False
    store.fault("truncate", key, after=150_000)
    run("sync")
    assert host.file(key).read_bytes() == data


def test_republished_in_the_middle_of_a_download(host: Host, store: ImageStore, run: Run) -> None:
    """The rest of the new file must not be glued to the beginning of the old one."""
    key = store.image("ubuntu-24.04.20250101", content(400_000))
    new = content(400_000)
    store.fault("truncate", key, after=150_000)
    real = store.note

    def note(request: Any) -> None:
        real(request)
        if request.path == key and request.method == "GET" and request.sent == 150_000:
            store.image("ubuntu-24.04.20250101", new, modified=LONG_AGO + 5)

    store.note = note  # type: ignore[method-assign]
    run("sync")
    assert host.file(key).read_bytes() == new


def test_unavailable_for_a_moment(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    store.fault("status", key, status=503, headers={"Retry-After": "0"}, count=2)
    run("sync")
    assert host.file(key).read_bytes() == data


def test_redirects_are_followed_and_their_signatures_kept_out_of_the_log(
    host: Host, store: ImageStore, run: Run
) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("objects.test/blob/1", data := content())
    store.put("github.test/kernel", b"never sent")
    store.boot("github.test/kernel", "github.test/kernel")
    target = "http://objects.test/blob/1?X-Amz-Signature=topsecret"
    store.fault("redirect", "github.test/kernel", location=target, count=100, method="*")
    report = run("sync")
    assert host.file("github.test/kernel").read_bytes() == data
    assert "topsecret" not in json.dumps(report)


def test_a_store_that_refuses_head_is_asked_for_the_first_byte(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    store.head = False
    run("sync")
    assert host.file("github.test/kernel").read_bytes() == kernel
    assert run("sync")["fetched"] == []
    store.ranges = False
    assert run("sync")["fetched"] == []


def test_a_page_is_not_taken_for_a_kernel(host: Host, store: ImageStore, run: Run) -> None:
    """A portal that answers everything with a page must not become what machines boot."""
    store.image("ubuntu-24.04.20250101", content())
    store.files["github.test/kernel"] = StoredFile(b"<html>pay first</html>", content_type="text/html; charset=utf-8")
    store.boot("github.test/kernel", "github.test/kernel")
    report = run("sync", code=3)
    assert "is a web page" in report["failures"][0]["reason"]
    assert "github.test/kernel" not in host.served()


def test_missing_in_the_store(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    other = store.image("debian-12.0.20250101", content())
    del store.files[key]
    report = run("sync", code=3)
    assert "does not exist in the store (status 404)" in report["failures"][0]["reason"]
    assert other in host.served()
    assert other == report["fetched"][0]["file"]


def test_a_served_file_stays_when_the_store_loses_it(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    run("sync")
    del store.files[key]
    assert run("sync", code=1)["failures"] != []
    assert host.file(key).read_bytes() == data


def test_nothing_is_removed_while_the_store_is_away(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(parallel=1)
    for number in range(12):
        store.image(f"ubuntu-24.04.202501{number + 10}", content())
    run("sync")
    before = host.served()
    store.fault("refuse", "images.test", count=10_000, method="*")
    report = run("sync", code=1)
    assert host.served() == before
    assert len(report["failures"]) == 12
    # the host is given up after a while instead of making every file wait for it
    assert any("is left alone for now" in failure["reason"] for failure in report["failures"])
    assert report["generation"] == 1


@pytest.mark.parametrize("status", [403, 500])
def test_nothing_is_removed_while_the_metal_api_fails(status: int, host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    before = host.served()
    store.api_status = status
    report = run("sync", code=1)
    assert host.served() == before
    assert report["result"] == "failed"
    assert report["files"] == {"image": 1}
    assert "view-key-of-tests" not in json.dumps(report)
    assert run("status")["generation"] == 1


def test_nothing_is_removed_by_an_empty_list(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    before = host.served()
    store.images.clear()
    assert "allow_empty" in run("sync", code=1)["reason"]
    assert host.served() == before
    host.configure(allow_empty=True)
    assert [entry["file"] for entry in run("sync")["removed"]] == ["images.test/ubuntu-24.04.20250101/img.tar.lz4"]
    assert host.served() == {}
    assert host.directory.joinpath("current").is_dir()


def test_kernels_stay_while_the_partitions_are_not_known(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.put("github.test/kernel", kernel := content())
    store.boot("github.test/kernel", "github.test/kernel")
    run("sync")
    store.partitions[0]["id"] = "ber-01"
    report = run("sync", code=3)
    assert "fra-01" in report["reason"]
    assert host.file("github.test/kernel").read_bytes() == kernel
    # with the partitions known again, an unused kernel goes
    store.partitions[0]["id"] = "fra-01"
    store.boot("", "")
    assert [entry["file"] for entry in run("sync")["removed"]] == ["github.test/kernel"]


def test_an_expired_image_goes_and_its_blob_with_the_last_generation(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(generations=2)
    key = store.image("ubuntu-24.04.20250101", data := content())
    kept = store.image("ubuntu-24.04.20250102", content())
    run("sync")
    store.image("ubuntu-24.04.20250101", data, expires="2020-01-01T00:00:00Z")
    report = run("sync")
    assert report["removed"][0]["file"] == key
    assert "expired" in report["removed"][0]["reason"]
    assert {name for name in host.served() if not name.endswith(".md5")} == {kept}
    blob = host.directory / "blobs" / hashlib.md5(data).hexdigest()
    assert blob.exists()
    store.image("ubuntu-24.04.20250103", content())
    run("sync")
    assert not blob.exists()
    assert sorted(path.name for path in (host.directory / "generations").iterdir()) == ["00000002", "00000003"]


def test_the_maximum_counts_what_has_arrived(host: Host, store: ImageStore, run: Run) -> None:
    """An old image gives way to a new one only when that one is really there."""
    host.configure(policy={"min_images_per_name": 1, "max_images_per_name": 2})
    old = [store.image(f"ubuntu-24.04.2025010{number}", content()) for number in (1, 2)]
    run("sync")
    new = store.image("ubuntu-24.04.20250103", data := content())
    right = store.files[new]
    store.files[new] = StoredFile(content(), right.sidecars)
    run("sync", code=3)
    assert {name for name in host.served() if not name.endswith(".md5")} == set(old)
    store.files[new] = right
    report = run("sync")
    assert {name for name in host.served() if not name.endswith(".md5")} == {old[1], new}
    assert report["removed"] == [{"file": old[0], "reason": "more than 2 images of ubuntu-24.04"}]
    assert host.file(new).read_bytes() == data


def test_the_size_bound_is_kept_by_removing_the_oldest(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(policy={"min_images_per_name": 1, "max_cache_size": 11_000}, generations=5)
    keys = [store.image(f"ubuntu-24.04.2025010{number}", content()) for number in (1, 2)]
    run("sync")
    keys.append(store.image("ubuntu-24.04.20250103", content()))
    report = run("sync")
    assert {name for name in host.served() if not name.endswith(".md5")} == set(keys[1:])
    assert report["removed"][0]["file"] == keys[0]
    # old generations do not keep more on the disk than the bound allows
    assert sum(path.stat().st_size for path in (host.directory / "blobs").iterdir()) <= 11_000


def test_the_size_bound_gives_way_to_the_minimum_and_that_is_reported(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(policy={"min_images_per_name": 2, "max_cache_size": 8000})
    for number in (1, 2, 3):
        store.image(f"ubuntu-24.04.2025010{number}", content())
    report = run("sync")
    assert report["over_budget_bytes"] == 2000
    assert len(host.served()) == 4
    assert "image_cache_over_budget_bytes 2000" in (host.directory / "metrics.prom").read_text()
    assert "2000 bytes above max_cache_size" in report["warnings"][0]


def test_two_images_with_the_same_content_share_a_blob(host: Host, store: ImageStore, run: Run) -> None:
    data = content()
    one = store.image("ubuntu-24.04.20250101", data)
    two = store.image("ubuntu-24.04.20250102", data, modified=LONG_AGO + 50)
    run("sync")
    assert host.file(one).stat().st_ino == host.file(two).stat().st_ino
    assert len(list((host.directory / "blobs").iterdir())) == 1
    assert run("sync")["fetched"] == []
    assert os.readlink(host.directory / "current") == "generations/00000001"


def damage_content(path: Path) -> None:
    """Change bytes of a file as a bad disk would, without another size."""
    times = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"broken")
    path.chmod(0o444)
    os.utime(path, (times.st_atime, times.st_mtime + 1))


def test_a_file_that_was_changed_is_fetched_again(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    store.image("ubuntu-24.04.20250102", content())
    run("sync")
    damage_content(host.file(key))
    report = run("sync")
    assert [entry["file"] for entry in report["fetched"]] == [key]
    assert host.file(key).read_bytes() == data
    assert "content_lost=True" in report["log"]


def test_a_changed_file_is_withdrawn_when_it_cannot_be_fetched(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    other = store.image("ubuntu-24.04.20250102", content())
    run("sync")
    damage_content(host.file(key))
    store.fault("status", key, status=404, count=100, method="*")
    run("sync", code=3)
    assert {name for name in host.served() if not name.endswith(".md5")} == {other}


def test_a_changed_file_is_withdrawn_even_when_the_metal_api_is_away(host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", content())
    other = store.image("ubuntu-24.04.20250102", content())
    run("sync")
    damage_content(host.file(key))
    store.api_status = 500
    run("sync", code=1)
    assert {name for name in host.served() if not name.endswith(".md5")} == {other}


@pytest.mark.parametrize("what", ["touched", "checksum", "removed", "copied", "blob"])
def test_what_is_whole_is_mended_without_the_network(what: str, host: Host, store: ImageStore, run: Run) -> None:
    key = store.image("ubuntu-24.04.20250101", data := content())
    run("sync")
    right = host.served()
    path = host.file(key)
    if what == "touched":
        os.utime(path, (1, 1))
    elif what == "checksum":
        host.file(f"{key}.md5").unlink()
    elif what == "removed":
        path.unlink()
    elif what == "copied":
        path.unlink()
        path.write_bytes(data)
    else:
        (host.directory / "blobs" / hashlib.md5(data).hexdigest()).unlink()
    report = run("sync")
    assert report["fetched"] == []
    assert host.served() == right
    assert run("sync")["generation"] == report["generation"]
    assert "content_lost=False" in report["log"]


def test_a_broken_manifest_costs_no_download(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    right = host.served()
    path = host.directory / "generations" / "00000001" / "manifest.json"
    path.chmod(0o600)
    path.write_text("{")
    report = run("sync")
    assert host.served() == right
    assert [entry["source"] for entry in report["fetched"]] == ["disk"]


def test_leftovers_of_an_interrupted_publication_are_removed(host: Host, store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    run("sync")
    generations = host.directory / "generations"
    for name in ("00000002.tmp", "00000007"):
        (generations / name / "www").mkdir(parents=True)
    (host.directory / "current.new").symlink_to("generations/00000007")
    (host.directory / "staging" / "junk.part").write_bytes(b"x")
    run("sync")
    assert [path.name for path in generations.iterdir()] == ["00000001"]
    assert not (host.directory / "current.new").is_symlink()
    assert list((host.directory / "staging").iterdir()) == []


def test_what_the_api_lists_and_cannot_be_cached_is_told(store: ImageStore, run: Run) -> None:
    store.image("ubuntu-24.04.20250101", content())
    store.images.append({"id": "other-1.0.20250101", "url": "http://elsewhere.test/img", "features": ["machine"]})
    report = run("sync")
    skipped = {entry["file"]: entry["reason"] for entry in report["skipped"]}
    assert "elsewhere.test" in skipped["other-1.0.20250101"]


def test_a_bandwidth_limit_is_kept(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(store={"allow_http": True, "timeout": 5, "bandwidth_limit": 200_000})
    for number in (1, 2):
        store.image(f"ubuntu-24.04.2025010{number}", content(60_000))
    # 120 kB at 200 kB/s, of which a fifth of a second may be saved up
    assert run("sync")["duration_seconds"] > 0.35


def test_plain_http_is_upgraded_unless_it_is_allowed(host: Host, store: ImageStore, run: Run) -> None:
    host.configure(store={"timeout": 5})
    store.image("ubuntu-24.04.20250101", content())
    # the proxy of the tests speaks no TLS, so the attempt itself is what shows
    assert "https://images.test/" in run("sync", code=1)["failures"][0]["reason"]
    assert host.served() == {}
