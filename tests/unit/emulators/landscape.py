# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A partition with networks and machines, as state of the metal-api emulator."""

from __future__ import annotations

from typing import Any

PARTITION = "fra-01"
OTHER_PARTITION = "muc-01"
SIZE = "c1-large-x86"
IMAGE = "ubuntu-24.04.20251010"
NEWER_IMAGE = "ubuntu-24.04.20251111"
FIREWALL_IMAGE = "firewall-ubuntu-3.0.20251001"
PROJECT, OTHER_PROJECT = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
MACHINES = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(1, 5)]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJaP9rUwM0n5jQ8Jr5xkJm3Xq0s0r8mR4T4o2o3m1c9q ops@example.com"

_URL = "http://images.example.com/img.tar.lz4"


def machine(machine_id: str, **settings: Any) -> dict[str, Any]:
    """A waiting machine."""
    number = int(machine_id[-1], 16)
    return {
        "id": machine_id,
        "partition": PARTITION,
        "size": SIZE,
        "rackid": f"rack-{number % 2}",
        "hardware": {
            "memory": 137438953472,
            "cpus": [{"vendor": "GenuineIntel", "model": "Xeon", "cores": 8, "threads": 16}],
            "disks": [{"name": "/dev/sda", "size": 480_000_000_000}],
            "nics": [
                {"mac": f"aa:aa:aa:aa:aa:0{number}", "name": "lan0", "neighbors": [{"mac": "bb", "name": "swp1"}]}
            ],
        },
        "ipmi": {
            "address": f"10.255.0.{number}:623",
            "mac": f"cc:cc:cc:cc:cc:0{number}",
            "user": "metal",
            "password": "bmc-secret",
            "interface": "lanplus",
            "fru": {"chassis_part_serial": f"chassis-{number}"},
            "powermetric": {
                "averageconsumedwatts": 90.5,
                "intervalinmin": 1.0,
                "maxconsumedwatts": 200.0,
                "minconsumedwatts": 50.0,
            },
            "powersupplies": [{"status": {"health": "OK", "state": "Enabled"}}],
        },
        **settings,
    }


def landscape(**sections: Any) -> dict[str, Any]:
    """Sections of the state; those that are given replace the usual ones."""
    networks: list[dict[str, Any]] = [
        {
            "id": "super",
            "partitionid": PARTITION,
            "prefixes": ["10.0.0.0/16"],
            "networktype": "super",
            "defaultchildprefixlength": {"IPv4": 22},
            "additionalAnnouncableCIDRs": ["10.240.0.0/12"],
        },
        {"id": "underlay", "partitionid": PARTITION, "prefixes": ["10.1.0.0/24"], "networktype": "underlay"},
        {
            "id": "internet",
            "prefixes": ["203.0.113.0/24"],
            "destinationprefixes": ["0.0.0.0/0"],
            "networktype": "external",
            "nattype": "ipv4-masq",
            "vrf": 104009,
        },
        _child("tenant", PROJECT, "10.0.0.0/22", 11),
        _child("tenant-2", PROJECT, "10.0.4.0/22", 12),
        _child("other", OTHER_PROJECT, "10.0.8.0/22", 13),
        _child("storage", OTHER_PROJECT, "10.0.12.0/22", 14, shared=True),
        _child("storage-own", PROJECT, "10.0.16.0/22", 15, shared=True),
        _child("storage-own-2", PROJECT, "10.0.20.0/22", 16, shared=True),
        {"id": "super-muc", "partitionid": OTHER_PARTITION, "prefixes": ["10.2.0.0/16"], "networktype": "super"},
        {
            **_child("tenant-muc", PROJECT, "10.2.0.0/22", 17),
            "parentnetworkid": "super-muc",
            "partitionid": OTHER_PARTITION,
        },
    ]
    return {
        "partitions": [{"id": PARTITION, "bootconfig": {}}, {"id": OTHER_PARTITION, "bootconfig": {}}],
        "sizes": [{"id": SIZE, "constraints": [{"type": "cores", "min": 8, "max": 8}]}],
        "images": [
            {"id": IMAGE, "url": _URL, "features": ["machine"]},
            {"id": NEWER_IMAGE, "url": _URL, "features": ["machine"]},
            {"id": FIREWALL_IMAGE, "url": _URL, "features": ["firewall"]},
        ],
        "filesystem_layouts": [
            {
                "id": "default",
                "disks": [{"device": "/dev/sda", "wipeonreinstall": True, "partitions": []}],
                "constraints": {"sizes": [SIZE], "images": {"ubuntu": "*", "firewall-ubuntu": "*"}},
            }
        ],
        "projects": [
            {"id": PROJECT, "name": "shop", "tenant_id": "acme"},
            {"id": OTHER_PROJECT, "name": "storage", "tenant_id": "acme"},
        ],
        "networks": networks,
        "machines": [machine(machine_id) for machine_id in MACHINES],
        **sections,
    }


def _child(network_id: str, project: str, prefix: str, vrf: int, *, shared: bool = False) -> dict[str, Any]:
    return {
        "id": network_id,
        "projectid": project,
        "partitionid": PARTITION,
        "prefixes": [prefix],
        "parentnetworkid": "super",
        "networktype": "child-shared" if shared else "child",
        "vrf": vrf,
    }


def allocation(*networks: str, **settings: Any) -> dict[str, Any]:
    """A request of v1 to allocate a machine in these networks."""
    return {
        "projectid": PROJECT,
        "partitionid": PARTITION,
        "sizeid": SIZE,
        "imageid": IMAGE,
        "name": "web-1",
        "hostname": "web-1",
        "ssh_pub_keys": [KEY],
        "networks": [{"networkid": network} for network in networks or ("tenant",)],
        **settings,
    }


def firewall(*networks: str, **settings: Any) -> dict[str, Any]:
    """A request of v1 to allocate a firewall."""
    return allocation(*(networks or ("tenant", "internet")), **{"imageid": FIREWALL_IMAGE, "name": "fw-1", **settings})
