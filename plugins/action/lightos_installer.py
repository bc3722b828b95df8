# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the installer of LightOS on its host, and show its output line by line until it has ended."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

_MODULE = "metalstack.provisioning.lightos_installer"
_KEPT = 20

display = Display()


class ActionModule(ActionBase):
    """Ansible's entry point."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        begun = self._call({}, task_vars)
        if self._task.check_mode or begun.get("failed") or "started" not in begun:
            return begun
        label, end = str(self._task.args["label"]), time.monotonic() + int(self._task.args.get("timeout", 7200))
        attached = not begun["started"]
        if attached:
            display.display(f"[{label}] The installer is at work already; this follows it.")
        offset = 0
        last: list[str] = []
        while True:
            found = self._call({"offset": offset}, task_vars)
            if found.get("failed"):
                # it cannot be followed, which it does not know
                return {**found, "running": True}
            for line in found["lines"]:
                if line.strip():
                    display.display(f"[{label}] {line}")
            offset, last = found["offset"], [*last, *found["lines"]][-_KEPT:]
            if not found["running"]:
                break
            if time.monotonic() >= end:
                sentence = "has not come to its end in time. It goes on by itself; run this again to follow it"
                return {
                    "failed": True,
                    "running": True,
                    "log": found["log"],
                    "msg": f"The installer ({label}) {sentence}. Its log is {found['log']}.",
                }
        result = {
            "changed": True,
            "label": label,
            "attached": attached,
            "code": found["code"],
            "log": found["log"],
            "lines": last,
        }
        if found["code"] != 0:
            result.update(failed=True, msg=_why(label, found["code"], found["log"], last))
        return result

    def _call(self, more: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        arguments = {**self._task.args, **more}
        if more:
            # the first call has handed them over
            arguments = {name: value for name, value in arguments.items() if name not in ("variables", "secrets")}
        result: dict[str, Any] = self._execute_module(module_name=_MODULE, module_args=arguments, task_vars=task_vars)
        result.pop("invocation", None)
        return result


def _why(label: str, code: int | None, log: str, last: list[str]) -> str:
    ended = (
        "ended without a result; it was killed, or its host was restarted"
        if code is None
        else f"ended with the code {code}"
    )
    lines = "\n".join(line for line in last if line.strip())
    return f"The installer ({label}) {ended}. Its log is {log}, which ends with:\n{lines}"
