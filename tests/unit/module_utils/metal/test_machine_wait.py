# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for machines: what is done, what is hopeless."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import PermissionDeniedError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine import Allocation, Event, Machine
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_calls import MachineCalls
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.machine_wait import (
    wait_until_free,
    wait_until_installed,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._wait import WaitError, Waiting

NOW = Waiting(0, 1)
MINE = Allocation("uuid", "project", "machine", "debian-12.0.1")
FREE = Machine("m1", liveliness="Alive", events=(Event("Waiting", "", None),))


class Calls:
    """Answers with one machine, or with an error."""

    generation = "v1"

    def __init__(self, answer: Machine | Exception | None) -> None:
        self.answer = answer

    def get(self, name: str, project: str | None) -> Machine | None:
        """Return it."""
        assert name == "m1" and project in (None, "project")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def calls(answer: Machine | Exception | None) -> MachineCalls:
    return cast(MachineCalls, Calls(answer))


def machine(event: str, **settings: Any) -> Machine:
    """A machine that is allocated, with its newest event."""
    allocation = replace(MINE, **settings)
    return replace(FREE, allocation=allocation, events=(Event(event, "", None),))


def test_a_machine_is_installed_when_it_has_phoned_home() -> None:
    done = machine("Phoned Home", succeeded=True)
    assert wait_until_installed(calls(done), machine("Installing"), NOW, installing=True) == done


@pytest.mark.parametrize(
    "seen",
    [
        machine("Phoned Home"),
        machine("Phoned Home", succeeded=True, reinstalling=True),
        machine("Booting New Kernel", succeeded=True),
        machine("Alive", succeeded=True),
    ],
)
def test_it_is_waited_for_as_long_as_something_is_missing(seen: Machine) -> None:
    with pytest.raises(WaitError, match="Waited 0 s for the machine m1 to phone home"):
        wait_until_installed(calls(seen), machine("Installing"), NOW, installing=True)


def test_without_a_change_only_one_that_is_on_its_way_is_waited_for() -> None:
    off = machine("Planned Reboot", succeeded=True)
    assert wait_until_installed(calls(None), off, NOW, installing=False) is off
    with pytest.raises(WaitError, match="Waited 0 s"):
        wait_until_installed(calls(off), machine("Installing"), NOW, installing=True)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (FREE, "somebody else has freed it meanwhile"),
        (machine("Installing", uuid="other"), "somebody else has freed it meanwhile"),
        (replace(machine("Crashed"), crash_loop=True), "it is in a crash loop"),
        (None, "not in the database any more"),
    ],
)
def test_what_is_hopeless_is_not_waited_for(seen: Machine | None, says: str) -> None:
    with pytest.raises(WaitError, match=says):
        wait_until_installed(calls(seen), machine("Installing"), Waiting(600, 600), installing=True)


def test_a_freed_machine_is_waited_for_until_it_waits() -> None:
    assert wait_until_free(calls(FREE), machine("Phoned Home"), NOW, changed=True) is None
    taken = machine("Installing", uuid="next")
    assert wait_until_free(calls(taken), machine("Phoned Home"), NOW, changed=True) is None
    with pytest.raises(WaitError, match="to wait for its next allocation, in vain"):
        wait_until_free(calls(replace(FREE, liveliness="Dead")), FREE, NOW, changed=True)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (replace(FREE, events=(), failed_reclaim=True), "could not be reclaimed"),
        (replace(FREE, events=(), crash_loop=True), "crash loop"),
    ],
)
def test_a_machine_that_cannot_be_reclaimed_is_hopeless(seen: Machine, says: str) -> None:
    with pytest.raises(WaitError, match=says):
        wait_until_free(calls(seen), FREE, Waiting(600, 600), changed=True)


def test_a_machine_that_was_free_before_is_not_waited_for() -> None:
    assert wait_until_free(calls(None), FREE, NOW, changed=False) is None
    reclaimed = replace(FREE, events=(Event("Machine Reclaim", "", None),))
    with pytest.raises(WaitError, match="not in the database"):
        wait_until_free(calls(None), reclaimed, NOW, changed=False)


def test_only_v2_may_hide_a_freed_machine() -> None:
    hidden = Calls(PermissionDeniedError("no."))
    with pytest.raises(PermissionDeniedError):
        wait_until_free(cast(MachineCalls, hidden), FREE, NOW, changed=True)
    hidden.generation = "v2"
    warning = wait_until_free(cast(MachineCalls, hidden), FREE, NOW, changed=True)
    assert warning is not None and "only a token of an admin can see it now" in warning
