# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules do besides what the conformance table has: many at once, reinstallation, removal, commands.

Only the campaign tries these, so ``expected``, ``missing`` and ``needs`` say nothing.
"""

from __future__ import annotations

from typing import Any

from tests.unit.api import machine_world as world
from tests.unit.conformance.case import ADMIN, EDIT, Case, Options
from tests.unit.conformance.cases import image, ip, network

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
