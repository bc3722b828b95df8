# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that plays need."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmark.definition import BenchmarkError
from tests.support.playbook import play


class Plays:
    """Times tasks, from the start to the result of each, without Ansible's own start.

    ``environment`` is what they find.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def seconds(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> float:
        """Seconds for these tasks together, see `each`."""
        return sum(self.each(tasks, changed=changed, variables=variables))

    def each(
        self, tasks: Sequence[Mapping[str, Any]], *, changed: bool = False, variables: Mapping[str, Any] | None = None
    ) -> list[float]:
        """Seconds for each of these tasks, all of which must succeed and, except when they shall, change nothing.

        ``variables`` are read from a file of JSON: reading long lists as a part of the playbook would cost as much as
        the task.
        """
        with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
            file = Path(directory) / "variables.json"
            file.write_text(json.dumps(variables or {}), encoding="utf-8")
            done = play(Path(directory), tasks, "--extra-vars", f"@{file}", environment=self._environment)
        wrong = [one for one in done.results if one.failed or bool(one.values.get("changed")) is not changed]
        if wrong or len(done.results) != len(tasks):
            raise BenchmarkError(f"a task did not do what is measured: {done.output[-500:]}")
        return [result.seconds for result in done.results]
