# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_snapshot and the policies."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

QUICK = {"wait_interval": 0.01}
STATE = {"volumes": [{"name": "data"}]}
SNAPSHOT = {**QUICK, "name": "before", "volume": "data", "retention_time": "7d"}
LIMIT = {**QUICK, "name": "bronze", "limit": {"unit": "iops", "read": 2560, "write": 1280}}
SCHEDULE = {
    **QUICK,
    "name": "nightly",
    "volume": "data",
    "daily": {"start_time": "2026-01-31T02:00:00Z"},
    "retention_time": "14d",
}
UNKNOWN = frozenset({"uuid", "state", "created", "size", "replica_count"})

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_snapshot",
        key="snapshot",
        create=SNAPSHOT,
        expected={"volume": "data", "retention_time": 604800, "state": "Available"},
        missing={"volume": "data"},
        needs="name",
        absent={**QUICK, "name": "before", "state": "absent"},
        state=STATE,
        unknown=UNKNOWN,
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_qos_policy",
        key="qos_policy",
        create=LIMIT,
        expected={"state": "Active", "projects": [], "limit": LIMIT["limit"]},
        missing={"limit": LIMIT["limit"]},
        needs="name",
        update={**LIMIT, "projects": ["default"], "limit": {"unit": "iops_per_gb", "read": 10, "write": 0}},
        updated={"projects": ["default"], "limit": {"unit": "iops_per_gb", "read": 10, "write": 0}},
        absent={**QUICK, "name": "bronze", "state": "absent"},
        unknown=UNKNOWN,
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_snapshot_policy",
        key="snapshot_policy",
        create=SCHEDULE,
        expected={"state": "Active", "volume": "data", "retention_time": 1209600},
        missing={"volume": "data"},
        needs="name",
        update={**SCHEDULE, "retention_time": "7d"},
        updated={"retention_time": 604800},
        absent={**QUICK, "name": "nightly", "state": "absent"},
        state=STATE,
        unknown=UNKNOWN,
    ),
]
