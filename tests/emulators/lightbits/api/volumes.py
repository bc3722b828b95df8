# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/projects/{project}/volumes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..call import Call
from ..gateway import PROJECT, Route
from ..model.event import record
from ..model.protection import protection, writable_nodes
from ..model.volume import (
    check_name,
    check_space,
    new_volume,
    parse_acl,
    parse_compression,
    parse_labels,
    parse_size,
)
from ..paging import page
from ..refusal import ABORTED, ALREADY_EXISTS, INVALID_ARGUMENT, UNAVAILABLE, Refusal
from ..state import State, Thing, find
from .policies import check_policy
from .snapshots import source_snapshot

_GONE = ("Deleting", "Failed")
_MOVING = ("Creating", "Updating", "Rollback")


def _shown(state: State, volumes: Sequence[Thing]) -> list[Thing]:
    alive = writable_nodes(state)
    return [{**volume, "protectionState": protection(volume, alive)} for volume in volumes]


def _project(call: Call) -> str:
    """What the path says counts, then what the body or the query says; an administrator may leave it out."""
    return call.path.get("project") or call.text("projectName") or call.asked("projectName")


def _in_project(call: Call) -> list[Thing]:
    project = _project(call)
    return [volume for volume in call.state.volumes if project in ("", volume["projectName"])]


def _list(call: Call) -> Mapping[str, Any]:
    found = _in_project(call)
    if not call.flag("showAll"):
        found = [volume for volume in found if volume["state"] != "Deleting"]
    for asked, key in (("name", "name"), ("UUID", "UUID")):
        if call.asked(asked):
            found = [volume for volume in found if volume[key] == call.asked(asked)]
    return {"volumes": _shown(call.state, page(call, found))}


def _by_name(call: Call) -> Mapping[str, Any]:
    """A path with a slash at its end asks for one volume, without a UUID."""
    return _shown(call.state, [find(_in_project(call), "volume", name=call.asked("name"))])[0]


def _volume(call: Call) -> Thing:
    return find(_in_project(call), "volume", UUID=call.path["uuid"])


def _get(call: Call) -> Mapping[str, Any]:
    return _shown(call.state, [_volume(call)])[0]


def _create(call: Call) -> Mapping[str, Any]:
    state, project, name = call.state, _project(call), call.text("name")
    state.project(project)
    check_name(name)
    if any(volume["name"] == name and volume["state"] not in _GONE for volume in _in_project(call)):
        raise Refusal(ALREADY_EXISTS, f"volume {name} already exists")
    size = parse_size(call.body.get("size", ""))
    check_space(state, size)
    check_policy(state, project, call.text("qosPolicyName"))
    source = source_snapshot(call, project, call.text("sourceSnapshotUUID"), call.text("sourceSnapshotName"))
    if source is not None and size < source["size"]:
        raise Refusal(INVALID_ARGUMENT, "a clone cannot be smaller than its snapshot")
    volume = new_volume(state, project, name, size, call.number("replicaCount"))
    volume.update(
        acl=parse_acl(call.message("acl"), None),
        IPAcl=parse_acl(call.message("IPAcl"), "ALLOW_ANY"),
        compression=parse_compression(call.text("compression")),
        qosPolicyName=call.text("qosPolicyName"),
        labels=parse_labels(call.body.get("labels")),
    )
    if source is not None:
        volume.update(sourceSnapshotUUID=source["UUID"], sourceSnapshotName=source["name"])
        volume["labels"] = volume["labels"] or source["labels"]
    state.volumes.append(volume)
    state.pace.later(lambda: _created(state, volume))
    return _shown(state, [volume])[0]


def _created(state: State, volume: Thing) -> None:
    _arrived(state, volume)
    record(state, "Volume", "VolumeCreated", volume)


def _arrived(state: State, volume: Thing) -> None:
    volume["state"] = "Available"
    state.touch(volume)


def _update(call: Call) -> Mapping[str, Any]:
    volume, state = _volume(call), call.state
    call.change(volume)
    _check_state(volume)
    new: Thing = {}
    if "size" in call.body:
        new["size"] = parse_size(call.body["size"])
        if new["size"] < volume["size"] and not call.truth("Force"):
            raise Refusal(INVALID_ARGUMENT, "a volume is made smaller only by force")
        check_space(state, max(new["size"] - volume["size"], 0))
    if "acl" in call.body:
        new["acl"] = parse_acl(call.message("acl"), None)
    if "IPAcl" in call.body:
        new["IPAcl"] = parse_acl(call.message("IPAcl"), None)
    if "compression" in call.body:
        new["compression"] = parse_compression(call.text("compression"))
    # an empty list is the same as none
    if call.body.get("labels"):
        new["labels"] = parse_labels(call.body["labels"])
    if "qosPolicyName" in call.body:
        check_policy(state, volume["projectName"], call.text("qosPolicyName"))
        new["qosPolicyName"] = call.text("qosPolicyName")
    if call.text("newName"):
        check_name(call.text("newName"))
        new["name"] = call.text("newName")
    volume["state"] = "Updating"
    state.touch(volume)
    state.pace.later(lambda: _updated(state, volume, new))
    return {}


def _updated(state: State, volume: Thing, new: Thing) -> None:
    volume.update(new)
    _arrived(state, volume)


def _check_state(volume: Thing) -> None:
    if volume["state"] in _MOVING:
        raise Refusal(UNAVAILABLE, f"volume is in state {volume['state']}")
    if volume["state"] in _GONE:
        raise Refusal(INVALID_ARGUMENT, f"volume is in state {volume['state']}")


def _delete(call: Call) -> Mapping[str, Any]:
    volume, state = _volume(call), call.state
    call.change(volume)
    if volume["state"] == "Deleting":
        return {}
    if volume["state"] in _MOVING:
        raise Refusal(ABORTED, "user operation in progress")
    volume["state"] = "Deleting"
    state.touch(volume)
    state.pace.later(lambda: _deleted(state, volume), 2)
    return {}


def _deleted(state: State, volume: Thing) -> None:
    state.volumes.remove(volume)
    record(state, "Volume", "VolumeDeleted", volume)


ROUTES = [
    Route("GET", "/volumes", _list),
    Route("POST", "/volumes", _create),
    Route("GET", "/volumes/{uuid}", _get),
    Route("PUT", "/volumes/{uuid}", _update),
    Route("DELETE", "/volumes/{uuid}", _delete),
    Route("GET", "/projects/{project}/volumes", _list, PROJECT),
    Route("GET", "/projects/{project}/volumes/", _by_name, PROJECT),
    Route("POST", "/projects/{project}/volumes", _create, PROJECT),
    Route("GET", "/projects/{project}/volumes/{uuid}", _get, PROJECT),
    Route("PUT", "/projects/{project}/volumes/{uuid}", _update, PROJECT),
    Route("DELETE", "/projects/{project}/volumes/{uuid}", _delete, PROJECT),
]
