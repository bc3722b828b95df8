# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail when too few branches were taken by the tests: ``python tools/check_coverage.py coverage.json PERCENT``."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def percent(part: int, whole: int) -> float:
    """Return how much of the whole the part is; nothing of nothing is all of it."""
    return 100.0 * part / whole if whole else 100.0


def main() -> None:
    """Compare, and say which files lack most."""
    report = Path(sys.argv[1])
    needed = float(sys.argv[2])
    if not report.is_file():
        sys.exit(f"error: {report} is missing: the tests did not get as far as measuring coverage.")
    data = json.loads(report.read_text(encoding="utf-8"))
    total = data["totals"]
    if not total["num_statements"]:
        sys.exit("error: coverage saw no statement of plugins/module_utils.")
    lines = percent(total["covered_lines"], total["num_statements"])
    branches = percent(total["covered_branches"], total["num_branches"])
    print(f"Coverage of plugins/module_utils: {branches:.1f} % of branches, {lines:.1f} % of lines.")
    if min(branches, lines) >= needed:
        return
    summaries = ((one["summary"], name) for name, one in data["files"].items())
    worst = sorted(
        ((summary["num_branches"] - summary["covered_branches"], name) for summary, name in summaries), reverse=True
    )
    for missing, name in worst[:10]:
        if missing:
            print(f"  {missing:4d} branches not taken in {name}")
    sys.exit(f"error: at least {needed:.0f} % of both are needed.")


main()
