# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines kept from being allocated or freed: ``POST /v1/machine/{id}/state``, with the edit key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .._errors import UsageError
from .._reconcile import Plan, Resource, Step, changes
from .machine import AVAILABLE, LOCKED, RESERVED, Machine
from .machine_v1 import get_machine
from .v1 import MetalV1

# Answers have RESERVED, whether RESERVED or TAINTED was sent.
_VALUES = {AVAILABLE: "", RESERVED: "RESERVED", LOCKED: "LOCKED"}


class StateResource(Resource[Machine]):
    """The state of one machine; ``description`` is None when it does not matter. Raises UsageError."""

    def __init__(self, api: MetalV1, id: str, state: str, description: str | None) -> None:  # noqa: A002
        if state == AVAILABLE and description:
            raise UsageError("description is for machines that are reserved or locked; leave it out.")
        if state != AVAILABLE and not (description or "").strip():
            raise UsageError(f"description is missing: it says why the machine is {state}.")
        self._api = api
        self._id = id
        self._wanted = {"state": state, "state_description": "" if state == AVAILABLE else description}
        self.label = f"the machine {id}"

    def read(self) -> Machine:
        """Return the machine. It is looked up as one that its BMC has reported only has no answer to a GET."""
        machine = get_machine(self._api, self._id)
        if machine is None:
            raise UsageError(f"id is {self._id}, but there is no such machine.")
        return machine

    def show(self, actual: Machine) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Machine | None) -> Plan:
        """Set it."""
        if actual is None:
            raise UsageError(f"{self.label} does not exist.")
        before = {"id": actual.id, "state": actual.state, "state_description": actual.state_description}
        changed = changes(before, self._wanted)
        if not changed:
            return Plan(before, before)
        # v1 answers 404 as well after it has done it for a machine without an event container
        step = Step(f"make {self.label} {self._wanted['state']}", self._set, missing_ok=True)
        return Plan(before, {**before, **changed}, (step,))

    def _set(self) -> None:
        body = {
            "value": _VALUES[str(self._wanted["state"])],
            "description": self._wanted["state_description"],
            # the swagger definition requires it; it is what metal-hammer reported and is not read
            "metal_hammer_version": "",
        }
        self._api.post(f"/v1/machine/{quote(self._id, safe='')}/state", body, idempotent=True)
