# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans, and how they are carried out exactly once, with a thing that fails on demand."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import (
    ApiError,
    ConflictError,
    NotFoundError,
    ServerError,
    TransportError,
    UsageError,
    ValidationError,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._reconcile import (
    ROUNDS,
    Plan,
    Resource,
    Step,
    UnstableError,
    changes,
    reconcile,
    reconcile_all,
)

LOST = TransportError("The answer was lost.", unclear=True)
LATE = TransportError("No answer came in time.", unclear=True, pending=True)


class World:
    """What an API stores, and what it does to the next writes: a function is called before, or after, the write."""

    def __init__(self, *faults: tuple[str, Callable[[], None]], ignores: bool = False) -> None:
        self.things: list[str] = []
        self.faults = list(faults)
        self.ignores = ignores
        self.reads = 0
        self.fail_reads: list[ApiError] = []

    def read(self) -> list[str]:
        self.reads += 1
        if self.fail_reads:
            raise self.fail_reads.pop(0)
        return list(self.things)

    def write(self, action: Callable[[], None]) -> None:
        when, fault = self.faults.pop(0) if self.faults else ("", lambda: None)
        if when == "before":
            fault()
        if not self.ignores:
            action()
        if when == "after":
            fault()


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


class Thing(Resource[list[str]]):
    """There should be one thing called ``name``; the world would make a second one without complaint."""

    def __init__(
        self,
        world: World,
        name: str = "x",
        *,
        creates: bool = True,
        missing_ok: bool = False,
        queued: bool = False,
    ) -> None:
        self.world = world
        self.queued = queued
        self.creates = creates
        self.missing_ok = missing_ok
        self.name = name
        self.label = f"the thing {name}"

    def read(self) -> list[str] | None:
        return [name for name in self.world.read() if name == self.name] or None

    def plan(self, actual: list[str] | None) -> Plan:
        if self.name == "wrong":
            raise UsageError("name is wrong.")
        if actual:
            return Plan({"name": self.name}, {"name": self.name})
        make = Step(
            f"make {self.name}",
            lambda: self.world.write(lambda: self.world.things.append(self.name)),
            creates=self.creates,
            missing_ok=self.missing_ok,
            queued=self.queued,
        )
        return Plan(None, {"name": self.name}, (make,), warnings=("a warning",))

    def show(self, actual: list[str]) -> dict[str, Any]:
        return {"name": actual[0], "count": len(actual)}


def no_sleep(_seconds: float) -> None:
    return None


def test_check_mode_and_run_have_the_same_plan() -> None:
    world = World()
    predicted = reconcile(Thing(world), check_mode=True)
    assert world.things == []
    done = reconcile(Thing(world), check_mode=False)
    assert world.things == ["x"]
    assert (predicted.changed, predicted.before, predicted.after, predicted.steps, predicted.warnings) == (
        done.changed,
        done.before,
        done.after,
        done.steps,
        done.warnings,
    )
    assert predicted.thing == {"name": "x"}
    assert done.thing == {"name": "x", "count": 1}
    again = reconcile(Thing(world), check_mode=False)
    assert not again.changed
    assert again.before == again.after == {"name": "x"}
    assert again.steps == []


@pytest.mark.parametrize(
    ("faults", "changed"),
    [
        ([("after", failing(LOST))], True),
        ([("before", failing(LOST))], True),
        ([("after", failing(ServerError("Broken.")))], True),
        ([("before", failing(ServerError("Broken.")))] * (ROUNDS - 1), True),
        ([("after", failing(LATE))], True),
        ([("before", failing(ConflictError("Exists.")))], True),
    ],
)
def test_one_thing_is_made_whatever_is_lost(faults: list[Any], changed: bool) -> None:
    world = World(*faults)
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert world.things == ["x"]
    assert outcome.error is None
    assert outcome.changed is changed


def test_creation_that_may_still_come_is_not_repeated() -> None:
    world = World(("before", failing(LATE)))
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert outcome.error is LATE
    assert world.things == []


def test_conflict_with_somebody_who_did_the_same_is_no_change() -> None:
    world = World()

    def other() -> None:
        world.things.append("x")
        raise ConflictError("Exists.")

    world.faults = [("before", other)]
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert world.things == ["x"]
    assert not outcome.changed
    assert outcome.before == outcome.after


def test_conflict_that_may_be_the_echo_of_a_success_is_a_change() -> None:
    world = World(("after", failing(ConflictError("Exists. (2 attempts)", unclear=True))))
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert world.things == ["x"]
    assert outcome.changed


