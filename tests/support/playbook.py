# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run tasks with ansible-playbook and return what each of them returned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CALLBACKS = Path(__file__).resolve().parent / "callback_plugins"
PAYLOADS = Path(__file__).resolve().parent / "payloads"


@dataclass(frozen=True)
class TaskResult:
    """What a task returned; ``values`` without Ansible's own keys, ``seconds`` from its start to its result."""

    name: str
    failed: bool
    values: Mapping[str, Any]
    play: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Play:
    """A finished ansible-playbook: the results of its tasks in their order, and everything it printed."""

    results: list[TaskResult]
    output: str


def collections_path() -> str:
    """Return where Ansible finds this collection, and those of the primary environment, with any core."""
    return os.pathsep.join(
        str(place)
        for place in (ROOT / "build/collections", *sorted((ROOT / ".venv/lib").glob("python3*/site-packages")))
    )


def settings(directory: Path) -> dict[str, str]:
    """Return the environment for an Ansible that knows nothing of this user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "METAL"))}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": collections_path(),
        "ANSIBLE_HOME": str(directory / "home"),
        # else below a home that the task and its watcher look up differently where $HOME is not that of the user
        "ANSIBLE_ASYNC_DIR": str(directory / "async"),
        "ANSIBLE_LOCAL_TEMP": str(directory / "local-tmp"),
        "ANSIBLE_REMOTE_TEMP": str(directory / "remote-tmp"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_NOCOLOR": "1",
        # modules on this host import what they have in common from bytecode
        "PYTHONPATH": os.pathsep.join([str(PAYLOADS), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "LC_ALL": "C.UTF-8",
    }


def play(
    directory: Path,
    tasks: Sequence[Mapping[str, Any]],
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    variables: Mapping[str, Any] | None = None,
    keywords: Mapping[str, Any] | None = None,
) -> Play:
    """Run tasks on localhost; one that fails does not keep the next from running.

    ``environment`` are variables of the controller's process, ``keywords`` those of the play.
    """
    return plays(directory, [document("Test", tasks, variables, keywords)], *arguments, environment=environment)


def document(
    name: str,
    tasks: Sequence[Mapping[str, Any]],
    variables: Mapping[str, Any] | None = None,
    keywords: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a play of these tasks on localhost. For the variable ``send_before`` see the callback plugin."""
    return {
        "name": name,
        "hosts": "localhost",
        "gather_facts": False,
        **(keywords or {}),
        "vars": dict(variables or {}),
        "tasks": [{"block": [dict(task)], "rescue": [{"ansible.builtin.meta": "noop"}]} for task in tasks],
    }


def plays(
    directory: Path,
    documents: Sequence[Mapping[str, Any]],
    *arguments: str,
    environment: Mapping[str, str] | None = None,
) -> Play:
    """Run several plays in one playbook, which costs less than several playbooks."""
    record = directory / "results"
    record.unlink(missing_ok=True)
    record.touch()
    playbook = directory / "playbook.yml"
    playbook.write_text(yaml.safe_dump([dict(one) for one in documents], sort_keys=False), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", *arguments, str(playbook)],
        cwd=directory,
        env={
            **settings(directory),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record_results",
            "RECORD_RESULTS": str(record),
            **(environment or {}),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    results = [
        TaskResult(line["task"], line["failed"], line["result"], line["play"], line["seconds"]) for line in lines
    ]
    return Play(results, output)


def ansible(directory: Path, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run ``ansible-<program>`` and return what it prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", program, *arguments],
        cwd=directory,
        env={**settings(directory), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
