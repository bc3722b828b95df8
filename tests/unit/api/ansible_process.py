# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plugins of the collection as Ansible runs them: see ``ansible_worker``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import COLLECTIONS, ROOT


class PluginError(Exception):
    """Ansible failed; the text is its message."""


@dataclass(frozen=True)
class Answer:
    """What came out, and the warnings on the way."""

    result: Any
    warnings: list[str]


@dataclass(frozen=True)
class AnsibleProcess:
    """A running worker."""

    process: subprocess.Popen[str]

    def inventory(self, *sources: Path, environ: Mapping[str, str], cache: bool = True) -> Answer:
        """Return ``hosts`` and ``groups``. Raises PluginError when a source fails."""
        return self._ask(do="inventory", sources=[str(path) for path in sources], cache=cache, environ=dict(environ))

    def template(self, text: str, *, environ: Mapping[str, str], **variables: object) -> Answer:
        """Return what a template gives. Raises PluginError."""
        return self._ask(do="template", text=text, variables=variables, environ=dict(environ))

    def _ask(self, **request: object) -> Answer:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise PluginError(answer["error"])
        return Answer(answer["result"], answer["warnings"])


def ansible_environment(home: Path) -> dict[str, str]:
    """Return the environment for Ansible's commands in a test, without settings of whoever runs it."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "METALCTL_", "METAL_"))
    }
    (home / "ansible.cfg").touch()
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "PYTHONPATH": f"{COLLECTIONS}:{ROOT}",
    }


@contextmanager
def ansible_process(home: Path) -> Iterator[AnsibleProcess]:
    """Start a worker; it ends with the block."""
    # Errors of inventories are exceptions, as with ansible-inventory --list when it is told so.
    environment = {**ansible_environment(home), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.api.ansible_worker"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield AnsibleProcess(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(timeout=30) == 0
