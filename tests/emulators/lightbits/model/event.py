# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written down of what happens. Names of events are the emulator's own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..state import State, Thing

# More are not kept.
_KEPT = 5000


def record(state: State, kind: str, name: str, thing: Thing, *, severity: str = "Info") -> None:
    """Write down that something happened to a server, a node or a volume (``kind``, as the API calls it)."""
    component: dict[str, Any] = {"ID": thing["UUID"], "Name": thing["name"]}
    if kind == "Volume":
        listed = {"VolumeComponentInfoList": [component]}
        info = {"ComponentVolumesInfo": {"ProjectVolumesMap": {thing["projectName"]: listed}}}
    else:
        info = {f"Component{kind}Info": component}
    state.events.append(
        {
            "ID": str(uuid.uuid4()),
            "Time": state.timestamp(),
            "Type": kind,
            "Severity": severity,
            "EventName": name,
            "ReportingService": "CM",
            "Status": thing["state"],
            "Description": f"{kind} {thing['name']}: {name}",
            **info,
        }
    )
    del state.events[:-_KEPT]
