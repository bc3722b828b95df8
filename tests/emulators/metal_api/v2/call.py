# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a v2 method gets to see of a call, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from ..model.table import Entity, NotFoundError
from ..state import State
from ..tokens import Token, TokenStore

# Messages are generated without type information, hence Any.
Message = Any


@dataclass(frozen=True)
class Call:
    """One call: the decoded request, and the token it came with (None on public methods)."""

    state: State
    tokens: TokenStore
    token: Token | None
    request: Message


Method = Callable[[Call], Message]
# Full name of a service -> its implemented methods.
Services = Mapping[str, Mapping[str, Method]]


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
