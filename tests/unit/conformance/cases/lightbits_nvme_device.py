# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lightbits_nvme_device."""

from __future__ import annotations

import uuid

from ..case import Case
from ..emulation import LIGHTBITS

# What the emulator calls its first server.
SERVER = str(uuid.uuid5(uuid.NAMESPACE_URL, "https://lightbits.example.com/server00"))

CASES = [
    Case(
        api=LIGHTBITS,
        module="lightbits_nvme_device",
        key="device",
        create={"serial": "SPARE", "node": "server00-0", "wait_interval": 0.01},
        expected={"serial": "SPARE", "node": "server00-0", "state": "Healthy", "usage": "Data"},
        missing={"node": "server00-0"},
        needs="serial",
        absent=None,
        state={"devices": [{"serial": "SPARE", "serverUUID": SERVER}]},
    ),
]
