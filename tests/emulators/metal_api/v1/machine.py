# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: machines.

Endpoints of a single machine need its event container for their answer: without one they do their work and answer 404.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from .. import documents
from ..documents import Document
from ..machines import actions, rendering, search
from ..machines.actions import ReinstallError, RuleError
from ..machines.allocation import Spec, allocate
from ..machines.networks import Wish
from ..model import image as images
from ..model import issues as model_issues
from ..model import machine as model
from ..model.life import Life
from ..model.machine import Machine
from ..model.partition import check_servers
from ..model.table import NotFoundError
from .call import BadRequestError, Call, HttpError, Operation, UnprocessableError

REASON_LENGTH = 10
# What v1 wants to see of a request to find machines.
_READERS: tuple[tuple[Mapping[str, search.Test], Callable[[Call, str], Any]], ...] = (
    (search.TEXTS, Call.text),
    (search.FLAGS, Call.truth),
    (search.NUMBERS, Call.number),
    (search.LISTS, Call.items),
)


def found(call: Call, **more: Any) -> list[Machine]:
    """The machines that a request looks for, by its own criteria and more."""
    wanted = {key: read(call, key) for keys, read in _READERS for key in keys}
    return search.find(call.state.machines, call.state.life, {**wanted, **more})


def _list(call: Call) -> bytes:
    return rendering.many(call.state, call.state.machines)


def _get(call: Call) -> bytes:
    return rendering.one(call.state, _machine(call))


def _find(call: Call) -> bytes:
    return rendering.many(call.state, found(call))


def _get_ipmi(call: Call) -> bytes:
    return rendering.one(call.state, _machine(call), bmc=True)


def _find_ipmi(call: Call) -> bytes:
    return rendering.many(call.state, found(call), bmc=True)


def _machine(call: Call) -> Machine:
    return call.state.machines.get(call.path["id"])


def _update(call: Call) -> bytes:
    old = call.state.machines.get(call.text("id") or "")
    if old.allocation is None:
        raise BadRequestError("only allocated machines can be updated")
    description, tags, keys = call.text("description"), call.texts("tags"), call.texts("ssh_pub_keys")
    allocation = replace(
        old.allocation,
        description=old.allocation.description if description is None else description,
        # Empty lists are no lists: neither tags nor keys can be cleared.
        ssh_public_keys=tuple(keys) if keys else old.allocation.ssh_public_keys,
    )
    new = replace(old, allocation=allocation, tags=model.tags(old, tags) if tags else old.tags)
    return rendering.one(call.state, call.state.machines.replace(old, new, race=call.race))


def spec(call: Call, role: str) -> Spec:
    """What a request wants to allocate; 400 with the server's wording for whatever is wrong with it."""
    try:
        return _spec(call, role)
    except NotFoundError as error:
        raise BadRequestError(error.args[0]) from error
    except ValueError as error:
        raise BadRequestError(error) from error


