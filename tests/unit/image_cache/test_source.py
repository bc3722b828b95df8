# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the metal-api, v1 and v2 alike, and refusing what would empty the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._http import RetryPolicy
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import Config, parse_config
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.source import (
    MetalApi,
    SourceError,
    SourceResult,
    connect,
    read_source,
)
from tests.emulators.metal_api.process import KEYS, running_metal_api
from tests.emulators.metal_api.process import MetalApi as EmulatedApi

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
ONCE = RetryPolicy(attempts=1)
IMAGES = [
    {
        "id": "ubuntu-24.04.20251010",
        "url": "http://store.test/ubuntu.tar.lz4",
        "expirationDate": "2099-01-01T00:00:00Z",
    },
    {"id": "debian-12.0.20251010", "url": "http://store.test/debian.tar.lz4", "expirationDate": "2099-01-01T00:00:00Z"},
]
PARTITIONS = [
    {"id": "fra-01", "bootconfig": {"kernelurl": "http://store.test/kernel", "imageurl": "http://store.test/boot"}},
    {"id": "muc-01", "bootconfig": {"kernelurl": "http://store.test/kernel2", "imageurl": "http://store.test/boot2"}},
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatedApi]:
    with running_metal_api() as api:
        yield api


@pytest.fixture(autouse=True)
def world(emulator: EmulatedApi) -> Iterator[None]:
    emulator.control.change_state(images=IMAGES, partitions=PARTITIONS)
    yield
    emulator.control.clear_faults()


def settings(emulator: EmulatedApi, version: str, **values: Any) -> Config:
    return parse_config(
        {
            "partition": "fra-01",
            "host": "cache-1",
            "source": {"api": version, "url": emulator.v1 if version == "v1" else emulator.v2},
            "intercept_domains": ["store.test"],
            **values,
        }
    )


def client(emulator: EmulatedApi, config: Config) -> MetalApi:
    if config.source.api == "v1":
        return connect(config.source, hmac=KEYS["Metal-View"], retry=ONCE)
    return connect(config.source, token=emulator.control.token(lifetime=600), retry=ONCE)


def read(emulator: EmulatedApi, version: str, *, now: datetime = NOW, **values: Any) -> SourceResult:
    config = settings(emulator, version, **values)
    api = client(emulator, config)
    with api.http:
        return read_source(api, config, now)


both = pytest.mark.parametrize("version", ["v1", "v2"])


@both
def test_images_and_partitions(emulator: EmulatedApi, version: str) -> None:
    result = read(emulator, version)
    assert sorted(image.id for image in result.images) == ["debian-12.0.20251010", "ubuntu-24.04.20251010"]
    assert sorted(partition.id for partition in result.partitions or ()) == ["fra-01", "muc-01"]
    assert result.partitions_problem is None
    assert result.warnings == ()
    assert {candidate.key for candidate in result.candidates.candidates} == {
        "store.test/kernel",
        "store.test/boot",
        "store.test/ubuntu.tar.lz4",
        "store.test/debian.tar.lz4",
    }


@both
def test_the_api_failing_is_an_error(emulator: EmulatedApi, version: str) -> None:
    emulator.control.add_fault("status", status=503)
    with pytest.raises(SourceError, match=r"^The images of the metal-api cannot be read: ") as caught:
        read(emulator, version)
    assert caught.value.failure is not None
    assert caught.value.failure["status"] == 503


@both
def test_no_images_are_an_error_unless_allowed(emulator: EmulatedApi, version: str) -> None:
    emulator.control.change_state(images=[])
    with pytest.raises(SourceError, match=r"gave no images, so nothing is changed; if that is right, set allow_empty"):
        read(emulator, version)
    assert read(emulator, version, allow_empty=True).images == ()


def test_a_null_list_is_an_empty_list(emulator: EmulatedApi) -> None:
    emulator.control.add_fault("null_list", path="/v1/image")
    with pytest.raises(SourceError, match="gave no images"):
        read(emulator, "v1")


@both
def test_a_clock_that_jumped_does_not_empty_the_cache(emulator: EmulatedApi, version: str) -> None:
    later = NOW + timedelta(days=365 * 100)
    with pytest.raises(
        SourceError, match=r"None of the 2 images .* check the clock, .*debian-12\.0\.20251010: expired"
    ):
        read(emulator, version, now=later)
    assert read(emulator, version, now=later, allow_empty=True).images != ()


