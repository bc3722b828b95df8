# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs of the scenario default, as benchmarks read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.benchmark import site
from tests.support.playbook import ROOT, settings


def test_run_that_the_scenario_has_noted_is_read(tmp_path: Path) -> None:
    """By the same tasks, after a playbook that is recorded as those of scenarios are."""
    (tmp_path / "build").mkdir()
    inner = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"debug": {}}, {"command": "true"}]}]
    (tmp_path / "inner.yml").write_text(yaml.safe_dump(inner), encoding="utf-8")
    ansible = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"]
    recorded = {
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/testbed/callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "testbed_record",
        "TESTBED_RECORDS": str(tmp_path),
        "TESTBED_RECORD": "inner",
    }
    tasks = [
        {
            "command": {"argv": [*ansible, str(tmp_path / "inner.yml")]},
            "environment": recorded,
            "register": "run_result",
        },
        {"set_fact": {"run_record": "{{ lookup('file', '" + str(tmp_path / "inner.json") + "') | from_json }}"}},
        {"include_tasks": str(ROOT / "molecule/default/tasks/note_time.yml"), "vars": {"note_time": "first"}},
    ]
    outer = [{"hosts": "localhost", "gather_facts": False, "vars": {"testbed_root": str(tmp_path)}, "tasks": tasks}]
    (tmp_path / "outer.yml").write_text(yaml.safe_dump(outer), encoding="utf-8")
    done = subprocess.run(
        [*ansible, str(tmp_path / "outer.yml")],
        env={**settings(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(json.loads((tmp_path / "build/site-first.json").read_text())) == {"seconds", "tasks", "seconds_in_tasks"}
    run = site.run("first", tmp_path / "build")
    assert run.tasks == 2
    assert 0 < run.seconds_in_tasks < run.seconds
    assert " s, 2 tasks, " in run.detail()
