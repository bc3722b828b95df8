# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who the API takes us for: the cheapest check of address and credential.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from typing import Any

from .._errors import PermissionDeniedError, ProtocolError
from .v1 import MetalV1
from .v2 import MetalV2


def whoami(api: MetalV1 | MetalV2) -> dict[str, Any]:
    """Check address and credential. Raises :class:`~.._errors.ApiError`, AuthenticationError for a bad credential.

    v1: the answer of ``GET /v1/user/me``. v2: ``version`` (the answer of the public VersionService) and ``rights`` (of
    ``MethodService/TokenScopedList``; None when the token is right but may not ask for its own rights).
    """
    if isinstance(api, MetalV1):
        me = api.get("/v1/user/me")
        if not isinstance(me, dict):
            raise ProtocolError("GET /v1/user/me of the metal-api was answered with something that is not a user.")
        return me
    # A token of an API may call nothing but what it names, not even public methods, so this goes without it.
    version = MetalV2(api.base_url, None, api.http).call("metalstack.api.v2.VersionService/Get", {}).get("version")
    try:
        rights: Any = api.call("metalstack.api.v2.MethodService/TokenScopedList", {})
    except PermissionDeniedError:
        rights = None
    return {"version": version or {}, "rights": rights}
