# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the JSON of entities. Readers raise ValueError with one sentence naming what is wrong."""

from __future__ import annotations

from typing import Any

from ..model import times
from ..model.table import Entity

Document = dict[str, Any]


def common(entity: Entity) -> Document:
    """What v1 answers for every entity."""
    return {
        "id": entity.id,
        "name": entity.name,
        "description": entity.description,
        "created": times.write(entity.created),
        "changed": times.write(entity.changed),
    }


class Reader:
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

    def number(self, key: str, default: int = 0) -> int:
        value: int = self._take(key, int, default)
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._rest.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ValueError(f"{self._what}: {key!r} must be true or false")
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
            "generation": self.number("generation"),
        }

    def ignore(self, *keys: str) -> None:
        """Take what is only shown, never read."""
        for key in keys:
            self._rest.pop(key, None)

    def finish(self) -> None:
        if self._rest:
            raise ValueError(f"{self._what}: unknown key {sorted(self._rest)[0]!r}")
