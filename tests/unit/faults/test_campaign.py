# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that changes something, with every fault, at every request it makes.

Afterwards the API has each thing exactly once and as wanted, or the module failed with one clear sentence and the next
run, without a fault, brings it there. Never a traceback, never a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _connection, _reconcile
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import RetryPolicy
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits import options as lightbits_options
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal import options as metal_options
from tests.support.playbook import ROOT
from tests.unit.api.helpers import perform_module
from tests.unit.conformance.case import Case, all_cases
from tests.unit.conformance.emulation import Emulation
from tests.unit.faults.tally import TALLY

from .cases import CASES as FURTHER
from .kinds import NEVER, attempts, faults_of

CASES = [*(case for case in all_cases() if case.faults), *FURTHER]
# variables that hold a secret
SECRETS = ("METALCTL_HMAC", "METALCTL_API_TOKEN", "LIGHTBITS_API_TOKEN")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# The cases spend their time with waiting, so several go on side by side, each with an emulator of its own.
WORKERS = 4


@pytest.fixture(scope="module")
def campaign(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Future[None]]]:
    """All cases that are selected, at work; waiting for one of them raises what it has found."""
    selected = {item.callspec.params.get("label") for item in request.session.items if hasattr(item, "callspec")}
    with (
        pytest.MonkeyPatch.context() as patch,
        Emulators() as emulators,
        ThreadPoolExecutor(WORKERS) as pool,
    ):
        # wait for milliseconds where a user waits for seconds
        patch.setattr(_connection, "RetryPolicy", lambda attempts: RetryPolicy(attempts=attempts, backoff=0.005))
        patch.setattr(_reconcile, "_PAUSE", 0.002)
        # each run is a new client, as it is in a playbook's first task
        patch.setattr(lightbits_options, "_clusters", Forgetful())
        patch.setattr(metal_options, "_generations", Forgetful())
        yield {case.label: pool.submit(try_everything, case, emulators) for case in CASES if case.label in selected}


class Emulators(ExitStack):
    """Emulators that are started when they are needed, and used again by the next case."""

    def __init__(self) -> None:
        super().__init__()
        self._idle: dict[str, list[Any]] = {}
        self._lock = Lock()

    @contextmanager
    def borrowed(self, api: Emulation) -> Iterator[Any]:
        """One that nobody else uses meanwhile."""
        with self._lock:
            idle = self._idle.setdefault(api.name, [])
            emulator = idle.pop() if idle else self.enter_context(api.start())
        yield emulator
        # not after a failure: it may be in any state
        with self._lock:
            idle.append(emulator)


class Forgetful(dict[object, Any]):
    """Keeps what is put in, but says that it has not got it."""

    def __contains__(self, _key: object) -> bool:
        return False


class Change:
    """One change of a case, which can be tried again and again from the same state."""

    def __init__(
        self, emulator: Any, case: Case, name: str, before: Sequence[Mapping[str, Any]], wish: Mapping[str, Any]
    ) -> None:
        self.emulator = emulator
        self.case = case
        self.name = name
        self.wish = quick(wish)
        emulator.control.replace_state(**case.state_before())
        self.environ = case.environ(emulator)
        case.api.hasten(emulator, case.haste)
        for earlier in before:
            done = perform_module(case.module, quick(earlier), self.environ)
            assert not done.get("failed"), done
        case.api.settle(emulator)
        emulator.control.keep_state()

    def begin(self) -> None:
        """Go back to where the change begins."""
        self.emulator.control.restore_state()

    def run(self, **settings: Any) -> dict[str, Any]:
        """Run the module once, with one repetition of requests that may be repeated."""
        return perform_module(self.case.module, {"retries": 1, "timeout": 30, **self.wish, **settings}, self.environ)


def quick(wish: Mapping[str, Any]) -> dict[str, Any]:
    """Options with which a module looks again at once: each look brings the emulator's life forward."""
    return {**wish, "wait_interval": 0.001} if "wait_interval" in wish else dict(wish)


def settled_state(change: Change) -> Any:
    """The state when nothing is at work any more, without what is different every time."""
    volatile = change.case.api.volatile
    change.case.api.settle(change.emulator)
    state = change.emulator.control.state()
    # in no certain order, since several are allocated side by side
    for section, key in (("ips", "ipaddress"), ("networks", "partitionid"), ("images", "id")):
        state.get(section, []).sort(key=lambda entry: str(entry[key]))
    names: dict[str, str] = {}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(entry) for key, entry in value.items() if key not in volatile}
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


