# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_server: out of service and back, emptied before, added and removed."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

NAME = {"name": "server01", "wait_interval": 0.01}
NEW = {"name": "server05", "wait_interval": 0.01}

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_server",
        key="server",
        create={**NAME, "state": "disabled", "permanent_failure_timeout": 7200},
        expected={"state": "Disabled"},
        missing={"state": "disabled"},
        needs="name",
        update={**NAME, "state": "enabled"},
        updated={"state": "Enabled"},
        absent=None,
        unknown=frozenset({"nodes", "health", "risk"}),
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_server",
        key="server",
        create={**NAME, "state": "disabled", "evict": True},
        expected={"state": "Disabled"},
        missing={"state": "disabled"},
        needs="name",
        update={**NAME, "state": "enabled"},
        updated={"state": "Enabled"},
        absent=None,
        state={"flags": {"evict-data": True}, "volumes": [{"name": "data"}]},
        unknown=frozenset({"nodes", "health", "risk"}),
        variant="emptied",
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_server",
        key="server",
        create={**NEW, "state": "present", "endpoint": "http://10.10.10.105:2380"},
        expected={"name": "server05", "state": "Enabled"},
        missing={"state": "present"},
        needs="name",
        absent={**NEW, "state": "absent"},
        unknown=frozenset({"nodes", "health", "risk"}),
        variant="added",
    ),
]
