# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of IP addresses."""

from __future__ import annotations

import uuid
from ipaddress import ip_address

from ..model import times
from ..model.ip import EPHEMERAL, IP, TYPES, ip_id, normal_tags
from .reader import Document, Reader


def ip(entity: IP) -> Document:
    """v1's response."""
    return {
        "ipaddress": entity.address,
        "allocationuuid": entity.uuid,
        "name": entity.name,
        "description": entity.description,
        "networkid": entity.network,
        "projectid": entity.project,
        "type": entity.type,
        "tags": list(entity.tags),
        "created": times.write(entity.created),
        "changed": times.write(entity.changed),
    }


def ip_state(entity: IP) -> Document:
    """For the state file: with the prefix it was taken from."""
    return {
        **ip(entity),
        "parentprefixcidr": entity.prefix,
        "namespace": entity.namespace,
        "generation": entity.generation,
    }


def read_ip(document: Document) -> IP:
    """From the state file. Only ``ipaddress`` and ``networkid`` are needed."""
    what = f"ip {document['ipaddress']!r}" if isinstance(document, dict) and "ipaddress" in document else "ip"
    read = Reader(document, what)
    address, namespace = str(ip_address(read.text("ipaddress", needed=True))), read.text("namespace")
    entity = IP(
        id=ip_id(address, namespace),
        name=read.text("name"),
        description=read.text("description"),
        created=read.time("created"),
        changed=read.time("changed"),
        generation=read.number("generation"),
        address=address,
        uuid=read.text("allocationuuid") or str(uuid.uuid4()),
        network=read.text("networkid", needed=True),
        prefix=read.text("parentprefixcidr"),
        project=read.text("projectid"),
        type=read.text("type") or EPHEMERAL,
        tags=normal_tags(read.texts("tags")),
        namespace=namespace,
    )
    read.finish()
    if entity.type not in TYPES:
        raise ValueError(f"ip {address!r}: 'type' is one of {', '.join(TYPES)}")
    return entity
