# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.emulators.lightos_installer``; see ``tests/emulators/README.md``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .archive import build


def main() -> None:
    """Read the command line, make the archive, print where it is."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators.lightos_installer",
        description="Make the archive of an emulated installer of LightOS, and its checksum.",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--version", default="3.12.1", help="version of LightOS (default: %(default)s)")
    parser.add_argument(
        "--control", required=True, metavar="URL", help="control endpoint of the Lightbits emulator, for its servers"
    )
    options = parser.parse_args()
    try:
        print(build(options.output, options.version, options.control))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
