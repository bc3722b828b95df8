# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a host of the test-bed: how much of the files is in memory, that is, has been read by anybody in any way.

resident.py drop DIRECTORY     bring the files below to the disk and out of the memory
resident.py count DIRECTORY    count what is in memory
Both print JSON: {"files", "bytes" (their sizes), "resident" (bytes in memory, in whole pages)}
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def checked(result: int | None) -> int | None:
    if result in (-1, ctypes.c_void_p(-1).value):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def resident(descriptor: int, size: int) -> int:
    """Bytes of the file in memory. A mapping alone reads nothing."""
    address = checked(LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0))
    try:
        pages = ctypes.create_string_buffer((size + mmap.PAGESIZE - 1) // mmap.PAGESIZE)
        checked(LIBC.mincore(address, size, pages))
    finally:
        LIBC.munmap(address, size)
    return sum(page & 1 for page in pages.raw) * mmap.PAGESIZE


def main() -> None:
    found = {"files": 0, "bytes": 0, "resident": 0}
    for path in Path(sys.argv[2]).iterdir():
        size = path.stat().st_size
        # mincore tells only the owner and root
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if sys.argv[1] == "drop":
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            found["files"] += 1
            found["bytes"] += size
            found["resident"] += resident(descriptor, size) if size else 0
        finally:
            os.close(descriptor)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
