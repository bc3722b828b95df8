# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files may be cached, from what the metal-api says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import Config, parse_config
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.planner import (
    CandidateSet,
    candidates,
    plan,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import Image
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.partition import Partition

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def config(**values: Any) -> Config:
    return parse_config(
        {
            "partition": "fra-01",
            "host": "cache-1",
            "source": {"api": "v1", "url": "https://api.example"},
            "intercept_domains": ["store.test", "github.test"],
            **values,
        }
    )


def image(
    name: str = "ubuntu-24.04.20251010", url: str = "http://store.test/a/img.tar.lz4", expires: datetime | None = None
) -> Image:
    major, minor, patch = (int(part) for part in name.rpartition("-")[2].split("."))
    os = name.rpartition("-")[0]
    return Image(name, os, major, minor, patch, url, name, frozenset({"machine"}), "supported", expires)


def partition(
    name: str = "fra-01", kernel: str = "http://github.test/k/vmlinuz", boot: str = "http://store.test/hammer.img"
) -> Partition:
    return Partition(name, name, boot, kernel, "console=ttyS0")


def reasons(found: CandidateSet) -> dict[str, str]:
    return dict(found.skipped)


def test_an_image() -> None:
    found = candidates([image(expires=NOW + timedelta(days=1))], None, config(), NOW)
    assert found.skipped == ()
    [one] = found.candidates
    assert one.url == "http://store.test/a/img.tar.lz4"
    assert one.key == "store.test/a/img.tar.lz4"
    assert (one.kind, one.image_id, one.variant) == ("image", "ubuntu-24.04.20251010", "ubuntu-24.04")
    assert one.version == (24, 4, 20251010)
    assert one.expires_at == NOW + timedelta(days=1)
    assert one.size is None


def test_an_os_name_may_have_dashes() -> None:
    [one] = candidates([image("ubuntu-nvidia-24.04.1")], None, config(), NOW).candidates
    assert one.variant == "ubuntu-nvidia-24.04"


def test_kernel_and_boot_image_of_this_partition() -> None:
    other = partition("muc-01", "http://github.test/k2", "http://store.test/hammer2.img")
    found = candidates([], [other, partition()], config(), NOW)
    assert [(c.kind, c.key, c.variant, c.image_id) for c in found.candidates] == [
        ("kernel", "github.test/k/vmlinuz", None, None),
        ("boot-image", "store.test/hammer.img", None, None),
    ]
    assert found.skipped == ()


def test_kernels_of_all_partitions_are_taken_once() -> None:
    found = candidates([], [partition("muc-01"), partition("fra-01")], config(boot_partitions="all"), NOW)
    assert [c.key for c in found.candidates] == ["github.test/k/vmlinuz", "store.test/hammer.img"]
    assert found.skipped == ()


@pytest.mark.parametrize(
    ("kernels", "boot_images", "kinds"),
    [(True, False, ["kernel"]), (False, True, ["boot-image"]), (False, False, [])],
)
def test_kernels_and_boot_images_can_be_switched_off(kernels: bool, boot_images: bool, kinds: list[str]) -> None:
    found = candidates([], [partition()], config(kernels=kernels, boot_images=boot_images), NOW)
    assert [c.kind for c in found.candidates] == kinds


@pytest.mark.parametrize(
    ("age", "grace", "kept"),
    [
        (timedelta(seconds=-1), 0, True),
        (timedelta(0), 0, True),
        (timedelta(seconds=1), 0, False),
        (timedelta(days=7), 7, True),
        (timedelta(days=7, seconds=1), 7, False),
        (timedelta(days=700000), 36500, False),
    ],
)
def test_expiry_and_grace(age: timedelta, grace: int, kept: bool) -> None:
    found = candidates([image(expires=NOW - age)], None, config(policy={"expiration_grace_days": grace}), NOW)
    assert bool(found.candidates) is kept
    if not kept:
        assert reasons(found)["ubuntu-24.04.20251010"].startswith("expired at ")


def test_excludes_hit_every_kind() -> None:
    rules = config(policy={"excludes": ["/pull_requests/"]})
    url = "http://store.test/pull_requests/7/"
    found = candidates([image(url=url + "a")], [partition(kernel=url + "k", boot=url + "b")], rules, NOW)
    assert found.candidates == ()
    names = ("ubuntu-24.04.20251010", "kernel of partition fra-01", "boot-image of partition fra-01")
    assert reasons(found) == dict.fromkeys(names, 'excluded by "/pull_requests/"')


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "has no address"),
        ("http://other.test/a", "not one of the intercepted domains"),
        ("ftp://store.test/a", "does not start with http"),
        ("HTTP://store.test/a", "does not start with http"),
        ("store.test/a", "does not start with http"),
        ("http:///a", "does not start with http"),
        ("http://[::1/a", "is not valid"),
        ("http://store.test/a b", "characters"),
        ("http://store.test/a\nb", "characters"),
        ("http://store.test/ä", "characters"),
        ("http://store.test/a\\b", "characters"),
        ("http://store.test:8080/a", "a port"),
        ("http://store.test:80/a", "a port"),
        ("http://store.test:/a", "a port"),
        ("http://user:hunter2@store.test/a", "a user"),
        ("http://store.test/a?x=1", "a query"),
        ("http://store.test/a?", "a query"),
        ("http://store.test/a#x", "a fragment"),
        ("http://store.test", "not one of a file"),
        ("http://store.test/", "not one of a file"),
        ("http://store.test/a/", "not one of a file"),
        ("http://store.test//a", "not one of a file"),
        ("http://store.test/./a", "not one of a file"),
        ("http://store.test/a/../b", "not one of a file"),
        ("http://store.test/a/%2e%2E/b", "not one of a file"),
        ("http://store.test/a%2fb", "not one of a file"),
        ("http://store.test/a%5cb", "not one of a file"),
        ("http://store.test/a%00b", "not one of a file"),
        ("http://store.test/a%0ab", "not one of a file"),
        ("http://store.test/a%ff", "not one of a file"),
        ("http://store.test/" + "a" * 252, "not one of a file"),
        ("http://store.test/a.md5", "checksum file"),
    ],
)
def test_addresses_that_cannot_be_served(url: str, reason: str) -> None:
    found = candidates([image(url=url)], None, config(), NOW)
    assert found.candidates == ()
    assert reason in reasons(found)["ubuntu-24.04.20251010"]
    assert "hunter2" not in reasons(found)["ubuntu-24.04.20251010"]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://Store.TEST/A/b", "store.test/A/b"),
        ("https://store.test/a", "store.test/a"),
        ("http://store.test/a%20b%2Bc+d", "store.test/a b+c+d"),
        ("http://store.test/%C3%A4", "store.test/ä"),
        ("http://store.test/" + "a" * 251, "store.test/" + "a" * 251),
    ],
)
def test_keys_are_what_nginx_looks_for(url: str, key: str) -> None:
    [one] = candidates([image(url=url)], None, config(), NOW).candidates
    assert (one.key, one.url) == (key, url)


