# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects of the metal-api: ``POST /v1/project/find``, or ProjectService/List of ``metalstack.{admin,api}.v2``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._errors import PermissionDeniedError
from .._values import integer, mapping, text, texts
from .by_id import convert_all
from .v1 import MetalV1
from .values import labels, v2_labels

if TYPE_CHECKING:
    from .v2 import MetalV2

QUOTAS = ("cluster", "machine", "ip", "project")


@dataclass(frozen=True)
class Project:
    """A project. ``labels`` are like ``key=value`` (a map in v2), sorted.

    ``annotations`` and ``quotas`` (limits, None where there is none) are None in v2, which does not have them.
    ``document`` is what the API gave: v1 replaces all of it in an update.
    """

    id: str
    name: str
    description: str
    tenant: str
    labels: tuple[str, ...]
    annotations: Mapping[str, str] | None = None
    quotas: Mapping[str, int | None] | None = None
    document: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Return it as users see it, without what the API does not have."""
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "tenant": self.tenant,
            "labels": list(self.labels),
        }
        if self.annotations is not None:
            shown["annotations"] = dict(self.annotations)
        if self.quotas is not None:
            shown["quotas"] = dict(self.quotas)
        return shown


def find_projects(
    api: MetalV1 | MetalV2,
    *,
    id: str | None = None,  # noqa: A002
    name: str | None = None,
    tenant: str | None = None,
) -> list[Project]:
    """Return the projects of either API that have all of what is given. Raises :class:`~.._errors.ApiError`.

    With v2 these are all projects if the token has an admin role, else those that its user is a member of.
    """
    generation = 0 if isinstance(api, MetalV1) else 1
    keys = (("id", "name", "tenant_id"), ("uuid", "name", "tenant"))[generation]
    query = {key: value for key, value in zip(keys, (id, name, tenant)) if value is not None}
    if isinstance(api, MetalV1):
        found = convert_all(api.find("/v1/project/find", query), "/v1/project/find", from_v1)
    else:
        found = convert_all(_list_v2(api, query), "ProjectService/List", _from_v2)
    # the API's filters are believed to be exact, but it is a project that is at stake
    return [
        project
        for project in found
        if id in (None, project.id) and name in (None, project.name) and tenant in (None, project.tenant)
    ]


def _list_v2(api: MetalV2, query: Mapping[str, str]) -> object:
    message = {"query": query} if query else {}
    try:
        answer = api.call("metalstack.admin.v2.ProjectService/List", message)
    except PermissionDeniedError:
        answer = api.call("metalstack.api.v2.ProjectService/List", message)
    return answer.get("projects") or []


def from_v1(item: Mapping[str, Any]) -> Project:
    """Return the project of an answer of v1. Raises ValueError."""
    meta, quotas = mapping(item, "meta"), mapping(item, "quotas")
    limits = {name: mapping(quotas, name).get("quota") for name in QUOTAS}
    return Project(
        _id(meta, "id"),
        text(item, "name"),
        text(item, "description"),
        text(item, "tenant_id"),
        tuple(sorted(texts(meta, "labels"))),
        labels(meta, "annotations"),
        {name: None if limit is None else integer(limit) for name, limit in limits.items()},
        item,
    )


def _from_v2(item: Mapping[str, Any]) -> Project:
    tags = (f"{key}={value}" for key, value in v2_labels(item).items())
    name, description, tenant = (text(item, key) for key in ("name", "description", "tenant"))
    return Project(_id(item, "uuid"), name, description, tenant, v2_tags(tags), document=item)


def v2_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return labels like ``key=value`` as v2 keeps them, sorted: a key without a value has an empty one."""
    return tuple(sorted(tag[:-1] if tag.endswith("=") and tag.count("=") == 1 else tag for tag in tags))


def _id(item: Mapping[str, Any], key: str) -> str:
    value = text(item, key)
    if not value:
        raise ValueError("it has no id")
    return value
