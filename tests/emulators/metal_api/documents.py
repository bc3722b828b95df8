# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of entities: as v1 answers with them and, with a few keys more, as the state file holds them.

Readers raise ValueError with one sentence naming what is wrong.
"""

from __future__ import annotations

from typing import Any

from .model import times
from .model.image import CLASSIFICATIONS, DEFAULT_EXPIRATION, FEATURES, Image, parse_id
from .model.partition import BootConfiguration, Partition, check_servers
from .model.table import Entity

Document = dict[str, Any]


def image(entity: Image, *, usage: bool = False) -> Document:
    """v1's response; ``usedby`` is null unless asked for and in use."""
    return {
        **_common(entity),
        "url": entity.url,
        "features": sorted(entity.features),
        "expirationDate": times.write(entity.expires_at),
        "classification": entity.classification,
        "usedby": list(entity.used_by) if usage and entity.used_by else None,
    }


def image_state(entity: Image) -> Document:
    """For the state file: with usage and labels."""
    return {**image(entity, usage=True), "labels": dict(entity.labels), "generation": entity.generation}


def read_image(document: Document, default_expiration_from: Any) -> Image:
    """From the state file. Only ``id`` and ``url`` are needed."""
    read = _Reader(document, "image")
    entity = Image(
        **read.common(),
        url=read.text("url", needed=True),
        features=frozenset(read.texts("features")),
        classification=read.text("classification") or "preview",
        expires_at=read.time("expirationDate") or default_expiration_from + DEFAULT_EXPIRATION,
        labels=read.labels(),
        used_by=tuple(read.texts("usedby")),
    )
    read.finish()
    parse_id(entity.id)
    check_classification(entity.classification)
    for feature in entity.features:
        check_feature(feature)
    return entity


def check_classification(text: str) -> str:
    """The classification; ValueError with the server's wording."""
    if text not in CLASSIFICATIONS:
        raise ValueError(f"given versionclassification is not valid:{text}")
    return text


def check_feature(text: str) -> str:
    """The feature; ValueError with the server's wording."""
    if text not in FEATURES:
        raise ValueError(f"unknown ImageFeatureType:{text}")
    return text


def partition(entity: Partition) -> Document:
    """v1's response; the server lists are null when they are empty."""
    return {
        **_common(entity),
        "mgmtserviceaddress": (entity.management_addresses or ("",))[0],
        "bootconfig": {
            "imageurl": entity.boot.image_url,
            "kernelurl": entity.boot.kernel_url,
            "commandline": entity.boot.commandline,
        },
        "labels": dict(entity.labels),
        "dns_servers": [{"ip": server} for server in entity.dns_servers] or None,
        "ntp_servers": [{"address": server} for server in entity.ntp_servers] or None,
    }


def partition_state(entity: Partition) -> Document:
    """For the state file: with all management addresses."""
    addresses = {"mgmt_service_addresses": list(entity.management_addresses)}
    return {**partition(entity), **addresses, "generation": entity.generation}


def read_partition(document: Document) -> Partition:
    """From the state file. Only ``id`` and ``bootconfig`` are needed."""
    read = _Reader(document, "partition")
    boot = _Reader(read.mapping("bootconfig"), f"bootconfig of partition {document.get('id')!r}")
    first = read.text("mgmtserviceaddress")
    entity = Partition(
        **read.common(),
        boot=BootConfiguration(boot.text("imageurl"), boot.text("kernelurl"), boot.text("commandline")),
        management_addresses=tuple(read.texts("mgmt_service_addresses")) or ((first,) if first else ()),
        labels=read.labels(),
        dns_servers=tuple(str(server.get("ip")) for server in read.mappings("dns_servers")),
        ntp_servers=tuple(str(server.get("address")) for server in read.mappings("ntp_servers")),
    )
    boot.finish()
    read.finish()
    check_servers(entity.dns_servers, entity.ntp_servers)
    return entity


def _common(entity: Entity) -> Document:
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "created": times.write(entity.created),
        "changed": times.write(entity.changed),
    }


class _Reader:
    """Take typed values out of an object, and complain about what nobody took."""

    def __init__(self, document: object, what: str) -> None:
        if not isinstance(document, dict):
            raise ValueError(f"{what}: must be an object")
        self._rest = dict(document)
        self._what = f"{what} {document['id']!r}" if "id" in document else what

    def _take(self, key: str, kind: type, default: Any) -> Any:
        value = self._rest.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{self._what}: {key!r} must be of type {kind.__name__}")
        return value

    def text(self, key: str, *, needed: bool = False) -> str:
        value: str = self._take(key, str, "")
        if needed and not value:
            raise ValueError(f"{self._what}: {key!r} is needed")
        return value

    def texts(self, key: str) -> list[str]:
        values: list[Any] = self._take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise ValueError(f"{self._what}: {key!r} must be a list of strings")
        return values

    def mapping(self, key: str) -> Document:
        value: Document = self._take(key, dict, {})
        return value

    def mappings(self, key: str) -> list[Document]:
        values: list[Any] = self._take(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise ValueError(f"{self._what}: {key!r} must be a list of objects")
        return values

    def labels(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, str(value)) for key, value in self.mapping("labels").items())

    def time(self, key: str) -> Any:
        value = self.text(key)
        return times.parse(value) if value else None

    def common(self) -> Document:
        return {
            "id": self.text("id", needed=True),
            "name": self.text("name"),
            "description": self.text("description"),
            "created": self.time("created"),
            "changed": self.time("changed"),
            "generation": self._take("generation", int, 0),
        }

    def finish(self) -> None:
        if self._rest:
            raise ValueError(f"{self._what}: unknown key {sorted(self._rest)[0]!r}")
