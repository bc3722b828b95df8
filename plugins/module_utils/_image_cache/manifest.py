# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a generation: which files are served, where they came from, and how they were verified.

Private to the collection metalstack.provisioning. Peers and monitoring read it through nginx.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
_MD5 = re.compile(r"[0-9a-f]{32}")


class ManifestError(Exception):
    """The content is not a manifest this program can use; the text says why."""


@dataclass(frozen=True)
class FileEntry:
    """One served file.

    ``url`` as in the API; ``kind`` is ``image``, ``kernel`` or ``boot-image``; ``size`` in bytes; ``md5`` and
    ``checksums`` (``sha256``, ``sha512``) in lower-case hex; ``etag`` and ``last_modified`` as the store sent them;
    ``sidecars`` names the checksum files the store has; ``mtime`` is the modification time of the file on the disk in
    whole seconds, by which a change is noticed without reading; the two times are RFC 3339 in UTC.
    """

    url: str
    kind: str
    image_id: str | None
    size: int
    md5: str
    mtime: int
    etag: str | None = None
    last_modified: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    sidecars: tuple[str, ...] = ()
    verified_at: str = ""
    fetched_at: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON types."""
        return {**vars(self), "checksums": dict(self.checksums), "sidecars": list(self.sidecars)}


@dataclass(frozen=True)
class Manifest:
    """``files`` maps ``host/path`` to the entry; ``created`` is RFC 3339 in UTC."""

    created: str
    files: Mapping[str, FileEntry]

    def dump(self) -> bytes:
        """Return the JSON text; the same manifest always gives the same bytes."""
        files = {key: self.files[key].to_json() for key in sorted(self.files)}
        text = json.dumps({"version": VERSION, "created": self.created, "files": files}, indent=1)
        return text.encode("utf-8") + b"\n"


def parse(content: bytes) -> Manifest:
    """Read a manifest, of this host or of a peer. Raises :class:`ManifestError`."""
    try:
        data = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ManifestError("it is not valid JSON") from None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        raise ManifestError(f"it is not a manifest of version {VERSION}")
    files = data.get("files")
    if not isinstance(files, dict):
        raise ManifestError("it lists no files")
    return Manifest(
        created=_text(data, "created", "it"), files={key: _entry(key, value) for key, value in files.items()}
    )


def safe_key(key: str) -> bool:
    """Say whether ``host/path`` stays below the directory it is joined to."""
    parts = key.split("/")
    return len(parts) > 1 and not any(part in ("", ".", "..") or "\0" in part for part in parts)


def _entry(key: str, data: object) -> FileEntry:
    what = f"its file {key!r}"
    if not safe_key(key) or not isinstance(data, dict):
        raise ManifestError(f"{what} cannot be one")
    size, mtime = data.get("size"), data.get("mtime")
    md5 = _text(data, "md5", what)
    if not _count(size) or not _count(mtime) or not _MD5.fullmatch(md5):
        raise ManifestError(f"{what} has no usable size, mtime or md5")
    checksums, sidecars = data.get("checksums", {}), data.get("sidecars", [])
    if not isinstance(checksums, dict) or not isinstance(sidecars, list):
        raise ManifestError(f"{what} has no usable checksums")
    return FileEntry(
        url=_text(data, "url", what),
        kind=_text(data, "kind", what),
        image_id=_optional(data, "image_id", what),
        size=int(str(size)),
        md5=md5,
        mtime=int(str(mtime)),
        etag=_optional(data, "etag", what),
        last_modified=_optional(data, "last_modified", what),
        checksums={str(name): str(value) for name, value in checksums.items()},
        sidecars=tuple(str(name) for name in sidecars),
        verified_at=_text(data, "verified_at", what),
        fetched_at=_text(data, "fetched_at", what),
    )


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _text(data: Mapping[str, Any], name: str, what: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise ManifestError(f"{what} has no usable {name}")
    return value


def _optional(data: Mapping[str, Any], name: str, what: str) -> str | None:
    return None if data.get(name) is None else _text(data, name, what)
