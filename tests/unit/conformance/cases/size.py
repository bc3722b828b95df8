# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_size."""

from __future__ import annotations

from ..case import ADMIN, Case

MEMORY = {"type": "memory", "min": "1GB", "max": "1GiB"}
CORES = {"type": "cores", "max": 4}
CREATE = {"id": "c1", "description": "small", "labels": {"a": "b"}, "constraints": [MEMORY, CORES]}
SHOWN = [
    {"type": "cores", "identifier": "", "min": 0, "max": 4},
    {"type": "memory", "identifier": "", "min": 10**9, "max": 2**30},
]

CASES = [
    Case(
        module="metal_size",
        key="size",
        create=CREATE,
        expected={"name": "", "description": "small", "labels": {"a": "b"}, "constraints": SHOWN},
        missing={"id": "c1"},
        needs="constraints",
        update={**CREATE, "labels": {}, "constraints": [{**CORES, "min": 2}, MEMORY]},
        updated={"labels": {}, "constraints": [{**SHOWN[0], "min": 2}, SHOWN[1]]},
        absent={"id": "c1", "state": "absent"},
        environment=ADMIN,
    )
]
