# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes as they should be. Private to the collection metalstack.provisioning.

A volume is known by its project and its name, which the API keeps unique. It answers before the work is done; so a
volume that is on its way is waited for, before it is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable

from .._errors import UsageError
from .._reconcile import Plan, Resource, Step, changes
from .._units import format_size
from .._wait import Waiting
from .client import segment
from .messages import CREATE_VOLUME, UPDATE_VOLUME
from .volume import MOVING, Volume, find_volume, get_volume
from .volume_wish import EVERYBODY, NOBODY, normal_volume

if TYPE_CHECKING:
    from .client import Lightbits

Find = Callable[[str, str], "Volume | None"]
_NEEDED = ("size", "replica_count")
_DEFAULTS: Mapping[str, Any] = {
    "compression": False,
    "acl": [NOBODY],
    "ip_acl": [EVERYBODY],
    "labels": {},
    "qos_policy": "",
}
# What the user sees of one that is not made yet.
_KNOWN = ("name", "project", "size", "replica_count", *_DEFAULTS)


class VolumeResource(Resource[Volume]):
    """One volume. ``wanted`` has the options of lightbits_volume; ``find`` looks it up, by default in the API."""

    def __init__(
        self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None, find: Find | None = None
    ) -> None:
        self._api = api
        self._absent = wanted.get("state") == "absent"
        self._force = bool(wanted.get("force"))
        self._wanted = normal_volume(wanted)
        self._waiting = waiting
        self._find = find or (lambda project, name: find_volume(api, project, name))
        # Of the volume that this task deletes, until the API does not have it any more.
        self._leaving: str | None = None
        self._wrote = False
        self.label = f"the volume {self.key}"

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self._wanted['project']}/{self._wanted['name']}"

    def read(self) -> Volume | None:
        """Return it, and wait for the end of what is going on with it if there is something to wait with."""
        if self._leaving is not None:
            self._wait_until_gone(self._leaving)
            self._leaving = None
        found = self._find(self._wanted["project"], self._wanted["name"])
        if found is None or found.state not in MOVING or self._waiting is None:
            return found
        path = found.path
        return self._waiting.until(
            lambda: get_volume(self._api, path),
            lambda volume: volume is None or volume.state not in MOVING,
            what=f"{self.label} to be available",
            seen=_seen,
        )

    def _wait_until_gone(self, path: str) -> None:
        if self._waiting is not None:
            self._waiting.until(
                lambda: get_volume(self._api, path),
                lambda volume: volume is None or volume.state == "Deleted",
                what=f"{self.label} to be deleted",
                seen=_seen,
                hopeless=lambda volume: "it cannot be deleted" if volume and volume.state == "Failed" else None,
            )

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
        changed = changes(before, self._wanted)
        if self._wrote and actual.state in MOVING:
            # without waiting; what was written is not there yet
            return Plan(before, {**before, **changed})
        if not changed:
            return Plan(before, before)
        if actual.state in MOVING and self._waiting is None:
            raise UsageError(
                f"wait is false, but {self.label} is in the state {actual.state} and cannot be changed yet."
            )
        self._check_size(actual, changed)
        step = Step(f"update {self.label}: {', '.join(sorted(changed))}", lambda: self._update(actual, changed))
        return Plan(before, {**before, **changed}, (step,))

    def _creation(self) -> Plan:
        missing = [option for option in _NEEDED if self._wanted[option] is None]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: {self.label} does not exist "
                "yet, and cannot be created without."
            )
        after = {**_DEFAULTS, **{name: value for name, value in self._wanted.items() if value is not None}}
        return Plan(None, after, (Step(f"create {self.label}", lambda: self._create(after)),))

    def _check_fixed(self, actual: Volume) -> None:
        wanted = self._wanted["replica_count"]
        if wanted is not None and wanted != actual.replicas:
            raise UsageError(
                f"replica_count is {wanted}, but {self.label} has {actual.replicas}, which the API cannot change: make "
                "another volume and copy the data."
            )

    def _check_size(self, actual: Volume, changed: Mapping[str, Any]) -> None:
        size = changed.get("size")
        if size is not None and size < actual.size and not self._force:
            raise UsageError(
                f"size is {format_size(size)}, but {self.label} has {format_size(actual.size)}: what is behind the new "
                "end would be lost. Set force to true if it is to be made smaller all the same."
            )

    def _create(self, after: Mapping[str, Any]) -> None:
        self._wrote = True
        values = {"name": after["name"], "projectName": after["project"], "replicaCount": after["replica_count"]}
        fields = {name: after[name] for name in ("size", "acl", "ip_acl", "compression")}
        extra = {name: after[name] for name in ("labels", "qos_policy") if after[name]}
        path = f"/projects/{segment(after['project'])}/volumes"
        self._api.post(path, CREATE_VOLUME, {**values, **_fields({**fields, **extra})})

    def _update(self, actual: Volume, changed: Mapping[str, Any]) -> None:
        self._wrote = True
        values = _fields(changed)
        if changed.get("size", actual.size) < actual.size:
            values["Force"] = True
        self._api.put(actual.path, UPDATE_VOLUME, values, etag=actual.etag)

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
        else:
            written[name] = value
    return written


def _seen(volume: Volume | None) -> str:
    return "it is gone" if volume is None else f"{volume.state}, {volume.protection}"
