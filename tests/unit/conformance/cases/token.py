# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_token, which needs a token to call the API with."""

from __future__ import annotations

from tests.emulators.metal_api.process import MetalApi

from ..case import Case

CREATE = {
    "description": "image cache",
    "permissions": {"self": ["/metalstack.api.v2.ImageService/List"]},
    "lifetime": 3600,
}


def prepare(emulator: MetalApi) -> dict[str, str]:
    """Return the environment with a new token of an admin."""
    emulator.control.revoke_all()
    token = emulator.control.token((), user="metal-stack", admin_role="EDITOR", infra_role="EDITOR")
    return {"METALCTL_API_URL": emulator.v2, "METALCTL_API_TOKEN": token}


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
        prepare=prepare,
        unknown=frozenset({"uuid", "user", "issued_at", "expires_at", "secret"}),
        # tokens are not in the emulator's state, by which the campaign judges; test_token has one of its own
        faults=False,
    )
]
