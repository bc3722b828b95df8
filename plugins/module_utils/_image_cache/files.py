# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files so that a reader, or the next start after a power cut, sees the old or the new content, never a mix.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644, durable: bool = True) -> None:
    """Replace ``path`` by one rename. ``durable`` also waits until content and name are on the disk.

    Nothing is left behind when it fails. Raises OSError.
    """
    scratch = path.with_name(f".{path.name}.new")
    try:
        # not followed and not reused: a leftover may be a link, or may have other permissions
        scratch.unlink(missing_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            write_all(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        scratch.replace(path)
    except OSError:
        scratch.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write everything; a disk that is nearly full takes a part first and fails then. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a directory with all it holds, or a file; nothing happens when there is none. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
