# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenario default measures as it goes: its partition is not brought up a second time for a benchmark."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.testbed.engine import REPOSITORY

from .definition import BenchmarkError

NOTES = REPOSITORY / "build"


def noted(name: str, directory: Path = NOTES) -> Any:
    """Return what the scenario has noted under a name; where it has not been run yet, it is now."""
    path = directory / f"{name}.json"
    if not path.exists():
        done = subprocess.run([REPOSITORY / "tools/molecule", "default"], capture_output=True, text=True, check=False)
        if done.returncode != 0 or not path.exists():
            raise BenchmarkError("the scenario default, which measures it, fails: make molecule SCENARIO=default")
    return json.loads(path.read_text(encoding="utf-8"))
