# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody looks who waits, by a clock that only sleeping moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import WaitError, Waiting

from ._server import FakeClock


def wait(answers: Iterable[Any], *, timeout: float = 100, interval: float = 8) -> tuple[Any, list[float]]:
    """Wait for "there" among the answers, the last of which stays; return what was seen, and each pause."""
    clock, left = FakeClock(), list(answers)

    def read() -> str:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    def look() -> str:
        return Waiting(timeout, interval, clock).until(read, lambda seen: seen == "there", what="it", seen=str)

    try:
        return look(), clock.slept
    except WaitError as error:
        return error.message, clock.slept


def test_what_is_there_is_not_waited_for() -> None:
    assert wait(["there"]) == ("there", [])


def test_the_first_looks_come_soon_and_later_ones_as_often_as_asked_for() -> None:
    assert wait([*["away"] * 6, "there"]) == ("there", [1, 2, 4, 8, 8, 8])


def test_after_a_failure_the_api_is_left_alone_for_a_whole_interval() -> None:
    gone = TransportError("connection refused")
    assert wait([gone, "away", gone, gone, "there"]) == ("there", [8, 8, 8, 8])
    with pytest.raises(TransportError, match="connection refused"):
        wait([gone])


def test_nobody_sleeps_past_the_end() -> None:
    assert wait(["away"], timeout=10) == ("Waited 10 s for it, in vain; the last state was: away.", [1, 2, 4, 3])
