# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of filesystem layouts."""

from __future__ import annotations

from collections.abc import Iterable

from ..model.filesystemlayout import FilesystemLayout, Part
from .reader import Document, Reader


def filesystem_layout(entity: FilesystemLayout) -> Document:
    """v1's response: lists are null when they are empty, there are no time stamps."""
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "disks": _parts(entity.disks),
        "raid": _parts(entity.raid),
        "volumegroups": _parts(entity.volume_groups),
        "logicalvolumes": _parts(entity.logical_volumes),
        "filesystems": _parts(entity.filesystems),
        "constraints": {"sizes": list(entity.sizes) or None, "images": dict(entity.images) or None},
    }


def filesystem_layout_state(entity: FilesystemLayout) -> Document:
    """For the state file."""
    return {**filesystem_layout(entity), "generation": entity.generation}


def read_filesystem_layout(document: Document) -> FilesystemLayout:
    """From the state file (and from v1's requests, which have the same form). Only ``id`` is needed."""
    read = Reader(document, "filesystem layout")
    constraints = Reader(read.mapping("constraints"), f"constraints of filesystem layout {document.get('id')!r}")
    entity = FilesystemLayout(
        **read.common(),
        disks=tuple(read.mappings("disks")),
        raid=tuple(read.mappings("raid")),
        volume_groups=tuple(read.mappings("volumegroups")),
        logical_volumes=tuple(read.mappings("logicalvolumes")),
        filesystems=tuple(read.mappings("filesystems")),
        sizes=tuple(constraints.texts("sizes")),
        images=tuple((os, str(version)) for os, version in constraints.mapping("images").items()),
    )
    constraints.finish()
    read.finish()
    return entity


def _parts(parts: Iterable[Part]) -> list[Document] | None:
    return [dict(part) for part in parts] or None
