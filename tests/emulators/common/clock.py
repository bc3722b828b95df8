# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of an emulator, which a test can set wrong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone


class Clock:
    """The real time plus an offset."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The emulator's idea of the time (aware, UTC)."""
        return datetime.now(timezone.utc) + self.offset

    def shift(self, seconds: float) -> None:
        """Be that many seconds ahead of the real time from now on (behind it when negative); 0 is right again."""
        self.offset = timedelta(seconds=seconds)
