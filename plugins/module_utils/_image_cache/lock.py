# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time, and one writer. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .problems import CacheError, describe


class LockedError(CacheError):
    """Another run is at work; the text names its process."""


@contextlib.contextmanager
def run_lock(path: Path, *, patience: float = 0.0, wait: Callable[[float], object] = time.sleep) -> Iterator[None]:
    """Hold the lock of the cache directory; it ends with the process, however that ends.

    Waits up to ``patience`` seconds, or until ``wait`` returns something true as that of an event does, then raises
    :class:`LockedError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise describe(error) from None
    try:
        deadline = time.monotonic() + patience
        given_up = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if given_up or time.monotonic() >= deadline:
                    holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                    process = f" (process {holder})" if holder.isdigit() else ""
                    raise LockedError(
                        f"Another run of image-cache-sync{process} is at work on {path.parent}."
                    ) from None
                given_up = bool(wait(min(1.0, patience)))
        with contextlib.suppress(OSError):
            # only for the message above; a full disk must not matter
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Keep others who also ask for it out of a directory for a moment; needs no file of its own. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
