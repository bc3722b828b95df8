# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_jwt, which asks nobody."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization

from tests.emulators.lightbits.keys import root_key

from ..case import Case
from ..emulation import LIGHTBITS


def _private_pem() -> str:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return root_key().private_bytes(serialization.Encoding.PEM, form, none).decode("ascii")


CREATE = {
    "private_key": _private_pem(),
    "key_id": "system:root",
    "roles": ["system:cluster-admin"],
    "dest": "{{ playbook_dir }}/admin.jwt",
}

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_jwt",
        key="jwt",
        create=CREATE,
        expected={"key_id": "system:root", "roles": ["system:cluster-admin"], "issuer": None},
        missing={"key_id": "system:root"},
        needs="roles",
        update={**CREATE, "roles": ["default:viewer"]},
        updated={"roles": ["default:viewer"]},
        absent=None,
        # what is planned has more than what a token says, and its times are those of the run
        unknown=frozenset({"signed_by_key", "ends_soon", "mode", "issued_at", "expires_at", "dest"}),
        # it makes no request
        faults=False,
    )
]
