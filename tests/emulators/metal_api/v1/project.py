# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: projects, which the masterdata service keeps: errors and locking differ from those of the other entities."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from .. import documents
from ..documents import Document
from ..model.machine import Machine
from ..model.project import QUOTAS, Project
from ..model.table import ChangedError
from .call import BadRequestError, Call, Operation, UnprocessableError


def _list(call: Call) -> list[Document] | None:
    return [documents.project(project) for project in call.state.projects] or None


def _get(call: Call) -> Document:
    project = call.state.projects.get(call.path["id"])
    used = {"ip": len(call.state.ips.of_project(project.id)), "machine": len(_machines(call, project))}
    return documents.project(project, used=used)


def _find(call: Call) -> list[Document] | None:
    keys = {"id": "id", "name": "name", "description": "description", "tenant_id": "tenant"}
    wanted = {attribute: call.text(key) for key, attribute in keys.items()}

    def matches(project: Project) -> bool:
        return all(value in (None, getattr(project, attribute)) for attribute, value in wanted.items())

    return [documents.project(project) for project in call.state.projects if matches(project)] or None


def _create(call: Call) -> Document:
    meta = _meta(call)
    project = _read(call, meta, meta.text("id") or str(uuid.uuid4()))
    if not project.tenant:
        raise BadRequestError("no tenant given")
    return documents.project(call.state.projects.create(project))


def _update(call: Call) -> Document:
    """The stored document is replaced: what the request leaves out is lost."""
    if call.mapping("meta") is None:
        raise BadRequestError("project and project.meta must be specified")
    meta = _meta(call)
    old = call.state.projects.get(meta.text("id") or "")
    version = meta.number("version") or 0
    new = replace(_read(call, meta, old.id), avatar_url=old.avatar_url, created=old.created)
    if version < old.generation:
        raise _locked(old, version)
    try:
        return documents.project(call.state.projects.replace(old, new, race=call.race))
    except ChangedError as error:
        raise _locked(call.state.projects.get(old.id), version) from error


def _delete(call: Call) -> Document:
    project = call.state.projects.get(call.path["id"])
    for what, users in (
        ("machines allocated by", _machines(call, project)),
        ("networks allocated by", [network for network in call.state.networks if network.project == project.id]),
        ("ips allocated by", call.state.ips.of_project(project.id)),
    ):
        if users:
            raise BadRequestError(f"there are still {what} this project")
    return documents.project(call.state.projects.delete(project.id))


def _machines(call: Call, project: Project) -> list[Machine]:
    machines = call.state.machines
    return [one for one in machines if one.allocation is not None and one.allocation.project == project.id]


def _locked(stored: Project, version: int) -> UnprocessableError:
    """Announced as 412, but the API knows no such error and answers 422."""
    return UnprocessableError(
        f"rpc error: code = FailedPrecondition desc = optimistic lock error updating: project with id: {stored.id}, "
        f"existing version {stored.generation} mismatches entity version {version}"
    )


def _meta(call: Call) -> Call:
    return Call(call.state, call.user, {}, {}, call.mapping("meta") or {})


def _read(call: Call, meta: Call, project_id: str) -> Project:
    quotas: dict[str, Any] = call.mapping("quotas") or {}
    limits = {name: (quotas.get(name) or {}).get("quota") for name in QUOTAS}
    return Project(
        id=project_id,
        name=call.text("name") or "",
        description=call.text("description") or "",
        tenant=call.text("tenant_id") or "",
        labels=tuple(meta.texts("labels") or ()),
        annotations=meta.labels("annotations") or (),
        quotas=tuple((name, limit) for name, limit in limits.items() if limit is not None),
    )


OPERATIONS = (
    Operation("GET", "/v1/project", _list, role="view"),
    Operation("POST", "/v1/project/find", _find, role="view"),
    Operation("GET", "/v1/project/{id}", _get, role="view"),
    Operation("PUT", "/v1/project", _create, role="admin", status=201),
    Operation("POST", "/v1/project", _update, role="admin"),
    Operation("DELETE", "/v1/project/{id}", _delete, role="admin"),
)
