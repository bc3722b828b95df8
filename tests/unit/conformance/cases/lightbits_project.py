# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_project and lightbits_credential."""

from __future__ import annotations

from tests.emulators.lightbits.keys import public_pem, root_key

from ..case import Case
from ..emulation import LIGHTBITS

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_project",
        key="project",
        create={"name": "tenant-1", "description": "of tests"},
        expected={"name": "tenant-1", "description": "of tests", "qos_policy": ""},
        update={"name": "tenant-1", "qos_policy": "silver"},
        updated={"description": "of tests", "qos_policy": "silver"},
        state={"policies": [{"name": "silver"}]},
        missing={"description": "of tests"},
        needs="name",
        absent={"name": "tenant-1", "state": "absent"},
        unknown=frozenset({"uuid"}),
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_credential",
        key="credential",
        create={"project": "default", "id": "backup", "content": public_pem(root_key())},
        expected={"project": "default", "id": "backup", "type": "RS256PubKey"},
        missing={"project": "default"},
        needs="id",
        absent={"project": "default", "id": "backup", "state": "absent"},
    ),
]
