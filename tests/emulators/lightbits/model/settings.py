# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters and features of a cluster as after an installation, and which values a parameter takes."""

from __future__ import annotations

import re

from ..refusal import INVALID_ARGUMENT, Refusal

PATIENCE = "DurationToTurnIntoPermanentFailure"
PARAMETERS = {
    "ClusterName": "test",
    "AllowedNumRevives": "3",
    "ClockDriftIntervalForRaisingEvent": "10m",
    "DefaultQoSName": "",
    "DeviceHealthIntervalForRaisingEvent": "1h",
    "DisableVolumeStatisticsExport": "false",
    PATIENCE: "1h",
    "EnableTrim": "true",
    "EvictionNoProgressTimeout": "30m",
    "RevivesWindowDuration": "1h",
    "VolumeDeletionFromNodeDelay": "0s",
}
FEATURES = {
    "event-log": True,
    "evict-data": False,
    "fail-in-place": True,
    "in-band-authentication": False,
    "proactive-rebalance": False,
}
_UNITS = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:\d+[hms])+")


def seconds_of(text: str) -> int:
    """Seconds of a duration like ``1h30m``; Refusal when it is none."""
    if not _DURATION.fullmatch(text):
        raise Refusal(INVALID_ARGUMENT, f"time: invalid duration {text!r}")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", text))


def check(name: str, value: str) -> None:
    """Refusal unless the value is of the same kind as the one after an installation."""
    usual = PARAMETERS[name]
    if _DURATION.fullmatch(usual):
        seconds_of(value)
    fits = not usual.isdecimal() or value.isdecimal()
    if not fits or (usual in ("true", "false") and value not in ("true", "false")):
        raise Refusal(INVALID_ARGUMENT, f"invalid value {value!r} of {name}")
