# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystem layouts of the metal-api v1 (``/v1/filesystemlayout``) and their one normal form.

What users give and what the API answers differ in names, in null and empty, and in what is left out. In the normal form
everything is there, so two layouts are the same when their forms are equal. Private to the collection
metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._values import mapping, text, texts
from .values import labels

FORMATS = ("vfat", "ext3", "ext4", "swap", "tmpfs", "none")
GPT_TYPES = ("ef00", "8300", "fd00", "8e00")
RAID_LEVELS = ("0", "1")
LVM_TYPES = ("linear", "striped", "raid1")

Part = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A value of a part: its name in the API, and what stands for nothing. ``parts`` for a list of parts."""

    name: str
    nothing: Any = ""
    parts: Mapping[str, Field] | None = None


_NO_TEXT: Any = None
_PARTITION = {
    "number": Field("number", 0),
    "label": Field("label", _NO_TEXT),
    "size": Field("size", 0),
    "gpt_type": Field("gpttype", _NO_TEXT),
}
# Options of a user -> name in the API and the fields of a part, in the order in which they stand on each other.
SECTIONS: Mapping[str, tuple[str, Mapping[str, Field]]] = {
    "disks": (
        "disks",
        {
            "device": Field("device"),
            "wipe_on_reinstall": Field("wipeonreinstall", False),
            "partitions": Field("partitions", [], _PARTITION),
        },
    ),
    "raid": (
        "raid",
        {
            "array_name": Field("arrayname"),
            "devices": Field("devices", []),
            "level": Field("level"),
            "create_options": Field("createoptions", []),
            "spares": Field("spares", 0),
        },
    ),
    "volume_groups": (
        "volumegroups",
        {"name": Field("name"), "devices": Field("devices", []), "tags": Field("tags", [])},
    ),
    "logical_volumes": (
        "logicalvolumes",
        {
            "name": Field("name"),
            "volume_group": Field("volumegroup"),
            "size": Field("size", 0),
            "lvm_type": Field("lvmtype"),
        },
    ),
    "filesystems": (
        "filesystems",
        {
            "path": Field("path", _NO_TEXT),
            "device": Field("device"),
            "format": Field("format"),
            "label": Field("label", _NO_TEXT),
            "mount_options": Field("mountoptions", []),
            "create_options": Field("createoptions", []),
        },
    ),
}


@dataclass(frozen=True)
class FilesystemLayout:
    """A layout in the normal form."""

    document: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it."""
        return dict(self.document)


def from_v1(item: Mapping[str, Any]) -> FilesystemLayout:
    """Return the layout of an answer of v1. Raises ValueError."""
    constraints = mapping(item, "constraints")
    sections = {
        option: normal_parts(item.get(name), fields, spelled_by_api=True) for option, (name, fields) in SECTIONS.items()
    }
    return FilesystemLayout(
        {
            "id": text(item, "id"),
            "name": text(item, "name"),
            "description": text(item, "description"),
            **sections,
            "constraints": normal_constraints(texts(constraints, "sizes"), labels(constraints, "images")),
        }
    )


def normal_parts(items: object, fields: Mapping[str, Field], *, spelled_by_api: bool) -> list[dict[str, Any]]:
    """Return parts in the normal form; partitions in the order of their numbers. Raises ValueError."""
    found: Sequence[Any] = items if isinstance(items, list) else []
    if (items is not None and not isinstance(items, list)) or not all(isinstance(item, Mapping) for item in found):
        raise ValueError("it has a part that is not a list of objects")
    parts = [
        {
            option: _value(item.get(field.name if spelled_by_api else option), field, spelled_by_api)
            for option, field in fields.items()
        }
        for item in found
    ]
    return sorted(parts, key=lambda part: int(part["number"])) if "number" in fields else parts


def _value(value: Any, field: Field, spelled_by_api: bool) -> Any:
    if field.parts is not None:
        return normal_parts(value, field.parts, spelled_by_api=spelled_by_api)
    if value in (None, "", []):
        return list(field.nothing) if isinstance(field.nothing, list) else field.nothing
    expected = str if field.nothing is None else type(field.nothing)
    # not by its exact type: inside the controller Ansible's texts are of a class of their own
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise ValueError(f"its {field.name} is not of the type {expected.__name__}")
    return value


def normal_constraints(sizes: Sequence[str], images: Mapping[str, str]) -> dict[str, Any]:
    """Return constraints in the normal form: the order of the sizes has no meaning."""
    return {"sizes": sorted(sizes), "images": {os: version.strip() for os, version in sorted(images.items())}}


def to_v1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request for what is there of the normal form."""
    plain = {name: document[name] for name in ("name", "description", "constraints") if name in document}
    sections = {
        name: _parts_to_v1(document[option], fields)
        for option, (name, fields) in SECTIONS.items()
        if option in document
    }
    return {**plain, **sections}


def _parts_to_v1(parts: Sequence[Part], fields: Mapping[str, Field]) -> list[dict[str, Any]]:
    return [
        {
            field.name: part[option] if field.parts is None else _parts_to_v1(part[option], field.parts)
            for option, field in fields.items()
        }
        for part in parts
    ]
