# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the versions of Python hosts may have: those that the ansible-test installed and this collection know."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import ansible_test
import yaml

CONFIG = Path(__file__).resolve().parent.parent / "tests" / "config.yml"


def minor(version: str) -> int:
    """Return 9 for "3.9"."""
    return int(version.split(".")[1])


def main() -> None:
    """Print one a line, oldest first."""
    source = Path(ansible_test.__file__).parent / "_util" / "target" / "common" / "constants.py"
    known = set(re.findall(r"""['"](3\.[0-9]+)['"]""", source.read_text(encoding="utf-8")))
    oldest = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["modules"]["python_requires"].removeprefix(">=")
    versions = sorted((one for one in known if minor(one) >= minor(oldest)), key=minor)
    if not versions:
        sys.exit(f"error: {source} no longer lists the versions of Python: adapt {Path(__file__).name}.")
    print("\n".join(versions))


main()
