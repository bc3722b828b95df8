# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine_power against the emulator."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from . import machine_world as world
from .helpers import Runner, failure, ok, requests, writes
from .machine_world import QUICK, machine, machine_id

ID = machine_id(1)
PATH = f"POST /v1/machine/{ID}/power"


@pytest.fixture
def power(api: MetalApi) -> Runner:
    only(api, machine(1))
    return Runner(api, "metal_machine_power", "Metal-Edit")


def only(api: MetalApi, one: dict[str, Any]) -> None:
    """Replace the machines by one."""
    api.control.replace_state(**world.world(one))
    api.control.forget_requests()


def reported(minutes: float, state: str = "ON") -> dict[str, Any]:
    """A machine whose BMC has reported that many minutes ago."""
    when = datetime.now(timezone.utc) - timedelta(minutes=minutes)
    bmc = {**machine(1)["ipmi"], "powerstate": state, "last_updated": when.isoformat().replace("+00:00", "Z")}
    return machine(1, ipmi=bmc)


def test_off_and_on_are_compared_and_waited_for(api: MetalApi, power: Runner) -> None:
    assert not ok(power(id=ID, command="on"))["changed"]
    check = ok(power(id=ID, command="off", check_mode=True))
    assert check["changed"] and writes(api) == []
    done = ok(power(id=ID, command="off", **QUICK))
    assert done["diff"] == check["diff"]
    assert done["machine"]["power_state"] == "OFF"
    assert not ok(power(id=ID, command="off"))["changed"]
    assert ok(power(id=ID, command="on", **QUICK))["machine"]["power_state"] == "ON"
    assert writes(api) == [f"{PATH}/off", f"{PATH}/on"]


def test_a_report_that_is_too_old_is_not_believed(api: MetalApi, power: Runner) -> None:
    only(api, reported(minutes=11))
    assert ok(power(id=ID, command="on", wait=False))["changed"]
    only(api, reported(minutes=11))
    assert not ok(power(id=ID, command="on", power_state_max_age=3600))["changed"]
    only(api, machine(1, ipmi={}))
    assert ok(power(id=ID, command="on", wait=False))["changed"], "nothing is known of its power"


def test_an_old_report_does_not_end_the_waiting(api: MetalApi, power: Runner) -> None:
    only(api, reported(minutes=11))
    said = failure(power(id=ID, command="on", **{**QUICK, "wait_timeout": 0}))
    assert said == f"Waited 0 s for the power of the machine {ID} to be on, in vain; the last state was: ON."


@pytest.mark.parametrize("command", ["reset", "cycle", "bios", "pxe", "disk"])
def test_other_commands_are_sent_once_in_every_run(api: MetalApi, power: Runner, command: str) -> None:
    for _time in range(2):
        api.control.forget_requests()
        result = ok(power(id=ID, command=command))
        assert result["changed"]
        assert (result["diff"]["before"]["command"], result["diff"]["after"]["command"]) == (None, command)
        assert writes(api) == [f"{PATH}/{command}"]


def test_the_led_is_compared_with_what_was_asked_for(power: Runner) -> None:
    on = {"id": ID, "identify_led": True, "identify_led_description": "here"}
    assert ok(power(**on))["machine"]["identify_led_description"] == "here"
    assert not ok(power(**on))["changed"]
    assert not ok(power(id=ID, identify_led=True))["changed"]
    assert ok(power(**{**on, "identify_led_description": "there"}))["changed"]
    assert not ok(power(id=ID, identify_led=False, check_mode=True))["machine"]["identify_led"]
    assert ok(power(id=ID, identify_led=False))["changed"]
    assert not ok(power(id=ID, identify_led=False))["changed"]


@pytest.mark.parametrize("command", ["on", "off", "reset", "pxe"])
def test_a_404_after_the_deed_is_no_failure(api: MetalApi, power: Runner, command: str) -> None:
    only(api, machine(1, events=None, ipmi={**machine(1)["ipmi"], "powerstate": "OFF" if command == "on" else "ON"}))
    assert ok(power(id=ID, command=command, **QUICK))["changed"]
    assert len(writes(api)) == 1
    if command in ("on", "pxe"):
        assert f"POST /metal/v1/machine/{ID}/power/{command} 404" in api.control.counts()


def test_a_reset_whose_answer_is_lost_is_not_repeated(api: MetalApi, power: Runner) -> None:
    api.control.add_fault("reset", path="/power/reset", when="after", count=1)
    assert ok(power(id=ID, command="reset"))["changed"]
    assert writes(api) == [f"{PATH}/reset"]


def test_a_reset_that_may_have_failed_is_told_and_not_repeated(api: MetalApi, power: Runner) -> None:
    api.control.add_fault("status", status=500, path="/power/reset", count=1)
    said = failure(power(id=ID, command="reset"))
    assert "It is not known whether the command reset was carried out, so it is not repeated." in said
    assert writes(api) == [f"{PATH}/reset"]


def test_an_unknown_machine_has_no_power(power: Runner) -> None:
    assert failure(power(id="none", command="off")) == "id is none, but there is no such machine."
    assert "power_state_max_age is negative" in failure(power(id=ID, command="off", power_state_max_age=-1))


def test_the_password_of_the_bmc_is_not_shown(power: Runner) -> None:
    assert "bmc-secret" not in str(power(id=ID, command="off", **QUICK))


def test_an_interval_that_is_none_is_refused_before_anything_is_done(api: MetalApi, power: Runner) -> None:
    said = failure(power(id=ID, command="off", wait_interval=0))
    assert said == "wait_interval is 0; it must be more than 0 seconds."
    assert requests(api) == []
