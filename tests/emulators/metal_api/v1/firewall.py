# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: firewalls, which are machines in another role. Everything but these routes is done with those of machines."""

from __future__ import annotations

from ..machines import rendering
from ..model import machine as model
from .call import Call, HttpError, Operation
from .machine import allocated, found


def _list(call: Call) -> bytes:
    return rendering.many(call.state, (machine for machine in call.state.machines if machine.is_firewall))


def _get(call: Call) -> bytes:
    machine = call.state.machines.get(call.path["id"])
    if not machine.is_firewall:
        raise HttpError(404, "machine is not a firewall")
    return rendering.one(call.state, machine)


def _find(call: Call) -> bytes:
    return rendering.many(call.state, found(call, allocation_role=model.FIREWALL))


def _allocate(call: Call) -> bytes:
    return allocated(call, model.FIREWALL)


OPERATIONS = (
    Operation("GET", "/v1/firewall", _list, role="view"),
    Operation("POST", "/v1/firewall/find", _find, role="view"),
    Operation("POST", "/v1/firewall/allocate", _allocate, role="edit"),
    Operation("GET", "/v1/firewall/{id}", _get, role="view"),
)
