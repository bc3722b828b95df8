# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that come in pages: so many after the UUID that ended the last page."""

from __future__ import annotations

from collections.abc import Sequence

from .call import Call
from .refusal import INVALID_ARGUMENT, Refusal
from .state import Thing

PAGE = 1000


def page(call: Call, things: Sequence[Thing]) -> list[Thing]:
    """The page that a request asks for by ``limit`` and ``offsetUUID``."""
    limit = int(call.asked("limit", str(PAGE)) or PAGE)
    if not 0 < limit <= PAGE:
        raise Refusal(INVALID_ARGUMENT, f"limit must be between 1 and {PAGE}")
    after = call.asked("offsetUUID")
    return sorted((one for one in things if one["UUID"] > after), key=lambda one: str(one["UUID"]))[:limit]
