# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane in which everything exists that the examples of the modules speak of."""

from __future__ import annotations

from typing import Any

PROVIDER = "00000000-0000-0000-0000-000000000001"
STORAGE_PROJECT = "7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a"
TENANT_PROJECT = "3d5f9a1c-8e7b-4c6d-a5f4-e3d2c1b0a9f8"
STORAGE_OF_SERVERS = "0b2fd1a6-2d0c-4a7d-9a52-5a0f1f1e7c11"
TENANT_NETWORK = "9f4b7f0c-6c0e-4b43-8a53-0a4c9a1b2c3d"
ADDRESSES_NETWORK = "3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4"
DEAD_MACHINE = "1a6c2e34-0d1f-4a5b-8c7d-9e0f1a2b3c4d"
URL = "http://images.example.com/img.tar.lz4"


def landscape() -> dict[str, Any]:
    """The state of the emulator."""
    return {
        "partitions": [{"id": name, "bootconfig": {}} for name in ("fra-01", "fra-02", "fra-equ01", "fra-equ02")],
        "sizes": [{"id": "s3-large-x86"}, {"id": "n1-medium-x86"}],
        "images": [
            {"id": "ubuntu-24.04.20250101", "url": URL, "features": ["machine"]},
            {"id": "debian-12.0.20250909", "url": URL, "features": ["machine"]},
            {"id": "debian-12.0.20251010", "url": URL, "features": ["machine"]},
            {"id": "firewall-ubuntu-3.0.20251010", "url": URL, "features": ["firewall"]},
        ],
        "projects": [
            {"id": PROVIDER, "name": "provider", "tenant_id": "provider"},
            {"id": STORAGE_PROJECT, "name": "storage-servers", "tenant_id": "provider"},
            {"id": TENANT_PROJECT, "name": "shop", "tenant_id": "acme"},
        ],
        "networks": [
            {
                "id": "super",
                "partitionid": "fra-equ01",
                "prefixes": ["10.0.0.0/14"],
                "networktype": "super",
                "defaultchildprefixlength": {"IPv4": 22},
            },
            {"id": "underlay", "partitionid": "fra-equ01", "prefixes": ["10.255.0.0/24"], "networktype": "underlay"},
            {
                "id": "internet",
                "prefixes": ["198.51.100.0/24"],
                "destinationprefixes": ["0.0.0.0/0"],
                "networktype": "external",
                "vrf": 104009,
            },
            _child(ADDRESSES_NETWORK, PROVIDER, "10.0.0.0/22", 11, "child-shared"),
            _child(STORAGE_OF_SERVERS, STORAGE_PROJECT, "10.0.16.0/22", 12, "child-shared"),
            _child(TENANT_NETWORK, TENANT_PROJECT, "10.0.4.0/22", 13, "child"),
        ],
        "machines": [
            _machine(DEAD_MACHINE, 0, "s3-large-x86", liveliness="Alive"),
            *(_machine(f"00000000-0000-4000-8000-00000000000{n}", n, "s3-large-x86") for n in (1, 2, 3)),
            _machine("00000000-0000-4000-8000-000000000004", 4, "n1-medium-x86"),
        ],
        "switches": [
            {"id": f"leaf0{n}", "rack_id": "fra-equ01-rack01", "partition_id": "fra-equ01", "last_sync": {"time": TIME}}
            for n in (1, 2)
        ],
    }


TIME = "2026-01-01T00:00:00Z"


def _child(network_id: str, project: str, prefix: str, vrf: int, kind: str) -> dict[str, Any]:
    return {
        "id": network_id,
        "projectid": project,
        "partitionid": "fra-equ01",
        "prefixes": [prefix],
        "parentnetworkid": "super",
        "networktype": kind,
        "vrf": vrf,
    }


def _machine(machine_id: str, number: int, size: str, **settings: Any) -> dict[str, Any]:
    return {
        "id": machine_id,
        "partition": "fra-equ01",
        "size": size,
        "rackid": "fra-equ01-rack01",
        "ipmi": {"address": f"10.254.0.{number}:623", "mac": f"cc:cc:cc:cc:cc:0{number}", "user": "metal"},
        **settings,
    }
