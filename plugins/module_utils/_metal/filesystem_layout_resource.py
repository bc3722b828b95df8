# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filesystem layouts as they should be: ``/v1/filesystemlayout`` of the metal-api v1, all with the admin key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import UsageError
from .by_id import ByIdResource, get_by_id
from .filesystem_layout import (
    SECTIONS,
    FilesystemLayout,
    from_v1,
    normal_constraints,
    normal_parts,
    to_v1,
)
from .filesystem_layout_check import problems
from .values import given_labels


class FilesystemLayoutResource(ByIdResource[FilesystemLayout]):
    """One layout. ``wanted`` has ``id``, ``state`` and the sections, each whole or None."""

    kind = "filesystem layout"
    path = "/v1/filesystemlayout"
    replaces = True

    def read(self) -> FilesystemLayout | None:
        """Return it."""
        return get_by_id(self._api, self.path, self._id, from_v1)

    def show(self, actual: FilesystemLayout) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is given in the normal form. Raises UsageError."""
        values: dict[str, Any] = {name: wanted.get(name) for name in ("name", "description")}
        for option, (_name, fields) in SECTIONS.items():
            given = wanted.get(option)
            values[option] = None if given is None else normal_parts(given, fields, spelled_by_api=False)
        constraints = wanted.get("constraints")
        if constraints is not None:
            images = given_labels(constraints.get("images")) or {}
            constraints = normal_constraints(constraints.get("sizes") or [], images)
        values["constraints"] = constraints
        return values

    def new(self) -> dict[str, Any]:
        """Return what a new layout has where nothing is given."""
        self.needed("disks", "filesystems")
        return from_v1({"id": self._id}).as_dict()

    def check(self, after: Mapping[str, Any]) -> None:
        """Refuse what metal-api would refuse, or what would make it fail."""
        found = problems(after)
        if found:
            raise UsageError(f"{self.label[:1].upper()}{self.label[1:]} cannot be: {'; '.join(found)}.")

    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request."""
        return to_v1(values)
