# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/projects/{project}/snapshots``, and what is made of them: clones and volumes that are rolled back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import PROJECT, Route
from ..model.volume import check_name
from ..paging import page
from ..refusal import ABORTED, ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, UNAVAILABLE, Refusal
from ..state import State, Thing, find

_DURATION = re.compile(r"\d+(\.\d+)?s")


def _in_project(call: Call) -> list[Thing]:
    return _of_project(call.state, call.path["project"])


def _of_project(state: State, project: str) -> list[Thing]:
    return [one for one in state.snapshots if one["projectName"] == project]


def _list(call: Call) -> Mapping[str, Any]:
    found = _in_project(call)
    if not call.flag("showAll"):
        found = [one for one in found if one["state"] != "Deleting"]
    if call.asked("Name"):
        found = [one for one in found if one["name"] == call.asked("Name")]
    return {"snapshots": page(call, found)}


def _by_name(call: Call) -> Mapping[str, Any]:
    """A path with a slash at its end asks for one snapshot, without a UUID."""
    return find(_in_project(call), "snapshot", name=call.asked("Name"))


def _snapshot(call: Call) -> Thing:
    return find(_in_project(call), "snapshot", UUID=call.path["uuid"])


def _create(call: Call) -> Mapping[str, Any]:
    state, name, retention = call.state, call.text("name"), call.text("retentionTime")
    check_name(name)
    if retention and not _DURATION.fullmatch(retention):
        raise Refusal(INVALID_ARGUMENT, f"bad Duration: {retention!r}")
    if any(one["name"] == name and one["state"] not in ("Deleting", "Failed") for one in _in_project(call)):
        raise Refusal(ALREADY_EXISTS, f"snapshot {name} already exists")
    volume = source_volume(call, call.text("sourceVolumeUUID"), call.text("sourceVolumeName"))
    if volume["state"] not in ("Available", "Migrating"):
        raise Refusal(FAILED_PRECONDITION, f"volume is in state {volume['state']}")
    snapshot: Thing = {
        "UUID": str(uuid.uuid4()),
        "name": name,
        "projectName": call.path["project"],
        "state": "Creating",
        "description": call.text("description"),
        "creationTime": state.timestamp(),
        "retentionTime": retention or "0s",
        "sourceVolumeUUID": volume["UUID"],
        "sourceVolumeName": volume["name"],
        "compression": volume["compression"] == "true",
        "ETag": "0",
        **{key: volume[key] for key in ("size", "replicaCount", "nodeList", "acl", "IPAcl", "labels", "sectorSize")},
    }
    state.snapshots.append(snapshot)
    state.pace.later(lambda: _arrived(state, snapshot))
    return snapshot


def source_volume(call: Call, identity: str, name: str) -> Thing:
    """The volume of the project that a request names in one of both ways."""
    volumes = [one for one in call.state.volumes if one["projectName"] == call.path["project"]]
    if identity:
        return find(volumes, "volume", UUID=identity)
    return find([one for one in volumes if one["state"] != "Deleting"], "volume", name=name)


def _arrived(state: State, snapshot: Thing) -> None:
    snapshot["state"] = "Available"
    state.touch(snapshot)


def _delete(call: Call) -> Mapping[str, Any]:
    snapshot, state = _snapshot(call), call.state
    call.change(snapshot)
    if snapshot["state"] == "Creating":
        raise Refusal(ABORTED, "user operation in progress")
    if snapshot["state"] != "Deleting":
        snapshot["state"] = "Deleting"
        state.touch(snapshot)
        state.pace.later(lambda: state.snapshots.remove(snapshot), 2)
    return {}


def source_snapshot(call: Call, project: str, identity: str, name: str) -> Thing | None:
    """The snapshot of a project that a request names in one of both ways; None when it names none."""
    if not identity and not name:
        return None
    wanted = {"UUID": identity} if identity else {"name": name}
    snapshot = find(
        [one for one in _of_project(call.state, project) if one["state"] != "Deleting"], "snapshot", **wanted
    )
    if snapshot["state"] != "Available":
        raise Refusal(FAILED_PRECONDITION, f"snapshot is in state {snapshot['state']}")
    return snapshot


def _roll_back(call: Call) -> Mapping[str, Any]:
    """What was written since then is gone: ``_content`` stands for what is in a volume."""
    state = call.state
    volume = find(
        [one for one in state.volumes if one["projectName"] == call.path["project"]], "volume", UUID=call.path["uuid"]
    )
    call.change(volume)
    snapshot = source_snapshot(call, call.path["project"], call.text("srcSnapshotUUID"), call.text("srcSnapshotName"))
    if snapshot is None or snapshot["sourceVolumeUUID"] != volume["UUID"]:
        raise Refusal(INVALID_ARGUMENT, "the snapshot is none of the volume")
    if volume["state"] != "Available":
        raise Refusal(UNAVAILABLE, f"volume is in state {volume['state']}")
    volume["state"] = "Rollback"
    state.touch(volume)
    state.pace.later(lambda: _rolled_back(state, volume, snapshot))
    return {}


def _rolled_back(state: State, volume: Thing, snapshot: Thing) -> None:
    volume["_rolled_back"] = [*volume["_rolled_back"], snapshot["name"]]
    volume["size"] = snapshot["size"]
    _arrived(state, volume)


ROUTES = [
    Route("GET", "/projects/{project}/snapshots", _list, PROJECT),
    Route("GET", "/projects/{project}/snapshots/", _by_name, PROJECT),
    Route("POST", "/projects/{project}/snapshots", _create, PROJECT),
    Route("GET", "/projects/{project}/snapshots/{uuid}", _snapshot, PROJECT),
    Route("DELETE", "/projects/{project}/snapshots/{uuid}", _delete, PROJECT),
    Route("PUT", "/projects/{project}/volumes/{uuid}/rollback", _roll_back, PROJECT),
]
