# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_token, which needs a token to call the API with."""

from __future__ import annotations

from ..case import Case

CREATE = {
    "description": "image cache",
    "permissions": {"self": ["/metalstack.api.v2.ImageService/List"]},
    "lifetime": 3600,
}


CASES = [
    Case(
        module="metal_token",
        key="token",
        create=CREATE,
        expected={
            "description": "image cache",
            "type": "api",
            "permissions": [{"subject": "", "methods": ["/metalstack.api.v2.ImageService/List"]}],
            "labels": {},
        },
        missing={"permissions": {}},
        needs="description",
        update={**CREATE, "labels": {"team": "storage"}, "infra_role": "viewer"},
        updated={"labels": {"team": "storage"}, "infra_role": "viewer"},
        absent={"description": "image cache", "state": "absent"},
        token={"admin_role": "EDITOR", "infra_role": "EDITOR"},
        unknown=frozenset({"uuid", "user", "issued_at", "expires_at", "secret"}),
        # tokens are not in the emulator's state, by which the campaign judges; test_token has one of its own
        faults=False,
    )
]
