# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role duros_controller would apply, as its own templates say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .playbook import ROOT, play

ROLE = "metalstack.provisioning.duros_controller"
# in the order in which the role applies them
_PARTS = ("first", "around", "in_target", "admin", "running")


def wanted(directory: Path, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects, after a look at the clusters that the variables name. They have secrets in them."""
    # where lookups look that are templated outside of the role
    for folder in ("templates", "files"):
        (directory / folder).symlink_to(ROOT / "roles/duros_controller" / folder)
    file = directory / "wanted.json"
    parts = " + ".join(f"_duros_controller_{part}" for part in _PARTS)
    tasks = [
        {"include_role": {"name": ROLE, "tasks_from": "look", "public": True}},
        {"copy": {"content": "{{ " + parts + " }}", "dest": str(file), "mode": "0600"}},
    ]
    done = play(directory, tasks, variables=variables)
    assert file.exists(), done.output
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found
