# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: ProjectService. Projects are kept by the masterdata service; here they are locked like all other entities."""

from __future__ import annotations

import uuid
from dataclasses import replace

from connectrpc.code import Code
from metalstack.admin.v2 import project_pb2 as admin_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import common_pb2, project_pb2  # type: ignore[import-untyped]

from ..model.project import Project
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services
from .rights import memberships


def _list(ask: Call) -> Message:
    """Only the projects of which the caller is a member, also when the caller is an admin."""
    if ask.token is None:
        call.fail(Code.UNAUTHENTICATED, "no token found in request")
    mine = memberships(ask.state, ask.token.user).projects
    projects = [project for project in _matching(ask) if project.id in mine]
    ordered = sorted(projects, key=lambda project: project.id)
    return project_pb2.ProjectServiceListResponse(projects=[message(project) for project in ordered])


def _list_all(ask: Call) -> Message:
    return admin_pb2.ProjectServiceListResponse(projects=[message(project) for project in _matching(ask)])


def _get(ask: Call) -> Message:
    project = _stored(ask)
    owner = {"id": project.tenant, "role": common_pb2.PROJECT_ROLE_OWNER, "created_at": project.created}
    return project_pb2.ProjectServiceGetResponse(project=message(project), project_members=[owner])


def _create(ask: Call) -> Message:
    request = ask.request
    project = Project(
        id=str(uuid.uuid4()),
        name=request.name,
        description=request.description,
        tenant=request.login,
        labels=tuple(call.tags_of_labels(request.labels.labels)),
        avatar_url=request.avatar_url,
    )
    return project_pb2.ProjectServiceCreateResponse(project=message(ask.state.projects.create(project)))


def _update(ask: Call) -> Message:
    old = _stored(ask)
    fields = ("name", "description", "avatar_url")
    given = {name: getattr(ask.request, name) for name in fields if ask.request.HasField(name)}
    new = replace(old, **given, labels=tuple(call.updated_tags(ask.request, old.labels)))
    stored = call.replace(ask, ask.state.projects, old, new)
    return project_pb2.ProjectServiceUpdateResponse(project=message(stored))


def _delete(ask: Call) -> Message:
    project, state = _stored(ask), ask.state
    for what, users in (
        ("ips", state.ips.of_project(project.id)),
        ("networks", [network for network in state.networks if network.project == project.id]),
        ("machines", [m for m in state.machines if m.allocation is not None and m.allocation.project == project.id]),
    ):
        if users:
            call.fail(
                Code.FAILED_PRECONDITION,
                f"there are still {what} associated with this project, you need to delete them first",
            )
    return project_pb2.ProjectServiceDeleteResponse(project=message(state.projects.delete(project.id)))


def message(project: Project) -> Message:
    """The project as the API shows it; it has no generation."""
    shown = project_pb2.Project(
        uuid=project.id,
        meta=call.meta(replace(project, generation=0), call.labels_of_tags(project.labels)),
        name=project.name,
        description=project.description,
        tenant=project.tenant,
    )
    if project.avatar_url:
        shown.avatar_url = project.avatar_url
    return shown


def _stored(ask: Call) -> Project:
    try:
        return ask.state.projects.get(ask.request.project)
    except NotFoundError as error:
        call.not_found(error)


def _matching(ask: Call) -> list[Project]:
    query = call.optional(ask.request, "query")
    return [project for project in ask.state.projects if query is None or _matches(project, query)]


def _matches(project: Project, query: Message) -> bool:
    has = {"uuid": project.id, "name": project.name, "tenant": project.tenant}
    return all(call.optional(query, field) in (None, value) for field, value in has.items()) and call.has_labels(
        call.labels_of_tags(project.labels), query
    )


SERVICES: Services = {
    "metalstack.api.v2.ProjectService": {
        "List": _list,
        "Get": _get,
        "Create": _create,
        "Update": _update,
        "Delete": _delete,
    },
    "metalstack.admin.v2.ProjectService": {"List": _list_all},
}
