# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down what a run changed: one JSON file a run in the directory TESTBED_RECORDS.

The file is named TESTBED_RECORD or, without it, after the playbook and with a number when that name is taken.
It holds {"check": bool, "hosts": [..], "changes": [{"host", "task", "item", "handler", "diff"}], "failed": [..],
"tasks": how many there were, "seconds": how long all of them took}.
Read by tests/testbed/compare_records.py.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible import context
from ansible.playbook.handler import Handler
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: testbed_record
type: notification
short_description: Record what a run changed
description: For the scenarios of this collection, which compare a prediction with what was done.
requirements: [set TESTBED_RECORDS to a directory]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "testbed_record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._directory = os.environ.get("TESTBED_RECORDS")
        self._name = os.environ.get("TESTBED_RECORD")
        self._changes: list[dict[str, Any]] = []
        self._failed: list[dict[str, Any]] = []
        self._hosts: set[str] = set()
        self._tasks = 0
        self._began = self._seconds = 0.0

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._name = self._name or Path(playbook._file_name).stem

    def _end_task(self) -> None:
        if self._began:
            self._seconds += time.monotonic() - self._began
        self._began = 0.0

    def v2_playbook_on_play_start(self, play: Any) -> None:  # noqa: ARG002
        self._end_task()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002
        self._end_task()
        self._tasks += 1
        self._began = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._hosts.add(result._host.get_name())
        data = result._result
        if data.get("changed") and "results" not in data:
            self._add(result, None)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        data = result._result
        if data.get("changed"):
            label = data.get("_ansible_item_label", data.get(data.get("ansible_loop_var", "item")))
            self._add(result, label if isinstance(label, str) else json.dumps(label, sort_keys=True))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._failed.append(
                {
                    "host": result._host.get_name(),
                    "task": result._task.get_name(),
                    "msg": str(result._result.get("msg", "")),
                }
            )

    def _add(self, result: Any, item: str | None) -> None:
        diff = result._result.get("diff") or []
        self._changes.append(
            {
                "host": result._host.get_name(),
                "task": result._task.name,
                "item": item,
                "handler": isinstance(result._task, Handler),
                "diff": [
                    {side: one.get(side) for side in ("before", "after", "prepared") if side in one}
                    for one in (diff if isinstance(diff, list) else [diff])
                ],
            }
        )

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002
        self._end_task()
        # what a scenario itself does on this machine is of no interest, unless it says so
        if not self._directory or not (self._hosts - {"localhost"} or "TESTBED_RECORD" in os.environ):
            return
        directory = Path(self._directory)
        directory.mkdir(parents=True, exist_ok=True)
        number, path = 1, directory / f"{self._name}.json"
        while path.exists() and "TESTBED_RECORD" not in os.environ:
            number += 1
            path = directory / f"{self._name}-{number}.json"
        record = {
            "check": bool(context.CLIARGS.get("check")),
            "hosts": sorted(self._hosts - {"localhost"}),
            "changes": self._changes,
            "failed": self._failed,
            "tasks": self._tasks,
            "seconds": round(self._seconds, 1),
        }
        path.write_text(json.dumps(record, indent=1, default=str))
