# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cases the campaign tried, by module, and how many of them the module got over by itself."""

from __future__ import annotations

from collections import Counter


class Tally:
    """Counts."""

    def __init__(self) -> None:
        self._cases: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def note(self, module: str, *, failed: bool) -> None:
        """Count one case."""
        self._cases[module] += 1
        self._failed[module] += failed

    def lines(self) -> list[str]:
        """The counts as text; nothing when nothing was tried."""
        if not self._cases:
            return []
        listed = [
            f"{module}: {count} cases, {count - self._failed[module]} overcome, {self._failed[module]} told"
            for module, count in sorted(self._cases.items())
        ]
        return [*listed, f"{sum(self._cases.values())} cases altogether"]


TALLY = Tally()
