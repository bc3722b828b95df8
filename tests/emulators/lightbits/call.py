# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request as the handlers see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .auth import Identity
from .refusal import INVALID_ARGUMENT, Refusal
from .state import State, Thing


@dataclass(frozen=True)
class Call:
    """``path`` are the parts of the path, decoded; ``query`` all values of each name; ``body`` what was posted.

    ``race``: somebody else changes the thing just before this call does.
    """

    state: State
    identity: Identity
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""
    race: bool = False

    def asked(self, name: str, default: str = "") -> str:
        """A value of the query."""
        return self.query.get(name, (default,))[0]

    def flag(self, name: str) -> bool:
        """A truth value of the query."""
        return self.asked(name) == "true"

    def text(self, name: str, default: str = "") -> str:
        """A text of the body; Refusal when it is something else."""
        value = self.body.get(name, default)
        if not isinstance(value, str):
            raise Refusal(INVALID_ARGUMENT, f"json: cannot unmarshal into {name} of type string")
        return value

    def truth(self, name: str) -> bool:
        """A truth value of the body."""
        value = self.body.get(name, False)
        if not isinstance(value, bool):
            raise Refusal(INVALID_ARGUMENT, f"json: cannot unmarshal into {name} of type bool")
        return value

    def number(self, name: str, default: int = 0) -> int:
        """A number of the body, maybe as text."""
        value = self.body.get(name, default)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise Refusal(INVALID_ARGUMENT, f"json: cannot unmarshal into {name} of type uint64") from None

    def message(self, name: str) -> Mapping[str, Any] | None:
        """An object of the body, None when it is not there."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise Refusal(INVALID_ARGUMENT, f"json: cannot unmarshal into {name}")
        return value

    def change(self, thing: Thing) -> None:
        """Before a thing is changed: another one may be faster, and then the ETag of the request is old."""
        if self.race:
            self.state.touch(thing)
        self.state.check_etag(thing, self.etag)
