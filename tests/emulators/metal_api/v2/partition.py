# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: PartitionService."""

from __future__ import annotations

from metalstack.api.v2 import partition_pb2  # type: ignore[import-untyped]

from ..model.partition import Partition
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services


def _list(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    partitions = (partition for partition in ask.state.partitions if query is None or _matches(partition, query))
    return partition_pb2.PartitionServiceListResponse(partitions=[message(partition) for partition in partitions])


def _get(ask: Call) -> Message:
    try:
        return partition_pb2.PartitionServiceGetResponse(partition=message(ask.state.partitions.get(ask.request.id)))
    except NotFoundError as error:
        call.not_found(error)


def message(partition: Partition) -> Message:
    """A partition."""
    return partition_pb2.Partition(
        id=partition.id,
        meta=call.meta(partition, dict(partition.labels)),
        description=partition.description,
        boot_configuration={
            "image_url": partition.boot.image_url,
            "kernel_url": partition.boot.kernel_url,
            "commandline": partition.boot.commandline,
        },
        dns_servers=[{"ip": server} for server in partition.dns_servers],
        ntp_servers=[{"address": server} for server in partition.ntp_servers],
        mgmt_service_addresses=partition.management_addresses,
    )


def _matches(partition: Partition, query: Message) -> bool:
    wanted = call.optional(query, "id")
    return wanted in (None, partition.id) and call.has_labels(dict(partition.labels), query)


SERVICES: Services = {"metalstack.api.v2.PartitionService": {"List": _list, "Get": _get}}
