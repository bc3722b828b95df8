# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mending a served file from what is on this disk. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .checksums import difference
from .generations import Generations
from .manifest import FileEntry
from .obtain import read_digests
from .problems import describe


def flaw(path: Path, entry: FileEntry, pause: Callable[[int], None] = lambda _count: None) -> str | None:
    """Read a file and say what is wrong with its content, or return None."""
    try:
        if path.lstat().st_size != entry.size:
            return f"it has {path.lstat().st_size} bytes instead of {entry.size}"
        found, _size = read_digests(path, entry.checksums, pause)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return difference({"md5": entry.md5, **entry.checksums}, found)


def mend(generations: Generations, number: int, key: str, entry: FileEntry) -> bool:
    """Make the blob of ``entry`` whole from this disk if that is possible; a new generation then shows it again.

    A damaged blob is removed otherwise. Raises :class:`CacheError`.
    """
    blob = generations.blob(entry.md5)
    served = generations.served(number, key)
    try:
        for path in (blob, served):
            if flaw(path, entry) is None:
                if path == served:
                    # the directory of blobs was damaged, the file itself was not
                    blob.unlink(missing_ok=True)
                    os.link(served, blob)
                os.chmod(blob, 0o444)
                os.utime(blob, (entry.mtime, entry.mtime))
                return True
        blob.unlink(missing_ok=True)
    except OSError as error:
        raise describe(error) from None
    return False
