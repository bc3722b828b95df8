# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that changes something, with every fault, at every request it makes.

Afterwards the API has each thing exactly once and as wanted, or the module failed with one clear sentence and the next
run, without a fault, brings it there. Never a traceback, never a secret.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _connection, _reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import RetryPolicy
from tests.emulators.metal_api.process import MetalApi, running_metal_api
from tests.unit.api.helpers import perform_module
from tests.unit.conformance.case import KEYS_OF_EMULATOR, Case, all_cases

from .kinds import FAULTS, TIMEOUT
from .tally import TALLY

CASES = [case for case in all_cases() if case.faults]
# Of the state, what is different every time: times, random numbers, and how far the life of a machine has gone on.
VOLATILE = frozenset(
    {"created", "changed", "generation", "last_updated", "vrf", "asn", "expirationDate", "events", "liveliness"}
)
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# The cases spend their time with waiting, so several go on side by side, each with an emulator of its own.
WORKERS = 4
# Of the cases, every so manieth is tried; all of them unless tools/unit says something else.
EVERY = int(os.environ.get("FAULT_CAMPAIGN_EVERY", "1"))


@pytest.fixture(scope="module")
def campaign() -> Iterator[Mapping[str, Future[None]]]:
    """All cases at work; waiting for one of them raises what it has found."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(WORKERS) as pool:
        # wait for milliseconds where a user waits for seconds
        patch.setattr(_connection, "RetryPolicy", lambda attempts: RetryPolicy(attempts=attempts, backoff=0.005))
        patch.setattr(_reconcile, "_PAUSE", 0.002)
        yield {case.label: pool.submit(try_everything, case) for case in CASES}


def run(emulator: MetalApi, case: Case, wish: Mapping[str, Any], timeout: float = 30.0) -> dict[str, Any]:
    """Run the module once, with one repetition of requests that may be repeated."""
    environ = {"METALCTL_API_URL": emulator.v1, **case.environment}
    return perform_module(case.module, {"retries": 1, "timeout": timeout, **wish}, environ)


def prepare(emulator: MetalApi, case: Case, before: list[Mapping[str, Any]]) -> None:
    """Bring the emulator to where the faulty run begins."""
    emulator.control.clear_faults()
    emulator.control.replace_state(**copy.deepcopy(dict(case.state)))
    if case.prepare is not None:
        case.prepare(emulator)
    for wish in before:
        done = perform_module(case.module, dict(wish), {"METALCTL_API_URL": emulator.v1, **case.environment})
        assert not done.get("failed"), done
    emulator.control.forget_requests()


def settled_state(emulator: MetalApi) -> Any:
    """The state when no request is at work any more, without what is different every time."""
    emulator.control.wait_until_idle()
    state = emulator.control.state()
    names: dict[str, str] = {}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(entry) for key, entry in value.items() if key not in VOLATILE}
        if isinstance(value, list):
            return [clean(entry) for entry in value]
        if isinstance(value, str):
            return UUID.sub(lambda found: names.setdefault(found.group(), f"uuid-{len(names)}"), value)
        return value

    return clean(state)


def changes_of(case: Case) -> Iterator[tuple[str, list[Mapping[str, Any]], Mapping[str, Any]]]:
    """(name, what is done before, the wish whose run is disturbed)."""
    yield "create", [], case.create
    if case.update is not None:
        yield "update", [case.create], case.update
    if case.absent is not None:
        yield "absent", [case.create], case.absent


def positions(fault: str, change: str, requests: int) -> range:
    """Return at which requests a fault is tried. A list that is null stands for an empty one."""
    return range(1 if change == "create" else 0) if fault == "null lists" else range(requests)


def differences(state: Any, wanted: Any, path: str = "") -> list[str]:
    """Return where two states differ, for the message of a failure."""
    if isinstance(state, dict) and isinstance(wanted, dict) and state.keys() == wanted.keys():
        return [line for key in wanted for line in differences(state[key], wanted[key], f"{path}.{key}")]
    if isinstance(state, list) and isinstance(wanted, list) and len(state) == len(wanted):
        pairs = enumerate(zip(state, wanted))
        return [line for number, (one, other) in pairs for line in differences(one, other, f"{path}[{number}]")]
    return [] if state == wanted else [f"{path}: {state} instead of {wanted}"]


def check_sentence(result: Mapping[str, Any], label: str) -> None:
    message = result["msg"]
    assert message and message == message.strip() and "\n" not in message, (label, message)
    assert message[-1] in ".)", (label, message)
    assert "Traceback" not in message and "Error(" not in message, (label, message)


def try_everything(case: Case) -> None:
    """Disturb each change of a case in every way at every request. Raises AssertionError."""
    with running_metal_api(environment=KEYS_OF_EMULATOR) as emulator:
        for change, before, wish in changes_of(case):
            prepare(emulator, case, before)
            assert not run(emulator, case, wish).get("failed")
            wanted = settled_state(emulator)
            requests = len(emulator.control.requests())
            tries = [(name, position) for name in FAULTS for position in positions(name, change, requests)]
            for name, position in tries[::EVERY]:
                label = f"{case.label}: {change}, {name} at request {position + 1} of {requests}"
                prepare(emulator, case, before)
                disturb(emulator, case, wish, wanted, label, {**FAULTS[name], "skip": position, "count": 1})


def disturb(
    emulator: MetalApi, case: Case, wish: Mapping[str, Any], wanted: Any, label: str, fault: Mapping[str, Any]
) -> None:
    """Run the module with one fault, and check what it leaves behind."""
    emulator.control.add_fault(**fault)
    result = run(emulator, case, wish, TIMEOUT)
    state = settled_state(emulator)
    assert not any(key in json.dumps(result) for key in KEYS_OF_EMULATOR.values()), label
    if result.get("failed"):
        check_sentence(result, label)
        emulator.control.clear_faults()
        again = run(emulator, case, wish)
        assert not again.get("failed"), (label, result["msg"], again["msg"])
        state = settled_state(emulator)
    assert state == wanted, (label, differences(state, wanted))
    TALLY.note(case.module, failed=bool(result.get("failed")))


@pytest.mark.parametrize("label", [case.label for case in CASES])
def test_faults_leave_everything_once_and_as_wanted(campaign: Mapping[str, Future[None]], label: str) -> None:
    campaign[label].result()
