# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of partitions."""

from __future__ import annotations

from ..model.partition import BootConfiguration, Partition, check_servers
from .reader import Document, Reader, common


def partition(entity: Partition) -> Document:
    """v1's response; the server lists are null when they are empty."""
    return {
        **common(entity),
        "mgmtserviceaddress": (entity.management_addresses or ("",))[0],
        "bootconfig": {
            "imageurl": entity.boot.image_url,
            "kernelurl": entity.boot.kernel_url,
            "commandline": entity.boot.commandline,
        },
        "labels": dict(entity.labels),
        "dns_servers": [{"ip": server} for server in entity.dns_servers] or None,
        "ntp_servers": [{"address": server} for server in entity.ntp_servers] or None,
    }


def partition_state(entity: Partition) -> Document:
    """For the state file: with all management addresses."""
    addresses = {"mgmt_service_addresses": list(entity.management_addresses)}
    return {**partition(entity), **addresses, "generation": entity.generation}


def read_partition(document: Document) -> Partition:
    """From the state file. Only ``id`` and ``bootconfig`` are needed."""
    read = Reader(document, "partition")
    boot = Reader(read.mapping("bootconfig"), f"bootconfig of partition {document.get('id')!r}")
    first = read.text("mgmtserviceaddress")
    entity = Partition(
        **read.common(),
        boot=BootConfiguration(boot.text("imageurl"), boot.text("kernelurl"), boot.text("commandline")),
        management_addresses=tuple(read.texts("mgmt_service_addresses")) or ((first,) if first else ()),
        labels=read.labels(),
        dns_servers=tuple(str(server.get("ip")) for server in read.mappings("dns_servers")),
        ntp_servers=tuple(str(server.get("address")) for server in read.mappings("ntp_servers")),
    )
    boot.finish()
    read.finish()
    check_servers(entity.dns_servers, entity.ntp_servers)
    return entity
