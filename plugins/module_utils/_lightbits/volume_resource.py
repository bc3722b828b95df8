# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes as they should be. Private to the collection metalstack.provisioning.

A volume is known by its project and its name, which the API keeps unique. It answers before the work is done; so a
volume that is on its way is waited for, before it is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._errors import ApiError, ConflictError, UsageError
from .._reconcile import Plan, Step, changes
from .._units import format_size
from .._wait import Waiting
from .client import segment
from .messages import CREATE_VOLUME, ROLL_BACK_VOLUME, UPDATE_VOLUME
from .settling import SettlingResource
from .snapshot import Snapshot, find_snapshot
from .volume import Volume, find_volume, get_volume
from .volume_wish import EVERYBODY, NOBODY, normal_volume

if TYPE_CHECKING:
    from .client import Lightbits

_NEEDED = ("size", "replica_count")
_DEFAULTS: Mapping[str, Any] = {
    "compression": False,
    "acl": [NOBODY],
    "ip_acl": [EVERYBODY],
    "labels": {},
    "qos_policy": "",
    "source_snapshot": "",
}
# What the user sees of one that is not made yet.
_KNOWN = ("name", "project", "size", "replica_count", *_DEFAULTS)


class RollbackError(ApiError):
    """Whether a volume was rolled back is not known."""


