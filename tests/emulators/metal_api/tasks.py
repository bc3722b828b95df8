# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of v2: what a call only orders, and what is done after its answer."""

from __future__ import annotations

from collections.abc import Callable


class Tasks:
    """Tasks are done when ``delay`` further requests have arrived; with 0, before the call returns."""

    def __init__(self) -> None:
        self.delay = 0
        self._waiting: list[tuple[int, Callable[[], object]]] = []

    @property
    def waiting(self) -> int:
        """How many are not done yet."""
        return len(self._waiting)

    def order(self, run: Callable[[], object]) -> None:
        """Do it now or later."""
        if self.delay:
            self._waiting.append((self.delay, run))
        else:
            run()

    def requested(self) -> None:
        """Called when a request has arrived."""
        self._waiting = [(left - 1, run) for left, run in self._waiting]
        due = [run for left, run in self._waiting if left <= 0]
        self._waiting = [(left, run) for left, run in self._waiting if left > 0]
        for run in due:
            run()
