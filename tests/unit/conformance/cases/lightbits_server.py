# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_server, out of service and back."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

NAME = {"name": "server01", "wait_interval": 0.01}

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_server",
        key="server",
        create={**NAME, "state": "disabled", "permanent_failure_timeout": 7200},
        expected={"state": "Disabled"},
        missing={"state": "disabled"},
        needs="name",
        update={**NAME, "state": "enabled"},
        updated={"state": "Enabled"},
        absent=None,
        unknown=frozenset({"nodes", "health", "risk"}),
    ),
]