@pytest.mark.parametrize("missing_ok", [True, False])
def test_not_found_is_success_only_where_a_step_says_so(missing_ok: bool) -> None:
    world = World(("after", failing(NotFoundError("Gone."))))
    outcome = reconcile_all([Thing(world, missing_ok=missing_ok)], check_mode=False, sleep=no_sleep)[0]
    assert (outcome.error is None) is missing_ok
    assert outcome.changed is missing_ok
    assert world.things == ["x"]


def test_refusal_is_not_repeated() -> None:
    world = World(("before", failing(ValidationError("No."))))
    with pytest.raises(ValidationError, match=r"^No\.$"):
        reconcile(Thing(world), check_mode=False)
    assert world.things == []
    assert world.reads == 1


def test_write_without_effect_is_told() -> None:
    world = World(ignores=True)
    outcome = reconcile_all([Thing(world, creates=False)], check_mode=False, sleep=no_sleep)[0]
    assert isinstance(outcome.error, UnstableError)
    assert str(outcome.error).startswith(f"The thing x was written {ROUNDS} times and still is not as it should be")
    assert "make x" in str(outcome.error)


def test_what_was_made_is_not_made_again_when_the_api_does_not_show_it() -> None:
    world = World()
    world.faults = [("after", lambda: setattr(world, "read", list))]
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert world.things == ["x"]
    assert str(outcome.error) == "The thing x was made, but the API does not show it now."


def test_what_the_api_does_later_is_ordered_once_and_waited_for() -> None:
    world = World()
    slept: list[float] = []
    orders: list[Callable[[], None]] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 7:
            orders[0]()

    world.write = orders.append  # type: ignore[method-assign]
    outcome = reconcile_all([Thing(world, creates=False, queued=True)], check_mode=False, sleep=sleep)[0]
    assert (len(orders), world.things) == (1, ["x"])
    assert (outcome.changed, outcome.error, outcome.steps) == (True, None, ["make x"])
    assert slept[0] < slept[-1] <= 0.5


def test_what_the_api_never_does_is_ordered_once_and_told_after_a_minute() -> None:
    world = World(ignores=True)
    slept: list[float] = []
    outcome = reconcile_all([Thing(world, creates=False, queued=True)], check_mode=False, sleep=slept.append)[0]
    assert outcome.steps == ["make x"]
    assert 55 < sum(slept) < 65
    assert str(outcome.error) == (
        "The API has accepted to make x, but has not done it within a minute: it may still do it, "
        "or its task has failed."
    )


def test_last_error_is_told_when_it_does_not_stop() -> None:
    world = World(*[("before", failing(ServerError("Broken.")))] * ROUNDS)
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert str(outcome.error) == "Broken."
    assert world.things == []


def test_first_reading_raises_and_later_ones_are_told_with_the_change() -> None:
    world = World()
    world.fail_reads = [ServerError("Away.")]
    with pytest.raises(ServerError, match="Away"):
        reconcile(Thing(world), check_mode=False)
    world = World(("after", lambda: world.fail_reads.append(ServerError("Away."))))
    outcome = reconcile_all([Thing(world)], check_mode=False, sleep=no_sleep)[0]
    assert str(outcome.error) == "Away."
    assert outcome.changed


@pytest.mark.parametrize("workers", [1, 3])
def test_one_that_fails_does_not_keep_the_others(workers: int) -> None:
    world = World(("before", failing(ValidationError("No."))))
    resources = [Thing(world, name) for name in "abcd"]
    outcomes = reconcile_all(resources, check_mode=False, workers=workers, sleep=no_sleep)
    assert len(world.things) == 3
    assert sum(outcome.error is not None for outcome in outcomes) == 1
    assert [outcome.thing is None for outcome in outcomes] == [outcome.error is not None for outcome in outcomes]


def test_all_wrong_wishes_are_told_before_anything_is_done() -> None:
    world = World()
    with pytest.raises(UsageError, match=r"^name is wrong\. name is wrong\.$"):
        reconcile_all([Thing(world, "wrong"), Thing(world), Thing(world, "wrong")], check_mode=False)
    assert world.things == []


def test_everything_is_read_by_one_refresh_a_round() -> None:
    world = World()
    refreshed: list[int] = []
    outcomes = reconcile_all(
        [Thing(world, name) for name in "abc"], check_mode=False, refresh=lambda: refreshed.append(1), workers=2
    )
    assert all(outcome.changed for outcome in outcomes)
    assert len(refreshed) == 2


def test_only_what_was_given_is_compared() -> None:
    assert changes({"a": 1, "b": 2}, {"a": None, "b": 3, "c": 4}) == {"b": 3, "c": 4}
    assert changes({"a": 1}, {"a": 1}) == {}
