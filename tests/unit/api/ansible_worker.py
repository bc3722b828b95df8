# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process in which Ansible loads plugins as its commands do, which starts only once: an answer a request, by line.

Not within pytest, because Ansible's finder of collections would replace the one of the other tests. A request is
``{"do": "inventory", "sources": [...], "cache": bool}`` or ``{"do": "template", "text": ..., "variables": {...}}``, and
has ``environ``.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display

WARNINGS: list[str] = []
# What Ansible says of a source that failed, before it says that one has failed.
ERRORS: list[str] = []


def inventory(loader: DataLoader, request: dict[str, Any]) -> dict[str, Any]:
    """Return hosts with their variables, groups with their hosts."""
    made = InventoryManager(loader=loader, sources=request["sources"], cache=request["cache"])
    own = ("inventory_file", "inventory_dir")
    return {
        "hosts": {
            name: {key: value for key, value in host.vars.items() if key not in own}
            for name, host in made.hosts.items()
        },
        "groups": {name: sorted(host.name for host in group.hosts) for name, group in made.groups.items()},
    }


def template(loader: DataLoader, request: dict[str, Any]) -> Any:
    """Return what a template gives."""
    return Templar(loader=loader, variables=trusted(request["variables"])).template(trust_as_template(request["text"]))


def trusted(value: Any) -> Any:
    """Return a user's variables as Ansible has them: they may be templates."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    return [trusted(one) for one in value] if isinstance(value, list) else value


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do it; whatever goes wrong is for the test to judge."""
    WARNINGS.clear()
    ERRORS.clear()
    before = dict(os.environ)
    os.environ.update(request["environ"])
    try:
        done = {"inventory": inventory, "template": template}[request["do"]](DataLoader(), request)
        # Ansible's own objects become plain ones
        return {"result": json.loads(json.dumps(done)), "warnings": list(WARNINGS)}
    except AnsibleError as error:
        return {"error": " ".join([*ERRORS, str(error)])}
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> None:
    """Answer until there is nothing more to read."""
    out = sys.stdout
    sys.stdout = sys.stderr
    Display.warning = lambda _self, msg, *_args, **_settings: WARNINGS.append(msg)  # type: ignore[method-assign]
    Display.error_as_warning = lambda _self, msg, exception, **_settings: ERRORS.append(f"{msg} {exception}")  # type: ignore[method-assign]
    init_plugin_loader([os.environ["ANSIBLE_COLLECTIONS_PATH"]])
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
