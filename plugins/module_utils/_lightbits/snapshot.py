# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of volumes (``/projects/{project}/snapshots``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._durations import DurationError, format_duration, parse_duration
from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Step
from .._values import integer, mappings, text
from .._wait import Waiting
from .client import segment
from .messages import CREATE_SNAPSHOT
from .naming import check_description, check_name, check_project_name
from .settling import SettlingResource, living

if TYPE_CHECKING:
    from .client import Lightbits


@dataclass(frozen=True)
class Snapshot:
    """A snapshot; ``size`` in bytes, ``retention`` in seconds (0: it is kept until somebody deletes it)."""

    uuid: str
    name: str
    project: str
    state: str
    volume: str
    volume_uuid: str
    size: int
    replicas: int
    compression: bool
    labels: Mapping[str, str]
    description: str
    retention: int
    created: str
    etag: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Snapshot:
        """Read an object of the API, which leaves out what is zero. Raises ProtocolError."""
        try:
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                project=text(item, "projectName"),
                state=text(item, "state") or "Unknown",
                volume=text(item, "sourceVolumeName"),
                volume_uuid=text(item, "sourceVolumeUUID"),
                size=integer(item.get("size")),
                replicas=integer(item.get("replicaCount")),
                compression=bool(item.get("compression")),
                labels={text(label, "key"): text(label, "value") for label in mappings(item, "labels")},
                description=text(item, "description"),
                retention=seconds(text(item, "retentionTime")),
                created=text(item, "creationTime"),
                etag=text(item, "ETag"),
            )
        except ValueError as error:
            raise ProtocolError(f"A snapshot of the Lightbits API cannot be understood: {error}.") from None

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"/projects/{segment(self.project)}/snapshots/{segment(self.uuid)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "project": self.project,
            "uuid": self.uuid,
            "state": self.state,
            "volume": self.volume,
            "size": self.size,
            "replica_count": self.replicas,
            "description": self.description,
            "retention_time": self.retention,
            "created": self.created,
        }


def seconds(written: str) -> int:
    """Return whole seconds of a duration as the API writes it (``3600s``, ``0.5s``). Raises ValueError."""
    whole, _dot, fraction = written.removesuffix("s").partition(".") if written else ("0", "", "")
    if (written and not written.endswith("s")) or not (whole + fraction).isdecimal():
        raise ValueError(f"{written!r} is not a duration like 3600s")
    return int(whole)


def list_snapshots(api: Lightbits, project: str, **query: Any) -> Iterator[Snapshot]:
    """Return the snapshots of a project, page by page; without those that are being deleted."""
    return map(Snapshot.from_api, api.pages(f"/projects/{segment(project)}/snapshots", "snapshots", query))


def find_snapshot(api: Lightbits, project: str, name: str) -> Snapshot | None:
    """Return the snapshot that has the name, None when there is none."""
    return living([one for one in list_snapshots(api, project, Name=name) if one.name == name])


class SnapshotResource(SettlingResource[Snapshot]):
    """The snapshot with a name. ``wanted`` has the options of lightbits_snapshot."""

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], waiting: Waiting | None) -> None:
        self._api = api
        self._project: str = wanted["project"]
        self._name: str = wanted["name"]
        super().__init__(f"the snapshot {self._project}/{self._name}", waiting)
        self._absent = wanted["state"] == "absent"
        self._volume: str | None = wanted.get("volume")
        self._description: str | None = wanted.get("description")
        self._retention: int | None = None
        check_project_name("project", self._project)
        check_name("name", self._name)
        check_description(self._description)
        if wanted.get("retention_time") is not None:
            try:
                self._retention = parse_duration(wanted["retention_time"], "retention_time")
            except DurationError as error:
                raise UsageError(str(error)) from None

    def find(self) -> Snapshot | None:
        """Return it by its name."""
        return find_snapshot(self._api, self._project, self._name)

    def get(self, path: str) -> Snapshot | None:
        """Return the one at a path."""
        try:
            return Snapshot.from_api(self._api.get(path))
        except NotFoundError:
            return None

    def show(self, actual: Snapshot) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Snapshot | None) -> Plan:
        """Create or delete; the API changes nothing of a snapshot."""
        if actual is None:
            return Plan(None, None) if self._absent else self._creation()
        before = _known(actual)
        if self._absent:
            step = Step(f"delete {self.label}", lambda: self._delete(actual), missing_ok=True)
            return Plan(before, None, (step,))
        self._check_same(actual)
        return Plan(before, before)

    def _creation(self) -> Plan:
        if not self._volume:
            raise UsageError(
                f"volume is missing: {self.label} does not exist yet, and needs the volume to be taken of."
            )
        after = {
            "name": self._name,
            "project": self._project,
            "volume": self._volume,
            "description": self._description or "",
            "retention_time": self._retention or 0,
        }
        return Plan(None, after, (Step(f"take {self.label} of the volume {self._volume}", self._create),))

    def _check_same(self, actual: Snapshot) -> None:
        """Refuse what the API cannot change. Of a volume that is gone, the API may have forgotten the name."""
        pairs = (
            ("volume", self._volume, actual.volume or self._volume),
            ("description", self._description, actual.description),
            ("retention_time", self._retention, actual.retention),
        )
        for option, wanted, found in pairs:
            if wanted is not None and wanted != found:
                shown = [format_duration(one) if isinstance(one, int) else repr(one) for one in (wanted, found)]
                raise UsageError(
                    f"{option} is {shown[0]}, but {self.label} has {shown[1]}, which the API cannot change: take "
                    "another snapshot with another name."
                )

    def _create(self) -> None:
        self._wrote = True
        values: dict[str, Any] = {
            "name": self._name,
            "projectName": self._project,
            "sourceVolumeName": self._volume,
            "description": self._description or "",
        }
        if self._retention:
            values["retentionTime"] = self._retention
        self._api.post(f"/projects/{segment(self._project)}/snapshots", CREATE_SNAPSHOT, values)

    def _delete(self, actual: Snapshot) -> None:
        self._leaving = actual.path
        self._api.delete(actual.path, etag=actual.etag)


def _known(snapshot: Snapshot) -> dict[str, Any]:
    """Return what check mode can know of a snapshot beforehand as well."""
    shown = snapshot.as_dict()
    return {name: shown[name] for name in ("name", "project", "volume", "description", "retention_time")}
