#!/usr/bin/python

# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checked_files
short_description: Install several text files that are checked together before the first one is replaced
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Writes all files into a staging directory, lets programs check them there under their own names, and replaces the
    files only when every check has passed. So one wrong value leaves all files as they were.
  - One task installs what would be a loop of M(ansible.builtin.template) otherwise, in the time of one item.
  - A text that is secret is an option of its own, so that it is in no log, result or diff.
options:
  directories:
    description: Directories that have to exist, parents first.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description:
          - Name of the owner. The group is the one of the same name. By default the user who runs the task, with the
            primary group.
        type: str
      mode:
        description: Permissions, four octal digits.
        type: str
        default: "0755"
  files:
    description: The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path. Its directory has to exist or be in O(directories).
        type: path
        required: true
      content:
        description: The whole text of the file. It or O(files[].secret) is required.
        type: str
      secret:
        description:
          - The whole text of a file that nobody may see. Give O(files[].mode) as well, so that nobody can read it; it
            has the same in the staging directory.
        type: str
      owner:
        description:
          - Name of the owner. The group is the one of the same name. By default the user who runs the task, with the
            primary group.
        type: str
      mode:
        description: Permissions, four octal digits.
        type: str
        default: "0644"
      backup:
        description:
          - Where to keep the file that is replaced, if it does not hold the text O(mark).
        type: path
  mark:
    description:
      - A text that is in every file of this role and in no file of somebody else, for O(files[].backup).
    type: str
    default: Managed by Ansible
  checks:
    description: Commands that must succeed before anything is replaced.
    type: list
    elements: dict
    default: []
    suboptions:
      command:
        description:
          - Program and arguments. V({stage}) stands for the staging directory, which holds every file of O(files) under
            its full path, as V({stage}/etc/haproxy/haproxy.cfg).
        type: list
        elements: str
        required: true
      environment:
        description: Environment variables for the command, V({stage}) is replaced as well.
        type: dict
        default: {}
      files:
        description: Run the command only if one of these files would be replaced. Empty means any file.
        type: list
        elements: path
        default: []
      requires:
        description:
          - Paths that the command needs. In check mode it is not run while one of them is missing, because a real run
            would have created it before.
        type: list
        elements: path
        default: []
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying the target.
    support: full
    details:
      - The checks are run in check mode as well, in the staging directory.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in check mode), when in diff mode.
    support: full
  platform:
    description: Target operating systems or families.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Configure haproxy and its unit
  metalstack.provisioning.checked_files:
    directories:
      - path: /etc/systemd/system/haproxy.service.d
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        backup: /etc/haproxy/haproxy.cfg.orig
      - path: /etc/systemd/system/haproxy.service.d/hardening.conf
        content: "{{ lookup('ansible.builtin.template', 'hardening.conf.j2') }}"
      - path: /etc/haproxy/password
        secret: "{{ vault_haproxy_password }}"
        mode: "0600"
    checks:
      - command: [haproxy, -c, -q, -f, "{stage}/etc/haproxy/haproxy.cfg"]
        files: [/etc/haproxy/haproxy.cfg]
        requires: [/usr/sbin/haproxy]
      - command: [systemd-analyze, verify, --man=no, --recursive-errors=no, haproxy.service]
        environment:
          # the colon at the end adds systemd's own directories
          SYSTEMD_UNIT_PATH: "{stage}/etc/systemd/system:"
        files: [/etc/systemd/system/haproxy.service.d/hardening.conf]
        requires: [/usr/sbin/haproxy]
  register: result

- name: Show what was replaced
  ansible.builtin.debug:
    var: result.replaced
"""

RETURN = r"""
replaced:
  description: Paths of the files whose content was, or in check mode would be, replaced or created.
  returned: success
  type: list
  elements: str
  sample: [/etc/haproxy/haproxy.cfg]
adjusted:
  description: Paths of directories and files that were created or given other owners or permissions, the content aside.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/haproxy.service.d]
