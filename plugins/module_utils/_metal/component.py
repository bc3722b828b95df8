# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report to the metal-api v2 that a component lives: ``metalstack.infra.v2.ComponentService/Ping``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._values import write_timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from .v2 import MetalV2

IMAGE_CACHE_SYNC = "COMPONENT_TYPE_METAL_IMAGE_CACHE_SYNC"
# what the API accepts
_SHORTEST, _LONGEST = 5, 3600


def ping(
    api: MetalV2,
    *,
    identifier: str,
    started_at: datetime,
    interval: float,
    version: str,
    revision: str = "",
    kind: str = IMAGE_CACHE_SYNC,
    deadline: float | None = None,
) -> None:
    """Report a component of type ``kind`` with a name (2 to 128 characters), which comes back every ``interval`` s.

    The API takes intervals from 5 s to 1 h, so others are moved there. ``started_at`` must lie in the past. The token
    needs the infrastructure role editor. Raises :class:`~.._errors.ApiError`.
    """
    api.call(
        "metalstack.infra.v2.ComponentService/Ping",
        {
            "type": kind,
            "identifier": identifier,
            "startedAt": write_timestamp(started_at),
            "interval": f"{min(max(interval, _SHORTEST), _LONGEST):g}s",
            "version": {"version": version, "revision": revision},
        },
        idempotent=True,
        deadline=deadline,
    )
