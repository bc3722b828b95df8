# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tokens of the metal-api v2 are renewed. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import ProtocolError

if TYPE_CHECKING:
    from .v2 import MetalV2


def refresh(api: MetalV2, *, deadline: float | None = None) -> str:
    """Return a new token with the rights and the lifetime of the one that ``api`` uses (``TokenService/Refresh``).

    The token needs the permission for that method. It is asked for once: a repetition would make another token.
    """
    secret = api.call("metalstack.api.v2.TokenService/Refresh", {}, idempotent=False, deadline=deadline).get("secret")
    if not isinstance(secret, str) or not secret:
        raise ProtocolError("TokenService/Refresh of the metal-api was answered without a new token.")
    return secret
