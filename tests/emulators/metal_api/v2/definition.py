# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published definition of the API: every method there is, and who may call it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

import metalstack.admin.v2  # type: ignore[import-untyped]
import metalstack.api.v2  # type: ignore[import-untyped]
import metalstack.infra.v2  # type: ignore[import-untyped]
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from metalstack.api.v2 import common_pb2

EDITOR, VIEWER, OWNER, GUEST = "EDITOR", "VIEWER", "OWNER", "GUEST"
# Visibilities: what the subject of a permission is, none for public, self, admin and infra.
PUBLIC, SELF, PROJECT, TENANT, ADMIN, INFRA, MACHINE = (
    "public", "self", "project", "tenant", "admin", "infra", "machine",
)  # fmt: skip
# The field of a request that names its subject.
SUBJECT_FIELDS = {PROJECT: "project", TENANT: "login", MACHINE: "uuid"}


@dataclass(frozen=True)
class Rules:
    """What the definition says about a method: its visibility, and the names of the roles of each kind that give it."""

    visibility: str
    roles: Mapping[str, frozenset[str]]

    def has(self, kind: str, role: str | None) -> bool:
        """Whether that role (``OWNER``, ``EDITOR``, ...) of that kind (``project``, ...) gives the method."""
        return role in self.roles[kind]

    @property
    def seen_by_viewers(self) -> bool:
        """Whether an admin viewer may call it."""
        return self.visibility in (PUBLIC, SELF) or any(VIEWER in roles for roles in self.roles.values())


def procedure(method: MethodDescriptor) -> str:
    """Its name as permissions have it: ``/metalstack.api.v2.ImageService/List``."""
    return f"/{method.containing_service.full_name}/{method.name}"


def rules(method: MethodDescriptor) -> Rules:
    """Read them from the options of the method."""
    options = method.GetOptions()
    roles = {}
    for kind in (PROJECT, TENANT, ADMIN, INFRA, MACHINE):
        enum = getattr(common_pb2, f"{kind.capitalize()}Role")
        values = options.Extensions[getattr(common_pb2, f"{kind}_roles")]
        roles[kind] = frozenset(enum.Name(value).removeprefix(f"{kind.upper()}_ROLE_") for value in values)
    visibility = options.Extensions[common_pb2.visibility]
    if visibility == common_pb2.VISIBILITY_PUBLIC:
        return Rules(PUBLIC, roles)
    if visibility == common_pb2.VISIBILITY_SELF:
        return Rules(SELF, roles)
    return Rules(next((kind for kind in roles if roles[kind]), ""), roles)


def _files() -> tuple[FileDescriptor, ...]:
    packages = (metalstack.admin.v2, metalstack.api.v2, metalstack.infra.v2)
    return tuple(
        importlib.import_module(f"{package.__name__}.{module.name}").DESCRIPTOR
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
        if module.name.endswith("_pb2")
    )


_ALL = [method for file in _files() for service in file.services_by_name.values() for method in service.methods]
METHODS: Mapping[str, Rules] = {procedure(method): rules(method) for method in _ALL}
# Those that do not stream; the others belong to the inside of a partition.
UNARY = tuple(method for method in _ALL if not method.client_streaming and not method.server_streaming)