def _spec(call: Call, role: str) -> Spec:
    networks = call.items("networks")
    if networks is None:
        raise ValueError("network ids cannot be nil")
    if not networks:
        raise ValueError("network ids cannot be empty")
    wanted_image = call.text("imageid") or ""
    image = images.latest(call.state.images, wanted_image) if wanted_image else None
    if image is None:
        raise ValueError(f"no image for id:{wanted_image} found")
    rules = documents.read_rules(call.mapping("firewall_rules") or {}) if role == model.FIREWALL else None
    if role not in image.features:
        features = ", ".join(sorted(image.features))
        raise ValueError(f"given image is not usable for a {role}, features: {features}")
    uuid, partition, size = call.text("uuid") or "", call.text("partitionid") or "", call.text("sizeid") or ""
    for what, value in (("partition", partition), ("size", size)):
        if not uuid and not value:
            raise ValueError(f"when no machine id is given, a {what} id must be specified")
    machine = call.state.machines.find(uuid) if uuid else None
    if uuid and machine is None:
        problem = f'no machine with id "{uuid}" found'
        raise ValueError(f"uuid given but no machine found with uuid:{uuid} err:{problem}")
    if machine is not None:
        partition, size = machine.partition, machine.size
    if call.state.sizes.find(size) is None:
        raise ValueError(f'size:{size} not found err:no size with id "{size}" found')
    where = call.state.partitions.find(partition)
    if where is None:
        raise ValueError(f'partition:{partition} not found err:no partition with id "{partition}" found')
    dns = _servers(call, "dns_servers", "ip") or where.dns_servers
    ntp = _servers(call, "ntp_servers", "address") or where.ntp_servers
    check_servers(dns, ntp)
    keys, hostname = call.texts("ssh_pub_keys"), call.text("hostname")
    return Spec(
        creator=call.user.email,
        project=call.text("projectid") or "",
        partition=partition,
        size=size,
        image=image,
        role=role,
        machine=machine,
        name=call.text("name") or "",
        description=call.text("description") or "",
        hostname="metal" if hostname is None else hostname,
        ssh_public_keys=None if keys is None else tuple(keys),
        user_data=call.text("user_data") or "",
        tags=tuple(call.texts("tags") or ()),
        networks=tuple(_wish(item) for item in networks),
        ips=tuple(call.texts("ips") or ()),
        layout=call.text("filesystemlayoutid"),
        placement_tags=tuple(call.texts("placement_tags") or ()),
        rules=rules,
        dns_servers=dns,
        ntp_servers=ntp,
    )


def _wish(item: object) -> Wish:
    if not isinstance(item, dict):
        raise BadRequestError("json: cannot unmarshal into Go field of networks")
    auto = item.get("autoacquire")
    return Wish(str(item.get("networkid") or ""), True if auto is None else bool(auto))


def _servers(call: Call, name: str, key: str) -> tuple[str, ...]:
    return tuple(str(item.get(key, "")) if isinstance(item, dict) else "" for item in call.items(name) or ())


def allocated(call: Call, role: str) -> bytes:
    """Allocate what the request wants."""
    wish = spec(call, role)
    try:
        return rendering.one(call.state, allocate(call.state, wish, race=call.race))
    except RuleError as error:
        raise UnprocessableError(error) from error


def _allocate(call: Call) -> bytes:
    return allocated(call, model.MACHINE)


def _free(call: Call) -> bytes:
    machine = _machine(call)
    try:
        freed = actions.free(call.state, machine, race=call.race)
    except RuleError as error:
        raise UnprocessableError(error) from error
    try:
        # The answer still shows the events from before.
        return rendering.one(call.state, freed)
    finally:
        actions.reclaim(call.state, freed, "free machine called")


def _delete(call: Call) -> bytes:
    try:
        return rendering.one(call.state, actions.delete(call.state, _machine(call)))
    except RuleError as error:
        raise UnprocessableError(error) from error


def _set_state(call: Call) -> bytes:
    value, description = call.text("value") or "", call.text("description") or ""
    if value not in model.STATES:
        raise BadRequestError(f"unknown MachineState:{value}")
    if value and not description:
        raise BadRequestError("you must supply a description")
    issuer = call.user.email if value else ""
    machine = actions.set_state(call.state, _machine(call), model.STATES[value], description, issuer, race=call.race)
    return rendering.one(call.state, machine)


def _reinstall(call: Call) -> bytes:
    machine = _machine(call)
    if machine.allocation is not None:
        # Here the answer is made before anything is written.
        rendering.check(call.state, replace(machine, allocation=None))
    try:
        return rendering.one(
            call.state, actions.reinstall(call.state, machine, call.text("imageid") or "", race=call.race)
        )
    except RuleError as error:
        raise UnprocessableError(error) from error
    except ReinstallError as error:
        raise BadRequestError(error) from error


def _power(name: str) -> Callable[[Call], bytes]:
    def run(call: Call) -> bytes:
        description = call.query.get("description", "")
        machine = actions.command(call.state, _machine(call), name, description, race=call.race)
        return rendering.one(call.state, machine)

    return run


