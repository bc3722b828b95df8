# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystem layouts: what an installation does with the disks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .table import Entity

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
