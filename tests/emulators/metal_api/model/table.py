# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of entities with the server's optimistic locking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from ...common.clock import Clock


class NotFoundError(LookupError):
    """No entity with that id."""


class ExistsError(ValueError):
    """There is an entity with that id already."""


class ChangedError(ValueError):
    """The entity was changed by somebody else between reading and writing it."""


@dataclass(frozen=True)
class Entity:
    """What every entity has. Times are aware; they have the database's precision of milliseconds."""

    id: str
    name: str = ""
    description: str = ""
    created: datetime | None = None
    changed: datetime | None = None
    generation: int = 0


EntityT = TypeVar("EntityT", bound=Entity)


@dataclass
class Table(Generic[EntityT]):
    """Entities of one kind by id, in the order of their creation."""

    kind: str
    clock: Clock
    _rows: dict[str, EntityT] = field(default_factory=dict)

    def __iter__(self) -> Iterator[EntityT]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, entity_id: str) -> EntityT | None:
        """The entity, None when there is none."""
        return self._rows.get(entity_id)

    def added(self, entity: EntityT) -> None:
        """Called when an entity (or its new form) was stored: for the indexes of a derived table."""

    def removed(self, entity: EntityT) -> None:
        """Called when an entity (or its old form) is no longer stored."""

    def cleared(self) -> None:
        """Called when all entities are about to be replaced."""

    def get(self, entity_id: str) -> EntityT:
        """The entity; NotFoundError with the server's wording."""
        if entity_id not in self._rows:
            raise NotFoundError(f'no {self.kind} with id "{entity_id}" found')
        return self._rows[entity_id]

    def create(self, entity: EntityT) -> EntityT:
        """Insert with fresh time stamps; ExistsError with the server's wording."""
        if entity.id in self._rows:
            raise ExistsError(f"cannot create {self.kind} in database, entity already exists: {entity.id}")
        now = self._now()
        return self._store(replace(entity, created=now, changed=now, generation=0))

    def replace(self, old: EntityT, new: EntityT, *, race: bool = False) -> EntityT:
        """Write ``new`` if the stored entity still is ``old``; ChangedError with the server's wording otherwise.

        :param race: let another client change the stored entity first.
        """
        if race:
            stored = self.get(old.id)
            self._store(replace(stored, changed=self._now(stored), generation=stored.generation + 1))
        if self.get(old.id).changed != old.changed:
            raise ChangedError(
                f"cannot update {self.kind} ({old.id}): the entity was changed from another, please retry"
            )
        return self._store(replace(new, changed=self._now(old), generation=old.generation + 1))

    def touch(self, entity: EntityT) -> EntityT:
        """Write what the server keeps beside the entity: its time of change stays, nobody's update fails."""
        return self._store(replace(entity, changed=self.get(entity.id).changed))

    def delete(self, entity_id: str) -> EntityT:
        """Remove and return the entity."""
        entity = self.get(entity_id)
        del self._rows[entity_id]
        self.removed(entity)
        return entity

    def load(self, entities: list[EntityT]) -> None:
        """Replace all rows; missing time stamps become the present time."""
        now = self._now()
        self._rows = {}
        self.cleared()
        for entity in entities:
            self._store(replace(entity, created=entity.created or now, changed=entity.changed or now))

    def _store(self, entity: EntityT) -> EntityT:
        old = self._rows.get(entity.id)
        if old is not None:
            self.removed(old)
        self._rows[entity.id] = entity
        self.added(entity)
        return entity

    def _now(self, after: EntityT | None = None) -> datetime:
        now = self.clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if after is not None and after.changed is not None and now <= after.changed:
            return after.changed + timedelta(milliseconds=1)
        return now
