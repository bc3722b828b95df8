# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated metal-api with a network full of addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

from tests.benchmark.plays import Plays
from tests.emulators.metal_api.process import KEYS, MetalApi, running_metal_api

PARTITION = "fra-01"
PROJECT = "00000000-0000-0000-0000-000000000001"
NETWORK = "storage"


def address(number: int) -> str:
    """The address with this number in the network, from 0."""
    return str(IPv4Address("10.1.0.10") + number)


def state(addresses: int) -> dict[str, Any]:
    """The emulator's state with so many static addresses."""
    return {
        "partitions": [{"id": PARTITION}],
        "projects": [{"id": PROJECT, "tenant_id": "metal-stack"}],
        "networks": [
            {"id": "super", "partitionid": PARTITION, "prefixes": ["10.0.0.0/8"], "networktype": "super"},
            {
                "id": NETWORK,
                "partitionid": PARTITION,
                "projectid": PROJECT,
                "parentnetworkid": "super",
                "prefixes": ["10.1.0.0/16"],
                "networktype": "child-shared",
            },
        ],
        "ips": [
            {"ipaddress": address(number), "networkid": NETWORK, "projectid": PROJECT, "type": "static"}
            for number in range(addresses)
        ],
    }


@contextmanager
def metal_api(addresses: int) -> Iterator[MetalApi]:
    """Run an emulator with so many addresses."""
    with running_metal_api() as api:
        api.control.replace_state(**state(addresses))
        yield api


def plays(api: MetalApi) -> Plays:
    """What times plays against the emulator, with a key that may change addresses."""
    key = {"METALCTL_HMAC": KEYS["Metal-Edit"], "METALCTL_HMAC_AUTH_TYPE": "Metal-Edit"}
    return Plays({"METALCTL_API_URL": api.v1, **key})
