# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has happened to the cluster meanwhile: the record by which a test says that no I/O was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .protection import is_present, protection, writable_nodes

if TYPE_CHECKING:
    from ..state import State

_KEPT = 20
# on its way in or out
_NOT_COUNTED = ("Creating", "Deleting")
_SERVING = ("", "FullyProtected", "Degraded")


class Availability:
    """Looked at after everything that changes something, if `on`. What cannot be written is not available."""

    def __init__(self, *, on: bool = False) -> None:
        self._on = on
        self._most_away: list[str] = []
        self._away: dict[str, int] = {}
        self._unavailable: dict[str, str] = {}
        self._degraded: set[str] = set()
        self._gone: set[str] = set()
        self._writes = 0
        self._lost: list[str] = []

    def look(self, state: State) -> None:
        """Note what is worse than before."""
        if not self._on:
            return
        members = [server for server in state.servers if server["state"] not in _NOT_COUNTED]
        away = {server["name"] for server in members if not is_present(state, server)}
        for name in away - self._gone:
            self._away[name] = self._away.get(name, 0) + 1
        self._gone = away
        if len(away) > len(self._most_away):
            self._most_away = sorted(away)
        alive = writable_nodes(state)
        for volume in state.volumes:
            found = protection(volume, alive)
            if found == "Degraded":
                self._degraded.add(volume["name"])
            if found not in _SERVING:
                self._unavailable.setdefault(volume["name"], found)

    def count_write(self, lost: str) -> None:
        """Note a write to a volume, and why it was lost if it was."""
        self._writes += 1
        if lost:
            self._lost = [*self._lost[-_KEPT:], lost]

    def as_json(self) -> dict[str, Any]:
        """``away``: how often each server has gone; ``most_away``: which were away together, at the worst."""
        return {
            "on": self._on,
            "away": self._away,
            "most_away": self._most_away,
            "degraded": sorted(self._degraded),
            "unavailable": self._unavailable,
            "writes": self._writes,
            "lost_writes": self._lost,
        }