def positions(case: Case, fault: str, change: str, requests: list[Mapping[str, Any]]) -> list[int]:
    """Return at which requests a fault is tried: the first and the last of those that are the same.

    A list that is null stands for an empty one. What happens after the commit, or to it, is nothing new for a GET.
    """
    if fault == NEVER:
        return [0]
    if fault == "null lists":
        from_nothing = change == "create" and case.create.get("state") != "absent"
        return list(range(1 + case.api.opening)) if from_nothing else []
    description = faults_of(case.api)[fault]
    writes_only = description["action"] == "race" or (
        description.get("when") == "after" and description["action"] in ("latency", "status", "reset", "stop")
    )
    same: dict[tuple[str, str, int], list[int]] = {}
    writes = 0
    for position, request in enumerate(requests):
        if not writes_only or request["method"] != "GET":
            same.setdefault((request["method"], request["path"], writes), []).append(position)
        writes += request["method"] != "GET"
    return sorted({number for found in same.values() for number in (found[0], found[-1])})


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


def try_everything(case: Case, emulators: Emulators) -> None:
    """Disturb each change of a case in every way at every request. Raises AssertionError."""
    faults = faults_of(case.api)
    known: list[list[tuple[str, str]]] = []
    with emulators.borrowed(case.api) as emulator:
        for name, before, wish in changes_of(case):
            change = Change(emulator, case, name, before, wish)
            change.begin()
            assert not change.run().get("failed")
            wanted = settled_state(change)
            requests = emulator.control.requests()
            asked = [(request["method"], request["path"]) for request in requests]
            if asked in known:
                # as with a second upgrade: at these requests everything has been tried
                continue
            known.append(asked)
            tries = [(fault, position) for fault in faults for position in positions(case, fault, name, requests)]
            for fault, position in tries:
                label = f"{case.label}: {name}, {fault} at request {position + 1} of {len(requests)}"
                if fault == NEVER:
                    judge(change, wanted, label, run_without_end(change))
                else:
                    judge(change, wanted, label, disturb(change, faults[fault], position, label))


def disturb(change: Change, fault: Mapping[str, Any], position: int, label: str) -> dict[str, Any]:
    """Run the module with a fault at one of its requests."""
    for description, options in attempts(fault):
        change.begin()
        change.emulator.control.add_fault(**description, skip=position, count=1)
        result = change.run(**options)
        if change.emulator.control.faults()[0]["hits"]:
            return result
    raise AssertionError(f"{label}: the fault has met no request")


def run_without_end(change: Change) -> dict[str, Any]:
    """Run the module while nothing ever gets done."""
    change.begin()
    change.emulator.control.pace(paused=True)
    result = change.run(**({"wait_timeout": 1, "wait_interval": 0.2} if "wait_interval" in change.wish else {}))
    change.emulator.control.pace(paused=False)
    return result


def judge(change: Change, wanted: Any, label: str, result: Mapping[str, Any]) -> None:
    """Check what a disturbed run has left behind."""
    state = settled_state(change)
    secrets = [*change.case.api.secrets(), *(change.environ[name] for name in SECRETS if name in change.environ)]
    assert not any(secret in json.dumps(result) for secret in secrets), label
    if result.get("failed"):
        check_sentence(result, label)
        again = change.run()
        assert not again.get("failed"), (label, result["msg"], again["msg"])
        state = settled_state(change)
    assert state == wanted, (label, differences(state, wanted))
    TALLY.note(change.case.label, failed=bool(result.get("failed")))


@pytest.mark.parametrize("label", [case.label for case in CASES])
def test_faults_leave_everything_once_and_as_wanted(campaign: Mapping[str, Future[None]], label: str) -> None:
    campaign[label].result()


def test_every_module_that_changes_something_at_an_api_is_tried() -> None:
    """lightbits_jwt talks to no API, and metal_token has a campaign of its own, since its secret is shown only once."""
    modules = {path.stem for kind in ("metal", "lightbits") for path in (ROOT / "plugins/modules").glob(f"{kind}_*.py")}
    reading = {name for name in modules if name.endswith(("_info", "_verify"))}
    assert modules - reading - {"lightbits_jwt", "metal_token"} == {case.module for case in CASES}
