# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_cluster_config and lightbits_feature_flag."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

PATIENCE = "DurationToTurnIntoPermanentFailure"

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_cluster_config",
        key="config",
        create={"parameters": {PATIENCE: "90m", "EnableTrim": False}},
        expected={PATIENCE: "1h30m", "EnableTrim": False, "ClusterName": "test"},
        missing={},
        needs="parameters",
        update={"parameters": {PATIENCE: "2h", "EnableTrim": False}},
        updated={PATIENCE: "2h"},
        absent=None,
    ),
    Case(
        api=LIGHTBITS,
        module="lightbits_feature_flag",
        key="feature_flag",
        create={"name": "evict-data", "state": "enabled"},
        expected={"name": "evict-data", "state": "enabled"},
        missing={"state": "enabled"},
        needs="name",
        update={"name": "evict-data", "state": "disabled"},
        updated={"state": "disabled"},
        absent=None,
    ),
]
