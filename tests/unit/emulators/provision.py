# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small control plane to start from: a partition with its super network, an external network, two projects."""

from __future__ import annotations

from typing import Any

PROJECT = "a0000000-0000-4000-8000-000000000001"
OTHER = "a0000000-0000-4000-8000-000000000002"
SUPER, INTERNET, STORAGE = "tenant-super-fra-01", "internet", "b0000000-0000-4000-8000-000000000001"

PARTITIONS = [{"id": "fra-01", "bootconfig": {}}, {"id": "muc-01", "bootconfig": {}}]
PROJECTS = [
    {"id": PROJECT, "name": "storage", "tenant_id": "metal-stack"},
    {"id": OTHER, "name": "shop", "tenant_id": "acme"},
]
NETWORKS: list[dict[str, Any]] = [
    {
        "id": SUPER,
        "partitionid": "fra-01",
        "privatesuper": True,
        "prefixes": ["10.0.0.0/16", "2001:db8::/48"],
        "defaultchildprefixlength": {"IPv4": 22, "IPv6": 64},
        "additionalAnnouncableCIDRs": ["10.240.0.0/12"],
    },
    {
        "id": INTERNET,
        "prefixes": ["198.51.100.0/29"],
        "destinationprefixes": ["0.0.0.0/0"],
        "nat": True,
        "vrf": 104009,
        "labels": {"network.metal-stack.io/default": ""},
    },
    {
        "id": STORAGE,
        "name": "storage",
        "parentnetworkid": SUPER,
        "partitionid": "fra-01",
        "projectid": PROJECT,
        "prefixes": ["10.0.8.0/22"],
        "vrf": 4711,
    },
]
SECTIONS: dict[str, Any] = {"partitions": PARTITIONS, "projects": PROJECTS, "networks": NETWORKS}