def test_images_with_the_same_file_are_one_candidate() -> None:
    found = candidates([image("a-1.0.1"), image("a-1.0.2"), image("b-9.0.1")], None, config(), NOW)
    assert [c.image_id for c in found.candidates] == ["b-9.0.1"]
    assert reasons(found) == {"a-1.0.1": "has the same file as b-9.0.1", "a-1.0.2": "has the same file as b-9.0.1"}


def test_an_expired_image_does_not_take_the_file_of_a_valid_one_with_it() -> None:
    found = candidates([image("a-1.0.2", expires=NOW - timedelta(days=1)), image("a-1.0.1")], None, config(), NOW)
    assert [c.image_id for c in found.candidates] == ["a-1.0.1"]


def test_an_image_that_is_a_boot_file_counts_as_boot_file() -> None:
    found = candidates([image(url="http://store.test/hammer.img")], [partition()], config(), NOW)
    assert [c.kind for c in found.candidates] == ["kernel", "boot-image"]
    assert reasons(found) == {"ubuntu-24.04.20251010": "has the same file as boot-image of partition fra-01"}


@pytest.mark.parametrize("below", ["http://store.test/a/b/c", "http://store.test/a.md5/b"])
def test_a_file_cannot_be_the_directory_of_another(below: str) -> None:
    images = [image("a-1.0.9", below), image("a-1.0.1", "http://store.test/a")]
    found = candidates(images, None, config(), NOW)
    assert [c.key for c in found.candidates] == ["store.test/a"]
    assert reasons(found) == {"a-1.0.9": "its path lies below the file of a-1.0.1"}


