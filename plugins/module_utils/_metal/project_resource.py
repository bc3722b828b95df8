# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects as they should be, by ``/v1/project`` (admin key) or by v2's ProjectService.

v1 replaces the stored document in an update, and refuses an update whose ``meta.version`` is too old; v2 compares
``updateMeta.updatedAt``. So what is not given survives, and what somebody else has changed meanwhile as well.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import quote

from .._errors import UsageError
from .._reconcile import Plan, Resource, Step, changes
from .project import QUOTAS, Project, find_projects, v2_tags
from .users import users_of_project
from .v1 import MetalV1
from .values import given_labels

if TYPE_CHECKING:
    from .v2 import MetalV2

    Api = Union[MetalV1, MetalV2]

_SERVICE = "metalstack.api.v2.ProjectService"
# A limit that a user gives to have none.
UNLIMITED = -1


class ProjectResource(Resource[Project]):
    """One project, found by ``id``, or else by ``tenant`` and ``name``. ``wanted`` has the options of a user."""

    def __init__(self, api: Api, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._id: str | None = wanted.get("id")
        self._tenant: str | None = wanted.get("tenant")
        self._name: str | None = wanted.get("name")
        self._absent = wanted.get("state") == "absent"
        self._calls = _V1(api) if isinstance(api, MetalV1) else _V2(api)
        for option in ("id", "name"):
            if wanted.get(option) == "":
                raise UsageError(f"{option} is empty: give the project's, or leave the option out.")
        self._wanted = {
            "name": self._name,
            "description": wanted.get("description"),
            **self._calls.normal(wanted),
        }
        self._quotas = _quotas(wanted.get("quotas"))
        self._users: list[str] = []
        self.label = f"the project {self._id or self._name}"

    def read(self) -> Project | None:
        """Return the project, and look what is in it if it is to be deleted. Raises UsageError if several match."""
        if self._id is not None:
            found = find_projects(self._api, id=self._id)
        else:
            found = find_projects(self._api, name=self._name, tenant=self._tenant)
        if len(found) > 1:
            listed = ", ".join(sorted(f"{project.id} (tenant {project.tenant})" for project in found))
            how = "give the tenant, or choose" if self._tenant is None else "choose"
            raise UsageError(
                f"name is {self._name!r}, which {len(found)} projects have: {how} one by its id: {listed}."
            )
        if found and self._absent:
            self._users = self._calls.users(found[0].id)
        return found[0] if found else None

    def show(self, actual: Project) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Project | None) -> Plan:
        """Create, update or delete."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        if self._id is not None and self._tenant not in (None, actual.tenant):
            raise UsageError(
                f"tenant is {self._tenant!r}, but {self.label} belongs to {actual.tenant!r}, which cannot be changed."
            )
        if self._absent:
            return self._deletion(actual)
        before = actual.as_dict()
        wanted = dict(self._wanted)
        if self._quotas is not None:
            wanted["quotas"] = {**before["quotas"], **self._quotas}
        changed = changes(before, wanted)
        if not changed:
            return Plan(before, before)
        what = ", ".join(sorted(changed))
        step = Step(f"update {self.label}: {what}", lambda: self._calls.update(actual, changed))
        return Plan(before, {**before, **changed}, (step,))

    def _creation(self) -> Plan:
        if self._id is not None:
            raise UsageError(
                f"id is {self._id!r}, but there is no such project; a new one gets its id from the API: leave id out."
            )
        if not self._tenant:
            raise UsageError(f"tenant is missing: {self.label} does not exist yet, and cannot be created without it.")
        after = {"description": "", "tenant": self._tenant, **self._calls.new()}
        after.update({name: value for name, value in self._wanted.items() if value is not None})
        if self._quotas is not None:
            after["quotas"] = {**after["quotas"], **self._quotas}
        # The name is the key, but the API would take it twice.
        step = Step(f"create {self.label}", lambda: self._calls.create(after), creates=True)
        return Plan(None, after, (step,))

    def _deletion(self, actual: Project) -> Plan:
        if self._name not in (None, actual.name):
            raise UsageError(
                f"name is {self._name!r}, but {self.label} is called {actual.name!r}: it is not deleted, since the "
                "options do not agree on which one is meant."
            )
        if self._users:
            raise UsageError(
                f"state is absent, but {self.label} still has {' and '.join(self._users)}: remove them first."
            )
        step = Step(f"delete {self.label}", lambda: self._calls.delete(actual.id), missing_ok=True)
        return Plan(actual.as_dict(), None, (step,))


class _V1:
    """The calls of v1."""

    def __init__(self, api: MetalV1) -> None:
        self._api = api

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        tags = wanted.get("labels")
        return {
            "labels": None if tags is None else sorted(set(tags)),
            "annotations": given_labels(wanted.get("annotations")),
        }

    def new(self) -> dict[str, Any]:
        return {"labels": [], "annotations": {}, "quotas": dict.fromkeys(QUOTAS)}

    def users(self, project: str) -> list[str]:
        return users_of_project(self._api, project)

    def create(self, values: Mapping[str, Any]) -> None:
        self._api.put("/v1/project", _replaced({"meta": {"kind": "Project", "apiversion": "v1"}}, values))

    def update(self, actual: Project, changed: Mapping[str, Any]) -> None:
        self._api.post("/v1/project", _replaced(actual.document, changed))

    def delete(self, project: str) -> None:
        self._api.delete(f"/v1/project/{quote(project, safe='')}")


class _V2:
    """The calls of v2."""

    def __init__(self, api: MetalV2) -> None:
        self._api = api

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        for option in ("annotations", "quotas"):
            if wanted.get(option) is not None:
                raise UsageError(f"{option} is given, but only the metal-api v1 has them: leave it out, or use v1.")
        tags = wanted.get("labels")
        if tags is None:
            return {"labels": None}
        labels = v2_tags(set(tags))
        if len(_label_map(labels)) < len(labels):
            raise UsageError("labels has a key with different values; the metal-api v2 keeps one value for each key.")
        return {"labels": list(labels)}

    def new(self) -> dict[str, Any]:
        return {"labels": []}

    def users(self, _project: str) -> list[str]:
        # the API looks itself, and reading would need more permissions
        return []

    def create(self, values: Mapping[str, Any]) -> None:
        fields = {name: values[name] for name in ("name", "description")}
        labels = {"labels": _label_map(values["labels"])}
        self._api.call(f"{_SERVICE}/Create", {"login": values["tenant"], **fields, "labels": labels})

    def update(self, actual: Project, changed: Mapping[str, Any]) -> None:
        meta = actual.document.get("meta")
        message = {
            "project": actual.id,
            "updateMeta": {
                "updatedAt": meta.get("updatedAt") if isinstance(meta, Mapping) else None,
                "lockingStrategy": "OPTIMISTIC_LOCKING_STRATEGY_CLIENT",
            },
            **{name: value for name, value in changed.items() if name != "labels"},
        }
        if "labels" in changed:
            message["labels"] = {"replace": {"labels": _label_map(changed["labels"])}}
        self._api.call(f"{_SERVICE}/Update", message)

    def delete(self, project: str) -> None:
        self._api.call(f"{_SERVICE}/Delete", {"project": project})


def _label_map(tags: Iterable[str]) -> dict[str, str]:
    return {key: value for key, _equal, value in (tag.partition("=") for tag in tags)}


def _replaced(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole document of v1 with some values replaced, without what only the API counts."""
    new = copy.deepcopy(dict(document))
    meta = new["meta"] = dict(new.get("meta") or {})
    new.update({name: values[name] for name in ("name", "description") if name in values})
    meta.update({name: values[name] for name in ("labels", "annotations") if name in values})
    if "tenant" in values:
        new["tenant_id"] = values["tenant"]
    quotas = new.get("quotas") or {}
    limits = {name: quota["quota"] for name, quota in quotas.items() if quota and quota.get("quota") is not None}
    limits.update(values.get("quotas") or {})
    new["quotas"] = {name: {"quota": limit} for name, limit in limits.items() if limit is not None}
    return new


def _quotas(given: Mapping[str, int | None] | None) -> dict[str, int | None] | None:
    """Return the limits that a user gave. Raises UsageError."""
    if given is None:
        return None
    limits = {name: limit for name, limit in given.items() if limit is not None}
    for name, limit in limits.items():
        if limit < UNLIMITED:
            raise UsageError(f"quotas.{name} is {limit}; it must be a number from 0, or -1 for no limit.")
    return {name: None if limit == UNLIMITED else limit for name, limit in limits.items()}