def _report(call: Call) -> Document:
    """The report of metal-bmc, by which machines become known."""
    partition, updated, created = call.text("partitionid") or "", [], []
    if not partition:
        raise BadRequestError("partition id is empty")
    for machine_id, report in (call.mapping("reports") or {}).items():
        if not isinstance(report, dict) or not report.get("BMCIp"):
            continue
        power = str(report.get("PowerState") or "").upper() != "OFF"
        machine = call.state.machines.find(machine_id)
        if machine is None:
            life = Life(container=False, power=power, power_before=power)
            machine = call.state.machines.create(Machine(id=machine_id, partition=partition, life=life))
            created.append(machine_id)
        else:
            updated.append(machine_id)
        ipmi = {
            **machine.ipmi,
            "address": report["BMCIp"],
            "bmcversion": report.get("BMCVersion") or "",
            "fru": report.get("FRU") or {},
            "powermetric": report.get("PowerMetric"),
            "powersupplies": report.get("PowerSupplies"),
        }
        call.state.machines.replace(machine, replace(machine, ipmi=ipmi, partition=machine.partition or partition))
    return {"updated": updated, "created": created}


def _console_password(call: Call) -> Document:
    reason = call.text("reason") or ""
    if len(reason) < REASON_LENGTH:
        raise BadRequestError(f"reason must be at least {REASON_LENGTH} characters long")
    machine = call.state.machines.get(call.text("id") or "")
    if machine.allocation is None:
        raise UnprocessableError("machine is not allocated, no consolepassword present")
    return {
        "id": machine.id,
        "name": machine.name,
        "description": machine.description,
        "console_password": machine.allocation.console_password,
    }


def _issues(_call: Call) -> list[Document]:
    return [
        {
            "id": issue.id,
            "severity": issue.severity,
            "description": issue.description,
            "ref_url": issue.reference,
            "details": "",
        }
        for issue in model_issues.ISSUES
    ]


def _evaluate(call: Call) -> list[Document] | None:
    severity = call.text("severity") or model_issues.MINOR
    if severity not in model_issues.SEVERITIES:
        raise BadRequestError(f"unknown issue severity: {severity}")
    only, omit = call.texts("only") or [], call.texts("omit") or []
    for name in (*omit, *only):
        if name not in model_issues.BY_ID:
            raise BadRequestError(f"unknown issue type: {name}")
    nanoseconds = call.number("last_error_threshold") or 0
    threshold = timedelta(microseconds=nanoseconds / 1000) if nanoseconds > 0 else model_issues.DEFAULT_ERROR_THRESHOLD
    having = model_issues.find(
        found(call),
        call.state.life,
        call.state.clock.now(),
        severity=severity,
        only=only,
        omit=omit,
        threshold=threshold,
    )
    # Without any the answer is null.
    return [{"machineid": name, "issues": [issue.id for issue in has]} for name, has in having.items()] or None


def _firmware(_call: Call) -> Document:
    raise HttpError(500, "server was not configured with s3 connection")


OPERATIONS = (
    Operation("GET", "/v1/machine", _list, role="view"),
    Operation("POST", "/v1/machine/find", _find, role="view"),
    Operation("POST", "/v1/machine", _update, role="admin"),
    Operation("POST", "/v1/machine/allocate", _allocate, role="edit"),
    Operation("POST", "/v1/machine/ipmi/find", _find_ipmi, role="view"),
    Operation("POST", "/v1/machine/ipmi", _report, role="edit"),
    Operation("GET", "/v1/machine/consolepassword", _console_password, role="edit", reads_always=True),
    Operation("GET", "/v1/machine/issues", _issues, role="view"),
    Operation("POST", "/v1/machine/issues/evaluate", _evaluate, role="view"),
    Operation("POST", "/v1/machine/update-firmware/{id}", _firmware, role="admin"),
    Operation("GET", "/v1/machine/{id}", _get, role="view"),
    Operation("DELETE", "/v1/machine/{id}", _delete, role="admin"),
    Operation("GET", "/v1/machine/{id}/ipmi", _get_ipmi, role="view"),
    Operation("DELETE", "/v1/machine/{id}/free", _free, role="edit"),
    Operation("POST", "/v1/machine/{id}/state", _set_state, role="edit"),
    Operation("POST", "/v1/machine/{id}/reinstall", _reinstall, role="edit"),
    *(Operation("POST", f"/v1/machine/{{id}}/power/{name}", _power(name), role="edit") for name in actions.COMMANDS),
)
