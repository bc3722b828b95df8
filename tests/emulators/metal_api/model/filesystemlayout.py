# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystem layouts: what an installation does with the disks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from .image import parse_id
from .table import Entity
from .versions import collide, parse, satisfies

FORMATS = ("ext3", "ext4", "none", "swap", "tmpfs", "vfat")
GPT_TYPES = ("8300", "8e00", "ef00", "fd00")
RAID_LEVELS = ("0", "1")
LVM_TYPES = ("linear", "raid1", "striped")

Part = Mapping[str, Any]


@dataclass(frozen=True)
class FilesystemLayout(Entity):
    """A layout as stored; the parts are in the form of v1's JSON.

    ``images`` are operating systems, each with the constraint on its version. Without sizes and images a layout is for
    development: it is only taken when it is named.
    """

    disks: tuple[Part, ...] = ()
    raid: tuple[Part, ...] = ()
    volume_groups: tuple[Part, ...] = ()
    logical_volumes: tuple[Part, ...] = ()
    filesystems: tuple[Part, ...] = ()
    sizes: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()

    @property
    def reinstallable(self) -> bool:
        """Whether a machine with it can be installed again: a disk is wiped then."""
        return any(disk.get("wipeonreinstall") for disk in self.disks)

    def matches(self, size: str, image: str) -> bool:
        """Whether machines of that size get it for that image."""
        try:
            os, version = parse_id(image)
        except ValueError:
            return False
        constraints = dict(self.images)
        return size in self.sizes and os in constraints and satisfies(version, constraints[os])


def fitting(layouts: Iterable[FilesystemLayout], size: str, image: str) -> FilesystemLayout:
    """The layout that a machine gets when none is named; ValueError with the server's wording without one."""
    for layout in layouts:
        if layout.matches(size, image):
            return layout
    raise ValueError(f"could not find a matching filesystemLayout for size:{size} and image:{image}")


def check_hardware(layout: FilesystemLayout, hardware: Mapping[str, Any]) -> None:
    """ValueError with the server's wording when hardware, as v1 shows it, lacks a disk or has too small a one."""
    existing = {_device(disk.get("name", "")): disk.get("size", 0) >> 20 for disk in hardware.get("disks") or ()}
    for disk in layout.disks:
        device = disk["device"]
        required = sum(partition.get("size", 0) for partition in disk.get("partitions") or ())
        if device not in existing:
            raise ValueError(f"device:{device} does not exist on given hardware")
        if existing[device] < required:
            raise ValueError(
                f"device:{device} is not big enough required:{required}MiB, existing:{existing[device]}MiB"
            )


def check_words(layout: FilesystemLayout) -> None:
    """ValueError with the server's wording when a word is none of those that are known."""
    for disk in layout.disks:
        for partition in disk.get("partitions") or ():
            if partition.get("gpttype") is not None:
                _check_word("GPTType", partition["gpttype"], GPT_TYPES)
    for parts, key, what, known in (
        (layout.filesystems, "format", "format", FORMATS),
        (layout.raid, "level", "raidlevel", RAID_LEVELS),
        (layout.logical_volumes, "lvmtype", "lvmtype", LVM_TYPES),
    ):
        for part in parts:
            _check_word(what, part.get(key, ""), known)


def check(layout: FilesystemLayout) -> None:
    """ValueError with the server's wording when a part stands on nothing, and for other mistakes."""
    devices = _disk_devices(layout)
    for raid in layout.raid:
        _check_devices(
            raid.get("devices") or (), devices, "device:{} not provided by disk for raid:" + raid["arrayname"]
        )
        devices.add(raid["arrayname"])
    groups = {group["name"]: len(group.get("devices") or ()) for group in layout.volume_groups}
    for group in layout.volume_groups:
        _check_devices(group.get("devices") or (), devices, "device:{} not provided by machine for vg:" + group["name"])
    for number, volume in enumerate(layout.logical_volumes):
        _check_volume(layout, volume, groups, last=number == len(layout.logical_volumes) - 1)
        devices.add(f"/dev/{volume['volumegroup']}/{volume['name']}")
    for filesystem in layout.filesystems:
        if filesystem.get("format") == "tmpfs":
            continue
        if filesystem["device"] not in devices:
            raise ValueError(f"device:{filesystem['device']} for filesystem:{filesystem.get('path')} is not configured")
        for option in filesystem.get("createoptions") or ():
            if len(option.split()) > 1:
                raise ValueError(
                    f'the given createoption:"{option}" contains whitespace and must be split into separate options'
                )
    _check_constraints(layout)


def check_unambiguous(layouts: Iterable[FilesystemLayout]) -> None:
    """ValueError with the server's wording when two layouts are meant for the same size and image."""
    constraints: dict[tuple[str, str], list[str]] = {}
    for layout in layouts:
        for size in layout.sizes:
            for os, constraint in layout.images:
                constraints.setdefault((size, os), []).append(constraint)
    violations = [
        f"{size}->[{os} {other}]"
        for (size, os), found in constraints.items()
        for one, other in combinations(found, 2)
        if collide(one, other)
    ]
    if violations:
        raise ValueError(f"these combinations already exist:{','.join(violations)}")


def _disk_devices(layout: FilesystemLayout) -> set[str]:
    devices = set()
    for disk in layout.disks:
        partitions = disk.get("partitions") or ()
        numbers = Counter(partition["number"] for partition in partitions)
        for number, times in numbers.items():
            if times > 1:
                raise ValueError(f"device:{disk['device']} partition number:{number} given more than once")
        variable = [partition["number"] for partition in partitions if not partition.get("size")]
        if variable and max(variable) != max(numbers):
            raise ValueError(f"device:{disk['device']} variable sized partition not the last one")
        separator = "p" if disk["device"].startswith("/dev/nvme") else ""
        devices |= {disk["device"], *(f"{disk['device']}{separator}{number}" for number in numbers)}
    return devices


def _check_volume(layout: FilesystemLayout, volume: Part, groups: Mapping[str, int], *, last: bool) -> None:
    name, group, kind = volume["name"], volume["volumegroup"], volume.get("lvmtype")
    if not volume.get("size") and not last:
        raise ValueError(f"lv:{name} in vg:{group}, variable sized lv must be the last")
    if group not in groups:
        raise ValueError(f"volumegroup:{group} not configured for lv:{name}")
    if kind in ("raid1", "striped") and groups[group] < 2:
        raise ValueError(
            f'fsl:"{layout.id}" lv:{name} in vg:{group} is configured for lvmtype:{kind} but has only '
            f"{groups[group]} disk, consider linear instead"
        )


def _check_constraints(layout: FilesystemLayout) -> None:
    for os, constraint in layout.images:
        if os == "*":
            raise ValueError("just '*' is not allowed as image os constraint")
        if constraint.strip() != "*":
            parse(constraint)
    for size, times in Counter(layout.sizes).items():
        if "*" in size:
            raise ValueError("no wildcard allowed in size constraint")
        if times > 1:
            raise ValueError(f"size {size} is configured more than once")


def _check_devices(wanted: Iterable[str], present: set[str], message: str) -> None:
    for device in wanted:
        if device not in present:
            raise ValueError(message.format(device))


def _check_word(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise ValueError(f"given {what}:{word} is not supported, but:{','.join(known)}")


def _device(name: str) -> str:
    return name if name.startswith("/dev/") else f"/dev/{name}"
