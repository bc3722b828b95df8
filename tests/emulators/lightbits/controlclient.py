# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talk to this emulator's control endpoint from a test. Standard library only."""

from __future__ import annotations

from typing import Any

from ..common import controlclient


class ControlClient(controlclient.ControlClient):
    """``url`` is ``control`` of the ready line."""

    def state(self) -> dict[str, Any]:
        """The state, with how many things are still to happen as ``waiting``."""
        state = self.call("GET", "/state")
        assert isinstance(state, dict)
        return state

    def replace_state(self, **sections: object) -> None:
        """Begin anew with these sections; the rest is as after an installation, and all servers answer."""
        self.call("PUT", "/state", sections)

    def change_state(self, **sections: object) -> None:
        """Change things by their names, or settings: ``servers=[{"name": "server00", "_unhealthy": True}]``."""
        self.call("PATCH", "/state", sections)

    def pace(self, **settings: object) -> dict[str, Any]:
        """Set ``step`` (seconds of a stage), ``paused`` or ``per_request``, or do the next things (``advance``)."""
        pace = self.call("PUT", "/pace", settings)
        assert isinstance(pace, dict)
        return pace

    def settle(self) -> None:
        """Let everything happen that is still to happen, also what requests do whose client has given up."""
        self.wait_until_idle()
        while waiting := self.pace()["waiting"]:
            self.pace(advance=waiting)

    def stop_servers(self, *numbers: int) -> None:
        """Let exactly these servers, counted from 0, refuse and reset connections; the others listen (again)."""
        self.call("PUT", "/stopped", {"servers": list(numbers)})

    def manners(self, *, old_status: bool = False, emit_defaults: bool = False) -> None:
        """Answer as other versions: 412 for an old ETag, zero values written out."""
        self.call("PUT", "/manners", {"old_status": old_status, "emit_defaults": emit_defaults})
