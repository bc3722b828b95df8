# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects of a cluster (``/projects``), which are its tenants. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step, changes
from .._values import mappings, text
from .client import segment
from .messages import CREATE_PROJECT, UPDATE_PROJECT
from .naming import check_description, check_project_name
from .qos_policy import QosPolicy, list_qos_policies

if TYPE_CHECKING:
    from .client import Lightbits

# They come with the cluster; its administrators and its installer need them.
KEPT = ("system", "default")
# The type of a default policy that limits volumes.
_QOS = "qosRateLimit"


@dataclass(frozen=True)
class Project:
    """A project; ``name`` is what everything calls it, ``policies`` are those by default, (type, UUID)."""

    name: str
    uuid: str
    description: str
    policies: tuple[tuple[str, str], ...] = ()

    @property
    def qos_policy(self) -> str:
        """The UUID of the QoS policy that its volumes have when they have none of their own, "" for none."""
        return next((uuid for kind, uuid in self.policies if kind == _QOS), "")

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Project:
        """Read an object of the API. Raises ProtocolError."""
        try:
            policies = mappings(item, "defaultPolicies")
            return cls(
                name=text(item, "name"),
                uuid=text(item, "UUID"),
                description=text(item, "description"),
                policies=tuple((text(one, "policyType"), text(one, "policyUUID")) for one in policies),
            )
        except ValueError as error:
            raise ProtocolError(f"A project of the Lightbits API cannot be understood: {error}.") from None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {"name": self.name, "uuid": self.uuid, "description": self.description}


def list_projects(api: Lightbits) -> list[Project]:
    """Return all projects, by name (``GET /projects``)."""
    return sorted(map(Project.from_api, api.get_list("/projects", "projects")), key=lambda project: project.name)


def get_project(api: Lightbits, name: str) -> Project | None:
    """Return a project, None when there is none (``GET /projects/{name}``)."""
    try:
        return Project.from_api(api.get(f"/projects/{segment(name)}"))
    except NotFoundError:
        return None


class ProjectResource(Resource[Project]):
    """The project with a name. ``wanted`` has the options of lightbits_project."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._name: str = wanted["name"]
        self._description: str | None = wanted.get("description")
        self._absent = wanted.get("state") == "absent"
        self._qos: str | None = wanted.get("qos_policy")
        self._policies: list[QosPolicy] = []
        self._used = False
        self.label = f"the project {self._name}"
        check_project_name("name", self._name)
        if self._absent and self._name in KEPT:
            raise UsageError(f"name is {self._name}, a project that every cluster needs: it cannot be deleted.")
        check_description(self._description)

    def read(self) -> Project | None:
        """Return the project; look for QoS policies when they matter, and for content if it is to be deleted."""
        found = get_project(self._api, self._name)
        if self._qos or (found is not None and found.qos_policy):
            self._policies = list_qos_policies(self._api)
        if found is not None and self._absent:
            self._used = bool(self._content())
        return found

    def _content(self) -> list[dict[str, Any]]:
        query = {"limit": 1, "showAll": True}
        path = f"/projects/{segment(self._name)}/volumes"
        return [one for one in self._api.get_list(path, "volumes", query) if one.get("state") != "Deleting"]

    def show(self, actual: Project) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {**actual.as_dict(), "qos_policy": self._qos_name(actual)}

    def plan(self, actual: Project | None) -> Plan:
        """Create, change its QoS policy, or delete; the API changes nothing else of a project that is there."""
        if self._absent:
            return self._deletion(actual)
        policy = self._qos_policy()
        if actual is None:
            values = {"name": self._name, "description": self._description or "", "qos_policy": self._qos or ""}
            return Plan(None, values, (Step(f"create {self.label}", lambda: self._create(values, policy)),))
        if self._description is not None and self._description != actual.description:
            raise UsageError(
                f"description is {self._description!r}, but {self.label} has {actual.description!r}, which the API "
                "cannot change: leave description out."
            )
        before = self._known(actual)
        after = {**before, **changes(before, {"qos_policy": self._qos})}
        if before == after:
            return Plan(before, before)
        step = Step(f"change the QoS policy of {self.label}", lambda: self._set_policy(actual, policy))
        return Plan(before, after, (step,))

    def _qos_policy(self) -> str:
        """Return the UUID of the wanted QoS policy, "" for none. Raises UsageError."""
        if not self._qos:
            return ""
        for policy in self._policies:
            if policy.name == self._qos and (not policy.projects or self._name in policy.projects):
                return policy.uuid
        usable = [one.name for one in self._policies if not one.projects or self._name in one.projects]
        raise UsageError(
            f"qos_policy is {self._qos!r}, but {self.label} may use no such QoS policy; it may use: "
            f"{', '.join(sorted(usable)) or 'none'}."
        )

    def _qos_name(self, project: Project) -> str:
        """Return the name of its QoS policy; its UUID when nobody knows the name any more."""
        uuid = project.qos_policy
        return next((one.name for one in self._policies if one.uuid == uuid), uuid)

    def _create(self, after: Mapping[str, Any], policy: str) -> None:
        values = {"name": after["name"], "description": after["description"]}
        policies = {"defaultPolicies": [_default(_QOS, policy)]} if policy else {}
        self._api.post("/projects", CREATE_PROJECT, {**values, **policies})

    def _set_policy(self, actual: Project, policy: str) -> None:
        """A change replaces all default policies, so the others are sent as they are."""
        kept = [_default(kind, uuid) for kind, uuid in actual.policies if kind != _QOS]
        policies = [*kept, *([_default(_QOS, policy)] if policy else [])]
        values = {"projectName": actual.name, "defaultPolicies": policies}
        self._api.put(f"/projects/{segment(actual.name)}", UPDATE_PROJECT, values)

    def _deletion(self, actual: Project | None) -> Plan:
        if actual is None:
            return Plan(None, None)
        if self._used:
            raise UsageError(f"state is absent, but {self.label} still has volumes: delete them first.")
        path = f"/projects/{segment(self._name)}"
        step = Step(f"delete {self.label}", lambda: self._api.delete(path), missing_ok=True)
        return Plan(self._known(actual), None, (step,))

    def _known(self, project: Project) -> dict[str, Any]:
        """Return what check mode can know of a project beforehand as well."""
        return {
            "name": project.name,
            "description": project.description,
            "qos_policy": self._qos_name(project),
        }


def _default(kind: str, uuid: str) -> dict[str, str]:
    return {"policyType": kind, "policyUUID": uuid}
