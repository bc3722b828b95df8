# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that take their time: the API answers before the work is done, and their state tells when it is.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, TypeVar

from .._errors import UsageError
from .._reconcile import Resource
from .._wait import Waiting

# On the way to another state; the API changes nothing of such a thing.
MOVING = ("Creating", "Updating", "Rollback")
# What is in such a state does not have its name any more.
GONE = ("Deleting", "Deleted", "Failed")


class Thing(Protocol):
    """What all of them have: ``state`` in the API's words, ``path`` in the API."""

    @property
    def state(self) -> str: ...

    @property
    def path(self) -> str: ...


ThingT = TypeVar("ThingT", bound=Thing)


class SettlingResource(Resource[ThingT]):
    """One of them as it should be. What is on its way is waited for, before it is judged."""

    def __init__(self, label: str, waiting: Waiting | None) -> None:
        self.label = label
        self._waiting = waiting
        # Of the thing that this task deletes, until the API does not have it any more.
        self._leaving: str | None = None
        self._wrote = False

    @abstractmethod
    def find(self) -> ThingT | None:
        """Return it by its name, None when there is none."""

    @abstractmethod
    def get(self, path: str) -> ThingT | None:
        """Return the one at a path, None when there is none."""

    def seen(self, thing: ThingT | None) -> str:
        """Return its state, for messages about waiting in vain."""
        return "it is gone" if thing is None else thing.state

    def read(self) -> ThingT | None:
        """Return it, and wait for the end of what is going on with it if there is something to wait with."""
        if self._leaving is not None:
            self._wait_until_gone(self._leaving)
            self._leaving = None
        found = self.find()
        if found is None or found.state not in MOVING or self._waiting is None:
            return found
        path = found.path
        return self._waiting.until(
            lambda: self.get(path),
            lambda thing: thing is None or thing.state not in MOVING,
            what=f"{self.label} to be ready",
            seen=self.seen,
        )

    def _wait_until_gone(self, path: str) -> None:
        """Wait for the end of a deletion; if the API has refused it, the thing is as before, and planned for again."""
        if self._waiting is not None:
            self._waiting.until(
                lambda: self.get(path),
                lambda thing: thing is None or thing.state not in ("Deleting", "Failed"),
                what=f"{self.label} to be deleted",
                seen=self.seen,
                hopeless=lambda thing: "it cannot be deleted" if thing and thing.state == "Failed" else None,
            )

    def at_rest(self) -> bool:
        """Whether there is nothing to wait for."""
        if self._leaving is not None:
            left = self.get(self._leaving)
            return left is None or left.state != "Deleting"
        found = self.find()
        return found is None or found.state not in MOVING

    def on_its_way(self, actual: ThingT) -> bool:
        """Whether this task has written it and does not wait: what was written is not there yet."""
        return self._wrote and actual.state in MOVING

    def check_ready(self, actual: ThingT) -> None:
        """Raise UsageError when it cannot be changed now, and nobody waits until it can."""
        if actual.state in MOVING and self._waiting is None:
            raise UsageError(
                f"wait is false, but {self.label} is in the state {actual.state} and cannot be changed yet."
            )


def living(things: list[ThingT]) -> ThingT | None:
    """Return the first of several with the same name that still has it."""
    return next((thing for thing in things if thing.state not in GONE), None)
