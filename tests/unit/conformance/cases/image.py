# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_image."""

from __future__ import annotations

from ..case import ADMIN, Case

NAME = "ubuntu-24.04.20251010"
CREATE = {
    "id": NAME,
    "url": "http://images.example.com/u.tar.lz4",
    "features": ["machine"],
    "expiration_date": "2030-01-01T00:00:00Z",
}

CASES = [
    Case(
        module="metal_image",
        key="image",
        create=CREATE,
        expected={**CREATE, "os": "ubuntu", "version": "24.4.20251010", "classification": "preview", "name": ""},
        missing={"id": NAME, "features": ["machine"]},
        needs="url",
        update={**CREATE, "classification": "supported", "features": ["machine", "firewall"]},
        updated={"classification": "supported", "features": ["firewall", "machine"]},
        absent={"id": NAME, "state": "absent"},
        environment=ADMIN,
    )
]
