# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small parts of the sync program: journal, credentials, checksums, limits, reports, leftovers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache import checksums, metrics, report
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.credentials import (
    CredentialError,
    TokenFile,
    current_token,
    read_credential,
    refresh_due,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.download import Transfer
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.files import (
    remove_tree,
    write_all,
    write_atomic,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.generations import Generations
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.journal import (
    DEBUG,
    INFO,
    Journal,
    reads_journal,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.manifest import (
    FileEntry,
    Manifest,
    ManifestError,
    parse,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.peers import same_content
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.problems import CacheError, describe
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.staging import Origin, Staging
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.store import Remote, content_range
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.sync import _in_the_way
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.throttle import Throttle
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.work import PROGRESS_EVERY, Transfers

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)

# journal


def journal(**options: Any) -> tuple[Journal, io.StringIO]:
    stream = io.StringIO()
    return Journal(stream, **options), stream


def test_lines_are_key_and_value() -> None:
    log, stream = journal(priorities=False)
    log.info("a file arrived", file="a/b.img", bytes=5, seconds=1.5, nothing=None)
    log.warning("odd", text='two "words"', path="a\\b", line="one\ntwo\x1b[31m")
    assert stream.getvalue() == (
        'msg="a file arrived" file=a/b.img bytes=5 seconds=1.5\n'
        'msg=odd text="two \\"words\\"" path="a\\\\b" line="one\\ntwo\\x1b[31m"\n'
    )


def test_priorities_are_those_of_syslog() -> None:
    log, stream = journal(priorities=True)
    log.error("a")
    log.warning("b")
    log.notice("c")
    log.info("d")
    log.debug("e")
    assert [line[:3] for line in stream.getvalue().splitlines()] == ["<3>", "<4>", "<5>", "<6>", "<7>"]


def test_debug_lines_are_for_the_journal_and_for_who_asks() -> None:
    log, stream = journal(priorities=False, level=INFO)
    log.debug("x")
    assert stream.getvalue() == ""
    log, stream = journal(priorities=False, level=DEBUG)
    log.debug("x")
    assert stream.getvalue() != ""


def test_the_journal_is_recognised_by_its_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert reads_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not reads_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not reads_journal(stream, {})
    assert not reads_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_secrets_never_come_out() -> None:
    log, stream = journal(priorities=False)
    log.hide("key")
    log.hide("view-key")
    log.hide("view-key-longer")
    log.error(
        "x",
        error="view-key-longer view-key Bearer abc.def https://me:pw@host/p?X-Signature=s3cret&x=1 http://h/a?b",
    )
    text = stream.getvalue()
    for secret in ("view-key", "abc.def", "pw@", "s3cret", "longer"):
        assert secret not in text
    assert "https://***@host/p?***" in text


def test_a_closed_log_does_not_stop_the_work() -> None:
    log, stream = journal(priorities=False)
    stream.close()
    log.error("x")
    log.error("y")


# credentials


def test_credentials(tmp_path: Path) -> None:
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "metal-api-token").write_text(" token-of-tests\n\n")
    assert read_credential("v1", environment).token == "token-of-tests"
    assert read_credential("v2", environment).secret == "token-of-tests"
    (tmp_path / "metal-api-hmac").write_text("key-of-tests\n")
    credential = read_credential("v1", environment)
    assert (credential.hmac, credential.token) == ("key-of-tests", None)
    assert read_credential("v2", environment).hmac is None
    assert "of-tests" not in repr(credential)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "is not one line of text"),
        (b"a\nb", "is not one line of text"),
        (b"\xff\xfe", "is not one line of text"),
        (b"a" * 70000, "is not one line of text"),
    ],
)
def test_wrong_credentials(value: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "metal-api-hmac").write_bytes(value)
    with pytest.raises(CredentialError, match=sentence) as error:
        read_credential("v1", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert str(tmp_path / "metal-api-hmac") in str(error.value)
    assert "words" not in str(error.value)


def test_missing_credentials(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="CREDENTIALS_DIRECTORY is not set"):
        read_credential("v1", {})
    with pytest.raises(CredentialError, match=r"no credential metal-api-token in"):
        read_credential("v2", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    (tmp_path / "metal-api-token").mkdir()
    with pytest.raises(CredentialError, match="cannot be read: Is a directory"):
        read_credential("v2", {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_a_refreshed_token_is_kept_for_its_credential_only(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "state")
    assert tokens.load("first") is None
    tokens.save("first", "refreshed")
    assert tokens.load("first") == "refreshed"
    assert tokens.load("second") is None
    path = tmp_path / "state" / "metal-api-token.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "first" not in path.read_text()
    for text in ("[]", "{", '{"credential_sha256": 1}'):
        path.write_text(text)
        assert tokens.load("first") is None
    path.write_text(json.dumps({"credential_sha256": hashlib.sha256(b"first").hexdigest(), "token": 5}))
    assert tokens.load("first") is None


def test_an_expired_refreshed_token_gives_way_to_the_credential() -> None:
    later, earlier = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
    assert current_token("credential", None, lambda _token: later, NOW) == "credential"
    assert current_token("credential", "stored", lambda _token: later, NOW) == "stored"
    assert current_token("credential", "stored", lambda _token: None, NOW) == "stored"
    assert current_token("credential", "stored", lambda _token: earlier, NOW) == "credential"


@pytest.mark.parametrize(("minutes", "due"), [(29, False), (31, True), (61, True)])
def test_a_token_is_refreshed_in_the_second_half_of_its_life(minutes: int, due: bool) -> None:
    issued = (NOW - timedelta(minutes=minutes)).timestamp()
    assert refresh_due({"iat": issued, "exp": issued + 3600}, NOW) is due
    assert refresh_due({"nbf": issued, "exp": issued + 3600}, NOW) is due


def test_a_token_without_times_is_not_refreshed() -> None:
    assert not refresh_due({}, NOW)
    assert not refresh_due({"exp": 5}, NOW)


# checksums


@pytest.mark.parametrize(
    "text",
    [
        MD5,
        MD5.upper() + "\n",
        f"{MD5}  img.tar.lz4\n",
        f"{MD5} *build/img.tar.lz4\r\n",
        f"\\{MD5}  odd\\nname\n",
        f"MD5 (img.tar.lz4) = {MD5}\n",
        f"{'0' * 32}  other\n{MD5}  ./img.tar.lz4\n",
        f"{MD5}  img.tar.lz4\n{MD5}  img.tar.lz4\n",
    ],
)
def test_checksum_files(text: str) -> None:
    assert checksums.parse(text.encode(), "md5", "img.tar.lz4") == MD5


@pytest.mark.parametrize(
    "text",
    ["", "\n", "<html>", "g" * 32, MD5 + "0", "not found", f"{MD5}  a\n{'0' * 32}  b\n", f"{MD5}\n{'0' * 32}\n", "é"],
)
def test_what_is_no_checksum_file(text: str) -> None:
    with pytest.raises(checksums.ChecksumError):
        checksums.parse(text.encode(), "md5", "img.tar.lz4")
    with pytest.raises(checksums.ChecksumError):
        checksums.parse(text.encode(), "sha256", "img.tar.lz4")


@given(st.binary(max_size=300), st.sampled_from(checksums.KINDS))
def test_no_checksum_file_ends_in_another_error(content: bytes, kind: str) -> None:
    try:
        found = checksums.parse(content, kind, "img")
    except checksums.ChecksumError:
        return
    assert len(found) == {"md5": 32, "sha256": 64, "sha512": 128}[kind]
    assert int(found, 16) >= 0


# limits


@given(
    st.integers(10_000, 10**9),
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(0, 3)), min_size=1, max_size=50),
)
def test_the_bandwidth_limit_holds_over_any_time(rate: int, steps: list[tuple[int, float]]) -> None:
    """After any sequence of reads and pauses, no more than the rate has passed, but for a fifth of a second."""
    clock = [0.0]

    def wait(seconds: float) -> None:
        clock[0] += seconds

    throttle = Throttle(rate, clock=lambda: clock[0], wait=wait)
    passed = 0
    for count, pause in steps:
        clock[0] += pause
        throttle.passed(count)
        passed += count
        assert passed <= rate * (clock[0] + 0.2) + 1e-3


def test_no_limit_does_not_wait() -> None:
    throttle = Throttle(None, wait=lambda _seconds: pytest.fail("waited"))
    throttle.passed(10**12)
    assert throttle.chunk(5000) == 5000
    assert Throttle(100_000).chunk(10**6) == 10_000
    assert Throttle(1024).chunk(10**6) == 1024


# files


def test_writing_all_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    write_atomic(tmp_path / "x", b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"
    reading, writing = os.pipe()
    write_all(writing, memoryview(b"abcdefg"))
    assert os.read(reading, 100) == b"abcdefg"
    os.close(reading)
    os.close(writing)


def test_nothing_is_left_of_a_failed_replacement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_atomic(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / ".x.new").symlink_to(tmp_path / "target")
    write_atomic(tmp_path / "x", b"new", mode=0o600)
    assert (tmp_path / "target").read_text() == "precious"
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o600


def test_removing(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    remove_tree(tmp_path / "link")
    assert (tmp_path / "a" / "b").is_dir()
    remove_tree(tmp_path / "a")
    remove_tree(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_errors_of_files_are_sentences() -> None:
    assert str(describe(OSError(13, "Permission denied", "/a"))) == "Permission denied at /a."
    assert str(describe(OSError(18, "Cross-device link", "/a", None, "/b"))) == "Cross-device link at /b."
    assert "disk of the cache is full at /a" in str(describe(OSError(28, "No space left", "/a")))
    assert str(describe(OSError("odd"))) == "odd."


# manifest

ENTRY = FileEntry("http://a.test/x", "image", "a-1.0.1", 5, MD5, 7, '"e"', "date", {"sha256": "0"}, ("md5",), "t", "t")


def test_the_manifest_survives_the_disk() -> None:
    manifest = Manifest("2026-11-22T12:00:00Z", {"a.test/x": ENTRY, "a.test/b/y": ENTRY})
    assert parse(manifest.dump()) == manifest
    assert manifest.dump() == Manifest(manifest.created, dict(reversed(manifest.files.items()))).dump()


def broken(**changes: Any) -> bytes:
    return json.dumps({"version": 1, "created": "x", "files": {"a.test/x": {**ENTRY.to_json(), **changes}}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"version": 1, "created": "x", "files": []}',
        b'{"version": 1, "files": {}}',
        b'{"version": 1, "created": "x", "files": {"../x": {}}}',
        b'{"version": 1, "created": "x", "files": {"a.test/x": []}}',
        broken(size=-1),
        broken(size="5"),
        broken(mtime=True),
        broken(md5="../../etc/passwd"),
        broken(md5=None),
        broken(url=1),
        broken(etag=1),
        broken(checksums=[]),
        broken(sidecars={}),
    ],
)
def test_what_is_no_manifest(content: bytes) -> None:
    with pytest.raises(ManifestError):
        parse(content)


# validators


@pytest.mark.parametrize(
    ("remote", "other", "same"),
    [
        (Remote(5, '"a"', "d"), (5, '"a"', "e"), True),
        (Remote(5, '"a"', "d"), (5, '"b"', "d"), False),
        (Remote(5, '"a"', "d"), (6, '"a"', "d"), False),
        (Remote(5, 'W/"a"', "d"), (5, 'W/"a"', "d"), True),
        (Remote(5, 'W/"a"', "d"), (5, 'W/"a"', "e"), False),
        (Remote(5, None, "d"), (5, None, "d"), True),
        (Remote(5, None, "d"), (5, None, "e"), False),
        (Remote(None, None, "d"), (None, None, "d"), False),
        (Remote(5, None, None), (5, None, None), False),
    ],
)
def test_validators_prove_the_same_content(remote: Remote, other: tuple[Any, Any, Any], same: bool) -> None:
    assert same_content(remote, *other) is same


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 5-9/10", (5, 10)),
        ("bytes 5-9/*", (5, None)),
        ("bytes */10", (None, 10)),
        ("lines 5-9/10", (None, None)),
        (None, (None, None)),
        ("bytes x-9/-1", (None, None)),
        ("bytes 5-9/99999999999999999999999", (5, None)),
    ],
)
def test_content_range(value: str | None, expected: tuple[int | None, int | None]) -> None:
    headers = {} if value is None else {"Content-Range": value}
    assert content_range(headers) == expected


# generations and staging


def test_odd_links_are_no_generation(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    assert generations.current() is None
    assert generations.numbers() == []
    for target in ("elsewhere", "generations/5", "generations/00000005", "../generations/00000005"):
        (tmp_path / "current").unlink(missing_ok=True)
        (tmp_path / "current").symlink_to(target)
        assert generations.current() is None


def blob(generations: Generations, text: bytes) -> FileEntry:
    md5 = hashlib.md5(text).hexdigest()
    staged = generations.directory / "staged"
    staged.write_bytes(text)
    os.utime(staged, (7, 7))
    generations.add_blob(staged, md5)
    return FileEntry("http://a.test/x", "image", None, len(text), md5, 7)


def test_a_missing_blob_fails_the_publication_only(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.prepare()
    entry = blob(generations, b"one")
    generations.publish({"a.test/x": entry}, "now")
    lost = blob(generations, b"two")
    generations.blob(lost.md5).unlink()
    with pytest.raises(CacheError, match="No such file"):
        generations.publish({"a.test/x": entry, "a.test/y": lost}, "now")
    assert generations.current() == 1
    assert os.listdir(tmp_path / "generations") == ["00000001"]


def test_a_directory_in_the_place_of_the_link(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.prepare()
    (tmp_path / "current" / "x").mkdir(parents=True)
    with pytest.raises(CacheError):
        generations.publish({}, "now")
    assert os.listdir(tmp_path / "generations") == []
    assert sorted(os.listdir(tmp_path)) == ["blobs", "current", "generations"]


def test_pruning_keeps_pinned_blobs_and_drops_broken_generations(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.prepare()
    one, two, three = (blob(generations, text) for text in (b"1", b"22", b"333"))
    for entry in (one, two, three):
        generations.publish({"a.test/x": entry}, "now")
    generations.unpin()
    pinned = blob(generations, b"4444")
    path = tmp_path / "generations" / "00000002" / "manifest.json"
    path.chmod(0o600)
    path.write_text("{")
    assert generations.prune(5, None) == 3
    assert generations.numbers() == [3]
    assert {path.name for path in generations.blobs.iterdir()} == {three.md5, pinned.md5}
    generations.unpin()
    assert generations.prune(5, None) == 4
    (tmp_path / "generations" / "00000003" / "manifest.json").unlink()
    with pytest.raises(CacheError, match="manifest of generation 3"):
        generations.prune(5, None)
    assert {path.name for path in generations.blobs.iterdir()} == {three.md5}


def test_leftovers_of_no_use(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    staging.prepare()
    origin = Origin("http://a", '"e"', MD5, "boot")
    assert staging.leftover("k") is None
    staging.begin("k", origin)
    staging.part("k").write_bytes(b"")
    assert staging.leftover("k") is None
    staging.part("k").write_bytes(b"abc")
    assert staging.leftover("k") == (3, origin)
    # a second name means that it is served already
    os.link(staging.part("k"), tmp_path / "other")
    assert staging.leftover("k") is None
    (tmp_path / "other").unlink()
    path = next(tmp_path.glob("*.json"))
    for text in ("[]", "{", '{"url": 1, "boot": ""}'):
        path.write_text(text)
        assert staging.leftover("k") is None
    staging.begin("k", Origin("http://a", None, None, "boot"))
    assert staging.leftover("k") == (3, Origin("http://a", None, None, "boot"))
    staging.part("k").unlink()
    staging.part("k").symlink_to("/etc/passwd")
    assert staging.leftover("k") is None


@pytest.mark.parametrize(
    ("key", "clash"),
    [
        ("a/b", True),
        ("a/b.md5", True),
        ("a/b/c", True),
        ("a", True),
        ("a/b.md5/c", True),
        ("a/bc", False),
        ("a/b.md", False),
        ("c/b", False),
    ],
)
def test_paths_that_cannot_be_served_together(key: str, clash: bool) -> None:
    assert _in_the_way(key, {"a/b": ENTRY}) is clash


# report, metrics and progress


def test_totals_go_on(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    assert report.load(path) is None
    for number in (1, 2, 3):
        this = report.Report("sync", "h", "p", "then", result=report.COMPLETE if number == 1 else report.FAILED)
        this.downloaded["store"] = 100
        this.finish(NOW + timedelta(hours=number), 1.23456, report.load(path))
        report.save(path, this)
    loaded = report.load(path)
    assert loaded is not None
    assert loaded["totals"]["downloaded_store_bytes"] == 300
    assert loaded["totals"]["runs"] == 3
    assert loaded["last_success"] == "2026-11-22T13:00:00Z"
    assert loaded["duration_seconds"] == 1.235
    path.write_text('{"version": 99}')
    assert report.load(path) is None


def test_metrics_of_odd_reports_are_still_metrics() -> None:
    odd = {"host": 'a"b\\nc\nd', "partition": None, "finished": "yesterday", "totals": None, "files": None}
    text = metrics.render(odd, {"finished": 5})
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["image_cache_info"].samples[0].labels["host"] == 'a"b\\nc\nd'
    assert "image_cache_sync_last_run_timestamp_seconds" not in families
    assert metrics.render(None, None) == ""


def test_progress_of_long_downloads_is_told() -> None:
    log, stream = journal(priorities=False)
    clock = [0.0]
    transfers = Transfers(lambda: clock[0])
    long, unknown, silent = Transfer("a/long", "store"), Transfer("a/unknown", "peer b"), Transfer("a/silent", "store")
    for transfer in (long, unknown, silent):
        transfers.begin(transfer)
    long.received, long.total, long.resumed = 3_000_000, 10_000_000, 1_000_000
    unknown.received = 500
    clock[0] = PROGRESS_EVERY - 1
    transfers.tell(log)
    assert stream.getvalue() == ""
    clock[0] = 20.0
    transfers.tell(log)
    assert stream.getvalue() == (
        "msg=downloading file=a/long source=store percent=30 bytes=3000000 total=10000000 bytes_per_second=100000 "
        "remaining_seconds=70\n"
        'msg=downloading file=a/unknown source="peer b" bytes=500 bytes_per_second=25\n'
    )
    transfers.end(long)
    assert {transfer.key for transfer in transfers.running()} == {"a/unknown", "a/silent"}


def test_threads_share_the_journal() -> None:
    log, stream = journal(priorities=False)
    threads = [
        threading.Thread(target=lambda: [log.info("x", y="z" * 50) for _unused in range(50)]) for _unused in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(stream.getvalue().splitlines()) == {f"msg=x y={'z' * 50}"}
