# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is to what should be: plans, and how they are carried out exactly once.

Check mode returns the plan that a run would carry out, so they cannot disagree. A run reads again after it has written,
and is done only when there is nothing left to plan: a lost answer, a lost update and a value that the API silently
ignores all show there. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, TypeVar

from ._errors import ApiError, ConflictError, NotFoundError, UsageError

# Reading, writing and reading again, this often before it is given up.
ROUNDS = 5
_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
# How long to look, at most every half second, whether the API has done what it does after its answer: a minute.
_GLANCE = 0.5
_GLANCES = 120

Document = Mapping[str, Any]
ActualT = TypeVar("ActualT")


@dataclass(frozen=True)
class Step:
    """One write. ``sentence`` says what it does, like ``allocate an IP in the network storage``.

    ``creates``: doing it twice would make two things, because the API gives no name to tell them apart.
    ``missing_ok``: NotFoundError is no failure, because what it removes may be gone already, or because the API says so
    after it has done the work as well; reading again tells.
    ``queued``: the API answers before it has done it, so it is not called again while reading shows no effect yet.
    """

    sentence: str
    run: Callable[[], object]
    creates: bool = False
    missing_ok: bool = False
    queued: bool = False


@dataclass(frozen=True)
class Plan:
    """How a thing gets from ``before`` to ``after`` (None: it does not exist); no steps: it is as it should be.

    Both have the same keys as far as they are known beforehand. ``warnings`` are sentences for the user.
    """

    before: Document | None
    after: Document | None
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()


class Resource(ABC, Generic[ActualT]):
    """A thing that should be in a certain way. ``label`` names it in messages, like ``the IP 10.0.0.1``."""

    label: str

    @abstractmethod
    def read(self) -> ActualT | None:
        """Return how it is now, None when it does not exist. Raises :class:`~._errors.ApiError`."""

    @abstractmethod
    def plan(self, actual: ActualT | None) -> Plan:
        """Return what has to be done. Asks nothing and changes nothing. Raises UsageError."""

    @abstractmethod
    def show(self, actual: ActualT) -> dict[str, Any]:
        """Return what users get to see of it, without secrets."""


@dataclass
class Outcome:
    """What became of a resource. ``thing``: as it is after a run, as predicted in check mode, None when it is absent.

    ``steps`` are sentences of what was done, or would be. ``error`` is why it is not as it should be.
    """

    changed: bool = False
    before: Document | None = None
    after: Document | None = None
    thing: dict[str, Any] | None = None
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: ApiError | UsageError | None = None


class UnstableError(ApiError):
    """It was written several times and still is not as it should be."""