class VolumeResource(SettlingResource[Volume]):
    """One volume. ``wanted`` has the options of lightbits_volume."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._absent = wanted.get("state") == "absent"
        self._force = bool(wanted.get("force"))
        self._wanted = normal_volume(wanted)
        super().__init__(f"the volume {self.key}", waiting)
        self._rollback: str | None = wanted.get("rollback_to")
        self._rolled_back = False
        # What a new one is cloned from, or one is rolled back to.
        self._source: Snapshot | None = None
        if self._rollback and self._absent:
            raise UsageError("rollback_to is given, but it says something only together with state=present.")

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self._wanted['project']}/{self._wanted['name']}"

    def find(self) -> Volume | None:
        """Return it by its name."""
        return find_volume(self._api, self._wanted["project"], self._wanted["name"])

    def read(self) -> Volume | None:
        """Return it when it is ready; look for the snapshot that a new one is cloned from, or it is rolled back to."""
        found = super().read()
        source = self._rollback if found else self._wanted["source_snapshot"]
        if source and not self._absent:
            self._source = find_snapshot(self._api, self._wanted["project"], source)
        return found

    def get(self, path: str) -> Volume | None:
        """Return the one at a path."""
        return get_volume(self._api, path)

    def seen(self, thing: Volume | None) -> str:
        """Return its state and how well it is protected."""
        return "it is gone" if thing is None else f"{thing.state}, {thing.protection}"

    def show(self, actual: Volume) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Volume | None) -> Plan:
        """Create, change or delete."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        shown = actual.as_dict()
        before = {name: shown[name] for name in _KNOWN}
        if self._absent:
            step = Step(f"delete {self.label}", lambda: self._delete(actual), missing_ok=True)
            return Plan(before, None, (step,))
        self._check_fixed(actual)
        plan = self._update_plan(actual, before)
        return self._rollback_plan(actual, plan) if self._rollback else plan

    def _update_plan(self, actual: Volume, before: Mapping[str, Any]) -> Plan:
        changed = changes(before, {**self._wanted, "source_snapshot": None})
        if not changed or self.on_its_way(actual):
            return Plan(before, {**before, **changed}, warnings=self._doubts(actual))
        self.check_ready(actual)
        self._check_size(actual, changed)
        self._check_labels(changed, actual.labels)
        step = Step(f"update {self.label}: {', '.join(sorted(changed))}", lambda: self._update(actual, changed))
        return Plan(before, {**before, **changed}, (step,), self._doubts(actual))

    def _rollback_plan(self, actual: Volume, plan: Plan) -> Plan:
        """After the changes, once a task: the API does not tell whether it was done."""
        name, source = self._rollback, self._source
        after = {**(plan.after or {}), "rolled_back_to": name}
        if self._rolled_back:
            return Plan(plan.before, after, plan.steps, plan.warnings)
        self.check_ready(actual)
        if source is None or source.state != "Available" or source.volume_uuid != actual.uuid:
            raise UsageError(
                f"rollback_to is {name}, but {self.label} has no snapshot with that name that is available."
            )
        changed = bool(plan.steps)
        step = Step(f"roll {self.label} back to {name}", lambda: self._roll_back(actual, source, changed))
        return Plan(plan.before, after, (*plan.steps, step), plan.warnings)

    def _doubts(self, actual: Volume) -> tuple[str, ...]:
        """Return a warning where the API does not tell any more what a volume was cloned from."""
        source = self._wanted["source_snapshot"]
        if not source or actual.source_snapshot:
            return ()
        sentence = f"source_snapshot is {source}, but the API does not say what {self.label} was cloned from"
        return (f"{sentence}: it was not, or the snapshot is gone.",)

    def _creation(self) -> Plan:
        if self._rollback:
            raise UsageError(f"rollback_to is {self._rollback}, but {self.label} does not exist.")
        source = self._wanted["source_snapshot"]
        if source:
            return self._clone(source)
        missing = [option for option in _NEEDED if self._wanted[option] is None]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {self.label} does not exist "
                "yet, and cannot be created without."
            )
        after = {**_DEFAULTS, **self._given()}
        return Plan(None, after, (Step(f"create {self.label}", lambda: self._create(after)),))

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in self._wanted.items() if value is not None}

    def _clone(self, name: str) -> Plan:
        """A clone has the size and the replicas of its snapshot, or is larger."""
        source = self._source
        if source is None or source.state != "Available":
            state = "does not exist" if source is None else f"is in the state {source.state}"
            raise UsageError(f"source_snapshot is {name}, which {state}: {self.label} cannot be cloned from it.")
        inherited = {
            "size": source.size,
            "replica_count": source.replicas,
            "compression": source.compression,
            "labels": dict(source.labels),
        }
        after = {**_DEFAULTS, **inherited, **self._given()}
        if after["size"] < source.size:
            raise UsageError(
                f"size is {format_size(after['size'])}, but the snapshot {name} has {format_size(source.size)}: a "
                "clone cannot be smaller."
            )
        self._check_labels(after, source.labels)
        return Plan(None, after, (Step(f"clone {self.label} from {name}", lambda: self._create(after)),))

    def _check_fixed(self, actual: Volume) -> None:
        wanted = self._wanted["replica_count"]
        if wanted is not None and wanted != actual.replicas:
            raise UsageError(
                f"replica_count is {wanted}, but {self.label} has {actual.replicas}, which the API cannot change: make "
                "another volume and copy the data."
            )
        source = self._wanted["source_snapshot"]
        if source and actual.source_snapshot and source != actual.source_snapshot:
            raise UsageError(
                f"source_snapshot is {source}, but {self.label} was cloned from {actual.source_snapshot}: give the "
                "other volume another name."
            )

    def _check_size(self, actual: Volume, changed: Mapping[str, Any]) -> None:
        size = changed.get("size")
        if size is not None and size < actual.size and not self._force:
            raise UsageError(
                f"size is {format_size(size)}, but {self.label} has {format_size(actual.size)}: what is behind the new "
                "end would be lost. Set force to true if it is to be made smaller all the same."
            )

    def _check_labels(self, wanted: Mapping[str, Any], present: Mapping[str, str]) -> None:
        """The API cannot tell an empty list from none."""
        if wanted.get("labels") == {} and present:
            raise UsageError(f"labels is empty, but the API cannot take the last label from {self.label}: leave one.")

    def _create(self, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {"name": after["name"], "projectName": after["project"], "replicaCount": after["replica_count"]}
        fields = {name: after[name] for name in ("size", "acl", "ip_acl", "compression")}
        extra = {name: after[name] for name in ("labels", "qos_policy", "source_snapshot") if after.get(name)}
        path = f"/projects/{segment(after['project'])}/volumes"
        self._api.post(path, CREATE_VOLUME, {**values, **_fields({**fields, **extra})})

    def _update(self, actual: Volume, changed: Mapping[str, Any]) -> None:
        self._wrote = True
        values = _fields(changed)
        if changed.get("size", actual.size) < actual.size:
            values["Force"] = True
        self._api.put(actual.path, UPDATE_VOLUME, values, etag=actual.etag)

    def _roll_back(self, actual: Volume, source: Snapshot, changed: bool) -> None:
        """Sent once: what hosts write after it would be lost by a second one."""
        if changed:
            # by the step before; the next round finds it at rest
            raise ConflictError(f"{self.label} has just been changed, and is read again before it is rolled back.")
        values = {"UUID": actual.uuid, "projectName": actual.project, "srcSnapshotUUID": source.uuid}
        try:
            self._api.put(f"{actual.path}/rollback", ROLL_BACK_VOLUME, values, etag=actual.etag, repeatable=False)
        except ApiError as error:
            if not error.unclear:
                raise
            raise RollbackError(
                f"Whether {self.label} was rolled back is not known: {error.message.rstrip('.')}. Look at its data, "
                "and run the task again if it was not.",
                status=error.status,
                code=error.code,
                request=error.request,
            ) from None
        self._rolled_back = self._wrote = True

    def _delete(self, actual: Volume) -> None:
        self._leaving = actual.path
        self._api.delete(actual.path, etag=actual.etag)


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of the collection as the API's fields."""
    written: dict[str, Any] = {}
    for name, value in values.items():
        if name == "acl":
            written["acl"] = {"values": value}
        elif name == "ip_acl":
            written["IPAcl"] = {"values": value}
        elif name == "compression":
            written["compression"] = "true" if value else "false"
        elif name == "labels":
            written["labels"] = [{"key": key, "value": text} for key, text in value.items()]
        elif name == "qos_policy":
            written["qosPolicyName"] = value
        elif name == "source_snapshot":
            written["sourceSnapshotName"] = value
        else:
            written[name] = value
    return written
