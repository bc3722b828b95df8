# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/projects``, their credentials and roles."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from ..auth import SYSTEM, public_key
from ..call import Call
from ..gateway import PROJECT, Route
from ..refusal import ALREADY_EXISTS, INVALID_ARGUMENT, Refusal
from ..state import Thing, find

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_LONGEST = 256
_KEPT = ("system", "default")
_TYPES = ("RS256PubKey", "TlsCertChainPem", "TlsPrivKeyPem")


def _list(call: Call) -> Mapping[str, Any]:
    return {"projects": call.state.projects}


def _get(call: Call) -> Mapping[str, Any]:
    return call.state.project(call.path["project"])


def _create(call: Call) -> Mapping[str, Any]:
    name, description = call.text("name"), call.text("description")
    if not _NAME.fullmatch(name):
        raise Refusal(INVALID_ARGUMENT, f"invalid project name {name!r}")
    if len(description.encode()) > _LONGEST:
        raise Refusal(INVALID_ARGUMENT, "the description is too long")
    if any(project["name"] == name for project in call.state.projects):
        raise Refusal(ALREADY_EXISTS, f"project {name} already exists")
    project = {**call.state.new_project(name), "description": description}
    project["defaultPolicies"] = list(call.body.get("defaultPolicies") or [])
    call.state.projects.append(project)
    return project


def _update(call: Call) -> Mapping[str, Any]:
    project = call.state.project(call.path["project"])
    project["defaultPolicies"] = list(call.body.get("defaultPolicies") or [])
    return {}


def _delete(call: Call) -> Mapping[str, Any]:
    project = call.state.project(call.path["project"])
    name = project["name"]
    if name in _KEPT or any(volume["projectName"] == name for volume in call.state.volumes):
        raise Refusal(INVALID_ARGUMENT, f"project {name} is not allowed to be deleted")
    call.state.projects.remove(project)
    call.state.credentials = [one for one in call.state.credentials if one["projectName"] != name]
    return {}


def _credentials(call: Call) -> Mapping[str, Any]:
    return {"credentials": [one for one in call.state.credentials if one["projectName"] == call.path["project"]]}


def _credential(call: Call) -> Thing:
    try:
        return find(call.state.credentials, "credential", projectName=call.path["project"], ID=call.path["id"])
    except Refusal as missing:
        if call.state.old_status:
            raise Refusal(INVALID_ARGUMENT, str(missing)) from None
        raise


def _create_credential(call: Call) -> Mapping[str, Any]:
    project, name, kind = call.path["project"], call.text("ID"), call.text("type")
    if not name or kind not in _TYPES:
        raise Refusal(INVALID_ARGUMENT, "invalid credential")
    try:
        pem = base64.b64decode(call.text("payload"), validate=True)
        if kind == "RS256PubKey":
            public_key(pem)
    except (binascii.Error, ValueError) as error:
        raise Refusal(INVALID_ARGUMENT, f"invalid payload: {error}") from None
    if any((one["projectName"], one["ID"]) == (project, name) for one in call.state.credentials):
        raise Refusal(ALREADY_EXISTS, f"credential {name} already exists")
    return call.state.add_credential(project, name, kind, pem)


def _delete_credential(call: Call) -> Mapping[str, Any]:
    call.state.credentials.remove(_credential(call))
    return {}


def _roles(call: Call) -> Mapping[str, Any]:
    """All projects but the first have the same."""
    project = call.path["project"]
    names = ("cluster-admin", "cluster-viewer") if project == SYSTEM else ("admin", "viewer")
    return {"roles": [{"name": name, "projectName": project, "rulesJson": "[]"} for name in names]}


ROUTES = [
    Route("GET", "/projects", _list),
    Route("POST", "/projects", _create),
    Route("GET", "/projects/{project}", _get, PROJECT),
    Route("PUT", "/projects/{project}", _update),
    Route("DELETE", "/projects/{project}", _delete),
    Route("GET", "/projects/{project}/credentials", _credentials, PROJECT),
    Route("POST", "/projects/{project}/credentials", _create_credential, PROJECT),
    Route("GET", "/projects/{project}/credentials/{id}", _credential, PROJECT),
    Route("DELETE", "/projects/{project}/credentials/{id}", _delete_credential, PROJECT),
    Route("GET", "/projects/{project}/roles", _roles, PROJECT),
]
