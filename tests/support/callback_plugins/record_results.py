# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the result of each task as one line of JSON to the file that RECORD_RESULTS names.

Before a play whose variable ``send_before`` says so (``{"method", "url", "file"}``), the content of that file is sent.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: record_results
type: notification
short_description: Write the results of tasks to a file
description: For tests.
"""

import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record_results"

    def __init__(self) -> None:
        super().__init__()
        self._play = ""
        self._begun = 0.0

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play.get_name()
        send = play.vars.get("send_before")
        if send:
            body, kind = Path(send["file"]).read_bytes(), {"Content-Type": "application/json"}
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(urllib.request.Request(send["url"], body, kind, method=send["method"]), timeout=30).close()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del task, is_conditional
        self._begun = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result, failed=False)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        del ignore_errors
        self._write(result, failed=True)

    def _write(self, result: Any, *, failed: bool) -> None:
        seconds = time.monotonic() - self._begun
        # what a task returned, as a registered variable would have it
        values = {key: value for key, value in dict(result._result).items() if not key.startswith("_ansible")}
        task = result.task_name if hasattr(result, "task_name") else result._task.get_name()
        line = {"play": self._play, "task": task, "failed": failed, "seconds": seconds}
        with open(os.environ["RECORD_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "result": values}) + "\n")
