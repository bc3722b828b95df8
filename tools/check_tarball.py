# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when the tarball holds what no user needs, or lacks what every user needs: ``check_tarball.py TARBALL``."""

from __future__ import annotations

import sys
import tarfile

ALLOWED = {
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "execution-environment.yml",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
NEEDED = {
    "CHANGELOG.rst",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs/changelog.yaml",
    "meta/execution-environment.yml",
    "meta/runtime.yml",
}
UNWANTED_PARTS = {"__pycache__", "fragments", "images", "tests", "molecule", ".git"}


def main() -> None:
    """Compare the names."""
    with tarfile.open(sys.argv[1]) as archive:
        names = {one.name for one in archive.getmembers() if one.isfile()}
    extra = {name for name in names if name.split("/")[0] not in ALLOWED or UNWANTED_PARTS & set(name.split("/"))}
    missing = NEEDED - names
    for name in sorted(extra):
        print(f"error: {name} is in the tarball: name it in build_ignore of galaxy.yml.", file=sys.stderr)
    for name in sorted(missing):
        print(f"error: {name} is missing in the tarball.", file=sys.stderr)
    if extra or missing:
        sys.exit(1)
    print(f"It holds {len(names)} files.")


main()
