# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storage world knows when it comes up: a partition with five machines that wait, and package repositories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PARTITION = "fra-01"
PROJECT = "11111111-0000-4000-8000-000000000001"
SIZE = "s1-storage"
IMAGE = "ubuntu-24.04.20261101"
VERSIONS = ("3-12-1", "3-13-2")
REPOSITORIES = "testkey"
# of each machine
SOCKETS, CORES, MEMORY = 2, 16, 256 << 30
NVME_DEVICES, NVME_SIZE = 6, 4 << 40


def machine_id(number: int) -> str:
    """UUID of the machine that is storage-<number>."""
    return f"00000000-0000-4000-a000-{number:012d}"


def metal_api(address: Callable[[int], str]) -> dict[str, list[dict[str, Any]]]:
    """The entities of the metal-api as v1 shows them; `address` makes one of the world's from its last number.

    The private super network of the partition has the first half, the world's management network, for the provider; the
    first network that is allocated in it is the second half, which is the data network of the world.
    """
    return {
        "partitions": [{"id": PARTITION, "name": PARTITION, "description": ""}],
        "images": [
            {
                "id": IMAGE,
                "name": IMAGE,
                "url": "http://images.metal-stack.io/metal-os/stable/ubuntu/24.04/img.tar.lz4",
                "features": ["machine"],
            }
        ],
        "projects": [{"id": PROJECT, "name": "provider", "tenant_id": "metal-stack"}],
        "networks": [
            {
                "id": f"tenant-super-{PARTITION}",
                "prefixes": [f"{address(0)}/24"],
                "privatesuper": True,
                "partitionid": PARTITION,
                "defaultchildprefixlength": {"IPv4": 25},
            },
            {
                "id": "management",
                "name": "management",
                "prefixes": [f"{address(0)}/25"],
                "parentnetworkid": f"tenant-super-{PARTITION}",
                "partitionid": PARTITION,
                "projectid": PROJECT,
                "vrf": 10,
            },
        ],
        "sizes": [{"id": SIZE, "constraints": [{"type": "cores", "min": 32, "max": 64}]}],
        "machines": [_machine(number, address) for number in range(1, 6)],
    }


def _machine(number: int, address: Callable[[int], str]) -> dict[str, Any]:
    disks = [{"name": "/dev/sda", "size": 480 << 30}]
    disks += [{"name": f"/dev/nvme{disk}n1", "size": NVME_SIZE} for disk in range(NVME_DEVICES)]
    return {
        "id": machine_id(number),
        "partition": PARTITION,
        "size": SIZE,
        "rackid": f"{PARTITION}-rack{(number - 1) % 3 + 1:02}",
        "hardware": {
            "memory": MEMORY,
            "cpus": [{"vendor": "GenuineIntel", "model": "Xeon", "cores": CORES, "threads": 2 * CORES}] * SOCKETS,
            "disks": disks,
            "nics": [],
        },
        "ipmi": {
            "address": f"{address(number)}:623",
            "mac": f"aa:bb:cc:00:00:{number:02x}",
            "user": "metal",
            "interface": "lanplus",
            "powerstate": "ON",
            "fru": {},
        },
    }


def packages() -> dict[str, str]:
    """Files of dl.lightbits.example by their paths: an index for each version of LightOS."""
    index = '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo"/>\n'
    return {
        f"{REPOSITORIES}/lightos-{version}-rhl-9/rpm/el/9/x86_64/repodata/repomd.xml": index for version in VERSIONS
    }