def test_excluding_everything_does_not_empty_the_cache(emulator: EmulatedApi) -> None:
    with pytest.raises(SourceError, match='excluded by "http:"'):
        read(emulator, "v1", policy={"excludes": ["http:"]})


@both
def test_partitions_that_fail_do_not_stop_the_images(emulator: EmulatedApi, version: str) -> None:
    emulator.control.add_fault("status", status=500, path="artition")
    result = read(emulator, version)
    assert result.partitions is None
    assert (result.partitions_problem or "").startswith("The partitions of the metal-api cannot be read: ")
    assert {candidate.kind for candidate in result.candidates.candidates} == {"image"}


@both
def test_an_unknown_partition_is_told_with_the_known_ones(emulator: EmulatedApi, version: str) -> None:
    result = read(emulator, version, partition="fra-1")
    assert result.partitions is None
    expected = "The metal-api does not know the partition fra-1; it knows: fra-01, muc-01."
    assert result.partitions_problem == expected
    assert len(result.candidates.candidates) == 2


def test_no_partitions_at_all(emulator: EmulatedApi) -> None:
    emulator.control.change_state(partitions=[])
    problem = read(emulator, "v1").partitions_problem
    assert problem == "The metal-api does not know the partition fra-01; it knows: none at all."


def test_partitions_are_not_asked_for_without_need(emulator: EmulatedApi) -> None:
    emulator.control.add_fault("status", status=500, path="artition")
    result = read(emulator, "v1", kernels=False, boot_images=False)
    assert (result.partitions, result.partitions_problem) == ((), None)


def answer_images(emulator: EmulatedApi, images: list[dict[str, str]]) -> None:
    """Let the emulator give images that it would never accept."""
    emulator.control.add_fault(
        "status", status=200, body=json.dumps(images), content_type="application/json", path="/v1/image"
    )


def test_images_that_cannot_be_understood_are_warned_of(emulator: EmulatedApi) -> None:
    answer_images(emulator, [*IMAGES, {"id": "broken", "url": "http://store.test/x"}])
    result = read(emulator, "v1")
    assert len(result.images) == 2
    [warning] = result.warnings
    assert warning.startswith("The image broken is left out: ")


def test_only_images_that_cannot_be_understood(emulator: EmulatedApi) -> None:
    answer_images(emulator, [{"id": "broken", "url": "http://store.test/x"}])
    with pytest.raises(SourceError, match="gave no images that can be understood, but 1 others"):
        read(emulator, "v1")


def test_https_addresses_are_warned_of(emulator: EmulatedApi) -> None:
    emulator.control.change_state(images=[IMAGES[0], {**IMAGES[1], "url": "https://store.test/debian.tar.lz4"}])
    [warning] = read(emulator, "v1").warnings
    assert "Machines fetch 1 images past the cache" in warning
    assert "debian-12.0.20251010" in warning


@pytest.mark.parametrize(
    ("version", "credential", "message"),
    [
        ("v1", {}, "needs an HMAC key or a token"),
        ("v2", {}, "needs a token"),
        ("v2", {"hmac": "secret-key"}, "needs a token"),
        ("v1", {"token": "secret\nkey"}, "line breaks"),
    ],
)
def test_credentials_that_cannot_work(
    emulator: EmulatedApi, version: str, credential: dict[str, str], message: str
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        connect(settings(emulator, version).source, **credential)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    assert caught.value.failure is None


def test_a_bearer_token_for_v1(emulator: EmulatedApi) -> None:
    config = settings(emulator, "v1")
    token = emulator.control.bearer()
    api = connect(config.source, token=token, retry=ONCE)
    with api.http:
        assert len(read_source(api, config, NOW).images) == 2


def test_a_wrong_key(emulator: EmulatedApi) -> None:
    config = settings(emulator, "v1")
    api = connect(config.source, hmac="not-the-key", retry=ONCE)
    with api.http, pytest.raises(SourceError) as caught:
        read_source(api, config, NOW)
    assert caught.value.failure is not None
    assert caught.value.failure["status"] == 403
    assert "not-the-key" not in str(caught.value)
