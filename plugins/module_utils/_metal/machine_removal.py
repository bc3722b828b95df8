# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines removed from the database of the metal-api v1. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .._errors import UsageError
from .._reconcile import Plan, Resource, Step, reconcile
from .._task import Task
from .machine import DEAD, Machine
from .machine_v1 import get_machine
from .options import connect_any
from .v1 import MetalV1


class RemovalResource(Resource[Machine]):
    """A machine that should not be in the database any more, for example because its hardware is gone.

    Whether it is there says ``POST /v1/machine/find``: other calls answer 404 when only its events are missing, a
    DELETE after it has removed the machine.
    """

    def __init__(self, api: MetalV1, id: str) -> None:  # noqa: A002
        self._api = api
        self._id = id
        self.label = f"the machine {id}"

    def read(self) -> Machine | None:
        """Return it if it is in the database."""
        return get_machine(self._api, self._id)

    def show(self, actual: Machine) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Machine | None) -> Plan:
        """Remove it, but only when nobody has it and it is dead."""
        if actual is None:
            return Plan(None, None)
        if actual.allocation is not None:
            raise UsageError(
                f"remove_from_database is true, but the {actual.role} {self._id} is allocated to the project "
                f"{actual.allocation.project}: free it first, with state absent and without remove_from_database."
            )
        # One without any events has no container for them, and the API does not mind then.
        if actual.liveliness != DEAD and (actual.events or actual.liveliness):
            raise UsageError(
                f"remove_from_database is true, but the machine {self._id} is not dead ({actual.seen()}): switch it "
                "off with metal_machine_power, and wait some minutes until the API sees that it is dead."
            )
        before = {"id": actual.id, "partition": actual.partition, "rack": actual.rack, "size": actual.size}
        # NotFoundError, too, may be told after it has been removed.
        step = Step(f"remove {self.label} from the database", self._remove, missing_ok=True)
        warning = (
            f"The BMC of the machine {self._id} must not be reachable any more: metal-bmc enters the machine again "
            "with its next report."
        )
        return Plan(before, None, (step,), (warning,))

    def _remove(self) -> None:
        self._api.delete(f"/v1/machine/{quote(self._id, safe='')}")


def run_removal(task: Task) -> dict[str, Any]:
    """Do a task of metal_machine with ``remove_from_database``."""
    params = task.params
    if params["state"] != "absent":
        raise UsageError("remove_from_database is true, but state is present: it belongs to state absent.")
    if params["id"] is None:
        raise UsageError("id is missing: remove_from_database removes a machine by its id only.")
    if params["name"] is not None or params["project"] is not None:
        raise UsageError("remove_from_database is for machines that nobody has: leave name and project out.")
    api = connect_any(params, task.environ)
    if not isinstance(api, MetalV1):
        raise UsageError("remove_from_database is true, but only the metal-api v1 can do that: use its address.")
    outcome = reconcile(RemovalResource(api, params["id"]), check_mode=task.check_mode)
    return {**task.result(outcome, "machine"), "drift": []}