def changes(before: Document, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of ``wanted`` differs from ``before``. None is what the user did not give, and is not compared."""
    return {key: value for key, value in wanted.items() if value is not None and before.get(key) != value}


def reconcile(resource: Resource[Any], *, check_mode: bool) -> Outcome:
    """Bring one resource to where it should be. Raises :class:`~._errors.ApiError`, and UsageError of its plan."""
    outcome = reconcile_all([resource], check_mode=check_mode)[0]
    if outcome.error is not None:
        raise outcome.error
    return outcome


def reconcile_all(
    resources: Sequence[Resource[Any]],
    *,
    check_mode: bool,
    refresh: Callable[[], object] | None = None,
    workers: int = 1,
    sleep: Callable[[float], object] = time.sleep,
) -> list[Outcome]:
    """Bring resources to where they should be, up to ``workers`` at the same time; outcomes are in their order.

    ``refresh`` reads everything anew before the resources are read. All plans are made before anything is written.
    Raises :class:`~._errors.ApiError` when the first reading fails, and UsageError of a plan.
    """
    runs = [_Run(resource) for resource in resources]
    for number in range(ROUNDS):
        waiting = [run for run in runs if not run.done]
        _read(waiting, refresh, first=number == 0)
        _let_finish(waiting, refresh, sleep)
        todo = [run for run in waiting if not run.settle(check_mode)]
        if not todo:
            break
        if workers > 1 and len(todo) > 1:
            with ThreadPoolExecutor(min(workers, len(todo))) as pool:
                list(pool.map(_Run.write, todo))
        else:
            for run in todo:
                run.write()
        if any(run.problem for run in todo):
            longest = min(_PAUSE * 2**number, _LONGEST_PAUSE)
            sleep(random.uniform(longest / 2, longest))
    else:
        waiting = [run for run in runs if not run.done]
        _read(waiting, refresh, first=False)
        _let_finish(waiting, refresh, sleep)
        for run in runs:
            run.settle(check_mode)
            run.give_up()
    return [run.outcome for run in runs]


def _read(runs: Sequence[_Run], refresh: Callable[[], object] | None, *, first: bool) -> None:
    """Read and plan. After the first time, a failure belongs to what was written, and is told with it."""
    if not runs:
        return
    try:
        if refresh is not None:
            refresh()
    except ApiError as error:
        if first:
            raise
        for run in runs:
            run.fail(error)
        return
    wrong: list[UsageError] = []
    for run in runs:
        try:
            run.read()
        except UsageError as error:
            wrong.append(error)
            run.fail(error)
        except ApiError as error:
            if first:
                raise
            run.fail(error)
    if first and wrong:
        raise UsageError(" ".join(map(str, wrong)))


def _let_finish(runs: Sequence[_Run], refresh: Callable[[], object] | None, sleep: Callable[[float], object]) -> None:
    """Read again until the API has done what it has queued; what takes too long has failed."""
    for number in range(_GLANCES):
        runs = [run for run in runs if run.unfinished]
        if not runs:
            return
        sleep(min(_PAUSE * 2**number, _GLANCE))
        _read(runs, refresh, first=False)
    for run in runs:
        if run.unfinished:
            run.fail(
                UnstableError(
                    f"The API has accepted to {run.queued}, but has not done it within a minute: it may still do it, "
                    "or its task has failed."
                )
            )


class _Run:
    """One resource on its way."""

    def __init__(self, resource: Resource[Any]) -> None:
        self.resource = resource
        self.outcome = Outcome()
        self.problem: ApiError | None = None
        self.done = False
        # What the API was told to do and does after its answer.
        self.queued = ""
        self._actual: Any = None
        self._plan = Plan(None, None)
        self._first: Plan | None = None
        self._wrote = False
        self._stuck = False
        self._made = False

    def read(self) -> None:
        """Read and plan."""
        self._actual = self.resource.read()
        self._plan = self.resource.plan(self._actual)
        self._first = self._first or self._plan

    @property
    def unfinished(self) -> bool:
        """Whether the API has still to do what it has queued."""
        return bool(not self.done and self.queued and self._plan.steps)

    def settle(self, check_mode: bool) -> bool:
        """Whether there is nothing more to do; if so, the outcome is complete."""
        if self.done:
            return True
        plan, outcome = self._plan, self.outcome
        if not plan.steps or check_mode:
            first = self._first or plan
            changed = bool(plan.steps) if check_mode else self._wrote
            outcome.changed = changed
            outcome.before = first.before if changed else plan.before
            outcome.after = plan.after
            outcome.warnings = list(dict.fromkeys([*first.warnings, *plan.warnings]))
            if check_mode:
                outcome.steps = [step.sentence for step in plan.steps]
            self._show(check_mode)
            self.done = True
        elif self._stuck and self.problem:
            self.fail(self.problem)
        elif self._made and any(step.creates for step in plan.steps):
            self.fail(UnstableError(f"{_capital(self.resource.label)} was made, but the API does not show it now."))
        return self.done

    def _show(self, check_mode: bool) -> None:
        if check_mode and self._plan.steps:
            after = self._plan.after
            self.outcome.thing = None if after is None else dict(after)
        else:
            self.outcome.thing = None if self._actual is None else self.resource.show(self._actual)

    def write(self) -> None:
        """Carry the plan out, as far as it gets."""
        self.problem = None
        for step in self._plan.steps:
            try:
                step.run()
            except ConflictError as error:
                # Somebody else was faster, or the first of two attempts: read again, and plan again.
                self.problem = error
                self._wrote = self._wrote or error.unclear
                return
            except ApiError as error:
                if not (step.missing_ok and isinstance(error, NotFoundError)):
                    self._write_failed(step, error)
                    return
            self._wrote = True
            self._made = self._made or step.creates
            self.queued = step.sentence if step.queued else ""
            self.outcome.steps.append(step.sentence)

    def _write_failed(self, step: Step, error: ApiError) -> None:
        self.problem = error
        if error.unclear:
            self._wrote = True
            # It may come true after we have looked, and then a repetition would make a second one.
            self._stuck = step.creates and error.pending
        else:
            self.fail(error)

    def fail(self, error: ApiError | UsageError) -> None:
        """End with an error."""
        self.outcome.error = error
        self.outcome.changed = bool(self.outcome.steps)
        self.done = True

    def give_up(self) -> None:
        """End a resource that could not be brought to rest."""
        if self.done:
            return
        left = "; ".join(step.sentence for step in self._plan.steps)
        self.fail(
            self.problem
            or UnstableError(
                f"{_capital(self.resource.label)} was written {ROUNDS} times and still is not as it should be: "
                f"somebody else changes it as well, or the API ignores it. What is left: {left}."
            )
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
