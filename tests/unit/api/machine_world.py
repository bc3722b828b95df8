# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A partition for tests of machines: two projects, their networks, a few machines that wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STORAGE_PROJECT = "00000000-0000-0000-0000-00000000000a"
TENANT_PROJECT = "00000000-0000-0000-0000-00000000000b"
PARTITION, OTHER_PARTITION = "fra-equ01", "fra-equ02"
SIZE = "s3-large-x86"
OLD_IMAGE, NEW_IMAGE = "debian-12.0.20251010", "debian-12.0.20251111"
FIREWALL_IMAGE = "firewall-ubuntu-3.0.20251010"
# Networks: private shared (of the storage project), private (of the tenant), external.
STORAGE, SHARED, TENANT, INTERNET = "storage", "shared", "tenant", "internet"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl somebody"
# As many steps of the emulated life as happen at once; the modules look this often.
QUICK: Mapping[str, Any] = {"wait_interval": 0.02, "wait_timeout": 10}


def machine(number: int, **settings: Any) -> dict[str, Any]:
    """A machine that waits, unless the settings say otherwise."""
    return {
        "id": machine_id(number),
        "partition": PARTITION,
        "rackid": f"rack{number % 2}",
        "size": SIZE,
        "hardware": {
            "memory": 2**37,
            "cpus": [{"vendor": "AMD", "model": "EPYC", "cores": 16, "threads": 32}] * 2,
            "disks": [{"name": "/dev/nvme0n1", "size": 10**12}],
            "nics": [{"name": "lan0", "mac": f"aa:aa:aa:aa:aa:0{number}", "neighbors": [{"name": "Ethernet0"}]}],
        },
        "ipmi": {"address": f"10.255.0.{number}:623", "user": "metal", "password": "bmc-secret", "powerstate": "ON"},
        **settings,
    }


def machine_id(number: int) -> str:
    """The id of a machine."""
    return f"00000000-0000-0000-0000-1000000000{number:02d}"


def allocation(project: str = STORAGE_PROJECT, **settings: Any) -> dict[str, Any]:
    """An allocation that has succeeded."""
    return {
        "project": project,
        "image": OLD_IMAGE,
        "name": "one",
        "hostname": "one",
        "filesystemlayout": "default",
        "networks": [{"networkid": STORAGE, "networktype": "privateprimaryshared", "ips": ["10.0.0.9"]}],
        **settings,
    }


def private(name: str, project: str, prefix: str, **settings: Any) -> dict[str, Any]:
    """A private network."""
    return {
        "id": name, "parentnetworkid": "super", "projectid": project, "partitionid": PARTITION, "prefixes": [prefix],
        **settings,
    }  # fmt: skip


def image(name: str, feature: str) -> dict[str, Any]:
    """An image."""
    return {"id": name, "url": f"http://images.example.com/{name}", "features": [feature]}


def world(*machines: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """The emulator's state, with these machines or four that wait."""
    return {
        "projects": [{"id": STORAGE_PROJECT, "name": "storage"}, {"id": TENANT_PROJECT, "name": "tenant"}],
        "partitions": [_partition(PARTITION), _partition(OTHER_PARTITION)],
        "sizes": [{"id": SIZE}],
        "images": [image(OLD_IMAGE, "machine"), image(NEW_IMAGE, "machine"), image(FIREWALL_IMAGE, "firewall")],
        "filesystem_layouts": [
            {
                "id": "default",
                "disks": [{"device": "/dev/nvme0n1", "wipeonreinstall": True, "partitions": [{"number": 1}]}],
                "constraints": {"sizes": [SIZE], "images": {"debian": "*", "firewall-ubuntu": "*"}},
            }
        ],
        "networks": [
            {
                "id": "super", "privatesuper": True, "partitionid": PARTITION, "prefixes": ["10.0.0.0/16"],
                "defaultchildprefixlength": {"IPv4": 22},
            },
            {"id": "underlay", "underlay": True, "partitionid": PARTITION, "prefixes": ["10.1.0.0/24"]},
            {"id": INTERNET, "prefixes": ["203.0.113.0/24"], "destinationprefixes": ["0.0.0.0/0"], "nat": True},
            private(STORAGE, STORAGE_PROJECT, "10.0.0.0/22", shared=True, vrf=10),
            private(SHARED, TENANT_PROJECT, "10.0.8.0/22", shared=True, vrf=12),
            private(TENANT, TENANT_PROJECT, "10.0.4.0/22", vrf=11),
        ],
        "machines": list(machines) or [machine(number) for number in range(1, 5)],
        **sections,
    }  # fmt: skip


def world_of_v2(**sections: Any) -> dict[str, Any]:
    """The same with the types of networks, which v2 goes by."""
    types = {
        "super": "super", "underlay": "underlay", INTERNET: "external", STORAGE: "child-shared",
        SHARED: "child-shared", TENANT: "child",
    }  # fmt: skip
    state = world(**sections)
    state["networks"] = [{**network, "networktype": types[network["id"]]} for network in state["networks"]]
    return state


def _partition(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "bootconfig": {"imageurl": "http://boot.example.com/i", "kernelurl": "http://boot.example.com/k"},
    }
