# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: partitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import documents
from ..documents import Document
from ..machines.capacity import capacity
from ..model.partition import BootConfiguration, Partition, check_servers
from ..model.table import ChangedError, NotFoundError
from .call import BadRequestError, Call, HttpError, Operation


def _list(call: Call) -> list[Document]:
    return [documents.partition(partition) for partition in call.state.partitions]


def _get(call: Call) -> Document:
    return documents.partition(call.state.partitions.get(call.path["id"]))


def _create(call: Call) -> Document:
    partition_id = call.text("id") or ""
    if not partition_id:
        raise BadRequestError("id should not be empty")
    boot = _boot(call, BootConfiguration(), needed=True)
    address = call.text("mgmtserviceaddress")
    partition = Partition(
        id=partition_id,
        name=call.text("name") or "",
        description=call.text("description") or "",
        boot=boot,
        management_addresses=(address,) if address else (),
        labels=_labels(call) or (),
        dns_servers=_servers(call, "dns_servers", "ip") or (),
        ntp_servers=_servers(call, "ntp_servers", "address") or (),
    )
    _check(partition)
    return documents.partition(call.state.partitions.create(partition))


def _update(call: Call) -> Document:
    old = call.state.partitions.get(call.text("id") or "")
    if call.mapping("bootconfig") is None:
        # metal-api follows a null pointer here, although the field is documented as optional.
        raise HttpError(500, "runtime error: invalid memory address or nil pointer dereference")
    boot = _boot(call, old.boot, needed=False)
    name, description, address = call.text("name"), call.text("description"), call.text("mgmtserviceaddress")
    labels = _labels(call)
    dns, ntp = _servers(call, "dns_servers", "ip"), _servers(call, "ntp_servers", "address")
    new = replace(
        old,
        name=old.name if name is None else name,
        description=old.description if description is None else description,
        boot=boot,
        management_addresses=old.management_addresses if address is None else (address,),
        labels=old.labels if labels is None else labels,
        dns_servers=old.dns_servers if dns is None else dns,
        ntp_servers=old.ntp_servers if ntp is None else ntp,
    )
    _check(new)
    try:
        return documents.partition(call.state.partitions.replace(old, new, race=call.race))
    except ChangedError as error:
        # Unlike everywhere else, where this is 409.
        raise BadRequestError(error) from error


def _delete(call: Call) -> Document:
    return documents.partition(call.state.partitions.delete(call.path["id"]))


def _capacity(call: Call) -> list[Document]:
    wanted = call.text("id")
    try:
        partitions = [call.state.partitions.get(wanted)] if wanted is not None else list(call.state.partitions)
    except NotFoundError as error:
        raise BadRequestError(error.args[0]) from error
    # A partition without machines is not in the answer.
    found = ((partition, capacity(call.state, partition, call.text("sizeid"))) for partition in partitions)
    return [
        {"id": partition.id, "name": partition.name, "description": partition.description, "servers": servers}
        for partition, servers in found
        if servers
    ]


def _boot(call: Call, old: BootConfiguration, *, needed: bool) -> BootConfiguration:
    """The boot configuration of a request; URLs that are given (or needed) must be readable."""
    given = Call(call.state, call.user, {}, {}, call.mapping("bootconfig") or {})
    image, kernel, commandline = given.text("imageurl"), given.text("kernelurl"), given.text("commandline")
    try:
        for what, url in (("image", image), ("kernel", kernel)):
            if needed or url is not None:
                call.state.check_url(what, url or "")
    except ValueError as error:
        raise BadRequestError(error) from error
    return BootConfiguration(
        old.image_url if image is None else image,
        old.kernel_url if kernel is None else kernel,
        old.commandline if commandline is None else commandline,
    )


def _labels(call: Call) -> tuple[tuple[str, str], ...] | None:
    labels = call.mapping("labels")
    return None if labels is None else tuple((key, str(value)) for key, value in labels.items())


def _servers(call: Call, name: str, key: str) -> tuple[str, ...] | None:
    """Addresses of a list of servers: null leaves them unchanged, an empty list clears them."""
    items: list[Any] | None = call.items(name)
    if items is None:
        return None
    if not all(isinstance(item, dict) for item in items):
        raise BadRequestError(f"json: cannot unmarshal into Go field of {name}")
    return tuple(str(item.get(key, "")) for item in items)


def _check(partition: Partition) -> None:
    try:
        check_servers(partition.dns_servers, partition.ntp_servers)
    except ValueError as error:
        raise BadRequestError(error) from error


OPERATIONS = (
    Operation("GET", "/v1/partition", _list),
    Operation("POST", "/v1/partition/capacity", _capacity),
    Operation("GET", "/v1/partition/{id}", _get),
    Operation("PUT", "/v1/partition", _create, role="admin", status=201),
    Operation("POST", "/v1/partition", _update, role="admin"),
    Operation("DELETE", "/v1/partition/{id}", _delete, role="admin"),
)
