# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files the store has with a checksum that is not theirs, so that each run need not fetch them to see it again.

One download may have been damaged on its way. What arrives twice with the same wrong content is what the store has, and
is left alone until the store says something else about it. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .checksums import difference
from .files import write_atomic
from .store import Remote

# Far more than a store has; more than that is dropped, the oldest first, and only costs a download.
_MOST = 1000
_LONGEST = 4 * 1024 * 1024


class Refusals:
    """Kept in one file, which is replaced atomically; what cannot be read of it is forgotten. For all threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] | None = None

    def reason(self, key: str, remote: Remote) -> str | None:
        """Say what is wrong with a file that was refused twice while the store said the same of it as now."""
        with self._lock:
            known = self._read().get(key)
        if known is None or known["times"] < 2 or known["remote"] != _as_json(remote):
            return None
        return difference(remote.checksums, known["found"])

    def note(self, key: str, remote: Remote, found: Mapping[str, str]) -> None:
        """A download had the checksums ``found`` instead of those of ``remote``. Raises OSError."""
        if remote.etag is None and remote.last_modified is None:
            # the content could change without a sign
            return
        entry = {"remote": _as_json(remote), "found": dict(found)}
        with self._lock:
            known = self._read()
            before = known.pop(key, None)
            same = before is not None and {**before, "times": 0} == {**entry, "times": 0}
            known[key] = {**entry, "times": 1 + (before["times"] if before is not None and same else 0)}
            while len(known) > _MOST:
                del known[next(iter(known))]
            self._write()

    def keep(self, keys: Collection[str]) -> None:
        """Forget all others: those that have arrived, and those that nobody wants any more. Raises OSError."""
        with self._lock:
            known = self._read()
            gone = [key for key in known if key not in keys]
            for key in gone:
                del known[key]
            if gone:
                self._write()

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._known is None:
            try:
                with self._path.open("rb") as file:
                    data = json.loads(file.read(_LONGEST))
            except (OSError, ValueError):
                data = None
            entries = data.items() if isinstance(data, dict) else ()
            self._known = {key: entry for key, entry in entries if _is_entry(entry)}
        return self._known

    def _write(self) -> None:
        if self._known:
            write_atomic(self._path, json.dumps(self._known).encode(), mode=0o600)
        else:
            self._path.unlink(missing_ok=True)


def _as_json(remote: Remote) -> dict[str, Any]:
    """Return what the store says of a file: a change of any of it is a reason to try again."""
    return {**vars(remote), "checksums": dict(remote.checksums)}


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("remote"), dict)
        and isinstance(entry.get("found"), dict)
        and isinstance(entry.get("times"), int)
    )
