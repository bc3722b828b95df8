# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine_state and metal_machine_power."""

from __future__ import annotations

from tests.unit.api import machine_world as world

from ..case import EDIT, Case

ID = world.machine_id(1)

CASES = [
    Case(
        module="metal_machine_state",
        key="machine",
        create={"id": ID, "state": "reserved", "description": "broken disk"},
        expected={"id": ID, "state": "reserved", "state_description": "broken disk"},
        missing={"id": ID, "state": "reserved"},
        needs="description",
        update={"id": ID, "state": "locked", "description": "evidence"},
        updated={"state": "locked", "state_description": "evidence"},
        absent=None,
        environment=EDIT,
        state=world.world(),
        # Its time.
        unknown=frozenset({"last_event"}),
    ),
    Case(
        module="metal_machine_power",
        key="machine",
        create={"id": ID, "command": "off", "identify_led": True, "identify_led_description": "here", **world.QUICK},
        expected={"power_state": "OFF", "identify_led": True, "identify_led_description": "here"},
        missing={"id": ID},
        needs="command",
        update={"id": ID, "command": "on", "identify_led": False, **world.QUICK},
        updated={"power_state": "ON", "identify_led": False, "identify_led_description": ""},
        absent=None,
        environment=EDIT,
        # A report that is always recent, and the same in every run.
        state=world.world(world.machine(1, ipmi={**world.machine(1)["ipmi"], "last_updated": "2100-01-01T00:00:00Z"})),
    ),
]
