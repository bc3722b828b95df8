# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of projects."""

from __future__ import annotations

from ..model import times
from ..model.project import QUOTAS, Project
from .reader import Document, Reader


def project(entity: Project, *, used: dict[str, int] | None = None) -> Document:
    """v1's response. ``used`` is how much there is of each quota: only the answer for one project tells."""
    quotas: Document = {name: {"quota": limit} for name, limit in entity.quotas}
    for name, number in (used or {}).items():
        quotas.setdefault(name, {})["used"] = number
    return {
        "meta": {
            "id": entity.id,
            "kind": "Project",
            "apiversion": "v1",
            "version": entity.generation,
            "created_time": times.write(entity.created),
            "updated_time": times.write(entity.changed),
            "annotations": dict(entity.annotations) or None,
            "labels": list(entity.labels) or None,
        },
        "name": entity.name,
        "description": entity.description,
        "tenant_id": entity.tenant,
        "quotas": {name: quotas.get(name) for name in QUOTAS} if quotas else None,
    }


def project_state(entity: Project) -> Document:
    """For the state file."""
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "created": times.write(entity.created),
        "changed": times.write(entity.changed),
        "generation": entity.generation,
        "tenant_id": entity.tenant,
        "labels": list(entity.labels),
        "annotations": dict(entity.annotations),
        "quotas": dict(entity.quotas),
        "avatar_url": entity.avatar_url,
    }


def read_project(document: Document) -> Project:
    """From the state file. Only ``id`` is needed."""
    read = Reader(document, "project")
    quotas = Reader(read.mapping("quotas"), f"quotas of project {document.get('id')!r}")
    entity = Project(
        **read.common(),
        tenant=read.text("tenant_id"),
        labels=tuple(read.texts("labels")),
        annotations=tuple((key, str(value)) for key, value in read.mapping("annotations").items()),
        quotas=tuple((name, limit) for name in QUOTAS if (limit := quotas.number(name, -1)) >= 0),
        avatar_url=read.text("avatar_url"),
    )
    quotas.finish()
    read.finish()
    return entity
