# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bandwidth limit that all downloads share. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Throttle:
    """Lets ``rate`` bytes a second through, all callers together; None is no limit.

    Time owed is counted from the previous call, so that unused bandwidth of more than a fifth of a second is not
    saved up and the uplink never sees a burst.
    """

    def __init__(
        self,
        rate: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at = clock()

    def chunk(self, size: int) -> int:
        """Return how many bytes to read at once: at most ``size``, and not more than flow in a tenth of a second."""
        return size if self.rate is None else max(1024, min(size, self.rate // 10))

    def passed(self, count: int) -> None:
        """Account for ``count`` bytes read and wait until they were due."""
        if self.rate is None:
            return
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - 0.2) + count / self.rate
            delay = self._free_at - now
        if delay > 0:
            self._wait(delay)
