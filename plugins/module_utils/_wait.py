# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a state that comes by itself. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from ._argspec import ArgumentSpec
from ._errors import ApiError, RateLimitError, ServerError, TransportError, UsageError

if TYPE_CHECKING:
    from ._task import Task

ValueT = TypeVar("ValueT")

# How many readings in a row may fail before it is given up: an API that restarts is away for a while.
_FAILURES = 5
# What is waited for is often there at once: the first pause is this part of the interval, and each one twice the last.
_FIRST_PAUSE = 1 / 8


class WaitError(ApiError):
    """The state did not come in time, or never will; the sentence says what was seen last."""


@dataclass(frozen=True)
class Waiting:
    """How long to wait and how often to look, in seconds; ``interval`` is the longest pause between two looks.

    ``waited``: how long somebody else has waited before.
    """

    timeout: float
    interval: float
    clock: Any = time
    waited: float = 0

    def until(
        self,
        read: Callable[[], ValueT],
        done: Callable[[ValueT], bool],
        *,
        what: str,
        seen: Callable[[ValueT], str],
        hopeless: Callable[[ValueT], str | None] = lambda _value: None,
    ) -> ValueT:
        """Return the first value that is ``done``.

        ``what`` is waited for, like ``the machine m1 to phone home``; ``seen`` says what a value is, ``hopeless`` why
        it will never be done. Raises :class:`WaitError`, and what ``read`` raises: failures of the transport and of the
        server only when they do not stop.
        """
        end = self.clock.monotonic() + self.timeout
        pause = self.interval * _FIRST_PAUSE
        failures = 0
        last = "nothing was seen"
        while True:
            try:
                value = read()
            except (TransportError, ServerError, RateLimitError) as error:
                failures += 1
                # an API that restarts is not helped by hurry
                pause = self.interval
                if failures >= _FAILURES:
                    raise
                last = error.message.rstrip(".")
            else:
                failures = 0
                if done(value):
                    return value
                last = f"the last state was: {seen(value)}"
                reason = hopeless(value)
                if reason:
                    raise WaitError(f"Waiting for {what} is given up: {reason}; {last}.")
            left = end - self.clock.monotonic()
            if left <= 0:
                raise WaitError(f"Waited {self.timeout + self.waited:g} s for {what}, in vain; {last}.")
            self.clock.sleep(min(pause, left))
            pause = min(2 * pause, self.interval)


def wait_spec(timeout: int, interval: float = 2.0) -> ArgumentSpec:
    """Return the options ``wait``, ``wait_timeout`` and ``wait_interval`` of a module, with its defaults."""
    return ArgumentSpec(
        {
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": timeout},
            "wait_interval": {"type": "float", "default": interval},
        }
    )


def waiting(task: Task) -> Waiting | None:
    """Return how the options of :func:`wait_spec` want to wait; None for not at all, as in check mode.

    Raises UsageError.
    """
    params = task.params
    if params["wait_interval"] <= 0:
        raise UsageError(f"wait_interval is {params['wait_interval']:g}; it must be more than 0 seconds.")
    if params["wait_timeout"] < 0:
        raise UsageError(f"wait_timeout is {params['wait_timeout']}; it must be 0 seconds or more.")
    if task.check_mode or not params["wait"]:
        return None
    return Waiting(params["wait_timeout"], params["wait_interval"])
