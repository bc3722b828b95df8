# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: filesystem layouts."""

from __future__ import annotations

from typing import Any

from .. import documents
from ..documents import Document
from ..model.filesystemlayout import FilesystemLayout, check, check_hardware, check_unambiguous, check_words, fitting
from .call import BadRequestError, Call, HttpError, Operation, UnprocessableError

# What the parts of a request must have, so that nothing stumbles over its absence: Go takes the zero value.
_ZERO: dict[str, dict[str, Any]] = {
    "disks": {"device": "", "partitions": None, "wipeonreinstall": False},
    "raid": {"arrayname": "", "devices": None, "level": "", "createoptions": None, "spares": 0},
    "volumegroups": {"name": "", "devices": None, "tags": None},
    "logicalvolumes": {"name": "", "volumegroup": "", "size": 0, "lvmtype": ""},
    "filesystems": {
        "path": None, "device": "", "format": "", "label": None, "mountoptions": None, "createoptions": None,
    },
}  # fmt: skip
_PARTITION = {"number": 0, "label": None, "size": 0, "gpttype": None}


def _list(call: Call) -> list[Document]:
    return [documents.filesystem_layout(layout) for layout in call.state.filesystem_layouts]


def _get(call: Call) -> Document:
    return documents.filesystem_layout(call.state.filesystem_layouts.get(call.path["id"]))


def _create(call: Call) -> Document:
    layout_id = call.text("id") or ""
    if not layout_id:
        raise BadRequestError("id should not be empty")
    if call.state.filesystem_layouts.find(layout_id) is not None:
        raise HttpError(409, f"filesystemlayout:{layout_id} already exists")
    layout = _read(call)
    return documents.filesystem_layout(call.state.filesystem_layouts.create(layout))


def _update(call: Call) -> Document:
    """The layout is replaced as a whole."""
    old = call.state.filesystem_layouts.get(call.text("id") or "")
    new = _read(call)
    return documents.filesystem_layout(call.state.filesystem_layouts.replace(old, new, race=call.race))


def _delete(call: Call) -> Document:
    return documents.filesystem_layout(call.state.filesystem_layouts.delete(call.path["id"]))


def _try(call: Call) -> Document:
    try:
        layout = fitting(call.state.filesystem_layouts, call.text("size") or "", call.text("image") or "")
    except ValueError as error:
        raise UnprocessableError(error) from error
    return documents.filesystem_layout(layout)


def _matches(call: Call) -> Document:
    layout = call.state.filesystem_layouts.get(call.text("filesystemlayout") or "")
    machine = call.state.machines.get(call.text("machine") or "")
    try:
        check_hardware(layout, machine.hardware)
    except ValueError as error:
        raise UnprocessableError(error) from error
    return documents.filesystem_layout(layout)


def _read(call: Call) -> FilesystemLayout:
    given = {key: call.body.get(key) for key in ("id", "name", "description", "constraints")}
    try:
        layout = documents.read_filesystem_layout({**given, **{name: _parts(call, name) for name in _ZERO}})
    except ValueError as error:
        raise BadRequestError(f"json: cannot unmarshal: {error}") from error
    try:
        check_words(layout)
    except ValueError as error:
        raise UnprocessableError(error) from error
    try:
        check(layout)
        others = (other for other in call.state.filesystem_layouts if other.id != layout.id)
        check_unambiguous([*others, layout])
    except ValueError as error:
        raise BadRequestError(error) from error
    return layout


def _parts(call: Call, name: str) -> list[dict[str, Any]]:
    parts = [_filled(name, part, _ZERO[name]) for part in call.items(name) or ()]
    for part in parts if name == "disks" else ():
        if part["partitions"]:
            part["partitions"] = [_filled("partitions", partition, _PARTITION) for partition in part["partitions"]]
    return parts


def _filled(name: str, part: object, zero: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise BadRequestError(f"json: cannot unmarshal into Go field of {name}")
    return {key: default if part.get(key) is None else part[key] for key, default in zero.items()}


OPERATIONS = (
    Operation("GET", "/v1/filesystemlayout", _list, role="view"),
    Operation("POST", "/v1/filesystemlayout/try", _try, role="admin"),
    Operation("POST", "/v1/filesystemlayout/matches", _matches, role="admin"),
    Operation("GET", "/v1/filesystemlayout/{id}", _get, role="view"),
    Operation("PUT", "/v1/filesystemlayout", _create, role="admin", status=201),
    Operation("POST", "/v1/filesystemlayout", _update, role="admin"),
    Operation("DELETE", "/v1/filesystemlayout/{id}", _delete, role="admin"),
)
