# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free, reinstall, power and state of machines, and what comes of it in their lives.

Each writes the machine's row; ChangedError when somebody else wrote it first (``race``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..model import ip as ips
from ..model import machine as model
from ..model.life import (
    BOOT,
    CRASHED,
    INSTALL,
    MACHINE_RECLAIM,
    PHONED_HOME,
    PLANNED_REBOOT,
    WAITING,
)
from ..model.machine import Machine
from ..model.table import NotFoundError
from ..state import State

ON, OFF, RESET, CYCLE, BIOS, DISK, PXE = "on", "off", "reset", "cycle", "bios", "disk", "pxe"
IDENTIFY_ON, IDENTIFY_OFF = "chassis-identify-led-on", "chassis-identify-led-off"
COMMANDS = (ON, OFF, RESET, CYCLE, BIOS, DISK, PXE, IDENTIFY_ON, IDENTIFY_OFF)


class RuleError(ValueError):
    """A business rule says no: 422 of v1, failed_precondition or invalid_argument of v2."""


class LockedError(RuleError):
    """The machine is locked."""


class ReinstallError(ValueError):
    """The machine is in no condition to be installed again: 400."""


def plan(machine: Machine, events: Sequence[str]) -> tuple[str, ...]:
    """What will happen to it; a machine that crashes gets no further than one event."""
    return (*events[:1], CRASHED) if machine.crash and events else tuple(events)


def free(state: State, machine: Machine, *, race: bool = False) -> Machine:
    """Take the allocation away; the machine boots anew and will wait. Its life goes on from ``reclaim``."""
    if machine.state == model.LOCKED:
        raise LockedError("machine is locked")
    unled = replace(machine, led=model.LED_OFF, led_description="") if machine.led == model.LED_ON else machine
    freed = replace(unled.settled(state.life), allocation=None, tags=())
    stored = state.machines.replace(machine, freed, race=race)
    release(state, machine)
    return stored


def reclaim(state: State, machine: Machine, message: str) -> None:
    """The events after a machine was freed. They are no change of its row."""
    events = plan(machine, (PLANNED_REBOOT, *BOOT, WAITING))
    life = machine.life.turn(state.life, at_once=[(MACHINE_RECLAIM, message)], plan=events, power=True)
    state.machines.touch(replace(machine, life=life))


def release(state: State, machine: Machine) -> None:
    """Take the machine from its addresses; ephemeral ones that no machine has any more are freed."""
    if machine.allocation is None:
        return
    tag = ips.machine_tag(machine.id)
    for address in [ip for ip in state.ips.of_project(machine.allocation.project) if tag in ip.tags]:
        rest = tuple(other for other in address.tags if other != tag)
        changed = state.ips.replace(address, replace(address, tags=rest))
        if address.type == ips.EPHEMERAL and not changed.machines():
            state.ips.delete(address.id)


def reinstall(state: State, machine: Machine, image: str, *, race: bool = False) -> Machine:
    """Install the allocated machine anew with exactly that image; ValueError when it cannot be done at all."""
    allocation = machine.allocation
    if allocation is None or machine.state == model.LOCKED:
        raise ReinstallError("machine either locked, not allocated yet or invalid image ID specified")
    layout = state.filesystem_layouts.find(allocation.filesystem_layout)
    if layout is None or not layout.reinstallable:
        raise RuleError(f"filesystemlayout:{allocation.filesystem_layout} is not reinstallable, abort reinstallation")
    if not image:
        raise ReinstallError("machine either locked, not allocated yet or invalid image ID specified")
    if state.images.find(image) is None:
        problem = f'no image with id "{image}" found'
        raise NotFoundError(f'error finding image "{image}" for machine "{machine.id}": {problem}')
    settled = machine.settled(state.life)
    assert settled.allocation is not None
    events = plan(machine, (PLANNED_REBOOT, *BOOT, *INSTALL))
    return state.machines.replace(
        machine,
        replace(
            settled,
            allocation=replace(settled.allocation, image=image, reinstall=True),
            life=machine.life.turn(state.life, plan=events, power=True),
        ),
        race=race,
    )


def command(state: State, machine: Machine, name: str, description: str = "", *, race: bool = False) -> Machine:
    """Send a command to the BMC: fire and forget. Only the LED is written to the row; power has its way later."""
    if name in (IDENTIFY_ON, IDENTIFY_OFF):
        led = model.LED_ON if name == IDENTIFY_ON else model.LED_OFF
        return state.machines.replace(machine, replace(machine, led=led, led_description=description), race=race)
    settled = machine.settled(state.life)
    was_on = machine.life.power
    booting = plan(machine, _boot(settled))
    rebooted = [(PLANNED_REBOOT, name.upper())]
    if name == OFF:
        life = machine.life.turn(state.life, at_once=rebooted, power=False, silent=True)
    elif name in (RESET, CYCLE):
        # Neither switches on a machine that is off.
        life = machine.life.turn(state.life, at_once=rebooted, plan=booting if was_on else (), silent=not was_on)
    elif name == ON and not was_on:
        life = machine.life.turn(state.life, plan=booting, power=True)
    else:
        return machine
    return state.machines.touch(replace(settled, life=life))


def _boot(machine: Machine) -> tuple[str, ...]:
    """What a machine reports after its power came."""
    if machine.allocation is None:
        return (*BOOT, WAITING)
    installed = machine.allocation.succeeded and not machine.allocation.reinstall
    return (PHONED_HOME,) if installed else (*BOOT, *INSTALL)


def set_state(
    state: State, machine: Machine, value: str, description: str, issuer: str, *, race: bool = False
) -> Machine:
    """Available, tainted or locked."""
    changed = replace(machine, state=value, state_description=description, state_issuer=issuer)
    return state.machines.replace(machine, changed, race=race)


def delete(state: State, machine: Machine) -> Machine:
    """Remove an unallocated, dead machine from the database and from the switches."""
    if machine.allocation is not None:
        raise RuleError("cannot delete machine that is allocated")
    if machine.life.container and machine.phase(state.life).liveliness != "Dead":
        raise RuleError("can only delete dead machines, if you power off this machine it will reach dead state.")
    for switch in list(state.switches):
        rest = tuple(pair for pair in switch.connections if pair[0] != machine.id)
        if rest != switch.connections:
            state.switches.replace(switch, replace(switch, connections=rest))
    return state.machines.delete(machine.id)
