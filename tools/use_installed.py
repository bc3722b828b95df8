# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Use the installed collection as its users do: ``use_installed.py COLLECTIONS WORKING_DIRECTORY``.

Reads the documentation of every plugin and role with ansible-doc, and checks the syntax of every playbook. What there
is to be found is taken from the installed files, so that later ones are covered by themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

NAME = "metalstack.provisioning"
#: Folder below plugins/ -> type as ansible-doc calls it. Action plugins are documented by the module of their name.
TYPES = {
    "become": "become",
    "cache": "cache",
    "callback": "callback",
    "connection": "connection",
    "filter": "filter",
    "inventory": "inventory",
    "lookup": "lookup",
    "modules": "module",
    "strategy": "strategy",
    "test": "test",
    "vars": "vars",
}


class Collection:
    """The installed collection, and Ansible run on it from elsewhere."""

    def __init__(self, collections: Path, elsewhere: Path) -> None:
        self.root = collections / "ansible_collections" / "metalstack" / "provisioning"
        self.elsewhere = elsewhere
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))
        }
        self.environment["ANSIBLE_COLLECTIONS_PATH"] = str(collections)
        self.problems: list[str] = []

    def run(self, *command: str) -> str | None:
        """Return what the command printed, or None and note the problem."""
        result = subprocess.run(
            command,
            cwd=self.elsewhere,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if result.returncode == 0 and "ERROR" not in result.stderr:
            return result.stdout
        self.problems.append(f"{' '.join(command)}:\n{result.stderr.strip() or result.stdout.strip()}")
        return None

    def document(self, kind: str, names: list[str]) -> None:
        """Read the documentation of these plugins or roles; each must be there and not be empty."""
        if not names:
            return
        full = [f"{NAME}.{name}" for name in names]
        text = self.run("ansible-doc", "--json", "-t", kind, *full)
        if text is None:
            return
        documented = json.loads(text)
        for name in full:
            if not documented.get(name):
                self.problems.append(f"ansible-doc -t {kind} {name} shows nothing.")
        print(f"  {len(full):3d} {kind}{'s' if len(full) > 1 else ''}: {', '.join(names)}")

    def plugins(self, folder: str) -> list[str]:
        """Return the names of the plugins in a folder; a filter may have its documentation in a YAML file."""
        found = (self.root / "plugins" / folder).glob("*")
        names = {one.stem for one in found if one.suffix in (".py", ".yml", ".yaml") and one.stem[0] != "_"}
        return sorted(names - {"__init__"})

    def check_folders(self) -> None:
        """Every folder of plugins is one that this program, or the field, knows."""
        others = {"action", "doc_fragments", "module_utils", "plugin_utils"}
        for folder in sorted((self.root / "plugins").glob("*/")):
            if folder.name not in TYPES and folder.name not in others:
                self.problems.append(f"plugins/{folder.name} is no folder that Ansible knows.")

    def check_playbooks(self) -> None:
        """Check the syntax of every playbook by its collection name, and of a play that uses all roles."""
        roles = self.roles()
        playbooks = sorted(one.stem for one in (self.root / "playbooks").glob("*.yml"))
        for name in playbooks:
            self.run("ansible-playbook", "--syntax-check", "-i", "localhost,", f"{NAME}.{name}")
        play = self.elsewhere / "play.yml"
        tasks = [{"ansible.builtin.import_role": {"name": f"{NAME}.{role}"}} for role in roles]
        tasks.append({"ansible.builtin.debug": {"msg": "The collection is installed."}})
        play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        self.run("ansible-playbook", "--syntax-check", "-i", "localhost,", str(play))
        print(f"  {len(playbooks):3d} playbook(s), and a play with {len(roles)} role(s): syntax is right")

    def roles(self) -> list[str]:
        """Return the names of the public roles."""
        return sorted(one.name for one in (self.root / "roles").glob("*/") if one.name[0] != "_")


def main() -> None:
    """Use all of it, then tell every problem."""
    collection = Collection(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    collection.check_folders()
    for folder, kind in TYPES.items():
        collection.document(kind, collection.plugins(folder))
    collection.document("role", collection.roles())
    collection.check_playbooks()
    for problem in collection.problems:
        print(f"error: {problem}", file=sys.stderr)
    if collection.problems:
        sys.exit(1)


main()
