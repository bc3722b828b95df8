# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes with units."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._units import (
    SizeError,
    format_size,
    parse_size,
    shown,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (1234, 1234),
        ("1234", 1234),
        ("1234B", 1234),
        ("1K", 1000),
        ("1k", 1000),
        ("1KiB", 1024),
        ("1kB", 1000),
        ("512M", 512 * 1000**2),
        ("512MB", 512 * 1000**2),
        ("100G", 100 * 1000**3),
        ("100GiB", 100 * 1024**3),
        ("100 GiB", 100 * 1024**3),
        ("100GB", 100 * 1000**3),
        (" 2T ", 2 * 1000**4),
        ("2TB", 2 * 1000**4),
        ("1P", 1000**5),
        ("1.5G", 1500 * 1000**2),
        ("0.3K", 300),
        ("0.3KiB", 307),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_sizes(value: object, expected: int) -> None:
    assert parse_size(value, "size") == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        -1,
        "-1G",
        "",
        "G",
        "1 0G",
        "1e3",
        "10X",
        "10GBit",
        "ten",
        "1.G",
        ".5G",
        "١G",
        "1\nG",
        [],
        {},
        2**63,
        "9" * 30,
        "1" * 50,
        "9999999P",
    ],
)
def test_wrong_sizes_name_option_value_and_remedy(value: object) -> None:
    with pytest.raises(SizeError) as caught:
        parse_size(value, "policy.max_cache_size")
    text = str(caught.value)
    assert text.startswith("policy.max_cache_size is ")
    assert shown(value) in text
    assert '"100G"' in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (100 * 1024**3, "100.0 GiB"),
        (5 * 1024**5, "5.0 PiB"),
        (5 * 1024**6, "5120.0 PiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_sizes_for_people(size: int, expected: str) -> None:
    assert format_size(size) == expected


@given(st.integers(0, 2**62))
def test_what_is_printed_is_about_the_size(size: int) -> None:
    assert parse_size(format_size(size), "size") == pytest.approx(size, rel=0.06)


@given(st.text(max_size=60))
def test_any_text_is_a_size_or_a_sentence(text: str) -> None:
    try:
        assert 0 <= parse_size(text, "size") < 2**63
    except SizeError as error:
        assert re.fullmatch(r"size is [\x20-\x7e]+\.", str(error))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (1.5, "1.5"),
        ("a\nb\x1b", r'"a\nb\x1b"'),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        pytest.param(10**5000, "a number beyond all measure", id="huge"),
        ("x" * 100, '"' + "x" * 49 + "..."),
    ],
)
def test_quoting_of_wrong_values(value: object, expected: str) -> None:
    assert shown(value) == expected
