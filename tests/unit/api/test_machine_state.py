# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine_state against the emulator."""

from __future__ import annotations

import pytest

from tests.emulators.metal_api.process import MetalApi

from . import machine_world as world
from .helpers import Runner, failure, ok, requests, writes
from .machine_world import machine, machine_id

ID = machine_id(1)


@pytest.fixture
def state(api: MetalApi) -> Runner:
    api.control.replace_state(**world.world())
    return Runner(api, "metal_machine_state", "Metal-Edit")


def test_a_reserved_machine_is_tainted_in_the_database_and_reserved_for_users(api: MetalApi, state: Runner) -> None:
    assert ok(state(id=ID, state="reserved", description="mine"))["machine"]["state"] == "reserved"
    assert api.control.state()["machines"][0]["state"]["value"] == "TAINTED"
    assert not ok(state(id=ID, state="reserved", description="mine"))["changed"]
    changed = ok(state(id=ID, state="reserved", description="yours"))
    assert changed["diff"]["before"]["state_description"] == "mine"
    assert ok(state(id=ID, state="available"))["machine"]["state_description"] == ""
    assert not ok(state(id=ID, state="available"))["changed"]


def test_a_description_is_needed_or_not_allowed(api: MetalApi, state: Runner) -> None:
    assert failure(state(id=ID, state="locked")) == "description is missing: it says why the machine is locked."
    assert "description is missing" in failure(state(id=ID, state="locked", description=" "))
    assert "leave it out" in failure(state(id=ID, state="available", description="why"))
    assert requests(api) == []


def test_a_machine_without_events_is_locked_though_the_api_answers_404(api: MetalApi, state: Runner) -> None:
    api.control.replace_state(**world.world(machine(1, events=None)))
    assert ok(state(id=ID, state="locked", description="new"))["machine"]["state"] == "locked"
    assert f"POST /metal/v1/machine/{ID}/state 404" in api.control.counts()
    assert len(writes(api)) == 1


def test_an_unknown_machine_has_no_state(state: Runner) -> None:
    assert failure(state(id="none", state="available")) == "id is none, but there is no such machine."


def test_a_view_key_may_not(api: MetalApi) -> None:
    api.control.replace_state(**world.world())
    said = failure(Runner(api, "metal_machine_state", "Metal-View")(id=ID, state="locked", description="x"))
    assert "needs the role edit" in said
