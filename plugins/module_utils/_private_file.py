# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that holds a secret, for its user only. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ._errors import UsageError
from ._image_cache.files import write_atomic

MODE = 0o600
_LARGEST = 64 * 1024


class PrivateFile:
    """``path`` of the option ``dest``; what it is used for raises UsageError when it cannot be."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def check(self) -> None:
        """Refuse a place where the secret could not be written, before there is one."""
        folder = self.path.parent
        if self.path.is_dir():
            raise UsageError(f"dest is {self.path}, which is a directory; it must be a file.")
        if not folder.is_dir():
            raise UsageError(f"dest is {self.path}, but the directory {folder} does not exist.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"dest is {self.path}, but the directory {folder} cannot be written to.")

    def content(self) -> str | None:
        """Return the secret in it, None when there is no file."""
        try:
            with self.path.open("rb") as file:
                return file.read(_LARGEST).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"dest is {self.path}, which cannot be read: {error.strerror}.") from None

    def mode(self) -> int | None:
        """Return its permissions, None when there is no file."""
        try:
            return stat.S_IMODE(self.path.stat().st_mode)
        except OSError:
            return None

    def close(self) -> None:
        """Let its owner alone read it."""
        try:
            self.path.chmod(MODE)
        except OSError as error:
            raise UsageError(f"dest is {self.path}, whose mode cannot be set: {error.strerror}.") from None

    def write(self, secret: str) -> None:
        """Replace it. Raises OSError."""
        write_atomic(self.path, f"{secret}\n".encode(), mode=MODE)
