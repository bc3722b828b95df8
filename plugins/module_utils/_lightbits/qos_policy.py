# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QoS policies (``/policies``): how much volumes may read and write.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Step, changes
from .._values import integer, mapping, text, texts
from .._wait import Waiting
from .client import segment
from .messages import CREATE_QOS_POLICY, UPDATE_QOS_POLICY
from .naming import check_description, check_name, check_project_name
from .settling import SettlingResource, living

if TYPE_CHECKING:
    from .client import Lightbits

# The unit of a limit -> the API's field with it, and in that the fields for reading and for writing.
UNITS: Mapping[str, tuple[str, str, str]] = {
    "iops": ("limitIOPS", "readIOPSLimit", "writeIOPSLimit"),
    "mb_per_second": ("limitBw", "readBWLimit", "writeBWLimit"),
    "iops_per_gb": ("limitIOPSPerGB", "readIOPSPerGBLimit", "writeIOPSPerGBLimit"),
}
# The API limits IOPS in such steps, and 32 bits hold a limit.
_STEP = 256
_LARGEST = 2**32 - 1


@dataclass(frozen=True)
class QosPolicy:
    """A policy. ``limit`` has unit, read and write (0 is unlimited); no ``projects``: all of them may use it."""

    uuid: str
    name: str
    description: str
    state: str
    projects: tuple[str, ...]
    limit: Mapping[str, Any]

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> QosPolicy:
        """Read an object of the API, which leaves out what is zero. Raises ProtocolError."""
        try:
            rate = mapping(item, "QoSRateLimitPolicy")
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                description=text(item, "description"),
                state=text(item, "state") or "Unknown",
                projects=tuple(sorted(set(texts(rate, "projectsNamesScope")))),
                limit=_limit(rate),
            )
        except ValueError as error:
            raise ProtocolError(f"A QoS policy of the Lightbits API cannot be understood: {error}.") from None

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"/policies/{segment(self.uuid)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "uuid": self.uuid,
            "description": self.description,
            "state": self.state,
            "projects": list(self.projects),
            "limit": dict(self.limit),
        }


def _limit(rate: Mapping[str, Any]) -> dict[str, Any]:
    for unit, (field, read, write) in UNITS.items():
        if field in rate:
            found = mapping(rate, field)
            return {"unit": unit, "read": integer(found.get(read)), "write": integer(found.get(write))}
    return {}


def list_qos_policies(api: Lightbits, **query: Any) -> list[QosPolicy]:
    """Return all policies (``GET /policies``)."""
    return [QosPolicy.from_api(item) for item in api.get_list("/policies", "policies", query)]


class QosPolicyResource(SettlingResource[QosPolicy]):
    """The policy with a name. ``wanted`` has the options of lightbits_qos_policy."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._name: str = wanted["name"]
        super().__init__(f"the QoS policy {self._name}", waiting)
        self._absent = wanted["state"] == "absent"
        self._wanted = {
            "name": self._name,
            "description": wanted.get("description"),
            "projects": None if wanted.get("projects") is None else sorted(set(wanted["projects"])),
            "limit": wanted.get("limit"),
        }
        self._check()

    def _check(self) -> None:
        check_name("name", self._name)
        check_description(self._wanted["description"])
        for project in self._wanted["projects"] or ():
            check_project_name("projects", project)
        limit = self._wanted["limit"] or {}
        for way in ("read", "write") if limit else ():
            value = limit[way]
            if not 0 <= value <= _LARGEST:
                raise UsageError(f"limit.{way} is {value}; it must be 0, which is unlimited, or at most {_LARGEST}.")
            if limit["unit"] == "iops" and value % _STEP:
                raise UsageError(f"limit.{way} is {value}; the API limits IOPS in steps of {_STEP}: give a multiple.")

    def find(self) -> QosPolicy | None:
        """Return it by its name."""
        return living([one for one in list_qos_policies(self._api, name=self._name) if one.name == self._name])

    def get(self, path: str) -> QosPolicy | None:
        """Return the one at a path."""
        try:
            return QosPolicy.from_api(self._api.get(path))
        except NotFoundError:
            return None

    def show(self, actual: QosPolicy) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: QosPolicy | None) -> Plan:
        """Create, change or delete."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        shown = actual.as_dict()
        before = {name: shown[name] for name in self._wanted}
        if self._absent:
            step = Step(f"delete {self.label}", lambda: self._delete(actual), missing_ok=True)
            return Plan(before, None, (step,))
        changed = changes(before, self._wanted)
        after = {**before, **changed}
        if not changed or self.on_its_way(actual):
            return Plan(before, after)
        self.check_ready(actual)
        step = Step(f"update {self.label}: {', '.join(sorted(changed))}", lambda: self._update(actual, after))
        return Plan(before, after, (step,))

    def _creation(self) -> Plan:
        if self._wanted["limit"] is None:
            raise UsageError(f"limit is missing: {self.label} does not exist yet, and cannot be created without.")
        after = {
            **self._wanted,
            "description": self._wanted["description"] or "",
            "projects": self._wanted["projects"] or [],
        }
        return Plan(None, after, (Step(f"create {self.label}", lambda: self._create(after)),))

    def _create(self, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {"name": after["name"], "description": after["description"], "qoSRateLimitPolicy": _rate(after)}
        self._api.post("/policies", CREATE_QOS_POLICY, values)

    def _update(self, actual: QosPolicy, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {"UUID": actual.uuid, "description": after["description"], "qoSRateLimitPolicy": _rate(after)}
        self._api.put(actual.path, UPDATE_QOS_POLICY, values)

    def _delete(self, actual: QosPolicy) -> None:
        self._leaving = actual.path
        self._api.delete(actual.path)


def _rate(after: Mapping[str, Any]) -> dict[str, Any]:
    """Return the API's form of projects and limit; a change replaces all of it."""
    limit, projects = after["limit"], after["projects"]
    written: dict[str, Any] = {"policyVisibility": "Scoped" if projects else "Global", "projectsNamesScope": projects}
    if limit:
        field, read, write = UNITS[limit["unit"]]
        written[field] = {read: limit["read"], write: limit["write"]}
    return written
