# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the modules work as they stand, against an emulator that has what they speak of."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api
from tests.support.playbook import ROOT, play

from .examples_landscape import landscape

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("metal_*.py"))
# Of v2, with tokens: tried by the tests of the module.
V2 = {"metal_token", "metal_token_info"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[MetalApi]:
    with running_metal_api() as api:
        yield api


def examples(module: str) -> list[dict[str, Any]]:
    name = f"ansible_collections.metalstack.provisioning.plugins.modules.{module}"
    tasks = yaml.safe_load(importlib.import_module(name).EXAMPLES)
    assert isinstance(tasks, list)
    return tasks


@pytest.mark.parametrize("module", [module for module in MODULES if module not in V2])
def test_examples_work(emulator: MetalApi, tmp_path: Path, module: str) -> None:
    state = landscape()
    if module == "metal_machine":
        # its last example is about a machine that is gone
        state["machines"][0]["liveliness"] = "Dead"
    emulator.control.replace_state(**state)
    tasks = examples(module)
    text = yaml.safe_dump(tasks).replace("https://api.example.com/metal", emulator.v1)
    keys = {f"metal_{user}_key": KEYS[f"Metal-{user.capitalize()}"] for user in ("view", "edit", "admin")}
    done = play(tmp_path, yaml.safe_load(text), variables=keys)
    assert [result.name for result in done.results] == [task["name"] for task in tasks], done.output
    problems = [f"{result.name}: {result.values.get('msg')}" for result in done.results if result.failed]
    assert not problems, problems


@pytest.mark.parametrize("module", MODULES)
def test_examples_name_their_tasks_and_modules_in_full(module: str) -> None:
    for task in examples(module):
        assert task["name"][0].isupper()
        assert all("." in key for key, value in task.items() if isinstance(value, dict) and key != "vars"), task
