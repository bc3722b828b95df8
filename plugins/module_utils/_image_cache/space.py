# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Free space, shared out to downloads that run at the same time. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from .._units import format_size
from .problems import DiskFullError, describe

# Left over for manifests, checksum files, the journal and whoever shares the disk.
_MARGIN = 64 * 1024 * 1024
_INODES = 64


class Space:
    """The file system of the cache. What a download reserved and did not write yet is not free for others."""

    def __init__(self, directory: Path, *, statvfs: Callable[[Path], os.statvfs_result] = os.statvfs) -> None:
        self._directory = directory
        self._statvfs = statvfs
        self._lock = threading.Lock()
        self._reserved = 0

    def reserve(self, size: int) -> Reservation:
        """Set ``size`` bytes aside. Raises :class:`DiskFullError` when they, or inodes, are not there."""
        self.take(size)
        return Reservation(self, size)

    def take(self, size: int) -> None:
        """Count ``size`` more bytes as reserved. Raises :class:`DiskFullError`."""
        with self._lock:
            try:
                status = self._statvfs(self._directory)
            except OSError as error:
                raise describe(error) from None
            margin = min(_MARGIN, status.f_blocks * status.f_frsize // 100)
            free = status.f_bavail * status.f_frsize - self._reserved - margin
            if size > free:
                raise DiskFullError(
                    f"The disk of the cache has {format_size(max(0, free))} left for it and {format_size(size)} are "
                    "needed: free space or lower max_cache_size."
                )
            # some file systems have no fixed number of inodes and say 0
            if status.f_files and status.f_favail < _INODES:
                raise DiskFullError("The disk of the cache has no inodes left: remove files there.")
            self._reserved += size

    def give_back(self, size: int) -> None:
        """Undo a part of a reservation: written, so no longer free anyway, or not needed."""
        with self._lock:
            self._reserved -= size


class Reservation:
    """Space set aside for one download; a context manager that gives back what is left."""

    def __init__(self, space: Space, size: int) -> None:
        self._space = space
        self._left = size

    def grow_to(self, size: int) -> None:
        """Set so much aside as is missing to ``size`` bytes. Raises :class:`DiskFullError`."""
        missing = size - self._left
        if missing > 0:
            self._space.take(missing)
            self._left = size

    def written(self, count: int) -> None:
        """Note that ``count`` bytes lie on the disk now."""
        count = min(count, self._left)
        self._left -= count
        self._space.give_back(count)

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.written(self._left)
