# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong in a run. Private to the collection metalstack.provisioning.

Each text is one sentence for the operator and holds no secret.
"""

from __future__ import annotations

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT)


class CacheError(Exception):
    """A part of the run cannot be done; other parts can go on unless the caller says otherwise."""


class DiskFullError(CacheError):
    """No space or no inodes are left where the cache lies."""


class StoppedError(CacheError):
    """The run was asked to stop (SIGTERM); what was begun can be resumed by the next run."""

    def __init__(self) -> None:
        super().__init__("The run was stopped.")


def describe(error: OSError) -> CacheError:
    """Return the sentence for a failed operation on files: a full disk has its own class."""
    name = error.filename2 or error.filename
    where = f" at {name}" if name else ""
    if error.errno in _FULL:
        return DiskFullError(f"The disk of the cache is full{where}: free space or inodes, or lower max_cache_size.")
    return CacheError(f"{error.strerror or error}{where}.")
