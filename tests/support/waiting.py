# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for what comes by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

FoundT = TypeVar("FoundT")

# Seconds. No test is about how long something takes, and machines may be very busy.
DEADLINE = 300.0
_INTERVAL = 0.02


def until(read: Callable[[], FoundT], good: Callable[[FoundT], object] = bool, what: str = "it") -> FoundT:
    """Return the first thing that is read and is good; AssertionError, with what was read last, when none comes."""
    end = time.monotonic() + DEADLINE
    while not good(found := read()):
        assert time.monotonic() < end, f"waited in vain for {what}; the last was {found!r}"
        time.sleep(_INTERVAL)
    return found
