# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times with units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._durations import (
    DurationError,
    format_duration,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("1h30m", 5400), ("90m", 5400), ("0s", 0), ("3600", 3600), (3600, 3600), (" 2H ", 7200)],
)
def test_what_users_write(text: object, seconds: int) -> None:
    assert parse_duration(text, "validity") == seconds


@pytest.mark.parametrize("text", ["", "1w", "h", "-1s", "1.5h", "1h 30m", -1, True, None, "1" * 10, "٣s"])
def test_what_cannot_be_understood_is_told_with_the_option(text: object) -> None:
    with pytest.raises(DurationError, match=r"^validity is .* such as 30d or 1h30m\.$"):
        parse_duration(text, "validity")


@given(st.integers(min_value=0, max_value=10**9))
def test_what_is_written_is_read_again(seconds: int) -> None:
    assert parse_duration(format_duration(seconds), "validity") == seconds
