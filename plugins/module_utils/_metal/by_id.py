# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things of the metal-api v1 whose ids users choose: ``PUT`` creates, ``POST`` updates, ``DELETE /{id}`` deletes.

The id makes a creation safe to repeat: the second one is a conflict. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, TypeVar
from urllib.parse import quote

from .._errors import NotFoundError, ProtocolError, UsageError
from .._reconcile import Plan, Resource, Step, changes

if TYPE_CHECKING:
    from .v1 import MetalV1

ThingT = TypeVar("ThingT")


def get_by_id(api: MetalV1, path: str, id: str, convert: Callable[[Mapping[str, Any]], ThingT]) -> ThingT | None:  # noqa: A002
    """Return the thing of exactly that id (``GET <path>/{id}``), None when there is none.

    ``convert`` raises ValueError. Raises :class:`~.._errors.ApiError`.
    """
    try:
        item = api.get(f"{path}/{quote(id, safe='')}")
    except NotFoundError:
        return None
    if not isinstance(item, Mapping):
        raise ProtocolError(f"{path}/{id} of the metal-api was answered with something that is not an object.")
    try:
        return convert(item)
    except ValueError as error:
        raise ProtocolError(f"{path}/{id} of the metal-api cannot be understood: {error}.") from None


def list_all(api: MetalV1, path: str, convert: Callable[[Mapping[str, Any]], ThingT]) -> list[ThingT]:
    """Return all things of a kind (``GET <path>``). Raises :class:`~.._errors.ApiError`."""
    return convert_all(api.get_list(path), path, convert)


def convert_all(items: object, path: str, convert: Callable[[Mapping[str, Any]], ThingT]) -> list[ThingT]:
    """Return the things of a list that the API gave. Raises :class:`~.._errors.ProtocolError`."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ProtocolError(f"{path} of the metal-api was answered with something that is not a list of objects.")
    found = []
    for item in items:
        try:
            found.append(convert(item))
        except ValueError as error:
            name = item.get("id")
            raise ProtocolError(f"{path} of the metal-api cannot be understood: {name!r}: {error}.") from None
    return found


class ByIdResource(Resource[ThingT]):
    """One thing. ``wanted`` has ``id``, ``state`` and what a user gave; a subclass knows the rest.

    ``show`` is the form that users see; the methods that subclasses have to give speak of the same keys.
    """

    kind: str
    path: str
    # Whether an update replaces the whole document, so that it has to have everything.
    replaces = False

    def __init__(self, api: MetalV1, wanted: Mapping[str, Any]) -> None:
        self._api = api
        self._id: str = wanted["id"]
        if not self._id:
            raise UsageError(f"id is empty: it names the {self.kind}.")
        self._absent = wanted.get("state") == "absent"
        self.label = f"the {self.kind} {self._id}"
        self._wanted = self.normal(wanted)

    @abstractmethod
    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the user gave as ``show`` would have it, None where nothing was given. Raises UsageError."""

    @abstractmethod
    def new(self) -> dict[str, Any]:
        """Return what a new one has where nothing is given. Raises UsageError when something is missing."""

    @abstractmethod
    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request, without the id, for these values."""

    def check(self, after: Mapping[str, Any]) -> None:
        """Raise UsageError when what would become of it cannot be."""

    def check_deletion(self) -> None:
        """Raise UsageError when it must not be deleted."""

    def plan(self, actual: ThingT | None) -> Plan:
        """Create, update or delete."""
        before = None if actual is None else self.show(actual)
        if self._absent:
            if before is None:
                return Plan(None, None)
            self.check_deletion()
            return Plan(before, None, (Step(f"delete {self.label}", self._delete, missing_ok=True),))
        if before is None:
            return self._creation()
        changed = changes(before, self._wanted)
        if not changed:
            return Plan(before, before)
        after = {**before, **changed}
        self.check(after)
        body = {"id": self._id, **self.body(after if self.replaces else changed)}
        what = ", ".join(sorted(changed))
        step = Step(f"update {self.label}: {what}", lambda: self._api.post(self.path, body))
        return Plan(before, after, (step,))

    def _creation(self) -> Plan:
        given = {name: value for name, value in self._wanted.items() if value is not None}
        after = {"id": self._id, **self.new(), **given}
        self.check(after)
        body = {"id": self._id, **self.body(given)}
        return Plan(None, after, (Step(f"create {self.label}", lambda: self._api.put(self.path, body)),))

    def _delete(self) -> None:
        self._api.delete(f"{self.path}/{quote(self._id, safe='')}")

    def needed(self, *options: str) -> None:
        """Raise UsageError when one of these was not given, and so the thing cannot be created."""
        for option in options:
            if not self._wanted[option]:
                raise UsageError(
                    f"{option} is missing: {self.label} does not exist yet, and cannot be created without it."
                )
