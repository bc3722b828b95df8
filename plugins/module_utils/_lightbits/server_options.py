# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which options of lightbits_server go together. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import UsageError

ENABLED, DISABLED, PRESENT, ABSENT = "enabled", "disabled", "present", "absent"
# What an option says something with, and what it is when nobody gives it.
_STATES = {
    "permanent_failure_timeout": (DISABLED,),
    "evict": (DISABLED,),
    "force": (DISABLED, ABSENT),
    "acknowledge_data_at_risk": (DISABLED, ABSENT),
    "endpoint": (PRESENT,),
    "uuid": (PRESENT,),
    "reuse_ip": (PRESENT,),
    "extend_cluster": (PRESENT,),
}
_DEFAULTS = {"evict": False, "force": False, "reuse_ip": False, "extend_cluster": True}
_SHORTEST = 3600


def check(wanted: Mapping[str, Any]) -> None:
    """Raise UsageError when the options contradict each other."""
    state = wanted["state"]
    for option, states in _STATES.items():
        given = wanted.get(option)
        if given is not None and given != _DEFAULTS.get(option) and state not in states:
            raise UsageError(
                f"{option} is given, but it says something only together with state={' or state='.join(states)}."
            )
    if wanted.get("acknowledge_data_at_risk") and not wanted.get("force"):
        raise UsageError("acknowledge_data_at_risk is given without force=true, and says nothing then.")
    timeout = wanted.get("permanent_failure_timeout")
    if timeout is not None and timeout != 0 and timeout < _SHORTEST:
        raise UsageError(
            f"permanent_failure_timeout is {timeout}; it must be 0, which is never, or at least {_SHORTEST} seconds, "
            "an hour."
        )
