# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's task as the core sees it, whoever runs it: a module on some host, or the action plugin in the controller.

A module file holds its documentation, an ArgumentSpec called ``SPEC`` and a function ``run``, which takes a
:class:`Task` and returns the result. It imports AnsibleModule only within ``main``: the action plugin imports module
files too, and that would cost it more than its whole task. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ._errors import ApiError, UsageError
from ._reconcile import Outcome


@dataclass
class Task:
    """``params`` are validated, None where the user gave nothing; ``environ`` are the environment variables."""

    params: Mapping[str, Any]
    check_mode: bool = False
    diff: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    warnings: list[str] = field(default_factory=list)

    def result(self, outcome: Outcome, key: str) -> dict[str, Any]:
        """Return the result of a resource, whose state is under ``key``."""
        self.warnings += outcome.warnings
        made: dict[str, Any] = {"changed": outcome.changed, key: outcome.thing}
        if self.diff:
            made["diff"] = {"before": dict(outcome.before or {}), "after": dict(outcome.after or {})}
        return made


Run = Callable[[Task], "dict[str, Any]"]


def perform(run: Run, task: Task) -> dict[str, Any]:
    """Return the result of a task; what the user or the API did wrong becomes a failed one with one sentence."""
    try:
        result = run(task)
    except UsageError as error:
        result = {"failed": True, "msg": str(error)}
    except ApiError as error:
        result = {"failed": True, "msg": error.message, "failure": error.failure()}
    if task.warnings:
        result["warnings"] = list(dict.fromkeys(task.warnings))
    return result


def run_module(module: Any, run: Run) -> None:
    """Be a module: do the task of an AnsibleModule, print the result, exit."""
    result = perform(run, Task(module.params, module.check_mode, bool(module._diff)))
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