urls = st.one_of(
    st.builds("http://store.test/{}".format, st.text("ab/.%25m#?", max_size=10)),
    st.builds("http://{}/x".format, st.sampled_from(["store.test", "github.test", "other.test"])),
    st.text(max_size=30),
)
ages = st.one_of(st.none(), st.timedeltas(timedelta(days=-10), timedelta(days=10)))
images = st.builds(
    lambda os, patch, url, age: image(f"{os}-1.0.{patch}", url, None if age is None else NOW - age),
    st.sampled_from(["a", "b"]),
    st.integers(0, 9),
    urls,
    ages,
)
partitions = st.one_of(
    st.none(), st.lists(st.builds(partition, st.sampled_from(["fra-01", "muc-01"]), urls, urls), max_size=3)
)
rules = st.builds(
    lambda grace, scope, excludes: config(
        policy={"expiration_grace_days": grace, "excludes": excludes}, boot_partitions=scope
    ),
    st.integers(0, 5),
    st.sampled_from(["this", "all"]),
    st.sampled_from([[], ["a/"], ["%"]]),
)


@given(st.lists(images, max_size=8), partitions, rules)
def test_whatever_the_api_says_every_key_is_a_safe_file(
    some: list[Image], boot: list[Partition] | None, settings: Config
) -> None:
    found = candidates(some, boot, settings, NOW)
    keys = [c.key for c in found.candidates]
    assert len(set(keys)) == len(keys)
    files = {name for key in keys for name in (key, key + ".md5")}
    assert len(files) == 2 * len(keys)
    for key in keys:
        host, *path = key.split("/")
        assert host in settings.intercept_domains
        assert path
        assert not {"", ".", ".."} & set(path)
        assert key.isprintable()
        assert not any("/".join([host, *path[:n]]) in files for n in range(1, len(path)))
    wanted = plan(found.candidates, settings.policy).wanted
    assert set(wanted) == set(found.candidates)


@given(st.lists(images, max_size=8), partitions, rules)
def test_excluded_and_expired_are_never_wanted(
    some: list[Image], boot: list[Partition] | None, settings: Config
) -> None:
    for candidate in candidates(some, boot, settings, NOW).candidates:
        assert not any(exclude in candidate.url for exclude in settings.policy.excludes)
        assert candidate.expires_at is None or candidate.expires_at + settings.policy.expiration_grace >= NOW


@given(st.lists(images, max_size=8), partitions, rules, st.randoms(use_true_random=False))
def test_the_order_of_the_answers_does_not_matter(
    some: list[Image], boot: list[Partition] | None, settings: Config, random: Any
) -> None:
    expected = candidates(some, boot, settings, NOW)
    shuffled, shuffled_boot = list(some), None if boot is None else list(boot)
    random.shuffle(shuffled)
    if shuffled_boot:
        random.shuffle(shuffled_boot)
    assert candidates(shuffled, shuffled_boot, settings, NOW) == expected


def test_of_an_image_listed_twice_the_entry_that_lasts_longest_counts() -> None:
    url = "http://store.test/a/1.0.1/img.tar.lz4"
    soon, late = (image("a-1.0.1", url, NOW + timedelta(days=days)) for days in (1, 9))
    never = image("a-1.0.1", url, None)
    for listed, expected in (
        ([soon, late], late),
        ([late, soon], late),
        ([late, never], never),
        ([never, late], never),
    ):
        (found,) = candidates(listed, None, config(), NOW).candidates
        assert found.expires_at == expected.expires_at
