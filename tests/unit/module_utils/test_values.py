# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and numbers as APIs write them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._values import (
    integer,
    mapping,
    mappings,
    text,
    texts,
    timestamp,
    write_timestamp,
)


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", utc(2026, 1, 31, 12)),
        ("2026-01-31t12:00:00z", utc(2026, 1, 31, 12)),
        ("2026-01-31T12:00:00.5Z", utc(2026, 1, 31, 12, 0, 0, 500_000)),
        ("2026-01-31T12:00:00.123456789Z", utc(2026, 1, 31, 12, 0, 0, 123_456)),
        ("2026-01-31T12:00:00.000000001+01:30", utc(2026, 1, 31, 10, 30)),
        ("2026-01-31T12:00:00-08:00", utc(2026, 1, 31, 20)),
        ("2026-12-31T23:59:60Z", utc(2027, 1, 1)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_timestamps(text, time):
    assert timestamp(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2026-01-31T12:00:00Zx",
        "2026-01-31T12:00:00.Z",
        "\u0662026-01-31T12:00:00Z",
        5,
        True,
    ],
)
def test_no_timestamps(text):
    with pytest.raises(ValueError, match=r"is not a (possible )?time"):
        timestamp(text)


@settings(deadline=None)
@given(
    st.datetimes(
        min_value=datetime(2, 1, 2),  # noqa: DTZ001
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=st.just(timezone(timedelta(hours=-5))),
    )
)
def test_written_times_are_read_again(time):
    text = write_timestamp(time)
    assert text.endswith("Z")
    assert timestamp(text) == time


@pytest.mark.parametrize(("value", "number"), [("9223372036854775807", 2**63 - 1), (5, 5), ("-1", -1), (None, 0)])
def test_integers(value, number):
    assert integer(value) == number


@pytest.mark.parametrize("value", [True, 1.5, "x", [], ""])
def test_no_integers(value):
    with pytest.raises(ValueError, match=r"whole number|invalid literal"):
        integer(value)


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (text, "word", "word"),
        (text, "", ""),
        (text, None, ""),
        (texts, ["a", "b"], ["a", "b"]),
        (texts, None, []),
        (mapping, {"a": 1}, {"a": 1}),
        (mapping, MappingProxyType({"a": 1}), {"a": 1}),
        (mapping, None, {}),
        (mappings, [{"a": 1}, OrderedDict(b=2), MappingProxyType({"c": 3})], [{"a": 1}, {"b": 2}, {"c": 3}]),
        (mappings, None, []),
    ],
)
def test_values_of_objects(read, value, found):
    assert read({"key": value}, "key") == found


@pytest.mark.parametrize(
    ("read", "value", "wrong"),
    [
        *((text, value, "its key is not text") for value in (5, 0, True, False, [], {})),
        *((texts, value, "its key are not a list of text") for value in ("a", {"a": 1}, 5, ["a", 5], ["a", None])),
        *((mapping, value, "its key is not an object") for value in ("a", ["a"], 5, True)),
        *((mappings, value, "its key are not a list of objects") for value in ("a", {"a": 1}, [{}, "a"], [None], 5)),
    ],
)
def test_values_of_another_kind(read, value, wrong):
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        read({"key": value}, "key")


def test_what_the_api_left_out():
    assert (text({}, "key"), texts({}, "key"), mapping({}, "key"), mappings({}, "key")) == ("", [], {}, [])
