# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_admin_endpoint."""

from __future__ import annotations

from ..case import Case
from ..emulation import LIGHTBITS

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_admin_endpoint",
        key="admin_endpoint",
        create={"port": 8443, "ips": ["FD00:0::5", "10.0.1.10", "10.0.1.9", "10.0.1.10"]},
        expected={"port": 8443, "ips": ["10.0.1.9", "10.0.1.10", "fd00::5"]},
        missing={"ips": ["10.0.1.9"]},
        needs="port",
        update={"port": 8443, "ips": ["10.0.1.10"]},
        updated={"ips": ["10.0.1.10"]},
        absent={"port": 8443, "state": "absent"},
    ),
]
