# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the modules work as they stand, against an emulator that has what they speak of."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
import yaml

from tests.emulators.metal_api.process import KEYS, running_metal_api
from tests.support.playbook import ROOT, Play, document, plays

from .examples_landscape import landscape

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("metal_*.py"))
# Of v2, with tokens: tried by the tests of the module.
V2 = {"metal_token", "metal_token_info"}
V1 = [module for module in MODULES if module not in V2]


def examples(module: str) -> list[dict[str, Any]]:
    name = f"ansible_collections.metalstack.provisioning.plugins.modules.{module}"
    tasks = yaml.safe_load(importlib.import_module(name).EXAMPLES)
    assert isinstance(tasks, list)
    return tasks


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The examples of all modules in one playbook, each from the same state."""
    directory = tmp_path_factory.mktemp("examples")
    keys = {f"metal_{user}_key": KEYS[f"Metal-{user.capitalize()}"] for user in ("view", "edit", "admin")}
    with running_metal_api() as api:
        documents = []
        for module in V1:
            state = landscape()
            if module == "metal_machine":
                # its last example is about a machine that is gone
                state["machines"][0]["liveliness"] = "Dead"
            file = directory / f"{module}.json"
            file.write_text(json.dumps(state), encoding="utf-8")
            send = {"method": "PUT", "url": api.control.address("/state"), "file": str(file)}
            text = yaml.safe_dump(examples(module)).replace("https://api.example.com/metal", api.v1)
            documents.append(document(module, yaml.safe_load(text), {**keys, "send_before": send}))
        return plays(directory, documents)


@pytest.mark.parametrize("module", V1)
def test_examples_work(done: Play, module: str) -> None:
    results = [result for result in done.results if result.play == module]
    assert [result.name for result in results] == [task["name"] for task in examples(module)], done.output
    problems = [f"{result.name}: {result.values.get('msg')}" for result in results if result.failed]
    assert not problems, problems


@pytest.mark.parametrize("module", MODULES)
def test_examples_name_their_tasks_and_modules_in_full(module: str) -> None:
    for task in examples(module):
        assert task["name"][0].isupper()
        assert all("." in key for key, value in task.items() if isinstance(value, dict) and key != "vars"), task
