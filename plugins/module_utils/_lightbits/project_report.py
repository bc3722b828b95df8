# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody wants to know of projects. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import text
from .client import segment
from .credential import Credential
from .project import Project, get_project, list_projects

if TYPE_CHECKING:
    from .client import Lightbits

PARTS = ("credentials", "roles")
# So many requests at the same time, when there is something to ask of each project.
_WORKERS = 10


def project_report(api: Lightbits, name: str | None, parts: Collection[str]) -> list[dict[str, Any]]:
    """Return all projects by name, or the one with the name, with those of :data:`PARTS` that are asked for."""
    projects = list_projects(api) if name is None else [one for one in [get_project(api, name)] if one is not None]
    if not parts:
        return [_shown(project) for project in projects]
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(lambda project: _with_parts(api, project, parts), projects))


def _shown(project: Project) -> dict[str, Any]:
    policies = [{"type": kind, "uuid": uuid} for kind, uuid in project.policies]
    return {**project.as_dict(), "default_policies": policies}


def _with_parts(api: Lightbits, project: Project, parts: Collection[str]) -> dict[str, Any]:
    shown = _shown(project)
    if "credentials" in parts:
        shown["credentials"] = _credentials(api, project.name)
    if "roles" in parts:
        shown["roles"] = _roles(api, project.name)
    return shown


def _credentials(api: Lightbits, project: str) -> list[dict[str, Any]]:
    """The credentials, without what they hold."""
    path = f"/projects/{segment(project)}/credentials"
    found = sorted(map(Credential.from_api, api.get_list(path, "credentials")), key=lambda credential: credential.id)
    return [{"id": one.id, "type": one.type, "fingerprint": one.fingerprint} for one in found]


def _roles(api: Lightbits, project: str) -> list[str]:
    """The roles, as tokens have them."""
    found = api.get_list(f"/projects/{segment(project)}/roles", "roles")
    try:
        return sorted(f"{project}:{text(role, 'name')}" for role in found)
    except ValueError as error:
        raise ProtocolError(f"A role of the Lightbits API cannot be understood: {error}.") from None
