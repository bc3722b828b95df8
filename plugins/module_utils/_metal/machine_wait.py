# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for machines: until they are installed, and until they can be allocated again.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from .._errors import PermissionDeniedError
from .._wait import WaitError, Waiting
from .machine import ALIVE, BEING_FREED, DEAD, ON_ITS_WAY, PHONED_HOME, WAITING, Machine
from .machine_calls import MachineCalls


def wait_until_installed(calls: MachineCalls, machine: Machine, waiting: Waiting, *, installing: bool) -> Machine:
    """Return an allocated machine when it has phoned home. Raises :class:`~.._errors.ApiError`.

    Unless it was told to be installed, only a machine that is on its way is waited for: one that was installed may be
    switched off.
    """
    uuid, project = machine.held.uuid, machine.held.project

    def done(current: Machine) -> bool:
        allocation = current.allocation
        if allocation is None or not allocation.succeeded or allocation.reinstalling:
            return False
        return current.last_event == PHONED_HOME or (not installing and current.last_event not in ON_ITS_WAY)

    def hopeless(current: Machine) -> str | None:
        if current.allocation is None or current.allocation.uuid != uuid:
            return "somebody else has freed it meanwhile"
        return "it is in a crash loop" if current.crash_loop else None

    if done(machine):
        return machine
    return waiting.until(
        lambda: _read(calls, machine.id, project),
        done,
        what=f"the {machine.role} {machine.id} to phone home",
        seen=Machine.seen,
        hopeless=hopeless,
    )


def wait_until_free(calls: MachineCalls, machine: Machine, waiting: Waiting, *, changed: bool) -> str | None:
    """Return when a machine that was freed waits for its next allocation. Raises :class:`~.._errors.ApiError`.

    Without a change, only a machine that is being freed is waited for. Returns a warning when it cannot be seen: a
    token of v2 for a project does not see machines that nobody has.
    """

    def done(current: Machine) -> bool:
        if current.allocation is not None:
            # Somebody has it already, so it was free.
            return True
        return current.last_event == WAITING and current.liveliness == ALIVE

    def hopeless(current: Machine) -> str | None:
        if current.failed_reclaim:
            return "the machine could not be reclaimed"
        return "it is in a crash loop" if current.crash_loop else None

    if not changed and (machine.last_event not in BEING_FREED or machine.liveliness == DEAD):
        return None
    try:
        waiting.until(
            lambda: _read(calls, machine.id, None),
            done,
            what=f"the machine {machine.id} to wait for its next allocation",
            seen=Machine.seen,
            hopeless=hopeless,
        )
    except PermissionDeniedError:
        if calls.generation == "v1":
            raise
        return f"The machine {machine.id} was freed, but is not waited for: only a token of an admin can see it now."
    return None


def _read(calls: MachineCalls, id: str, project: str | None) -> Machine:  # noqa: A002
    machine = calls.get(id, project)
    if machine is None:
        raise WaitError(f"The machine {id} is waited for, but it is not in the database any more.")
    return machine
