# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_machine and metal_firewall."""

from __future__ import annotations

from tests.unit.api import machine_world as world

from ..case import ADMIN, Case

MACHINE = {
    "name": "storage-1",
    "project": world.STORAGE_PROJECT,
    "partition": world.PARTITION,
    "size": world.SIZE,
    "image": "debian-12",
    "hostname": "storage-1",
    "networks": [{"network": world.STORAGE}],
    "ssh_public_keys": [world.KEY],
    "user_data": "#cloud-config\n",
    "tags": ["role=storage", "first"],
    **world.QUICK,
}
FIREWALL = {
    "id": world.machine_id(2),
    "name": "firewall-1",
    "project": world.TENANT_PROJECT,
    "image": world.FIREWALL_IMAGE,
    "networks": [{"network": world.TENANT}, {"network": world.STORAGE}, {"network": world.INTERNET}],
    "firewall_rules": {
        "egress": [{"ports": [443, 80], "to": ["0.0.0.0/0"], "comment": "allow https"}],
        "ingress": [{"protocol": "udp", "ports": [123], "from": ["2001:db8::/32"]}],
    },
    "dns_servers": ["192.0.2.53"],
    "ntp_servers": ["ntp.example.com"],
    **world.QUICK,
}
# Which machine it is, the addresses, the system's tags and the newest image are known only afterwards. What a machine
# reports depends on when it is looked at.
UNKNOWN = frozenset({"id", "rack", "hardware", "networks", "tags", "image", "last_event"})


CASES = [
    Case(
        module="metal_machine",
        key="machine",
        create=MACHINE,
        expected={
            "name": "storage-1",
            "role": "machine",
            "image": world.NEW_IMAGE,
            "succeeded": True,
            "user_data_sha256": "88c95955b024402aa9572b663f7eeb134f01343bb92af27b50e97e72b22c565f",
        },
        missing={key: value for key, value in MACHINE.items() if key != "size"},
        needs="size",
        update={**MACHINE, "description": "the first", "tags": ["role=target"]},
        updated={"description": "the first"},
        absent={"name": "storage-1", "project": world.STORAGE_PROJECT, "state": "absent", **world.QUICK},
        environment=ADMIN,
        state=world.world(),
        unknown=UNKNOWN,
    ),
    Case(
        module="metal_firewall",
        key="firewall",
        create=FIREWALL,
        expected={"id": world.machine_id(2), "role": "firewall", "partition": world.PARTITION, "size": world.SIZE},
        missing={key: value for key, value in FIREWALL.items() if key != "image"},
        needs="image",
        update={**FIREWALL, "ssh_public_keys": [world.KEY]},
        updated={"ssh_public_keys": [world.KEY]},
        absent={"id": world.machine_id(2), "state": "absent", **world.QUICK},
        environment=ADMIN,
        state=world.world(),
        unknown=UNKNOWN,
    ),
    Case(
        module="metal_machine",
        variant="v2",
        key="machine",
        create={**MACHINE, "image": world.NEW_IMAGE},
        expected={"name": "storage-1", "image": world.NEW_IMAGE, "tags": ["first", "role=storage"], "succeeded": True},
        missing={key: value for key, value in MACHINE.items() if key != "networks"},
        needs="networks",
        update={**MACHINE, "image": world.NEW_IMAGE, "tags": ["role=target"]},
        updated={"tags": ["first", "role=target"]},
        absent={"name": "storage-1", "project": world.STORAGE_PROJECT, "state": "absent", **world.QUICK},
        token={"admin_role": "EDITOR", "project_roles": {world.STORAGE_PROJECT: "EDITOR"}},
        state=world.world_of_v2(),
        unknown=UNKNOWN,
    ),
]
