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

from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import running_lightbits
from tests.support.playbook import ROOT, Play, document, plays

# lightbits_jwt talks to no API: it is tried by its own tests.
MODULES = sorted({path.stem for path in (ROOT / "plugins/modules").glob("lightbits_*.py")} - {"lightbits_jwt"})
VOLUME = {"name": "postgres", "size": 100 << 30}
# What is there before the examples of a module, beyond a cluster as after its installation.
LANDSCAPE: dict[str, dict[str, Any]] = {
    "lightbits_credential": {
        "credentials": [
            {
                "projectName": "default",
                "ID": "key-2025",
                "type": "RS256PubKey",
                "payload": keys.public_pem(keys.root_key()),
            }
        ]
    },
    "lightbits_node": {
        "servers": [{"name": "server01", "state": "Disabled"}],
        "nodes": [
            {"name": "server01-0", "state": "Inactive"},
            {"name": "server04-0", "state": "Unattached"},
        ],
    },
    "lightbits_server": {"flags": {"evict-data": True}},
    "lightbits_project": {"policies": [{"name": "silver"}]},
    "lightbits_snapshot": {"volumes": [VOLUME]},
    "lightbits_snapshot_policy": {"volumes": [VOLUME]},
    "lightbits_volume": {
        "volumes": [{**VOLUME, "replicaCount": 3}],
        "snapshots": [{"name": "postgres-before-17"}],
    },
}


def module_of(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.metalstack.provisioning.plugins.modules.{name}")


def spec_of(name: str) -> dict[str, Any]:
    spec = module_of(name).SPEC.arguments()["argument_spec"]
    assert isinstance(spec, dict)
    return spec


def examples(name: str) -> list[dict[str, Any]]:
    tasks = yaml.safe_load(module_of(name).EXAMPLES)
    assert isinstance(tasks, list)
    return tasks


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """The examples of all modules in one playbook, each from a state of its own."""
    directory = tmp_path_factory.mktemp("examples")
    token = directory / "token"
    token.write_text(keys.token(), encoding="ascii")
    with running_lightbits("--servers", "5") as cluster:
        documents = []
        for module in MODULES:
            file = directory / f"{module}.json"
            file.write_text(json.dumps(LANDSCAPE.get(module, {})), encoding="utf-8")
            send = {"method": "PUT", "url": cluster.control.address("/state"), "file": str(file)}
            text = yaml.safe_dump(hurried(module)).replace("/etc/lightos/admin.jwt", str(token))
            for number in range(3):
                text = text.replace(f"10.0.0.{10 + number}:443", cluster.urls[number])
            documents.append(document(module, yaml.safe_load(text), {"send_before": send}))
        return plays(directory, documents)


def hurried(module: str) -> list[dict[str, Any]]:
    """The examples with milliseconds where a user waits for seconds."""
    tasks = examples(module)
    for task in tasks:
        for name, options in task.items():
            if name == f"metalstack.provisioning.{module}" and "wait_interval" in spec_of(module):
                options["wait_interval"] = 0.05
    return tasks


@pytest.mark.parametrize("module", MODULES)
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
