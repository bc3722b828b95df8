# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes (``/projects/{project}/volumes``). Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import NotFoundError, ProtocolError
from .._values import integer, mapping, mappings, normal_address, text, texts
from .client import segment
from .settling import living

if TYPE_CHECKING:
    from .client import Lightbits

PROTECTED = "FullyProtected"


@dataclass(frozen=True)
class Volume:
    """A volume; ``size`` in bytes, access lists and nodes sorted, ``etag`` changes with every change."""

    uuid: str
    name: str
    project: str
    state: str
    protection: str
    size: int
    replicas: int
    compression: bool
    acl: tuple[str, ...]
    ip_acl: tuple[str, ...]
    labels: Mapping[str, str]
    qos_policy: str
    nodes: tuple[str, ...]
    nsid: int
    etag: str
    source_snapshot: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Volume:
        """Read an object of the API, which leaves out what is zero. Raises ProtocolError."""
        try:
            return cls(
                uuid=text(item, "UUID"),
                name=text(item, "name"),
                project=text(item, "projectName"),
                state=text(item, "state") or "Unknown",
                protection=text(item, "protectionState") or "Unknown",
                size=integer(item.get("size")),
                replicas=integer(item.get("replicaCount")),
                compression=text(item, "compression").lower() in ("true", "enable", "enabled"),
                acl=_access(item, "acl"),
                ip_acl=_addresses(item),
                labels={text(label, "key"): text(label, "value") for label in mappings(item, "labels")},
                qos_policy=text(item, "qosPolicyName"),
                nodes=tuple(sorted(texts(item, "nodeList"))),
                nsid=integer(item.get("nsid")),
                etag=text(item, "ETag"),
                source_snapshot=text(item, "sourceSnapshotName"),
            )
        except ValueError as error:
            raise ProtocolError(f"A volume of the Lightbits API cannot be understood: {error}.") from None

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return f"/projects/{segment(self.project)}/volumes/{segment(self.uuid)}"

    @property
    def title(self) -> str:
        """``project/name``, as messages and options call it."""
        return f"{self.project}/{self.name}"

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {
            "name": self.name,
            "project": self.project,
            "uuid": self.uuid,
            "state": self.state,
            "protection": self.protection,
            "size": self.size,
            "replica_count": self.replicas,
            "compression": self.compression,
            "acl": list(self.acl),
            "ip_acl": list(self.ip_acl),
            "labels": dict(self.labels),
            "qos_policy": self.qos_policy,
            "source_snapshot": self.source_snapshot,
            "nsid": self.nsid,
        }


def _addresses(item: Mapping[str, Any]) -> tuple[str, ...]:
    """An access list of addresses, which the API gives back as it was given them."""
    return _sorted(list(map(normal_address, _access(item, "IPAcl"))))


def _access(item: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return _sorted(texts(mapping(item, key), "values"))


def _sorted(values: Sequence[str]) -> tuple[str, ...]:
    # most access lists are of one
    return tuple(sorted(set(values))) if len(values) > 1 else tuple(values)


def list_volumes(api: Lightbits, project: str | None = None, **query: Any) -> Iterator[Volume]:
    """Return the volumes of a project, or of the whole cluster, page by page; without those that are being deleted."""
    path = "/volumes" if project is None else f"/projects/{segment(project)}/volumes"
    return map(Volume.from_api, api.pages(path, "volumes", query))


def find_volume(api: Lightbits, project: str, name: str) -> Volume | None:
    """Return the volume that has the name, None when there is none. Of one that failed only the name is left."""
    return living([volume for volume in list_volumes(api, project, name=name) if volume.name == name])


def get_volume(api: Lightbits, path: str) -> Volume | None:
    """Return the volume at a path, None when there is none."""
    try:
        return Volume.from_api(api.get(path))
    except NotFoundError:
        return None
