# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.demo.picture`: the README's picture anew, the upper part of the page that the last demo has left."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.browser import BrowserError, chromium
from tests.testbed.engine import REPOSITORY

from .report import PAGE

PICTURE = REPOSITORY / "docs" / "images" / "demo.png"
# down to the topology of the storage network
WIDTH, HEIGHT = 1180, 650


def main() -> int:
    """Write it, in the light theme; ends with 1, and a sentence, where that cannot be done."""
    if not PAGE.is_file():
        print(f"picture: there is no {PAGE}: run make demo first", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory() as directory, chromium(Path(directory)) as browser:
            browser.open(PAGE, width=WIDTH)
            written = browser.picture(PICTURE, height=HEIGHT)
    except BrowserError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 1
    print(f"{PICTURE}: {len(written) >> 10} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
