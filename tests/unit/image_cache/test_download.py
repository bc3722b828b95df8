# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching one file: what it continues, what it refuses, how it retries. Answers are scripted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError, TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.download import (
    ContentError,
    Downloader,
    Transfer,
    Wanted,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.problems import StoppedError
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.space import Space
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.staging import Origin, Staging
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.store import Hosts, StoreError
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.throttle import Throttle

DATA = bytes(range(256)) * 40
MD5 = hashlib.md5(DATA).hexdigest()
URL = "https://images.test/img"
ETAG = '"one"'


class Answer:
    """One scripted answer; ``cut`` breaks it off after so many bytes."""

    def __init__(
        self,
        status: int = 200,
        body: bytes = DATA,
        headers: Mapping[str, str] | None = None,
        *,
        cut: int | None = None,
        length: int | None = -1,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.length = len(body) if length == -1 else length
        self.url = URL
        self._body = body if cut is None else body[:cut]
        self._broken = cut is not None
        self.closed = False

    def readinto(self, buffer: memoryview) -> int:
        """Give 1000 bytes at a time."""
        piece = self._body[: min(1000, len(buffer))]
        self._body = self._body[len(piece) :]
        if not piece and self._broken:
            raise TransportError("the connection broke")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Http:
    """Gives the scripted answers in their order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, str]] = []

    def stream(self, _method: str, _url: str, *, headers: dict[str, str]) -> Answer:
        """Answer."""
        self.sent.append(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Answer)
        return answer


class Bench:
    """A downloader with its staging area."""

    def __init__(self, directory: Path) -> None:
        self.staging = Staging(directory)
        self.staging.prepare()
        self.stop = threading.Event()
        self.http = Http()
        self.space = Space(directory)
        self.transfer = Transfer("key", "store")

    def fetch(self, *answers: Any, **wanted: Any) -> Any:
        """Fetch a file that has these answers."""
        self.http = Http(*answers)
        downloader = Downloader(
            self.http,  # type: ignore[arg-type]
            self.staging,
            self.space,
            Hosts(),
            self.stop,
            throttle=Throttle(None),
            attempts=3,
            backoff=0.001,
        )
        result = downloader.fetch(Wanted("key", URL, **wanted), self.transfer)
        assert self.http.answers == [], "not all answers were needed"
        return result

    def leave(self, content: bytes, validator: str | None = ETAG, md5: str | None = None, **origin: str) -> None:
        """Leave a part of an earlier run behind."""
        self.staging.begin("key", Origin(origin.get("url", URL), validator, md5, origin.get("boot", self.staging.boot)))
        self.staging.part("key").write_bytes(content)
        self.staging.part("key").chmod(0o444)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A downloader."""
    return Bench(tmp_path / "staging")


def test_a_whole_file(bench: Bench) -> None:
    fetched = bench.fetch(Answer(headers={"ETag": ETAG, "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}))
    assert fetched.path.read_bytes() == DATA
    assert fetched.path.stat().st_mtime == 1_700_000_000
    assert fetched.path.stat().st_mode & 0o777 == 0o444
    assert (fetched.size, fetched.received, fetched.checksums) == (len(DATA), len(DATA), {"md5": MD5})
    assert fetched.etag == ETAG
    assert bench.transfer.received == bench.transfer.total == len(DATA)
    # what was set aside is free again
    assert vars(bench.space)["_reserved"] == 0


def test_a_broken_transfer_goes_on_where_it_ended(bench: Bench) -> None:
    rest = Answer(206, DATA[3000:], {"Content-Range": f"bytes 3000-{len(DATA) - 1}/{len(DATA)}", "ETag": ETAG})
    fetched = bench.fetch(Answer(headers={"ETag": ETAG}, cut=3000), rest)
    assert fetched.path.read_bytes() == DATA
    assert bench.http.sent[1] == {"Range": "bytes=3000-", "If-Range": ETAG}
    assert fetched.received == len(DATA)
    assert rest.closed


@pytest.mark.parametrize(
    "answer",
    [
        Answer(206, DATA[2000:], {"Content-Range": f"bytes 2000-{len(DATA) - 1}/{len(DATA)}", "ETag": ETAG}),
        Answer(206, DATA[3000:], {"Content-Range": f"bytes 3000-{len(DATA) - 1}/{len(DATA)}", "ETag": '"two"'}),
        Answer(206, DATA[3000:], {"Content-Range": "bytes 3000-9999/99999", "ETag": ETAG}),
        Answer(206, DATA[3000:], {}),
        Answer(416, b"", {}),
    ],
    ids=["other place", "other file", "other size", "no range", "less than that"],
)
def test_what_does_not_fit_is_begun_again(answer: Answer, bench: Bench) -> None:
    bench.leave(b"x" * 3000)
    fetched = bench.fetch(answer, Answer(), size=len(DATA))
    assert bench.http.sent[0]["Range"] == "bytes=3000-"
    assert bench.http.sent[1] == {}
    assert fetched.path.read_bytes() == DATA


def test_a_server_that_ignores_the_range(bench: Bench) -> None:
    bench.leave(b"x" * 3000)
    assert bench.fetch(Answer()).path.read_bytes() == DATA


@pytest.mark.parametrize(
    ("left", "wanted"),
    [
        ({"validator": None}, {}),
        ({"url": "https://images.test/other"}, {}),
        ({"boot": "an earlier one"}, {}),
        ({"md5": "0" * 32}, {"checksums": {"md5": MD5}}),
        ({"md5": MD5, "validator": None}, {"checksums": {"md5": MD5}}),
        ({}, {"size": 2000}),
    ],
    ids=["no validator", "other address", "power cut", "other promise", "promise without validator", "too long"],
)
def test_leftovers_that_are_not_continued(left: dict[str, Any], wanted: dict[str, Any], bench: Bench) -> None:
    bench.leave(b"x" * 3000, **left)
    data = DATA[: wanted.get("size", len(DATA))]
    assert bench.fetch(Answer(body=data), **wanted).path.read_bytes() == data
    assert bench.http.sent == [{}]


def test_a_promised_checksum_survives_a_power_cut(bench: Bench) -> None:
    bench.leave(DATA[:3000], md5=MD5, boot="an earlier one")
    rest = Answer(206, DATA[3000:], {"Content-Range": f"bytes 3000-{len(DATA) - 1}/{len(DATA)}"})
    assert bench.fetch(rest, checksums={"md5": MD5}).path.read_bytes() == DATA


def test_a_damaged_leftover_is_found_out_and_gone(bench: Bench) -> None:
    bench.leave(b"x" * 3000, md5=MD5)
    rest = Answer(206, DATA[3000:], {"Content-Range": f"bytes 3000-{len(DATA) - 1}/{len(DATA)}"})
    with pytest.raises(ContentError, match="is not what was promised: its MD5 is") as error:
        bench.fetch(rest, checksums={"md5": MD5})
    assert error.value.resumed
    assert bench.staging.leftover("key") is None
    assert bench.fetch(Answer(), checksums={"md5": MD5}).path.read_bytes() == DATA


def test_a_complete_leftover_needs_no_network(bench: Bench) -> None:
    bench.leave(DATA, md5=MD5)
    fetched = bench.fetch(size=len(DATA), checksums={"md5": MD5}, last_modified="Tue, 14 Nov 2023 22:13:20 GMT")
    assert (fetched.path.read_bytes(), fetched.received) == (DATA, 0)
    assert fetched.path.stat().st_mtime == 1_700_000_000


def test_a_peer_continues_what_the_store_began(bench: Bench) -> None:
    bench.leave(DATA[:3000], md5=MD5, validator=None, url="https://elsewhere.test/")
    rest = Answer(206, DATA[3000:], {"Content-Range": f"bytes 3000-{len(DATA) - 1}/{len(DATA)}"})
    assert bench.fetch(rest, checksums={"md5": MD5}, immutable=True).received == len(DATA) - 3000
    assert bench.http.sent == [{"Range": "bytes=3000-"}]


@pytest.mark.parametrize(
    ("answer", "wanted", "sentence"),
    [
        (Answer(headers={"Content-Encoding": "gzip"}), {}, "in the encoding gzip"),
        (Answer(headers={"Content-Type": "text/html"}), {}, "is a web page"),
        (Answer(length=None), {}, "neither a checksum nor a size"),
        (Answer(), {"size": 5}, "bytes instead of 5"),
        (Answer(), {"checksums": {"md5": MD5, "sha512": "00"}}, "its SHA512 is"),
    ],
)
def test_what_is_refused(answer: Answer, wanted: dict[str, Any], sentence: str, bench: Bench) -> None:
    with pytest.raises(ContentError, match=sentence):
        bench.fetch(answer, **wanted)
    assert answer.closed


def test_what_a_checksum_makes_acceptable(bench: Bench) -> None:
    for answer in (Answer(headers={"Content-Type": "text/html"}), Answer(length=None)):
        assert bench.fetch(answer, checksums={"md5": MD5}).path.read_bytes() == DATA


def test_a_body_without_length_that_is_too_short(bench: Bench) -> None:
    with pytest.raises(StoreError, match=r"ended after 5 of 10240 bytes"):
        bench.fetch(*[Answer(body=DATA[:5], length=None) for _unused in range(3)], size=len(DATA))


def test_retries_and_their_end(bench: Bench) -> None:
    waits: list[float] = []
    bench.stop.wait = lambda seconds=None: waits.append(seconds) or False  # type: ignore[method-assign, assignment, func-returns-value]
    answers = [TransportError("no way there"), Answer(503, b"", {"Retry-After": "999"}), Answer()]
    assert bench.fetch(*answers).path.read_bytes() == DATA
    assert waits == [0.001, 60.0]
    with pytest.raises(StoreError, match="status 503") as error:
        bench.fetch(*[Answer(503, b"", {"Retry-After": "soon"})] * 3)
    assert error.value.away


def test_a_transfer_that_gets_on_may_break_often(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.download"
    monkeypatch.setattr(f"{module}._GETTING_ON", 2000)
    answers = [Answer(headers={"ETag": ETAG}, cut=2000)]
    for offset in range(2000, 10_000, 2000):
        headers = {"Content-Range": f"bytes {offset}-{len(DATA) - 1}/{len(DATA)}"}
        answers.append(Answer(206, DATA[offset:], headers, cut=2000))
    headers = {"Content-Range": f"bytes 10000-{len(DATA) - 1}/{len(DATA)}"}
    fetched = bench.fetch(*answers, Answer(206, DATA[10_000:], headers))
    assert fetched.path.read_bytes() == DATA
    assert fetched.received == len(DATA)


def test_refusals_are_not_repeated(bench: Bench) -> None:
    with pytest.raises(StoreError, match="status 403") as error:
        bench.fetch(Answer(403, b""))
    assert not error.value.away
    with pytest.raises(StoreError, match="not HTTP"):
        bench.fetch(ProtocolError("not HTTP"))


def test_a_stop_keeps_what_has_arrived(bench: Bench) -> None:
    answer = Answer(headers={"ETag": ETAG})
    original = answer.readinto

    def stopping(buffer: memoryview) -> int:
        bench.stop.set()
        return original(buffer)

    answer.readinto = stopping  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        bench.fetch(answer)
    assert bench.staging.leftover("key") == (1000, Origin(URL, ETAG, None, bench.staging.boot))
    with pytest.raises(StoppedError):
        bench.fetch(TransportError("x"))


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": ETAG}, ETAG),
        ({"ETag": 'W/"weak"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}, None),
        (
            {"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT", "Date": "Tue, 14 Nov 2023 22:14:20 GMT"},
            "Tue, 14 Nov 2023 22:13:20 GMT",
        ),
        ({"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT", "Date": "Tue, 14 Nov 2023 22:14:19 GMT"}, None),
        ({"Last-Modified": "yesterday", "Date": "today"}, None),
        ({"Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}, None),
        ({}, None),
    ],
)
def test_only_strong_validators_are_kept(headers: dict[str, str], validator: str | None, bench: Bench) -> None:
    with pytest.raises(StoreError):
        bench.fetch(
            *[Answer(headers=headers, cut=n) for n in (100, 0, 0)]
            if not validator
            else [Answer(headers=headers, cut=100), Answer(503, b""), Answer(503, b"")]
        )
    leftover = bench.staging.leftover("key")
    assert (leftover[1].validator if leftover else None) == validator
