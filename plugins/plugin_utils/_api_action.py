# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the modules that talk to an API: inside the controller where that makes no difference, else as modules.

A module is a forked Python that compiles its code anew each time, about 0.3 s; here the same code costs milliseconds,
and a loop keeps its connection.

Each module has an action plugin of its own name, of a few lines. A common one, to which ``meta/runtime.yml`` routes,
would be loaded only in the process that Ansible forks for each task; its imports, which Ansible compiles anew as well,
would cost several times what the task does. One of the task's own name is loaded before the fork. (And a redirect of
actions makes one and the same action of all of them for ``module_defaults``.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from types import ModuleType
from typing import Any

from ansible import constants
from ansible.errors import AnsibleUndefinedConfigEntry
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ansible_collections.metalstack.provisioning.plugins.module_utils._task import Task, perform

# For the search of a fault: what a module does in the controller, it must do as a module as well.
_SWITCH = "metalstack_provisioning_in_controller"
_KEYS = frozenset({str})
_SCALARS = frozenset({bool, float, int, type(None)})
# A secret of only these may be a part of a number, which can be written as 1e-05, inf or nan.
_IN_NUMBERS = frozenset("0123456789+-.einfa")


class ApiActionModule(ActionBase):
    """The action plugin of a module; ``MODULE`` is that module's file, with its SPEC and its ``run``."""

    MODULE: ModuleType
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._in_controller(task_vars or {}):
            result.update(self._perform(task_vars or {}))
        else:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        return result

    def _in_controller(self, task_vars: dict[str, Any]) -> bool:
        switch = self._templar.template(task_vars.get(_SWITCH, True))
        return (
            self._connection.transport == "local"
            and not self._connection.become
            and not self._task.async_val
            and boolean(switch)
        )

    def _perform(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        checked = ArgumentSpecValidator(**self.MODULE.SPEC.arguments()).validate(dict(self._task.args))
        params = checked.validated_parameters
        secrets = {*checked._no_log_values, *self._secrets(params)}
        if checked.error_messages:
            message = checked.errors.msg
            if isinstance(checked.errors[0], UnsupportedError):
                message = f"Unsupported parameters for ({self._task.resolved_action}) module: {message}"
            done: dict[str, Any] = {"failed": True, "msg": message}
        else:
            task = Task(params, self._task.check_mode, self._task.diff, self._environ())
            done = perform(self.MODULE.run, task)
        done.setdefault("changed", False)
        if _shows_invocation(task_vars):
            done["invocation"] = {"module_args": params}
        return without_secrets(done, secrets)

    def _secrets(self, params: Mapping[str, Any]) -> set[str]:  # noqa: ARG002
        """Return secrets within options that are not secret as a whole."""
        return set()

    def _environ(self) -> dict[str, str]:
        """Return the environment that a module would have: the controller's with the keyword of the task."""
        given: dict[str, Any] = {}
        self._compute_environment_string(given)
        return {**os.environ, **{name: str(value) for name, value in given.items()}}


def without_secrets(done: dict[str, Any], secrets: Collection[str]) -> dict[str, Any]:
    """Return a result as a module's would be: through JSON, with asterisks for secrets.

    Both take longer than to read thousands of things from the API, and those are mostly as JSON gives them back and
    without any secret: then they stay as they are.
    """
    return {name: value if _harmless(value, secrets) else _cleaned(value, secrets) for name, value in done.items()}


def _harmless(value: object, secrets: Collection[str]) -> bool:
    """Whether neither JSON nor remove_values would change anything."""
    if any(_IN_NUMBERS.issuperset(secret) for secret in secrets):
        return False
    texts: list[str] = []
    if not _plain((value,), texts):
        return False
    # a secret that would begin in one text and end in the next one only costs the longer way
    text = "\n".join(texts)
    return not any(secret in text for secret in secrets)


def _plain(values: Iterable[Any], texts: list[str]) -> bool:
    """Whether JSON gives them back as they are; ``texts`` gets their texts, without the keys, which are never secret.

    Only of the very types: those of ansible-core that are derived from them have tags, which no module returns.
    """
    for value in values:
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is dict:
            if value and (not _KEYS.issuperset(map(type, value)) or not _plain(value.values(), texts)):
                return False
        elif kind is list:
            if value and not _plain(value, texts):
                return False
        elif kind not in _SCALARS:
            return False
    return True


def _cleaned(value: object, secrets: Collection[str]) -> object:
    """Do both."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        return remove_values(value, secrets)
    written = (json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets)
    clean = json.loads(text)
    return remove_values(clean, secrets) if any(one in text for one in written) else clean


def _shows_invocation(task_vars: dict[str, Any]) -> bool:
    """Whether modules return their arguments: always until ansible-core 2.20, then as it is configured."""
    try:
        return bool(constants.config.get_config_value("INJECT_INVOCATION", variables=task_vars))
    except AnsibleUndefinedConfigEntry:
        return True
