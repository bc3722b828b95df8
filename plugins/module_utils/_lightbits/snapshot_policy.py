# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies by which snapshots of a volume are taken by themselves (``/projects/{project}/resourcePolicies``).

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._durations import DurationError, parse_duration
from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Step, changes
from .._values import mapping, text
from .._wait import Waiting
from .client import segment
from .messages import CREATE_SNAPSHOT_POLICY, UPDATE_SNAPSHOT_POLICY
from .naming import check_description, check_name, check_project_name
from .schedule import encode_schedule, read_schedule, wanted_schedule
from .settling import SettlingResource, living
from .snapshot import seconds

if TYPE_CHECKING:
    from .client import Lightbits

_NEEDED = ("volume", "schedule", "retention_time")


@dataclass(frozen=True)
class SnapshotPolicy:
    """A policy of one volume; ``schedule`` as in :mod:`.schedule`, ``retention`` in seconds."""

    uuid: str
    name: str
    project: str
    volume: str
    state: str
    description: str
    schedule: Mapping[str, Any]
    retention: int

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> SnapshotPolicy:
        """Read an object of the API, which leaves out what is zero. Raises ProtocolError."""
        try:
            policy = mapping(item, "schedulePolicy")
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                project=text(item, "projectName"),
                volume=text(item, "resourceName"),
                state=text(item, "state") or "Unknown",
                description=text(item, "description"),
                schedule=read_schedule(policy),
                retention=seconds(text(policy, "retentionTime")),
            )
        except ValueError as error:
            raise ProtocolError(f"A snapshot policy of the Lightbits API cannot be understood: {error}.") from None

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"/projects/{segment(self.project)}/resourcePolicies/{segment(self.uuid)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "project": self.project,
            "uuid": self.uuid,
            "state": self.state,
            "volume": self.volume,
            "description": self.description,
            "schedule": dict(self.schedule),
            "retention_time": self.retention,
        }


class SnapshotPolicyResource(SettlingResource[SnapshotPolicy]):
    """The policy with a name. ``wanted`` has the options of lightbits_snapshot_policy."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._project: str = wanted["project"]
        self._name: str = wanted["name"]
        super().__init__(f"the snapshot policy {self._project}/{self._name}", waiting)
        self._absent = wanted["state"] == "absent"
        check_project_name("project", self._project)
        check_name("name", self._name)
        check_description(wanted.get("description"))
        self._wanted = {
            "name": self._name,
            "project": self._project,
            "volume": wanted.get("volume"),
            "description": wanted.get("description"),
            "schedule": wanted_schedule(wanted),
            "retention_time": _retention(wanted.get("retention_time")),
        }

    def find(self) -> SnapshotPolicy | None:
        """Return it by its name."""
        listed = self._api.get_list(f"/projects/{segment(self._project)}/resourcePolicies", "resourcePolicies")
        return living([SnapshotPolicy.from_api(item) for item in listed if item.get("name") == self._name])

    def get(self, path: str) -> SnapshotPolicy | None:
        """Return the one at a path."""
        try:
            return SnapshotPolicy.from_api(self._api.get(path))
        except NotFoundError:
            return None

    def show(self, actual: SnapshotPolicy) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: SnapshotPolicy | None) -> Plan:
        """Create, change or delete."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        shown = actual.as_dict()
        before = {name: shown[name] for name in self._wanted}
        if self._absent:
            step = Step(f"delete {self.label}", lambda: self._delete(actual), missing_ok=True)
            return Plan(before, None, (step,))
        changed = changes(before, self._wanted)
        if "volume" in changed:
            raise UsageError(
                f"volume is {changed['volume']}, but {self.label} belongs to {actual.volume}, which the API cannot "
                "change: delete it, or give the other policy another name."
            )
        after = {**before, **changed}
        if not changed or self.on_its_way(actual):
            return Plan(before, after)
        self.check_ready(actual)
        step = Step(f"update {self.label}: {', '.join(sorted(changed))}", lambda: self._update(actual, after))
        return Plan(before, after, (step,))

    def _creation(self) -> Plan:
        missing = [option for option in _NEEDED if not self._wanted[option]]
        if missing:
            names = ["hourly, daily or weekly" if option == "schedule" else option for option in missing]
            raise UsageError(
                f"{' and '.join(names)} {'is' if len(missing) == 1 else 'are'} missing: {self.label} does not exist "
                "yet, and cannot be created without."
            )
        after = {**self._wanted, "description": self._wanted["description"] or ""}
        return Plan(None, after, (Step(f"create {self.label}", lambda: self._create(after)),))

    def _create(self, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {
            "name": after["name"],
            "projectName": after["project"],
            "resourceName": after["volume"],
            "description": after["description"],
            "schedulePolicy": _policy(after),
        }
        path = f"/projects/{segment(self._project)}/resourcePolicies"
        self._api.post(path, CREATE_SNAPSHOT_POLICY, values)

    def _update(self, actual: SnapshotPolicy, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {
            "UUID": actual.uuid,
            "projectName": actual.project,
            "description": after["description"],
            "schedulePolicy": _policy(after),
        }
        self._api.put(actual.path, UPDATE_SNAPSHOT_POLICY, values)

    def _delete(self, actual: SnapshotPolicy) -> None:
        self._leaving = actual.path
        self._api.delete(actual.path)


def _retention(given: Any) -> int | None:
    if given is None:
        return None
    try:
        found = parse_duration(given, "retention_time")
    except DurationError as error:
        raise UsageError(str(error)) from None
    if not found:
        raise UsageError("retention_time is 0, but snapshots that are taken by themselves must end some time.")
    return found


def _policy(after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "snapshotSchedulePolicy": encode_schedule(after["schedule"]),
        "retentionTime": after["retention_time"],
    }
