# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many machines of a partition are free, allocated, waiting, faulty, by size. There are no size reservations."""

from __future__ import annotations

from ..documents import Document
from ..model import issues
from ..model.life import PHONED_HOME, WAITING
from ..model.machine import Machine
from ..model.partition import Partition
from ..state import State
from . import placement

UNKNOWN = "unknown"


def capacity(state: State, partition: Partition, size: str | None) -> list[Document]:
    """v1's ``servers`` of a partition; numbers that are zero are left out."""
    here = [machine for machine in state.machines if machine.partition == partition.id]
    faulty = issues.find(here, state.life, state.clock.now(), omit={"last-event-error"})
    servers: dict[str, Document] = {}
    for machine in here:
        # Those that only their BMC knows are not counted.
        if machine.life.container and size in (None, machine.size):
            name = machine.size if state.sizes.find(machine.size) else UNKNOWN
            _count(state, machine, servers.setdefault(name, {"size": name}), faulty=machine.id in faulty)
    return list(servers.values())


def _count(state: State, machine: Machine, server: Document, *, faulty: bool) -> None:
    newest = machine.life.newest(machine.phase(state.life).passed)
    if machine.allocation is not None:
        use = ["allocated"]
    else:
        use = ["allocatable", "free"] if placement.allocatable(state, machine) else ["unavailable"]
    event = {PHONED_HOME: "phoned_home", WAITING: "waiting"}.get(newest, "other")
    for key in ("total", *use, event, *(["faulty"] if faulty else [])):
        server[key] = server.get(key, 0) + 1
    for key, named in (("faultymachines", faulty), ("othermachines", event == "other")):
        if named:
            server[key] = [*server.get(key, []), machine.id]
