# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a filesystem layout, all of it at once; metal-api says only the first, and falls over some.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .filesystem_layout import Part

_OPERATORS = ("=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")
_VERSION = re.compile(r"v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)
# Linear volumes grow on any number of devices; the others need this many.
_SEVERAL = {"striped": 2, "raid1": 2}


def problems(layout: Mapping[str, Any]) -> list[str]:
    """Return sentences without their full stops, for a layout in the normal form."""
    devices: set[str] = set()
    return [
        *_disks(layout["disks"], devices),
        *_arrays(layout["raid"], devices),
        *_volume_groups(layout["volume_groups"], devices),
        *_logical_volumes(layout["logical_volumes"], layout["volume_groups"], devices),
        *_filesystems(layout["filesystems"], devices),
        *_constraints(layout["constraints"]),
    ]


def _disks(disks: Sequence[Part], devices: set[str]) -> Iterator[str]:
    yield from _twice("disks", "device", disks)
    for disk in disks:
        device, partitions = disk["device"], disk["partitions"]
        numbers = [partition["number"] for partition in partitions]
        if numbers != list(range(1, len(numbers) + 1)):
            yield (
                f"the partitions of {device} have the numbers {', '.join(map(str, numbers))}: "
                "they have to be 1, 2, 3 and so on, each once"
            )
        for partition in partitions:
            if partition["size"] < 0:
                yield f"the partition {partition['number']} of {device} has the size {partition['size']}"
        if any(partition["size"] == 0 for partition in partitions[:-1]):
            yield f"only the last partition of {device} can have the size 0, which is the rest of the disk"
        separator = "p" if device.startswith("/dev/nvme") else ""
        devices.update([device, *(f"{device}{separator}{number}" for number in numbers)])


def _arrays(arrays: Sequence[Part], devices: set[str]) -> Iterator[str]:
    yield from _twice("raid", "array_name", arrays)
    for array in arrays:
        name = f"the array {array['array_name']}"
        yield from _missing(name, array["devices"], devices, "disk or partition")
        if not array["devices"]:
            yield f"{name} has no devices"
        if array["spares"] < 0:
            yield f"{name} has {array['spares']} spares"
        yield from _split(name, array["create_options"])
    devices.update(array["array_name"] for array in arrays)


def _volume_groups(groups: Sequence[Part], devices: set[str]) -> Iterator[str]:
    yield from _twice("volume_groups", "name", groups)
    for group in groups:
        name = f"the volume group {group['name']}"
        yield from _missing(name, group["devices"], devices, "disk, partition or array")
        if not group["devices"]:
            yield f"{name} has no devices"


def _logical_volumes(volumes: Sequence[Part], groups: Sequence[Part], devices: set[str]) -> Iterator[str]:
    members = {group["name"]: len(group["devices"]) for group in groups}
    for volume in volumes:
        group, kind = volume["volume_group"], volume["lvm_type"]
        name = f"the logical volume {volume['name']}"
        if group not in members:
            yield f"{name} is in the volume group {group}, which the layout does not have"
        elif members[group] < _SEVERAL.get(kind, 1):
            yield f"{name} is {kind}, but its volume group {group} has only one device"
        if volume["size"] < 0:
            yield f"{name} has the size {volume['size']}"
        device = f"/dev/{group}/{volume['name']}"
        if device in devices:
            yield f"{name} is there twice in the volume group {group}"
        devices.add(device)
    for volume in volumes[:-1]:
        if volume["size"] == 0:
            yield (
                f"the logical volume {volume['name']} has the size 0, which is the rest of the volume group, but only "
                "the last one can have that"
            )


def _filesystems(filesystems: Sequence[Part], devices: set[str]) -> Iterator[str]:
    paths = [one for one in filesystems if (one["path"] or "").startswith("/")]
    yield from _twice("filesystems", "path", paths)
    disks = [one for one in filesystems if one["format"] != "tmpfs"]
    yield from _twice("filesystems", "device", disks)
    for filesystem in disks:
        name = "the filesystem " + (filesystem["path"] or filesystem["label"] or f"on {filesystem['device']}")
        yield from _missing(name, [filesystem["device"]], devices, "disk, partition, array or logical volume")
        yield from _split(name, filesystem["create_options"])


def _constraints(constraints: Mapping[str, Any]) -> Iterator[str]:
    for size, number in Counter(constraints["sizes"]).items():
        if "*" in size:
            yield f"constraints.sizes has {size!r}, but wildcards are not possible there"
        if number > 1:
            yield f"constraints.sizes has {size} more than once"
    for os, version in constraints["images"].items():
        if os == "*":
            yield "constraints.images has '*', but the operating system has to be named"
        if version != "*" and not _is_version_constraint(version):
            yield (
                f"constraints.images has {os}: {version!r}, which is not '*', a version, or an operator, a space and a "
                "version, like '>= 24.04'"
            )


def _is_version_constraint(constraint: str) -> bool:
    operator, space, version = constraint.rpartition(" ")
    return bool(_VERSION.fullmatch(version)) and (not space or operator in _OPERATORS)


def _missing(name: str, wanted: Iterable[str], devices: set[str], what: str) -> Iterator[str]:
    for device in wanted:
        if device not in devices:
            yield f"{name} uses {device}, but the layout has no such {what}"


def _split(name: str, options: Iterable[str]) -> Iterator[str]:
    for option in options:
        if len(option.split()) > 1:
            yield f"{name} has the create option {option!r}, which must be split into one for each word"


def _twice(option: str, key: str, parts: Sequence[Part]) -> Iterator[str]:
    for value, number in Counter(part[key] for part in parts).items():
        if number > 1:
            yield f"{option} has {value} more than once"
