# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two operators whose requests come in an order that is given, so that every order can be tried."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.client import Lightbits

# Longer than any of them is ever kept waiting; only a mistake in here takes so long.
PATIENCE = 60


class Turns:
    """Whose turn it is: ``order`` has (operator, how many requests); whoever is left at its end goes on alone.

    ``after`` is called with the operator and the path when a request was answered, before anybody else's turn.
    """

    def __init__(self, order: Sequence[tuple[str, int]], after: Callable[[str, str], None]) -> None:
        self._order = [[who, count] for who, count in order if count]
        self._after = after
        self._changed = threading.Condition()
        self._finished: set[str] = set()
        self._names: dict[int, str] = {}

    def play(self, operators: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """Let all of them run, and return their results."""
        with ThreadPoolExecutor(len(operators)) as pool:
            running = {who: pool.submit(self._run, who, operate) for who, operate in operators.items()}
            return {who: future.result() for who, future in running.items()}

    def _run(self, who: str, operate: Callable[[], Any]) -> Any:
        self._names[threading.get_ident()] = who
        try:
            return operate()
        finally:
            with self._changed:
                self._finished.add(who)
                self._changed.notify_all()

    def _mine(self, who: str) -> bool:
        while self._order and self._order[0][0] in self._finished:
            del self._order[0]
        return not self._order or self._order[0][0] == who

    def request(self, original: Callable[..., dict[str, Any]], client: Lightbits, *given: Any, **more: Any) -> Any:
        """Make a request of the client when its operator's turn has come."""
        who = self._names[threading.get_ident()]
        with self._changed:
            assert self._changed.wait_for(lambda: self._mine(who), PATIENCE), f"{who} waits for ever"
            try:
                return original(client, *given, **more)
            finally:
                self._after(who, given[1])
                if self._order:
                    self._order[0][1] -= 1
                    if not self._order[0][1]:
                        del self._order[0]
                self._changed.notify_all()
