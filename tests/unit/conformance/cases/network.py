# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_network: a private shared network, and a super network."""

from __future__ import annotations

from ..case import ADMIN, Case

PROJECT = "00000000-0000-0000-0000-000000000001"
STATE = {
    "partitions": [{"id": "fra-equ01"}, {"id": "fra-equ02"}],
    "projects": [{"id": PROJECT, "tenant_id": "metal-stack"}],
    "networks": [
        {
            "id": "super",
            "partitionid": "fra-equ01",
            "prefixes": ["10.0.0.0/16", "2001:db8::/48"],
            "defaultchildprefixlength": {"IPv4": 22, "IPv6": 64},
            "networktype": "super",
        },
    ],
}
STORAGE = {"name": "storage", "project": PROJECT, "partition": "fra-equ01"}
SUPER = {
    "id": "super-2",
    "kind": "super",
    "partition": "fra-equ02",
    "prefixes": ["10.64.0.0/14", "2001:db8:1::/48"],
    "default_child_prefix_length": {"ipv4": 22, "ipv6": 64},
    "additional_announcable_cidrs": ["10.240.0.0/12"],
}

CASES = [
    Case(
        module="metal_network",
        variant="shared",
        key="network",
        create={**STORAGE, "shared": True, "prefix_length": {"ipv4": 24}, "labels": {"purpose": "storage"}},
        expected={**STORAGE, "kind": "child", "shared": True, "nat": False, "labels": {"purpose": "storage"}},
        missing={"name": "storage", "project": PROJECT},
        needs="partition",
        update={**STORAGE, "description": "For LightOS", "labels": {}},
        updated={"description": "For LightOS", "labels": {}, "shared": True},
        absent={**STORAGE, "state": "absent"},
        state=STATE,
        environment=ADMIN,
        unknown=frozenset({"id", "prefixes", "vrf"}),
    ),
    Case(
        module="metal_network",
        variant="super",
        key="network",
        create=SUPER,
        expected={**SUPER, "shared": False, "nat": False, "name": "", "project": "", "vrf": None},
        missing={"id": "super-2", "kind": "super"},
        needs="prefixes",
        update={
            "id": "super-2",
            "name": "Tenants",
            "additional_announcable_cidrs": ["10.240.0.0/12", "2001:db8:ff::/48"],
            "default_child_prefix_length": {"ipv4": 24},
        },
        updated={
            "name": "Tenants",
            "additional_announcable_cidrs": ["10.240.0.0/12", "2001:db8:ff::/48"],
            "default_child_prefix_length": {"ipv4": 24, "ipv6": 64},
        },
        absent={"id": "super-2", "state": "absent"},
        state=STATE,
        environment=ADMIN,
    ),
    Case(
        module="metal_network",
        variant="v2",
        key="network",
        create={**STORAGE, "shared": True, "labels": {"purpose": "storage"}},
        expected={**STORAGE, "kind": "child", "shared": True, "nat": False, "labels": {"purpose": "storage"}},
        missing={"name": "storage", "partition": "fra-equ01"},
        needs="project",
        update={**STORAGE, "description": "For LightOS", "labels": {}},
        updated={"description": "For LightOS", "labels": {}, "shared": True},
        absent={**STORAGE, "state": "absent"},
        state=STATE,
        token={"admin_role": "EDITOR", "project_roles": {PROJECT: "EDITOR"}},
        unknown=frozenset({"id", "prefixes", "vrf"}),
    ),
]
