# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where downloads grow until they are complete and verified. Private to the collection metalstack.provisioning.

``<sha256(key)[:32]>.part`` holds the bytes so far, ``.json`` beside it says of what they are the beginning. The file
``refused.json`` belongs to ``refusals.py``.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .files import write_atomic

REFUSALS = "refused.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Origin:
    """What a partial file is the beginning of: ``validator`` is fit for If-Range, or None; ``md5`` as promised."""

    url: str
    validator: str | None
    md5: str | None
    boot: str


class Staging:
    """The staging directory; each key is worked on by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.boot = boot_id()

    def prepare(self) -> None:
        """Make the directory. Raises OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)

    def part(self, key: str) -> Path:
        """Return where the bytes of a file are collected."""
        return self._directory / f"{_name(key)}.part"

    def begin(self, key: str, origin: Origin) -> None:
        """Note the origin of what is written from now on; the part has to be empty. Raises OSError."""
        write_atomic(self._origin(key), json.dumps(vars(origin)).encode(), durable=False)

    def leftover(self, key: str) -> tuple[int, Origin] | None:
        """Return (bytes, origin) of what is there of a file, or None when it is of no use."""
        try:
            status = self.part(key).lstat()
            with self._origin(key).open("rb") as file:
                data = json.loads(file.read(65536))
        except (OSError, ValueError):
            return None
        # a part with another name may be served already and must not be written to
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size == 0:
            return None
        origin = _parse(data)
        return (status.st_size, origin) if origin else None

    def discard(self, key: str) -> None:
        """Remove what is there of a file. Raises OSError."""
        self.part(key).unlink(missing_ok=True)
        self._origin(key).unlink(missing_ok=True)

    def forget(self, key: str) -> None:
        """Remove the origin of a part that has become a blob. Raises OSError."""
        self._origin(key).unlink(missing_ok=True)

    def prune(self, keep: Iterable[str]) -> None:
        """Remove all but the leftovers of ``keep``, which a next run may resume. Raises OSError."""
        names = {REFUSALS, *(f"{_name(key)}{suffix}" for key in keep for suffix in (".part", ".json"))}
        for name in os.listdir(self._directory):
            if name not in names:
                (self._directory / name).unlink(missing_ok=True)

    def _origin(self, key: str) -> Path:
        return self._directory / f"{_name(key)}.json"


def boot_id() -> str:
    """Return what differs after each start of the machine: bytes written before may not have reached the disk."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _parse(data: object) -> Origin | None:
    if not isinstance(data, Mapping):
        return None
    url, boot, validator, md5 = (data.get(name) for name in ("url", "boot", "validator", "md5"))
    if not isinstance(url, str) or not isinstance(boot, str):
        return None
    return Origin(url, validator if isinstance(validator, str) else None, md5 if isinstance(md5, str) else None, boot)
