# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module that only reads the Lightbits API has in common, run in the controller and as a module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.emulators.lightbits.process import Lightbits
from tests.support.playbook import ROOT, TaskResult, play

from .emulation import LIGHTBITS
from .test_conformance import SHELLS

# Options of a run that finds something, by module.
LOOKS: Mapping[str, Mapping[str, Any]] = {
    "lightbits_cluster_info": {},
    "lightbits_event_info": {"since": "2020-01-01T00:00:00Z", "type": "Volume"},
    "lightbits_project_info": {"gather": ["credentials", "roles"]},
    "lightbits_volume_info": {"server": "server00"},
}
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("lightbits_*_info.py"))
WRONG = {"sort_of_option": True}
Results = Mapping[tuple[str, str, str], TaskResult]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Lightbits]:
    with LIGHTBITS.start() as cluster:
        cluster.control.replace_state(
            projects=[{"name": "tenant-1"}],
            volumes=[{"name": "data", "size": 1 << 30}, {"name": "logs", "size": 1 << 30, "projectName": "tenant-1"}],
            events=[{"ID": "1", "Time": "2026-01-01T00:00:00Z", "Type": "Volume", "Severity": "High"}],
        )
        yield cluster


@pytest.fixture(scope="module")
def results(cluster: Lightbits, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """By module, shell and mode."""
    cluster.control.forget_requests()
    found = {}
    for shell, variables in SHELLS.items():
        tasks = []
        for module in MODULES:
            for mode, options in (("check", LOOKS[module]), ("run", LOOKS[module]), ("wrong", WRONG)):
                name = f"metalstack.provisioning.{module}"
                tasks.append({"name": f"{module} {mode}", name: dict(options), "check_mode": mode == "check"})
        done = play(
            tmp_path_factory.mktemp("play"),
            tasks,
            "--diff",
            environment=LIGHTBITS.environment(cluster),
            variables=variables,
        )
        assert [result.name for result in done.results] == [task["name"] for task in tasks], done.output
        for secret in LIGHTBITS.secrets():
            assert secret not in done.output
        for result in done.results:
            module, mode = result.name.split()
            found[module, shell, mode] = result
    return found


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("module", MODULES)
def test_module_reads(results: Results, module: str, shell: str) -> None:
    check, run, wrong = (results[module, shell, mode] for mode in ("check", "run", "wrong"))
    assert not run.failed, run.values
    assert run.values["changed"] is False and "diff" not in run.values
    assert any(run.values[key] for key in run.values if key not in ("changed", "invocation")), "it finds something"
    assert dict(check.values) == dict(run.values)
    assert wrong.failed and "Unsupported parameters" in wrong.values["msg"]


@pytest.mark.parametrize("module", MODULES)
def test_results_are_the_same_in_both_shells(results: Results, module: str) -> None:
    controller, as_module = (results[module, shell, "run"].values for shell in SHELLS)
    assert dict(controller) == dict(as_module)


def test_nothing_is_written(results: Results, cluster: Lightbits) -> None:
    assert results
    assert {request["method"] for request in cluster.control.requests()} == {"GET"}
