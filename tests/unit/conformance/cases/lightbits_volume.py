# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_volume, one and many."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

NAME = {"name": "postgres", "wait_interval": 0.01}
CREATE = {**NAME, "size": "10GiB", "replica_count": 2, "acl": ["nqn.2019-09.com.example:host:db-1"]}
UNKNOWN = frozenset({"uuid", "nsid", "state", "protection"})

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_volume",
        key="volume",
        create=CREATE,
        expected={"size": 10 * 2**30, "state": "Available", "ip_acl": ["ALLOW_ANY"], "compression": False},
        missing={"size": "10GiB"},
        needs="name",
        update={**CREATE, "size": "20GiB", "acl": ["ALLOW_NONE"], "compression": True, "labels": {"team": "db"}},
        updated={"size": 20 * 2**30, "acl": ["ALLOW_NONE"], "compression": True, "labels": {"team": "db"}},
        absent={**NAME, "state": "absent"},
        unknown=UNKNOWN,
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_volume",
        key="volume",
        create={**CREATE, "source_snapshot": "before"},
        expected={"size": 10 * 2**30, "source_snapshot": "before"},
        missing={"size": "10GiB"},
        needs="name",
        absent={**NAME, "state": "absent"},
        state={"volumes": [{"name": "data"}], "snapshots": [{"name": "before"}]},
        unknown=UNKNOWN,
        variant="cloned",
    ),
]
