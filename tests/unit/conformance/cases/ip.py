# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_ip: an address that the user names, and one that the API chooses."""

from __future__ import annotations

from ..case import EDIT, Case

PROJECT = "00000000-0000-0000-0000-000000000001"
STATE = {
    "partitions": [{"id": "fra-equ01"}],
    "projects": [{"id": PROJECT, "tenant_id": "metal-stack"}],
    "networks": [
        {"id": "super", "partitionid": "fra-equ01", "prefixes": ["10.0.0.0/16"], "networktype": "super"},
        {
            "id": "storage",
            "partitionid": "fra-equ01",
            "projectid": PROJECT,
            "parentnetworkid": "super",
            "prefixes": ["10.0.0.0/22"],
            "networktype": "child-shared",
        },
    ],
}
ANY = {"name": "storage-vip", "network": "storage", "project": PROJECT}
GIVEN = {"ip": "10.0.1.7", "network": "storage", "project": PROJECT}

CASES = [
    Case(
        module="metal_ip",
        variant="any",
        key="ip",
        create={**ANY, "tags": ["purpose=storage"]},
        expected={**ANY, "type": "ephemeral", "tags": ["purpose=storage"], "description": ""},
        missing={"name": "storage-vip", "project": PROJECT},
        needs="network",
        update={**ANY, "type": "static", "tags": ["tier=1"]},
        updated={"type": "static", "tags": ["purpose=storage", "tier=1"]},
        absent={**ANY, "state": "absent"},
        state=STATE,
        environment=EDIT,
    ),
    Case(
        module="metal_ip",
        variant="given",
        key="ip",
        create={**GIVEN, "type": "static"},
        expected={**GIVEN, "type": "static", "address_family": "IPv4", "name": "", "tags": []},
        missing={"ip": "10.0.1.7", "project": PROJECT},
        needs="network",
        update={**GIVEN, "description": "A target", "name": "target"},
        updated={"description": "A target", "name": "target", "type": "static"},
        absent={"ip": "10.0.1.7", "state": "absent"},
        state=STATE,
        environment=EDIT,
    ),
    Case(
        module="metal_ip",
        variant="v2",
        key="ip",
        create={**ANY, "tags": ["purpose=storage"]},
        expected={**ANY, "type": "ephemeral", "tags": ["purpose=storage"], "description": ""},
        missing={"name": "storage-vip", "network": "storage"},
        needs="project",
        update={**ANY, "type": "static", "tags": ["tier=1"]},
        updated={"type": "static", "tags": ["purpose=storage", "tier=1"]},
        absent={**ANY, "state": "absent"},
        state=STATE,
        token={"project_roles": {PROJECT: "EDITOR"}},
    ),
]
