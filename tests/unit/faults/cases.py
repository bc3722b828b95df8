# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules do besides what the conformance table has: v2, many at once, reinstallation, removal, commands.

Only the campaign tries these, so ``expected``, ``missing`` and ``needs`` say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.emulators.metal_api.process import MetalApi
from tests.unit.api import machine_world as world
from tests.unit.conformance.case import ADMIN, EDIT, Case, Options
from tests.unit.conformance.cases import image, ip, machine, network

PROJECT_METHODS = [f"/metalstack.api.v2.ProjectService/{method}" for method in ("List", "Create", "Update", "Delete")]
IPS = [{"ip": f"10.0.1.{number}", "network": "storage", "project": ip.PROJECT, "type": "static"} for number in (7, 8)]
SCOPE = {"network": "storage", "project": ip.PROJECT}
IMAGES = [{**image.CREATE, "id": f"ubuntu-24.04.2025101{number}"} for number in (1, 2)]
# One in each partition, so that their prefixes do not depend on which is allocated first.
PARTITIONS = {"fra-equ01": "10.0.0.0/16", "fra-equ02": "10.1.0.0/16"}
NETWORKS = [{"name": "storage", "project": network.PROJECT, "partition": partition} for partition in PARTITIONS]
SUPERS = [
    {
        "id": f"super-{partition}",
        "partitionid": partition,
        "prefixes": [prefix],
        "defaultchildprefixlength": {"IPv4": 22},
        "networktype": "super",
    }
    for partition, prefix in PARTITIONS.items()
]


def token(**rights: object) -> Callable[[MetalApi], Mapping[str, str]]:
    """Return what prepares the environment with a new token of these rights."""

    def prepare(emulator: MetalApi) -> Mapping[str, str]:
        return {"METALCTL_API_URL": emulator.v2, "METALCTL_API_TOKEN": emulator.control.token((), **rights)}

    return prepare


def case(
    module: str, variant: str, create: Options, update: Options | None, absent: Options | None, **settings: Any
) -> Case:
    """A case without what only the conformance table needs."""
    return Case(
        module=module, variant=variant, key="", create=create, expected={}, missing={}, needs="", update=update,
        absent=absent, **settings,
    )  # fmt: skip


def many(options: Options, **settings: Any) -> dict[str, Any]:
    """All of them in one task."""
    return {"resources": options, **settings}


CASES = [
    case(
        "metal_ip", "v2",
        {**ip.ANY, "tags": ["purpose=storage"]},
        {**ip.ANY, "type": "static", "tags": ["tier=1"]},
        {**ip.ANY, "state": "absent"},
        state=ip.STATE,
        prepare=token(project_roles={ip.PROJECT: "EDITOR"}),
    ),
    case(
        "metal_network", "v2",
        {**network.STORAGE, "shared": True, "labels": {"purpose": "storage"}},
        {**network.STORAGE, "description": "For LightOS", "labels": {}},
        {**network.STORAGE, "state": "absent"},
        state=network.STATE,
        prepare=token(admin_role="EDITOR", project_roles={network.PROJECT: "EDITOR"}),
    ),
    case(
        "metal_project", "v2",
        {"name": "storage", "tenant": "provider", "labels": ["a=1"]},
        {"name": "storage", "tenant": "provider", "description": "disks"},
        {"name": "storage", "tenant": "provider", "state": "absent"},
        prepare=token(user="provider", permissions=[{"subject": "*", "methods": PROJECT_METHODS}]),
    ),
    case(
        "metal_machine", "v2",
        {**machine.MACHINE, "image": world.NEW_IMAGE},
        {**machine.MACHINE, "image": world.NEW_IMAGE, "tags": ["role=target"]},
        {"name": "storage-1", "project": world.STORAGE_PROJECT, "state": "absent", **world.QUICK},
        state=world.world_of_v2(),
        prepare=machine.token,
    ),
    case(
        "metal_ip", "many",
        many(IPS),
        many([{**one, "name": "target"} for one in IPS]),
        many([], purge=True, purge_scope=SCOPE),
        state=ip.STATE,
        environment=EDIT,
    ),
    case(
        "metal_network", "many",
        many(NETWORKS),
        many([{**one, "labels": {"a": "b"}} for one in NETWORKS]),
        many([{**one, "state": "absent"} for one in NETWORKS]),
        state={**network.STATE, "networks": SUPERS},
        environment=ADMIN,
    ),
    case(
        "metal_image", "many",
        many(IMAGES),
        many([{**one, "classification": "supported"} for one in IMAGES]),
        many([{"id": one["id"], "state": "absent"} for one in IMAGES]),
        environment=ADMIN,
    ),
    case(
        "metal_machine", "reinstalled",
        {
            "id": world.machine_id(1), "image": world.NEW_IMAGE, "reinstall": "on_image_change", **world.QUICK,
        },
        None, None,
        state=world.world(world.machine(1, allocation=world.allocation())),
        environment=ADMIN,
    ),
    case(
        "metal_machine", "removed",
        {"id": world.machine_id(1), "state": "absent", "remove_from_database": True},
        None, None,
        state=world.world(world.machine(1, liveliness="Dead"), world.machine(2)),
        environment=ADMIN,
    ),
    case(
        "metal_machine_power", "reset",
        {"id": world.machine_id(1), "command": "reset"},
        None, None,
        state=world.world(world.machine(1)),
        environment=EDIT,
    ),
]  # fmt: skip
