# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a v2 method gets to see of a call, and how it fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timezone
from typing import Any, NoReturn

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import common_pb2  # type: ignore[import-untyped]

from ..model.table import ChangedError, Entity, EntityT, NotFoundError, Table
from ..state import State
from ..tokens import Token, TokenStore

# Messages are generated without type information, hence Any.
Message = Any

SERVER = common_pb2.OPTIMISTIC_LOCKING_STRATEGY_SERVER


@dataclass(frozen=True)
class Call:
    """One call: the decoded request, and the token it came with (None on public methods).

    ``race``: another client changes the entity just before this call writes it.
    """

    state: State
    tokens: TokenStore
    token: Token | None
    request: Message
    race: bool = False


Method = Callable[[Call], Message]
# Full name of a service -> its implemented methods.
Services = Mapping[str, Mapping[str, Method]]


def fail(code: Code, message: object) -> NoReturn:
    """Fail with that code."""
    raise ConnectError(code, str(message))


def not_found(error: NotFoundError) -> NoReturn:
    """Fail with not_found."""
    raise ConnectError(Code.NOT_FOUND, error.args[0]) from error


def meta(entity: Entity, labels: Mapping[str, str]) -> dict[str, Any]:
    """The ``meta`` of an entity, as keyword arguments of the message."""
    content: dict[str, Any] = {"generation": entity.generation}
    if entity.created is not None:
        content["created_at"] = entity.created
    if entity.changed is not None:
        content["updated_at"] = entity.changed
    if labels:
        content["labels"] = {"labels": dict(labels)}
    return content


def optional(message: Message, field: str) -> Any:
    """A field of a message, None when the caller did not set it."""
    return getattr(message, field) if message.HasField(field) else None


def has_labels(entity_labels: Mapping[str, str], query: Message) -> bool:
    """Whether an entity has all labels that a query asks for."""
    return all(entity_labels.get(key) == value for key, value in query.labels.labels.items())


def replace(ask: Call, table: Table[EntityT], old: EntityT, new: EntityT) -> EntityT:
    """Write an updated entity, by the strategy of locking that the request asks for; fails with aborted.

    With CLIENT, which is meant when nothing is said, the caller must know the present ``updated_at``.
    """
    update_meta = ask.request.update_meta
    stale = update_meta.locking_strategy != SERVER and update_meta.updated_at.ToDatetime(timezone.utc) != old.changed
    try:
        if stale:
            raise ChangedError(old.id)
        return table.replace(old, new, race=ask.race)
    except ChangedError as error:
        message = f"cannot update {table.kind} ({old.id}): the entity was already modified, please retry"
        raise ConnectError(Code.ABORTED, message) from error


def updated_labels(request: Message, labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels of an entity after an update: replaced or patched by ``labels`` of the request, if it has them."""
    update = request.labels
    strategy = update.WhichOneof("strategy")
    if strategy is None:
        return tuple(labels.items())
    if strategy == "replace":
        return tuple(update.replace.labels.items())
    kept = {key: value for key, value in labels.items() if key not in update.patch.remove}
    return tuple({**kept, **update.patch.update.labels}.items())


def deleted(message: Message) -> Message:
    """The message of an entity that a task deletes (``state.tasks``)."""
    message.meta.deletion_task_id = str(uuid.uuid4())
    return message


def labels_of_tags(tags: Iterable[str]) -> dict[str, str]:
    """v1's tags as v2 shows them; a tag without a value is a label with an empty one."""
    return {key: value for key, _equals, value in (tag.partition("=") for tag in tags)}


def tags_of_labels(labels: Mapping[str, str]) -> list[str]:
    """Labels as they are stored where v1 has tags."""
    return sorted(f"{key}={value}" for key, value in labels.items())


def updated_tags(request: Message, tags: Iterable[str]) -> list[str]:
    """Tags after an update of labels; those without a value stay so until a label of that name is set."""
    tags = list(tags)
    pure = {tag for tag in tags if "=" not in tag}
    if request.labels.WhichOneof("strategy") == "patch":
        pure -= {*request.labels.patch.remove, *request.labels.patch.update.labels}
    elif request.labels.WhichOneof("strategy") == "replace":
        pure = set()
    valued = dict(updated_labels(request, {tag.partition("=")[0]: tag.partition("=")[2] for tag in tags if "=" in tag}))
    return sorted([*tags_of_labels(valued), *pure])
