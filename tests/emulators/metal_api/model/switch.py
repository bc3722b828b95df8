# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches: their ports, and which machine hangs on which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .table import Entity

OPERATIONAL, REPLACE = "operational", "replace"
UP, DOWN, UNKNOWN = "UP", "DOWN", "UNKNOWN"
VENDORS = ("SONiC", "Cumulus")


@dataclass(frozen=True)
class Port:
    """A port of a switch: ``actual`` as the switch reported it, ``desired`` as an operator wants it."""

    name: str
    mac: str = ""
    identifier: str = ""
    vrf: str = ""
    actual: str = UNKNOWN
    desired: str = ""
    bgp_port_state: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Switch(Entity):
    """A switch as stored. ``connections`` are pairs of a machine's id and the name of a port.

    ``last_sync`` and ``last_sync_error`` are as v1 shows them, None when there was none.
    """

    partition: str = ""
    rack: str = ""
    mode: str = OPERATIONAL
    os: Mapping[str, str] = field(default_factory=dict)
    management_ip: str = ""
    management_user: str = ""
    console_command: str = ""
    ports: tuple[Port, ...] = ()
    connections: tuple[tuple[str, str], ...] = ()
    last_sync: Mapping[str, Any] | None = None
    last_sync_error: Mapping[str, Any] | None = None

    def port(self, name: str) -> Port | None:
        """The port of that name, whatever its case."""
        return next((port for port in self.ports if port.name.lower() == name.lower()), None)


def mode(text: str) -> str:
    """The mode; whatever is not known is operational, as the server has it."""
    return REPLACE if text == REPLACE else OPERATIONAL
