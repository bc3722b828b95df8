# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that plays need."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmark.definition import BenchmarkError
from tests.support.playbook import play


class Plays:
    """Times plays; what Ansible needs for a play without tasks is taken off. ``environment`` is what tasks find."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._empty = min(self._seconds([]) for _unused in range(2))

    def seconds(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> float:
        """Seconds for these tasks, all of which must succeed and, except when they shall, change nothing.

        ``variables`` are read from a file of JSON: reading long lists as a part of the playbook would cost as much as
        the task.
        """
        return max(self._seconds(tasks, changed=changed, variables=variables) - self._empty, 1e-3)

    def _seconds(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> float:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
            file = Path(directory) / "variables.json"
            file.write_text(json.dumps(variables or {}), encoding="utf-8")
            began = time.monotonic()
            done = play(Path(directory), tasks, "--extra-vars", f"@{file}", environment=self._environment)
            seconds = time.monotonic() - began
        wrong = [one for one in done.results if one.failed or bool(one.values.get("changed")) is not changed]
        if wrong or len(done.results) != len(tasks):
            raise BenchmarkError(f"a task did not do what is measured: {done.output[-500:]}")
        return seconds
