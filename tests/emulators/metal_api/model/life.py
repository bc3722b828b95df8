# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to machines by itself: provisioning events, liveliness, reported power.

Nothing runs in the background. A machine remembers which events are planned and when that began; what it is like at
present is computed when somebody looks. Time is counted in steps of a clock that a test can make fast, stop and push
on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ...common.clock import Clock

ALIVE, CRASHED, PXE_BOOTING, PLANNED_REBOOT = "Alive", "Crashed", "PXE Booting", "Planned Reboot"
PREPARING, REGISTERING, WAITING = "Preparing", "Registering", "Waiting"
INSTALLING, BOOTING_NEW_KERNEL, PHONED_HOME = "Installing", "Booting New Kernel", "Phoned Home"
MACHINE_RECLAIM = "Machine Reclaim"
EVENTS = (
    ALIVE, CRASHED, PXE_BOOTING, PLANNED_REBOOT, PREPARING, REGISTERING, WAITING, INSTALLING, BOOTING_NEW_KERNEL,
    PHONED_HOME, MACHINE_RECLAIM,
)  # fmt: skip

BOOT = (PXE_BOOTING, PREPARING, REGISTERING)
INSTALL = (INSTALLING, BOOTING_NEW_KERNEL, PHONED_HOME)

DEFAULT_STEP = 0.02  # seconds between two events of a machine
DEAD_AFTER = 5  # steps without a sign of life, 5 minutes of the real one
REPORT_AFTER = 1  # steps until metal-bmc has reported another power state
KEPT_EVENTS = 100
ROUNDING = 1e-6  # steps; sums of them are not exact

# Liveliness
IS_ALIVE, IS_DEAD, IS_UNKNOWN = "Alive", "Dead", "Unknown"


class LifeClock:
    """Steps since the start, which pass every ``step`` seconds of the emulator's clock, unless paused. Never back.

    ``per_request``: if it is not 0, time does nothing, and so many steps pass with each request.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.step = DEFAULT_STEP
        self.paused = False
        self.per_request = 0.0
        # Where the speed changed: steps and time from then on; the last one counts.
        self._steps = [0.0]
        self._times = [clock.now()]
        self._seen = (self._times[0], 0.0)

    def now(self) -> float:
        """The present in steps."""
        return self._at(self._clock.now())

    def set(
        self,
        *,
        step: float | None = None,
        paused: bool | None = None,
        per_request: float | None = None,
        advance: float = 0,
    ) -> None:
        """Change the speed (seconds for a step, more than zero), stop or go on, and let steps pass at once."""
        now = self._clock.now()
        self._mark(self._at(now) + advance, now)
        self.step = self.step if step is None else step
        self.paused = self.paused if paused is None else paused
        self.per_request = self.per_request if per_request is None else per_request

    def requested(self) -> None:
        """Called when a request has arrived."""
        if self.per_request and not self.paused:
            self.set(advance=self.per_request)

    def time_of(self, steps: float) -> datetime:
        """When that was."""
        index = max(bisect_right(self._steps, steps) - 1, 0)
        begun, moment = self._steps[index], self._times[index]
        if index + 1 == len(self._steps):
            return moment + timedelta(seconds=0 if self._stands else (steps - begun) * self.step)
        # Between two changes of speed: in proportion.
        length, span = self._steps[index + 1] - begun, self._times[index + 1] - moment
        return moment + span * ((steps - begun) / length)

    @property
    def _stands(self) -> bool:
        return self.paused or self.per_request > 0

    def _at(self, now: datetime) -> float:
        if now < self._seen[0]:
            # The emulator's clock was put back; life goes on from where it was.
            self._mark(self._seen[1], now)
        begun, moment = self._steps[-1], self._times[-1]
        steps = begun if self._stands else begun + (now - moment).total_seconds() / self.step
        self._seen = (now, steps)
        return steps

    def _mark(self, steps: float, now: datetime) -> None:
        self._steps.append(steps)
        self._times.append(now)


@dataclass(frozen=True)
class Event:
    """Something that a machine reported."""

    event: str
    time: datetime
    message: str = ""


@dataclass(frozen=True)
class Phase:
    """How far a machine has come: events of its plan that have happened, liveliness, and whether its power is on."""

    passed: int
    liveliness: str
    power: bool


@dataclass(frozen=True)
class Events:
    """The event container: ``log`` has the newest first."""

    log: tuple[Event, ...]
    last_error: Event | None
    crash_loop: bool
    failed_reclaim: bool

    @property
    def newest(self) -> str:
        """The newest event, empty without any."""
        return self.log[0].event if self.log else ""


@dataclass(frozen=True)
class Life:
    """A machine's events so far (``log``, newest first) when its present ``plan`` began, and that plan.

    Each event of the plan happens one step after the one before. ``silent``: after the plan it gives no sign of life.
    ``liveliness`` overrides what follows from that, until something happens. ``container`` is False for a machine that
    was only seen by its BMC: the API has no event container for it.
    """

    container: bool = True
    log: tuple[Event, ...] = ()
    plan: tuple[str, ...] = ()
    start: float = 0.0
    silent: bool = False
    power: bool = True
    power_before: bool = True
    liveliness: str | None = None
    last_error: Event | None = None
    crash_loop: bool = False
    failed_reclaim: bool = False

    def phase(self, now: float, *, allocated: bool) -> Phase:
        """How far it has come at that step."""
        elapsed = now - self.start + ROUNDING
        passed = min(int(elapsed), len(self.plan)) if elapsed > 0 else 0
        power = self.power if elapsed >= REPORT_AFTER else self.power_before
        if not self.container:
            return Phase(passed, "", power)
        if self.liveliness is not None and not passed:
            return Phase(passed, self.liveliness, power)
        quiet = self.silent and elapsed >= len(self.plan) + DEAD_AFTER
        return Phase(passed, (IS_UNKNOWN if allocated else IS_DEAD) if quiet else IS_ALIVE, power)

    def events(self, passed: int, clock: LifeClock) -> Events:
        """The event container when that many events of the plan have happened."""
        log, error, loop, failed = list(self.log), self.last_error, self.crash_loop, self.failed_reclaim
        for number, name in enumerate(self.plan[:passed], 1):
            event = Event(name, clock.time_of(self.start + number))
            log.insert(0, event)
            if name == CRASHED:
                error, loop = event, True
            elif name in (PHONED_HOME, PLANNED_REBOOT, MACHINE_RECLAIM):
                loop = False
        return Events(tuple(log[:KEPT_EVENTS]), error, loop, failed)

    def newest(self, passed: int) -> str:
        """The newest event when that many events of the plan have happened."""
        if passed:
            return self.plan[passed - 1]
        return self.log[0].event if self.log else ""

    def turn(
        self,
        clock: LifeClock,
        *,
        at_once: Sequence[tuple[str, str]] = (),
        plan: Sequence[str] = (),
        power: bool | None = None,
        silent: bool = False,
    ) -> Life:
        """What comes from now on. ``at_once`` are events (with messages) that happen now; they make a container."""
        now = clock.now()
        phase = self.phase(now, allocated=True)
        events = self.events(phase.passed, clock)
        moment = clock.time_of(now)
        happened = tuple(Event(name, moment, message) for name, message in reversed(at_once))
        return replace(
            self,
            container=self.container or bool(happened),
            log=(happened + events.log)[:KEPT_EVENTS],
            plan=tuple(plan),
            start=now,
            silent=silent,
            power=phase.power if power is None else power,
            power_before=phase.power,
            liveliness=None,
            last_error=events.last_error,
            crash_loop=events.crash_loop and not happened,
            failed_reclaim=False,
        )
