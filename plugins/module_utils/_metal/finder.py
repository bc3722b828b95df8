# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are looked up that users know by an id or by a name within something else: the API, or a list of all.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Generic, TypeVar

from .._bulk import Snapshot

ThingT = TypeVar("ThingT")
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Finder(Generic[ThingT]):
    """``by_id`` takes an id and the project of the user, if known; ``by_key`` returns all things with that key."""

    by_id: Callable[[str, str | None], ThingT | None]
    by_key: Callable[[Key], Sequence[ThingT]]


def one_by_one(
    get: Callable[[str, str | None], ThingT | None],
    find: Callable[[Mapping[str, str]], Sequence[ThingT]],
    names: Key,
    key_of: Callable[[ThingT], Key | None],
) -> Finder[ThingT]:
    """Ask the API each time. ``names`` are the filters of ``find`` that the parts of a key are."""

    def by_key(key: Key) -> Sequence[ThingT]:
        return [thing for thing in find(dict(zip(names, key))) if key_of(thing) == key]

    return Finder(get, by_key)


def from_snapshot(
    snapshot: Snapshot[ThingT], id_of: Callable[[ThingT], str], key_of: Callable[[ThingT], Key | None]
) -> Finder[ThingT]:
    """Look into a list of all."""

    def by_id(id: str, _project: str | None) -> ThingT | None:  # noqa: A002
        return next(iter(snapshot.by(id_of, id)), None)

    return Finder(by_id, lambda key: snapshot.by(key_of, key))
