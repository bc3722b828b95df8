# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many things of one kind in one task: one list call instead of a call for each, and writes side by side.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Generic, TypeVar

from ._argspec import ArgumentSpec
from ._errors import ApiError, UsageError
from ._reconcile import Outcome, Resource, reconcile_all
from ._task import Task

ItemT = TypeVar("ItemT")

# As many writes at the same time as metal-api takes without harm to others.
WORKERS = 10
_SHOWN = 5


class Snapshot(Generic[ItemT]):
    """All things of one kind, read by one call; :meth:`refresh` reads them again."""

    def __init__(self, read: Callable[[], Iterable[ItemT]]) -> None:
        self._read = read
        self._items = list(read())
        self._fresh = True
        self._indexes: dict[object, dict[Any, list[ItemT]]] = {}

    def refresh(self) -> None:
        """Read again, unless nobody has used what was read first."""
        if not self._fresh:
            self._items = list(self._read())
            self._indexes.clear()
        self._fresh = False

    def all(self) -> Sequence[ItemT]:
        """Return all of them."""
        return self._items

    def by(self, key: Callable[[ItemT], Any], value: Any) -> Sequence[ItemT]:
        """Return those whose ``key`` is ``value``. Each function ``key`` is applied once to everything."""
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = {}
            for item in self._items:
                index.setdefault(key(item), []).append(item)
        return index.get(value, ())


def bulk_spec(options: Mapping[str, Mapping[str, Any]], scope: Mapping[str, Mapping[str, Any]]) -> ArgumentSpec:
    """Return the options ``resources`` (each with ``options``), ``purge`` and ``purge_scope`` (with ``scope``)."""
    return ArgumentSpec(
        {
            "resources": {"type": "list", "elements": "dict", "options": dict(options)},
            "purge": {"type": "bool", "default": False},
            "purge_scope": {"type": "dict", "options": dict(scope)},
        },
        required_if=(("purge", True, ("resources", "purge_scope")),),
    )


def check_unique(names: Iterable[str], what: str) -> None:
    """Raise UsageError when something is asked for twice; ``what`` is in the plural, like ``IPs``."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(
            f"resources has {what} more than once: {', '.join(sorted(twice))}. Each may be there only once."
        )


def run_bulk(
    task: Task,
    resources: Sequence[Resource[Any]],
    *,
    key: str,
    plural: str,
    refresh: Callable[[], object],
    purged: Sequence[Resource[Any]] = (),
) -> dict[str, Any]:
    """Reconcile all of them, first the wanted ones, then those to purge; return the result of the task.

    Under ``plural`` it has one entry for each: ``changed``, ``steps``, and ``key`` with its state; ``msg`` and
    ``failure`` if it failed.
    """
    outcomes = reconcile_all(resources, check_mode=task.check_mode, refresh=refresh, workers=WORKERS)
    if purged and not any(outcome.error for outcome in outcomes):
        try:
            outcomes += reconcile_all(purged, check_mode=task.check_mode, refresh=refresh, workers=WORKERS)
        except (ApiError, UsageError) as error:
            # What was done before must be told all the same.
            outcomes += [Outcome(error=error) for _resource in purged]
    named = list(zip([*resources, *purged], outcomes))
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        plural: [_entry(resource, outcome, key) for resource, outcome in named],
    }
    if task.diff:
        moved = [(resource.label, outcome) for resource, outcome in named if outcome.changed]
        result["diff"] = {
            "before": {label: dict(outcome.before or {}) for label, outcome in moved},
            "after": {label: dict(outcome.after or {}) for label, outcome in moved},
        }
    for outcome in outcomes:
        task.warnings += outcome.warnings
    failed = [(resource.label, outcome.error) for resource, outcome in named if outcome.error]
    if failed:
        sentences = " ".join(f"{label}: {error}" for label, error in failed[:_SHOWN])
        more = f" ({len(failed) - _SHOWN} more in the result)" if len(failed) > _SHOWN else ""
        unpurged = " Nothing was purged." if purged and len(outcomes) == len(resources) else ""
        result.update(failed=True, msg=f"{len(failed)} of {len(named)} failed: {sentences}{more}{unpurged}")
    return result


def _entry(resource: Resource[Any], outcome: Outcome, key: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"changed": outcome.changed, "steps": outcome.steps, key: outcome.thing}
    if outcome.error is not None:
        entry.update(failed=True, msg=f"{resource.label}: {outcome.error}")
        if isinstance(outcome.error, ApiError):
            entry["failure"] = outcome.error.failure()
    return entry
