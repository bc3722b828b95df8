# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens by itself and takes its time: a state that is reached later, unless the pace is paused."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

DEFAULT_STEP = 0.02
_ROUNDING = 1e-6  # seconds; sums of steps are not exact


class Pace:
    """``step`` is how many seconds one stage takes. Whatever is due happens before the next request is answered.

    ``per_request``: if it is not 0, time does nothing, and so many stages pass with each request.
    """

    def __init__(self, step: float = DEFAULT_STEP, then: Callable[[], None] = lambda: None) -> None:
        """``then`` is done after each thing that happens."""
        self.step = step
        self.then = then
        self.paused = False
        self.per_request = 0.0
        self._requests = 0
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []

    def later(self, action: Callable[[], None], stages: int = 1) -> None:
        """Do something after so many stages."""
        self._waiting.append((self._now() + stages * self.step, next(self._numbers), action))

    def requested(self) -> None:
        """Called when a request has arrived."""
        self._requests += 1
        self.catch_up()

    def catch_up(self) -> None:
        """Do what is due, and what becomes due by that."""
        while not self.paused:
            due = [entry for entry in self._waiting if entry[0] <= self._now() + _ROUNDING]
            if not due:
                return
            self._run(min(due, key=lambda entry: entry[:2]))

    def advance(self, stages: int) -> None:
        """Do the next things at once, so many, also while paused."""
        for _unused in range(stages):
            if self._waiting:
                self._run(min(self._waiting, key=lambda entry: entry[:2]))

    def forget(self) -> None:
        """Nothing is to happen any more."""
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """How many things are still to happen."""
        return len(self._waiting)

    def _now(self) -> float:
        return self._requests * self.per_request * self.step if self.per_request else time.monotonic()

    def _run(self, entry: tuple[float, int, Callable[[], None]]) -> None:
        self._waiting.remove(entry)
        entry[2]()
        self.then()
