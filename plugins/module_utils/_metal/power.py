# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power and identify LEDs of machines. Private to the collection metalstack.provisioning.

The metal-api hands commands to metal-bmc and stores none of them. Only ``on`` and ``off`` can be compared, with what
metal-bmc reported last. The LED is compared with what was asked for last, which the API stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from .._errors import ApiError, NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step
from .._wait import Waiting
from .bmc import Bmc, bmc_from_v1
from .machine import PLANNED_REBOOT, Machine
from .machine_v1 import from_v1
from .v1 import MetalV1

ON, OFF = "on", "off"
COMMANDS = (ON, OFF, "reset", "cycle", "bios", "pxe", "disk")
# Twice is not the same as once.
_INTERRUPTING = ("reset", "cycle")


@dataclass(frozen=True)
class Powered:
    """A machine with its BMC."""

    machine: Machine
    bmc: Bmc


@dataclass(frozen=True)
class PowerWish:
    """What a user wants; None is what was not given. ``oldest`` is how old a report of the power state may be."""

    id: str
    command: str | None
    led: bool | None
    led_description: str | None
    oldest: timedelta


def read_powered(api: MetalV1, id: str) -> Powered:  # noqa: A002
    """Return the machine of that id. Raises UsageError if there is none."""
    for item in api.find("/v1/machine/ipmi/find", {"id": id}):
        try:
            return Powered(from_v1(item), bmc_from_v1(item))
        except ValueError as error:
            raise ProtocolError(f"The machine {id} of the metal-api cannot be understood: {error}.") from None
    raise UsageError(f"id is {id}, but there is no such machine.")


class PowerResource(Resource[Powered]):
    """The power of one machine: a command that is sent once in a task, and the LED."""

    def __init__(self, api: MetalV1, wish: PowerWish) -> None:
        self._api = api
        self._wish = wish
        self._path = f"/v1/machine/{quote(wish.id, safe='')}/power"
        self._sent = False
        self.label = f"the machine {wish.id}"
        self.first: Powered | None = None

    @property
    def sent(self) -> bool:
        """Whether the command was sent."""
        return self._sent

    def read(self) -> Powered:
        """Return the machine with the last report of its BMC."""
        powered = read_powered(self._api, self._wish.id)
        self.first = self.first or powered
        return powered

    def show(self, actual: Powered) -> dict[str, Any]:
        """Return it in the collection's words."""
        updated = actual.bmc.as_dict()["last_updated"]
        return {**_before(actual), "power_state_reported": updated}

    def plan(self, actual: Powered | None) -> Plan:
        """Send what has to be sent."""
        if actual is None:
            raise UsageError(f"{self.label} does not exist.")
        wish = self._wish
        before = _before(actual)
        after = dict(before)
        steps = []
        if wish.led is not None and not self._lit(actual.machine):
            word = ON if wish.led else OFF
            after.update(identify_led=wish.led, identify_led_description=wish.led_description or "")
            sentence = f"switch the identify LED of {self.label} {word}"
            # v1 answers 404 as well after it has done it for a machine without an event container
            steps.append(Step(sentence, lambda: self._send_led(word), missing_ok=True))
        if wish.command is not None:
            command = wish.command
            if command in (ON, OFF):
                after["power_state"] = command.upper()
            else:
                before["command"], after["command"] = None, command
            if not self._sent and not self._powered(actual.bmc):
                steps.append(Step(f"send the power command {command} to {self.label}", lambda: self._send(command)))
        return Plan(before, after, tuple(steps))

    def _lit(self, machine: Machine) -> bool:
        wish = self._wish
        return machine.led == wish.led and wish.led_description in (None, machine.led_description)

    def _powered(self, bmc: Bmc) -> bool:
        """Whether the power is reported to be as the command would make it, recently enough to be believed."""
        if self._wish.command not in (ON, OFF) or bmc.last_updated is None:
            return False
        fresh = datetime.now(timezone.utc) - bmc.last_updated <= self._wish.oldest
        return fresh and bmc.power_state == self._wish.command.upper()

    def _send_led(self, word: str) -> None:
        description = self._wish.led_description
        self._api.post(
            f"{self._path}/chassis-identify-led-{word}",
            query={"description": description} if description else None,
            idempotent=True,
        )

    def _send(self, command: str) -> None:
        try:
            self._api.post(f"{self._path}/{command}", idempotent=command not in _INTERRUPTING)
        except NotFoundError:
            # As for the LED: the command was published if the machine exists.
            read_powered(self._api, self._wish.id)
        except ApiError as error:
            if command not in _INTERRUPTING or not error.unclear:
                raise
            self._check_sent(command, error)
        self._sent = True

    def _check_sent(self, command: str, error: ApiError) -> None:
        """Raise an error unless the event that comes before the command is there."""
        now = read_powered(self._api, self._wish.id).machine
        known = {(event.event, event.time) for event in self.first.machine.events} if self.first else set()
        if any(event.event == PLANNED_REBOOT and (event.event, event.time) not in known for event in now.events):
            return
        raise ApiError(
            f"{error.message} It is not known whether the command {command} was carried out, so it is not repeated.",
            status=error.status,
            code=error.code,
            request=error.request,
        )


def wait_for_power(api: MetalV1, before: Powered, command: str, waiting: Waiting) -> Powered:
    """Return the machine when its BMC reports that it is ``on`` or ``off``. Raises :class:`~.._errors.ApiError`."""
    wanted = command.upper()

    def done(current: Powered) -> bool:
        # What was reported before the command proves nothing.
        newer = current.bmc.last_updated != before.bmc.last_updated
        return current.bmc.power_state == wanted and (newer or before.bmc.power_state != wanted)

    return waiting.until(
        lambda: read_powered(api, before.machine.id),
        done,
        what=f"the power of the machine {before.machine.id} to be {command}",
        seen=lambda current: current.bmc.power_state or "no report of a BMC",
    )


def _before(actual: Powered) -> dict[str, Any]:
    return {
        "id": actual.machine.id,
        "power_state": actual.bmc.power_state,
        "identify_led": actual.machine.led,
        "identify_led_description": actual.machine.led_description,
    }
