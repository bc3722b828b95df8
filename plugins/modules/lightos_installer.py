#!/usr/bin/python
# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the vendor's installer of LightOS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lightos_installer
short_description: Run the installer of LightOS, and show what it does
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Runs the command of the vendor's installer and shows each line of its output, every five seconds those that are new.
  - The installer goes on by itself. If Ansible is interrupted meanwhile, the next run of the task follows the installer
    that is at work, and starts none beside it.
  - Its output is kept in a log of mode 0600 in O(directory), without secrets.
  - There is nothing to compare with, so the command is run each time, and that counts as a change. It is the caller's
    business to know whether it should be.
  - Nothing is written for a run that is not started, so one that is at work keeps what it was given.
attributes:
  check_mode:
    support: full
    description: Runs nothing in C(check_mode), and says that it would.
  diff_mode:
    support: none
    description: Has nothing to show.
  platform:
    support: full
    platforms: posix
    description: Hosts with Python.
options:
  label:
    description: What the run is for. A run with the same label is followed, one with another label is refused.
    type: str
    required: true
  directory:
    description: Directory for the log, which exists and which nobody else may enter (mode 0700).
    type: path
    required: true
  start:
    description:
      - Whether to start the installer if it is not at work. With V(false) it is only followed if it is, so that what it
        uses can be left alone until it has ended.
    type: bool
    default: true
  command:
    description: The command and its arguments, without secrets. Required if O(start=true).
    type: list
    elements: str
  chdir:
    description: The directory to run it in. Required if O(start=true).
    type: path
  environment:
    description: Variables for its environment. Those of Ansible itself (C(ANSIBLE_*)) are not handed on.
    type: dict
    default: {}
  variables:
    description: Secret variables, which are written to O(variables_file) as JSON for the time of the run.
    type: dict
    default: {}
  variables_file:
    description: The file for O(variables), of mode 0600. It is the O(command) that reads it.
    type: path
  secrets:
    description: Texts that must not appear in output and log, besides tokens, private keys and the like.
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds to follow it at most. It is not ended then; run the task again to go on following.
    type: int
    default: 7200
  offset:
    description: Where to go on with the log. Set by the action plugin while it follows, without any secret.
    type: int
requirements:
  - Python 3.9
"""

EXAMPLES = r"""
- name: Install LightOS
  metalstack.provisioning.lightos_installer:
    label: install
    directory: /root/lightos-installer
    command:
      - ansible-playbook
      - -i
      - /root/lightos-installer/inventory/hosts
      - playbooks/deploy-lightos.yml
      - -e
      - "@/root/lightos-installer/variables.json"
    chdir: /root/lightos-installer/light-app
    variables:
      local_repo_base_url: "{{ vault_lightos_repository }}"
    variables_file: /root/lightos-installer/variables.json

- name: Follow it if an earlier run of Ansible has left it at work
  metalstack.provisioning.lightos_installer:
    label: install
    directory: /root/lightos-installer
    start: false
  register: followed
"""

RETURN = r"""
label:
  description: What the run was for.
  returned: success
  type: str
  sample: install
log:
  description: The log, on the host where the installer ran.
  returned: when it was started or followed
  type: str
  sample: /root/lightos-installer/install-2026-11-28T110450Z.log
attached:
  description: Whether a run was followed that was at work already.
  returned: unless in check mode
  type: bool
  sample: false
code:
  description: Exit code of the command.
  returned: when it has ended
  type: int
  sample: 0
running:
  description: Whether the installer goes on by itself, so that what it uses has to stay.
  returned: failure
  type: bool
  sample: false
lines:
  description: The last lines of its output.
  returned: when it was started or followed
  type: list
  elements: str
  sample: ["server00 : ok=41 changed=12 unreachable=0 failed=0"]
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightos.supervision import (
    AtWorkError,
    Job,
    Supervision,
)

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "label": {"type": "str", "required": True},
    "directory": {"type": "path", "required": True},
    "start": {"type": "bool", "default": True},
    "command": {"type": "list", "elements": "str"},
    "chdir": {"type": "path"},
    "environment": {"type": "dict", "default": {}},
    "variables": {"type": "dict", "default": {}, "no_log": True},
    "variables_file": {"type": "path", "no_log": False},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "timeout": {"type": "int", "default": 7200},
    "offset": {"type": "int"},
}
# What is new within so many seconds is returned by one call of the module: each costs a process and a connection.
_WAIT = 5.0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    options = module.params
    # not by required_if, which takes null for a value
    for name in ("command", "chdir") if options["start"] else ():
        if not options[name]:
            module.fail_json(
                msg=f"{name} is missing: give it, or start=false to follow only an installer that is at work."
            )
    if module.check_mode:
        module.exit_json(changed=options["start"], label=options["label"])
    try:
        directory = _private(Path(options["directory"]))
        supervision = Supervision(directory)
        if options["offset"] is None:
            if not options["start"] and not supervision.at_work(options["label"]):
                module.exit_json(changed=False, label=options["label"], attached=False)
            # Nothing but that: AnsibleModule takes the values of secret variables out of all that is returned, and some
            # are short, like a number that an offset or a path may well hold.
            module.exit_json(changed=True, started=options["start"] and _begin(supervision, options))
    except UsageError as error:
        module.fail_json(msg=str(error), running=isinstance(error, AtWorkError))
    progress = supervision.follow(options["offset"], min(_WAIT, options["timeout"]))
    module.exit_json(
        changed=True,
        running=progress.running,
        code=progress.code,
        lines=progress.lines,
        offset=progress.offset,
        log=progress.log,
    )


def _private(directory: Path) -> Path:
    """Return it. Raises UsageError when others could read what is in it."""
    if not directory.is_dir():
        raise UsageError(f"directory is {directory}, which is no directory: create it with the mode 0700.")
    status = directory.stat()
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"directory is {directory}, which others may enter: it must be ours, with the mode 0700.")
    return directory


def _begin(supervision: Supervision, options: dict[str, Any]) -> bool:
    """Start it unless it goes on. Raises UsageError."""
    if not Path(options["chdir"]).is_dir():
        raise UsageError(f"chdir is {options['chdir']}, which is no directory.")
    file = options["variables_file"]
    if options["variables"] and not file:
        raise UsageError("variables is given without variables_file, so nobody would read them.")
    values = [str(value) for value in options["variables"].values() if isinstance(value, (str, int, float))]
    return supervision.begin(
        Job(
            label=options["label"],
            command=options["command"],
            directory=options["chdir"],
            environment={name: str(value) for name, value in options["environment"].items()},
            # short ones are numbers and switches, and parts of words
            secrets=(*options["secrets"], *(value for value in values if len(value) >= 8)),
            files={file: json.dumps(options["variables"])} if file else {},
        )
    )


if __name__ == "__main__":
    main()
