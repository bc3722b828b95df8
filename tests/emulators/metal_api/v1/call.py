# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a v1 operation gets to see of a request, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.table import ChangedError, ExistsError, NotFoundError
from ..state import State
from .identity import User


class HttpError(Exception):
    """An error of the API: ``{"statuscode": status, "message": message}``."""

    def __init__(self, status: int, message: object) -> None:
        super().__init__(str(message))
        self.status = status


class BadRequestError(HttpError):
    """400"""

    def __init__(self, message: object) -> None:
        super().__init__(400, message)


class UnprocessableError(HttpError):
    """422, what v1 answers to most violations of a business rule."""

    def __init__(self, message: object) -> None:
        super().__init__(422, message)


@dataclass(frozen=True)
class Call:
    """One request: ``path`` holds the variables of the route, ``body`` the JSON object sent (empty without one)."""

    state: State
    user: User
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    race: bool = False

    def flag(self, name: str) -> bool:
        """A boolean of the query, as Go reads it; 400 when it is none."""
        text = self.query.get(name, "")
        if text in ("", "0", "f", "F", "false", "FALSE", "False"):
            return False
        if text in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        raise BadRequestError(f'strconv.ParseBool: parsing "{text}": invalid syntax')

    def text(self, name: str) -> str | None:
        """A string of the body, None when it is absent or null; 400 when it is something else."""
        value: str | None = _typed(self.body, name, str)
        return value

    def items(self, name: str) -> list[Any] | None:
        """A list of the body, None when it is absent or null; 400 when it is something else."""
        value: list[Any] | None = _typed(self.body, name, list)
        return value

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object of the body, None when it is absent or null; 400 when it is something else."""
        value: dict[str, Any] | None = _typed(self.body, name, dict)
        return value

    def texts(self, name: str) -> list[str] | None:
        """A list of strings of the body, None when it is absent or null; 400 when it is something else."""
        items = self.items(name)
        if items is not None and not all(isinstance(item, str) for item in items):
            raise BadRequestError(f"json: cannot unmarshal into Go field of {name} of type []string")
        return items

    def labels(self, name: str = "labels") -> tuple[tuple[str, str], ...] | None:
        """An object of strings of the body, None when it is absent or null; 400 when it is something else."""
        labels = self.mapping(name)
        if labels is None:
            return None
        if not all(isinstance(value, str) for value in labels.values()):
            raise BadRequestError(f"json: cannot unmarshal into Go field of {name} of type string")
        return tuple(labels.items())

    def truth(self, name: str) -> bool | None:
        """A boolean of the body, None when it is absent or null; 400 when it is something else."""
        value: bool | None = _typed(self.body, name, bool)
        return value

    def number(self, name: str) -> int | None:
        """An integer that is not negative, None when it is absent or null; 400 when it is something else."""
        value: int | None = _typed(self.body, name, int)
        if value is not None and value < 0:
            raise BadRequestError(f"json: cannot unmarshal number {value} into Go field of {name}")
        return value

    def numbers(self, name: str) -> dict[str, int] | None:
        """An object of integers that are not negative, None when it is absent or null; 400 otherwise."""
        content = self.mapping(name)
        if content is None:
            return None
        inner = Call(self.state, self.user, {}, {}, content)
        return {key: inner.number(key) or 0 for key in content}


def _typed(body: Mapping[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise BadRequestError(f"json: cannot unmarshal {type(value).__name__} into Go field of {name}")
    return value


def default_error(error: NotFoundError | ExistsError | ChangedError) -> HttpError:
    """What becomes of a failure of the database when the operation does not care."""
    return HttpError(404 if isinstance(error, NotFoundError) else 409, error.args[0])


@dataclass(frozen=True)
class Operation:
    """A route: ``role`` is what the caller's groups must give, None for every user of the provider tenant.

    ``run`` returns what is sent as JSON (bytes are JSON already); a tuple of status and that when it is not the usual
    status. Unless the operation ``reads``, a POST may come without a body; ``reads_always``: a GET has one.
    """

    method: str
    path: str
    run: Callable[[Call], Any]
    role: str | None = None
    status: int = 200
    reads: bool = True
    reads_always: bool = False
