# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up what pytest said last of parts that ran side by side: ``python tools/closing_line.py LOG...``."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

FAILED = re.compile(r"^(?:FAILED|ERROR) tests/.*$", re.MULTILINE)
CLOSING = re.compile(r"^=+ (?P<counts>.*) in (?P<seconds>[0-9.]+)s.*=+$", re.MULTILINE)


def main() -> None:
    """Print what failed and one line as pytest would, or the name of a part that did not finish."""
    counts: Counter[str] = Counter()
    longest = 0.0
    for log in map(Path, sys.argv[1:]):
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        for failed in FAILED.findall(text):
            print(f"  {failed}")
        found = list(CLOSING.finditer(text))
        if not found:
            print(f"  pytest did not finish: {log.name}")
            continue
        longest = max(longest, float(found[-1]["seconds"]))
        for part in found[-1]["counts"].split(", "):
            number, _space, what = part.partition(" ")
            if not number.isdigit():
                print(f"  {part}: {log.name}")
                continue
            counts[what] += int(number)
    order = sorted(counts, key=lambda what: (what != "failed", what))
    total = ", ".join(f"{counts[what]} {what}" for what in order)
    if total:
        print(f" {total} in {longest:.2f}s ".center(80, "="))


main()
