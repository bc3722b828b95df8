# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_partition."""

from __future__ import annotations

from ..case import ADMIN, Case

CREATE = {
    "id": "fra-01",
    "name": "Frankfurt",
    "image_url": "http://images.example.com/initrd",
    "kernel_url": "http://images.example.com/kernel",
    "commandline": "console=ttyS1",
    "mgmt_service_address": "192.0.2.1:4150",
    "labels": {"site": "a"},
    "dns_servers": ["2001:DB8:0::1"],
}
UPDATE = {"kernel_url": "http://images.example.com/kernel2", "dns_servers": [], "ntp_servers": ["ntp.example.com"]}

CASES = [
    Case(
        module="metal_partition",
        key="partition",
        create=CREATE,
        expected={
            "name": "Frankfurt",
            "mgmt_service_addresses": ["192.0.2.1:4150"],
            "labels": {"site": "a"},
            "dns_servers": ["2001:db8::1"],
            "ntp_servers": [],
        },
        missing={"id": "fra-01", "image_url": "http://images.example.com/initrd"},
        needs="kernel_url",
        update={**CREATE, **UPDATE},
        updated={**UPDATE, "commandline": "console=ttyS1"},
        absent={"id": "fra-01", "state": "absent"},
        environment=ADMIN,
    )
]
