# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build ``image-cache-sync`` on the controller and hand it over to the core copy action."""

from __future__ import annotations

import base64
import re
import shutil
import tempfile
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.metalstack.provisioning.plugins.plugin_utils._sync_program import (
    BuildError,
    Program,
    build,
    version_of,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "dest": {"type": "path", "default": "/usr/local/bin/image-cache-sync"},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw", "default": "0755"},
}
# A file that is larger was never ours, so there is no version in it to show.
_LARGEST_PROGRAM = 4 * 1024 * 1024
_GLANCE = re.compile(r"(?P<mode>[0-9a-f]{1,8}) (?P<owner>\S+) (?P<group>\S+)\r?\n(?P<checksum>[0-9a-f]{64}) [ *]/.*")


class ActionModule(ActionBase):
    """Ansible's entry point."""

    # the copy action does, if there is anything to transfer
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        try:
            program = build()
        except BuildError as error:
            raise AnsibleActionFail(str(error)) from None
        arguments["dest"] = self._remote_expand_user(arguments["dest"])
        before = self._glanced_at(arguments["dest"])
        differs = before.get("checksum") != program.sha256
        if not differs and is_as_wanted(before, arguments):
            # nothing to do, which the copy action would find out with three modules
            return {"changed": False, "dest": arguments["dest"], "version": program.version, "sha256": program.sha256}
        before = self._installed(arguments["dest"], task_vars)
        differs = before.get("checksum") != program.sha256
        diff = self._diff(before, program, arguments["dest"], task_vars) if differs and self._task.diff else None
        result = self._copy(program, arguments, keep_diff=diff is None, task_vars=task_vars)
        if diff and not result.get("failed"):
            result["diff"] = [diff]
        result.update(version=program.version, sha256=program.sha256)
        return result

    def _glanced_at(self, dest: str) -> dict[str, Any]:
        """Return what two programs of the host say that are started far sooner than a module; else an empty mapping."""
        path = self._connection._shell.quote(dest)
        said = self._low_level_execute_command(f"stat -c '%f %U %G' -- {path} && sha256sum -- {path}")
        return glance(said["stdout"]) if said["rc"] == 0 else {}

    def _installed(self, dest: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return the stat of what is there now, with its SHA-256; an empty mapping when there is nothing."""
        result = self._execute_module(
            module_name="ansible.legacy.stat",
            module_args={"path": dest, "checksum_algorithm": "sha256", "get_mime": False, "get_attributes": False},
            task_vars=task_vars,
        )
        if result.get("failed"):
            raise AnsibleActionFail(f"{dest} cannot be examined: {result.get('msg', 'no reason given')}", result=result)
        stat: dict[str, Any] = result["stat"]
        if stat.get("isdir"):
            # the copy action would put the file into it, under the name of our temporary file
            raise AnsibleActionFail(f"dest is {dest}, which is a directory: give the path of the program itself.")
        return stat if stat["exists"] else {}

    def _copy(
        self, program: Program, arguments: dict[str, Any], *, keep_diff: bool, task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        task = self._task.copy()
        task.args = {name: value for name, value in arguments.items() if value is not None}
        # the difference of two binary files says nothing; that of owner and mode does
        task.diff = self._task.diff and keep_diff
        directory = Path(tempfile.mkdtemp(dir=constants.DEFAULT_LOCAL_TMP))
        try:
            file = directory / "image-cache-sync"
            file.write_bytes(program.content)
            task.args["src"] = str(file)
            action = self._shared_loader_obj.action_loader.get(
                "ansible.legacy.copy",
                task=task,
                connection=self._connection,
                play_context=self._play_context,
                loader=self._loader,
                templar=self._templar,
                shared_loader_obj=self._shared_loader_obj,
            )
            result: dict[str, Any] = action.run(task_vars=task_vars)
        finally:
            shutil.rmtree(directory)
        # names of temporary files would only puzzle the reader
        for name in ("src", "invocation"):
            result.pop(name, None)
        result.setdefault("dest", arguments["dest"])
        return result

    def _diff(
        self, before: dict[str, Any], program: Program, dest: str, task_vars: dict[str, Any] | None
    ) -> dict[str, str]:
        old = ""
        if before:
            version = None
            if before.get("isreg") and before["size"] <= _LARGEST_PROGRAM:
                slurped = self._execute_module(
                    module_name="ansible.legacy.slurp", module_args={"src": dest}, task_vars=task_vars
                )
                version = version_of(base64.b64decode(slurped.get("content", "")))
            old = _summary(version or "unknown", before.get("checksum") or "unknown")
        return {
            "before_header": dest,
            "after_header": dest,
            "before": old,
            "after": _summary(program.version, program.sha256),
        }


def glance(said: str) -> dict[str, Any]:
    """Return as much of a stat as is_as_wanted needs; an empty mapping where anything else was said."""
    found = _GLANCE.fullmatch(said.strip())
    if found is None:
        return {}
    mode = int(found["mode"], 16)
    return {
        "isreg": S_ISREG(mode),
        "mode": f"{S_IMODE(mode):04o}",
        "pw_name": found["owner"],
        "gr_name": found["group"],
        "checksum": found["checksum"],
    }


def is_as_wanted(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether it is a file with the owner, group and mode that were given; False where that cannot be told by words."""
    mode = wanted["mode"]
    return (
        bool(found.get("isreg"))
        and isinstance(mode, str)
        and mode == found.get("mode")
        and wanted["owner"] in (None, found.get("pw_name"))
        and wanted["group"] in (None, found.get("gr_name"))
    )


def _summary(version: str, sha256: str) -> str:
    return f"version: {version}\nsha256: {sha256}\n"
