# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module that manages something has in common, run by Ansible in the controller and as a module.

The columns of the table that is printed at the end: a wrong task says what is missing; check mode predicts; applying
does what was predicted; applying again does nothing; the same for an update; the same for the removal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbook import TaskResult, document, plays

from .case import Case, all_cases
from .emulation import LIGHTBITS, METAL
from .table import TABLE

CASES = all_cases()
# How a module is kept out of the controller, which Ansible decides by connection, become and async.
SHELLS = {"controller": {}, "module": {"metalstack_provisioning_in_controller": False}}
# With every core: each module in the controller, and one of each API as a module, to see how Ansible sends it. With the
# primary one also what else they can be asked for, and all as modules.
FIRST = {case.module: case for case in reversed(CASES)}
SENT = {case.api.name: case for case in reversed(CASES)}


def row(case: Case, *shells: str) -> Any:
    """Return the parameters of a test of a case, with the mark if it is done once."""
    everywhere = SENT[case.api.name] is case if "module" in shells else FIRST[case.module] is case
    name = f"{case.label}-{shells[0]}" if len(shells) == 1 else case.label
    return pytest.param(case, shells, id=name, marks=() if everywhere else pytest.mark.once)


# Different in every run, whatever the module does.
VOLATILE = {"created", "changed_at", "allocation_uuid"}


RunCase = Callable[[Case, str], Mapping[str, TaskResult]]


@pytest.fixture(scope="module")
def results_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunCase]:
    """Run all selected cases in a shell, when the first of them is asked for."""
    asked = [item.callspec.params for item in request.session.items if is_about_a_case(item)]
    selected = {(one["case"].label, shell) for one in asked for shell in one["shells"]}
    with ExitStack() as stack:
        emulators = {api.name: stack.enter_context(api.start()) for api in (METAL, LIGHTBITS)}
        # an upgrade of five servers has thirty stages
        emulators[LIGHTBITS.name].control.pace(step=0.001)
        kept: dict[str, Mapping[str, Mapping[str, TaskResult]]] = {}

        def results(case: Case, shell: str) -> Mapping[str, TaskResult]:
            if shell not in kept:
                cases = [one for one in CASES if (one.label, shell) in selected]
                kept[shell] = run_cases(emulators, tmp_path_factory.mktemp("plays"), cases, shell)
            return kept[shell][case.label]

        yield results


def is_about_a_case(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hasattr(item, "callspec") and "case" in item.callspec.params


def steps(case: Case) -> list[tuple[str, Mapping[str, Any], bool]]:
    """Return (column, options, check mode) of each task."""
    listed = [
        ("missing", case.missing, False),
        ("check", case.create, True),
        ("apply", case.create, False),
        ("again", case.create, False),
    ]
    if case.update is not None:
        listed += [
            ("update check", case.update, True),
            ("update", case.update, False),
            ("update again", case.update, False),
        ]
    if case.absent is not None:
        listed += [
            ("absent check", case.absent, True),
            ("absent", case.absent, False),
            ("absent again", case.absent, False),
        ]
    return listed


def run_cases(
    emulators: Mapping[str, Any], directory: Path, cases: Sequence[Case], shell: str
) -> dict[str, dict[str, TaskResult]]:
    """Return the results of cases by their columns."""
    documents = [play_of(emulators[case.api.name], directory, case, shell) for case in cases]
    done = plays(directory, documents, "--diff")
    tokens = {one["environment"].get("METALCTL_API_TOKEN") for one in documents} - {None}
    for secret in {secret for case in cases for secret in case.api.secrets()} | tokens:
        assert secret not in done.output
    found: dict[str, dict[str, TaskResult]] = {}
    for case in cases:
        results = [result for result in done.results if result.play == case.label]
        assert [result.name for result in results] == [column for column, *_rest in steps(case)], done.output
        found[case.label] = {result.name: result for result in results}
    return found


def play_of(emulator: Any, directory: Path, case: Case, shell: str) -> dict[str, Any]:
    """Return the play of a case."""
    state = directory / f"{case.label}.json"
    state.write_text(json.dumps(case.state_before()), encoding="utf-8")
    send = {"method": "PUT", "url": emulator.control.address("/state"), "file": str(state)}
    name = f"metalstack.provisioning.{case.module}"
    tasks = [{"name": column, name: dict(options), "check_mode": check} for column, options, check in steps(case)]
    return document(case.label, tasks, {**SHELLS[shell], "send_before": send}, {"environment": case.environ(emulator)})


def check_change(results: Mapping[str, TaskResult], verb: str, case: Case) -> Any:
    """Check the three columns of one change, and return what the thing is after it."""
    check, apply, again = (
        results[name]
        for name in {"apply": ("check", "apply", "again")}.get(verb, (f"{verb} check", verb, f"{verb} again"))
    )
    for result in (check, apply, again):
        assert not result.failed, f"{result.name}: {result.values['msg']}"
    assert check.values["changed"] and apply.values["changed"], verb
    assert not again.values["changed"], f"{verb}: the second run changed something: {again.values}"
    assert known_diff(check, case) == known_diff(apply, case), "check mode predicts what the run does"
    assert apply.values["diff"]["before"] != apply.values["diff"]["after"]
    predicted, real = check.values[case.key], apply.values[case.key]
    if real is None:
        assert predicted is None and again.values[case.key] is None
        return None
    known = {name: value for name, value in predicted.items() if name not in case.unknown}
    assert known == {name: real.get(name) for name in known}
    assert again.values[case.key] == real
    return real


def known_diff(result: TaskResult, case: Case) -> dict[str, dict[str, Any]]:
    """Return a diff without what check mode cannot know."""
    return {
        side: {name: value for name, value in document.items() if name not in case.unknown}
        for side, document in result.values["diff"].items()
    }


@pytest.mark.parametrize(("case", "shells"), [row(case, shell) for case in CASES for shell in SHELLS])
def test_module_conforms(results_of: RunCase, case: Case, shells: tuple[str]) -> None:
    [shell] = shells
    results = results_of(case, shell)
    with TABLE.row(case.label, shell) as table:
        assert results["missing"].failed
        assert case.needs in results["missing"].values["msg"]
        table.passed("missing option")
        real = check_change(results, "apply", case)
        assert dict(case.expected) == {name: real.get(name) for name in case.expected}
        table.passed("check", "apply", "apply again")
        if case.update is not None:
            real = check_change(results, "update", case)
            assert dict(case.updated) == {name: real.get(name) for name in case.updated}
            table.passed("update")
        if case.absent is not None:
            check_change(results, "absent", case)
            table.passed("check absent", "absent", "absent again")


@pytest.mark.parametrize(("case", "shells"), [row(case, *SHELLS) for case in CASES])
def test_results_are_the_same_in_both_shells(results_of: RunCase, case: Case, shells: tuple[str, ...]) -> None:
    both = [results_of(case, shell) for shell in shells]
    controller, module = ({name: comparable(result, case) for name, result in results.items()} for results in both)
    assert controller == module


def comparable(result: TaskResult, case: Case) -> Any:
    """Return a result without what differs from run to run."""
    dropped = VOLATILE | case.unknown | {"exception"}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: clean(entry) for name, entry in value.items() if name not in dropped}
        return [clean(entry) for entry in value] if isinstance(value, list) else value

    return result.failed, clean(result.values)