"""

import errno
import os
import re
import shutil
import stat
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule


class FilesModule(AnsibleModule):
    """An AnsibleModule that does not write whole files into the system log of the host."""

    def _log_invocation(self) -> None:
        names = ", ".join(entry["path"] for entry in self.params["files"])
        self.log(f"Invoked for {names}")


def staged(stage: str, path: str) -> str:
    return os.path.join(stage, path.lstrip("/"))


def read(path: str) -> bytes | None:
    """The content of a file, None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise


def write(path: str, content: bytes, mode: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def content_of(entry: dict[str, Any]) -> bytes:
    """The content that a file has to have."""
    given: str = entry["content"] if entry["secret"] is None else entry["secret"]
    return given.encode("utf-8")


def text(content: bytes | None) -> str:
    return "" if content is None else content.decode("utf-8", errors="replace")


def difference(entry: dict[str, Any], content: bytes, before: bytes | None) -> dict[str, str]:
    """The diff of a file whose content is replaced or that is created; of a secret only that it differs."""
    path = entry["path"]
    if entry["secret"] is None:
        shown = text(before), text(content)
    else:
        shown = "" if before is None else "another secret\n", "the secret that was given\n"
    header = path if before is not None else f"{path} (absent)"
    return {"before_header": header, "after_header": path, "before": shown[0], "after": shown[1]}


def identifier(database: Any, name: str) -> int | None:
    try:
        return int(database(name)[2])
    except KeyError:
        return None


def owner_of(entry: dict[str, Any]) -> str:
    """The name of the owner that a directory or file has to have, for the diff."""
    import pwd

    if entry["owner"] is not None:
        return str(entry["owner"])
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        # as in a container that runs with any number
        return str(os.geteuid())


def attributes_differ(module: AnsibleModule, entry: dict[str, Any]) -> bool:
    """Whether the path is missing or has another owner, group or mode. An owner that is yet to be created differs."""
    import grp
    import pwd

    path, owner = entry["path"], entry["owner"]
    try:
        found = os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return True
        raise
    if owner is None:
        wanted = (os.geteuid(), os.getegid())
    else:
        wanted = (identifier(pwd.getpwnam, owner), identifier(grp.getgrnam, owner))
    return (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (*wanted, octal(module, entry))


def set_attributes(module: AnsibleModule, path: str, entry: dict[str, Any]) -> None:
    owner = entry["owner"]
    module.set_owner_if_different(path, str(os.geteuid()) if owner is None else owner, False)
    module.set_group_if_different(path, str(os.getegid()) if owner is None else owner, False)
    module.set_mode_if_different(path, octal(module, entry), False)


def octal(module: AnsibleModule, entry: dict[str, Any]) -> int:
    # not three: YAML takes 0640 without quotes for the number 416
    if not re.fullmatch(r"[0-7]{4}", entry["mode"]):
        module.fail_json(
            msg=f'The mode of {entry["path"]} is "{entry["mode"]}": give four octal digits in quotes such as "0644".'
        )
    return int(entry["mode"], 8)


def check_arguments(module: AnsibleModule) -> None:
    seen = set()
    for entry in module.params["directories"] + module.params["files"]:
        path = entry["path"]
        if not os.path.isabs(path) or os.path.normpath(path) != path:
            module.fail_json(
                msg=f'The path "{path}" is not plain and absolute: give one such as "/etc/nginx/nginx.conf".'
            )
        if path in seen:
            module.fail_json(msg=f'The path "{path}" is given twice: name it once.')
        seen.add(path)
        octal(module, entry)


def check_places(module: AnsibleModule, replaced: list[str]) -> None:
    """Fail before anything is replaced if a file would have no directory to lie in."""
    made = [entry["path"] for entry in module.params["directories"]]
    for path in replaced:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent) and not any(f"{one}/".startswith(f"{parent}/") for one in made):
            module.fail_json(
                msg=f"Nothing was replaced, because the directory of {path} does not exist: create it before, "
                "or name it in directories."
            )


def run_checks(module: AnsibleModule, stage: str, replaced: list[str]) -> None:
    for check in module.params["checks"]:
        if check["files"] and not set(check["files"]) & set(replaced):
            continue
        if module.check_mode and not all(os.path.exists(path) for path in check["requires"]):
            continue
        command = [argument.replace("{stage}", stage) for argument in check["command"]]
        environment = {name: str(value).replace("{stage}", stage) for name, value in check["environment"].items()}
        code, output, errors = module.run_command(
            command,
            environ_update=environment,
            handle_exceptions=False,
        )
        if code != 0:
            said = (errors + output).replace(stage, "").strip() or "nothing"
            files = ", ".join(path for path in replaced if not check["files"] or path in check["files"])
            module.fail_json(
                msg=f"Nothing was replaced, because {os.path.basename(command[0])} refuses {files}. It says: {said}",
                rc=code,
                command=[argument.replace(stage, "{stage}") for argument in command],
            )


def make_directory(module: AnsibleModule, entry: dict[str, Any]) -> None:
    path = entry["path"]
    if not os.path.isdir(path):
        os.makedirs(path)
    set_attributes(module, path, entry)


def replace(module: AnsibleModule, entry: dict[str, Any], content: bytes, before: bytes | None) -> None:
    path = entry["path"]
    backup = entry["backup"]
    if backup and before is not None and module.params["mark"].encode() not in before:
        shutil.copy2(path, backup)
    handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    set_attributes(module, temporary, entry)
    # keeps the new file's own owner and mode only if there is none to inherit them from
    module.atomic_move(temporary, path)
    set_attributes(module, path, entry)


def run(module: AnsibleModule, stage: str) -> dict[str, Any]:
    check_arguments(module)
    diff: list[dict[str, str]] = []
    directories = [entry for entry in module.params["directories"] if attributes_differ(module, entry)]
    adjusted = [entry["path"] for entry in directories]
    for entry in directories:
        state = "directory" if os.path.isdir(entry["path"]) else "absent"
        diff.append(
            {
                "before_header": entry["path"],
                "after_header": entry["path"],
                "before": f"{state}\n" if state == "absent" else "other owner, group or mode\n",
                "after": f"directory of {owner_of(entry)}, mode {entry['mode']}\n",
            }
        )

    wanted = [(entry, content_of(entry), read(entry["path"])) for entry in module.params["files"]]
    replaced = [entry["path"] for entry, content, before in wanted if content != before]
    for entry, content, before in wanted:
        path = entry["path"]
        if content != before:
            diff.append(difference(entry, content, before))
        elif attributes_differ(module, entry):
            adjusted.append(path)
            after = f"owner {owner_of(entry)}, mode {entry['mode']}\n"
            diff.append(
                {"before_header": path, "after_header": path, "before": "other owner, group or mode\n", "after": after}
            )

    if replaced:
        if not module.check_mode:
            # in check mode an earlier task of a real run may be what makes it
            check_places(module, replaced)
        for entry, content, _before in wanted:
            write(staged(stage, entry["path"]), content, octal(module, entry))
        run_checks(module, stage, replaced)
    if not module.check_mode:
        for entry in directories:
            make_directory(module, entry)
        for entry, content, before in wanted:
            if content != before:
                replace(module, entry, content, before)
            elif entry["path"] in adjusted:
                set_attributes(module, entry["path"], entry)
    return {"changed": bool(replaced or adjusted), "replaced": replaced, "adjusted": adjusted, "diff": diff}


def main() -> None:
    mode = {"type": "str", "default": "0644"}
    module = FilesModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "owner": {"type": "str"},
                    "mode": {**mode, "default": "0755"},
                },
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str"},
                    "secret": {"type": "str", "no_log": True},
                    "owner": {"type": "str"},
                    "mode": mode,
                    "backup": {"type": "path"},
                },
                "required_one_of": [("content", "secret")],
                "mutually_exclusive": [("content", "secret")],
            },
            "mark": {"type": "str", "default": "Managed by Ansible"},
            "checks": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "command": {"type": "list", "elements": "str", "required": True},
                    "environment": {"type": "dict", "default": {}},
                    "files": {"type": "list", "elements": "path", "default": []},
                    "requires": {"type": "list", "elements": "path", "default": []},
                },
            },
        },
        supports_check_mode=True,
    )
    # readable by the users that the programs under check switch to
    stage = tempfile.mkdtemp(prefix="checked-files-")
    os.chmod(stage, 0o755)
    try:
        result = run(module, stage)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.")
    finally:
        shutil.rmtree(stage)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
