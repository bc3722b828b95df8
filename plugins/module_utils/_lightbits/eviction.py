# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be so that the data of a server can be moved to the others before it is disabled.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import NotFoundError
from .gate import Situation, listed
from .server import ENABLED, Server

if TYPE_CHECKING:
    from .client import Lightbits

FLAG = "evict-data"
_FEWEST_SERVERS = 4


def is_allowed(api: Lightbits) -> bool:
    """Whether the feature is switched on (``/featureFlags/evict-data``); versions without it have no such flag."""
    try:
        return bool(api.get(f"/featureFlags/{FLAG}").get("enabled"))
    except NotFoundError:
        return False


def against_eviction(situation: Situation, server: Server, *, allowed: bool) -> list[str]:
    """Return every reason why its data cannot be moved away, which nobody can force; none when it can."""
    reasons = []
    if not allowed:
        reasons.append(f"the feature {FLAG} is disabled (lightbits_feature_flag enables it)")
    enabled = sum(one.state == ENABLED for one in situation.servers)
    if enabled < _FEWEST_SERVERS:
        reasons.append(f"only {enabled} servers are enabled, of which it takes {_FEWEST_SERVERS}")
    busy = [one.name for one in situation.servers if one.eviction in ("Evicting", "Aborting")]
    if busy:
        reasons.append(f"the data of {listed(busy)} is being moved, and only one server can be emptied at a time")
    single = situation.single_replicas([server])
    if single:
        reasons.append(f"volumes with a single replica cannot be moved: {listed(single)}")
    return reasons
