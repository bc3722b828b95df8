# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the checkout importable as ``ansible_collections.metalstack.provisioning``, wherever it lies.

``build/collections`` holds one symbolic link, from the collection's place to the repository root.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / "build" / "collections"
LINK = COLLECTIONS / "ansible_collections" / "metalstack" / "provisioning"


def link_collection() -> None:
    """Create the link if it is not there; a parallel run may do the same at the same time."""
    LINK.parent.mkdir(parents=True, exist_ok=True)
    if not LINK.is_symlink():
        try:
            LINK.symlink_to(Path("../../../.."), target_is_directory=True)
        except FileExistsError:
            if not LINK.is_symlink():
                raise


link_collection()
# pytest put the folder on the path before it existed, and Python remembers that it was not there.
sys.path_importer_cache.pop(str(COLLECTIONS), None)
importlib.invalidate_caches()
for _path in (str(COLLECTIONS), str(ROOT)):
    if _path not in sys.path:
        sys.path.insert(0, _path)

# A busy machine is no failure. In CI the same examples every time: what fails there fails again here, with CI=true.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
# of the second core, see tools/unit
settings.register_profile("few", settings.get_profile("ci" if os.environ.get("CI") else "local"), max_examples=20)
settings.load_profile("ci" if os.environ.get("CI") else "local")
