# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: MachineService, of projects and of admins.

Deleting is freeing; what removes a machine from the database panics in the real server, and nothing reinstalls.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectrpc.code import Code
from metalstack.admin.v2 import machine_pb2 as admin_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import machine_pb2  # type: ignore[import-untyped]

from ..machines import actions
from ..machines.actions import RuleError
from ..machines.allocation import Spec, allocate, check_key
from ..machines.networks import Wish
from ..model import image as images
from ..model import issues
from ..model import machine as model
from ..model.firewallrules import check_rule
from ..model.ip import ip_id
from ..model.machine import Machine
from ..model.network import CHILD, CHILD_SHARED, EXTERNAL, SUPER, SUPER_NAMESPACED, UNDERLAY
from ..model.partition import Partition, check_servers
from ..model.table import ChangedError, NotFoundError
from . import call
from .call import Call, Message, Services
from .machinemessage import ROLES, STATES, bmc_details, message, read_rules
from .machinequery import matching

COMMANDS = {
    machine_pb2.MACHINE_BMC_COMMAND_ON: actions.ON,
    machine_pb2.MACHINE_BMC_COMMAND_OFF: actions.OFF,
    machine_pb2.MACHINE_BMC_COMMAND_RESET: actions.RESET,
    machine_pb2.MACHINE_BMC_COMMAND_CYCLE: actions.CYCLE,
    machine_pb2.MACHINE_BMC_COMMAND_BOOT_TO_BIOS: actions.BIOS,
    machine_pb2.MACHINE_BMC_COMMAND_BOOT_FROM_DISK: actions.DISK,
    machine_pb2.MACHINE_BMC_COMMAND_BOOT_FROM_PXE: actions.PXE,
    machine_pb2.MACHINE_BMC_COMMAND_IDENTIFY_LED_ON: actions.IDENTIFY_ON,
    machine_pb2.MACHINE_BMC_COMMAND_IDENTIFY_LED_OFF: actions.IDENTIFY_OFF,
}
# v1's ids of issues whose names in v2 are not just another spelling.
ISSUE_NAMES = {
    "asn-not-unique": "ASN_UNIQUENESS",
    "bmc-no-distinct-ip": "BMC_NON_DISTINCT_IP",
    "crashloop": "CRASH_LOOP",
}
ISSUE_TYPES = {
    issue.id: machine_pb2.MachineIssueType.Value(
        f"MACHINE_ISSUE_TYPE_{ISSUE_NAMES.get(issue.id, issue.id.upper().replace('-', '_'))}"
    )
    for issue in issues.ISSUES
}


def _stored(ask: Call, *, scoped: bool) -> Machine:
    """The machine of the request; with ``scoped`` only if it is allocated by the project of the request."""
    try:
        machine = ask.state.machines.get(ask.request.uuid)
    except NotFoundError as error:
        call.not_found(error)
    project = machine.allocation.project if machine.allocation is not None else ""
    if scoped and project != ask.request.project:
        call.fail(Code.NOT_FOUND, f'no machine with id "{machine.id}" found')
    return machine


def _get(ask: Call) -> Message:
    return machine_pb2.MachineServiceGetResponse(machine=message(ask.state, _stored(ask, scoped=True)))


def _list(ask: Call) -> Message:
    mine = [
        machine
        for machine in ask.state.machines
        if machine.allocation is not None and machine.allocation.project == ask.request.project
    ]
    found = matching(ask.state, mine, call.optional(ask.request, "query"))
    return machine_pb2.MachineServiceListResponse(machines=[message(ask.state, machine) for machine in found])


def _create(ask: Call) -> Message:
    spec = _spec(ask)
    try:
        machine = allocate(ask.state, spec, race=ask.race)
    except NotFoundError as error:
        call.not_found(error)
    except ChangedError as error:
        call.fail(Code.ABORTED, error)
    except RuleError as error:
        none_left = str(error) == "no machine available"
        call.fail(Code.RESOURCE_EXHAUSTED if none_left else Code.INVALID_ARGUMENT, error)
    return machine_pb2.MachineServiceCreateResponse(machine=message(ask.state, machine))


def _spec(ask: Call) -> Spec:
    """What the request wants to allocate; not_found or invalid_argument for whatever is wrong with it."""
    try:
        return _checked_spec(ask)
    except NotFoundError as error:
        call.not_found(error)
    except ValueError as error:
        call.fail(Code.INVALID_ARGUMENT, error)


def _checked_spec(ask: Call) -> Spec:
    request, state = ask.request, ask.state
    project = state.projects.get(request.project)
    machine = _named(ask)
    partition = state.partitions.get(machine.partition if machine is not None else request.partition)
    size = state.sizes.get(machine.size if machine is not None else request.size)
    image = images.latest(state.images, request.image)
    if image is None:
        raise NotFoundError(f"no image for id:{request.image} found")
    role = next((name for name, number in ROLES.items() if number == request.allocation_type), "")
    if role not in image.features:
        raise ValueError(f"given image {image.id} is not allowed for {role}s")
    rules = read_rules(request.firewall_spec.firewall_rules)
    if role == model.MACHINE and request.HasField("firewall_spec"):
        raise ValueError("firewall rules can only be specified on firewalls")
    for kind, some in (("egress", rules.egress), ("ingress", rules.ingress)) if rules is not None else ():
        for rule in some:
            check_rule(rule, kind)
    _check_networks(ask, partition, role)
    for key in request.ssh_public_keys:
        check_key(key)
    dns = tuple(server.ip for server in request.dns_servers) or partition.dns_servers
    ntp = tuple(server.address for server in request.ntp_servers) or partition.ntp_servers
    check_servers(dns, ntp)
    return Spec(
        creator=ask.token.user if ask.token is not None else "",
        project=project.id,
        partition=partition.id,
        size=size.id,
        image=image,
        role=role,
        machine=machine,
        name=request.name,
        description=request.description,
        hostname=request.hostname or "metal",
        ssh_public_keys=tuple(request.ssh_public_keys),
        user_data=request.userdata,
        networks=tuple(Wish(network.network, not network.ips) for network in request.networks),
        ips=tuple(ip for network in request.networks for ip in network.ips),
        layout=call.optional(request, "filesystem_layout"),
        placement_tags=tuple(call.tags_of_labels(request.placement_labels.labels)),
        rules=rules,
        dns_servers=dns,
        ntp_servers=ntp,
        labels=tuple(request.labels.labels.items()),
        placement=tuple(request.placement_labels.labels.items()),
    )


def _named(ask: Call) -> Machine | None:
    """The machine that the request names, which only admin editors may do."""
    request = ask.request
    if not request.HasField("uuid"):
        return None
    if ask.token is None or ask.token.admin_role != "EDITOR":
        call.fail(Code.UNAUTHENTICATED, "only admins can create machines with a specific uuid")
    for field in ("partition", "size"):
        if request.HasField(field):
            raise ValueError(f"when machine id is given, a {field} must not be specified")
    machine = ask.state.machines.get(request.uuid)
    if machine.allocation is not None:
        raise ValueError(f"machine {machine.id} is already allocated")
    if machine.state == model.LOCKED:
        raise ValueError(f"machine {machine.id} is {machine.state}")
    if not machine.waiting(machine.phase(ask.state.life)):
        raise ValueError(f"machine {machine.id} is not waiting")
    return machine


def _check_networks(ask: Call, partition: Partition, role: str) -> None:
    """v2's own rules, in its own words and order; v1's are checked later."""
    request, state = ask.request, ask.state
    types: Counter[str] = Counter()
    for wanted in request.networks:
        network = state.networks.get(wanted.network)
        if network.project and network.project != request.project and network.type != CHILD_SHARED:
            raise ValueError(f"given network {network.id} is project scoped but not part of project {request.project}")
        if network.partition and network.partition != partition.id:
            raise ValueError(
                f'network "{network.id}" must be located in the partition where the machine is going to be placed'
            )
        types[network.type or ""] += 1
        for address in wanted.ips:
            ip = state.ips.get(ip_id(address, network.namespace))
            if ip.network != network.id:
                raise ValueError(f"given ip {network.id} is not in the given network {ip.address}, which is required")
            if ip.project != request.project:
                raise ValueError(f"given ip {ip.address} is not in the allocation project")
            if ip.machine_scoped:
                raise ValueError(
                    f"given ip {ip.address} is not available for direct attachment to machine because it is already "
                    "in use"
                )
    private = types[CHILD] + types[CHILD_SHARED]
    unique = len({wanted.network for wanted in request.networks}) == len(request.networks)
    for broken, problem in (
        (not request.networks, "networks must not be empty"),
        (not unique, "given network ids are not unique"),
        (
            types[UNDERLAY] > 0,
            "underlays cannot be specified in a machine allocation request (this is done automatically for firewalls)",
        ),
        (types[SUPER] + types[SUPER_NAMESPACED] > 0, "super networks can not be specified as allocation networks"),
        (
            role == model.FIREWALL and not types[EXTERNAL],
            "firewalls must be allocated in at least one external network",
        ),
        (
            role == model.MACHINE and private != 1,
            "machines must be allocated in exactly one child or child_shared network",
        ),
        (role == model.FIREWALL and private < 1, "firewalls must have at least one child or child_shared network"),
        (
            types[CHILD_SHARED] > 1,
            "machines or firewalls must not be allocated in more than one child_shared network",
        ),
    ):
        if broken:
            raise ValueError(problem)


def _update(ask: Call) -> Message:
    request, old = ask.request, _stored(ask, scoped=True)
    assert old.allocation is not None
    try:
        for key in request.ssh_public_keys:
            check_key(key)
    except ValueError as error:
        call.fail(Code.INVALID_ARGUMENT, error)
    allocation = replace(
        old.allocation,
        description=request.description if request.HasField("description") else old.allocation.description,
        labels=call.updated_labels(request, dict(old.allocation.labels)),
        ssh_public_keys=tuple(request.ssh_public_keys) or old.allocation.ssh_public_keys,
    )
    machine = call.replace(ask, ask.state.machines, old, replace(old, allocation=allocation))
    return machine_pb2.MachineServiceUpdateResponse(machine=message(ask.state, machine))


def _delete(ask: Call) -> Message:
    """Free the machine; the answer shows it as it was."""
    machine = _stored(ask, scoped=True)
    if machine.state == model.LOCKED:
        call.fail(Code.INVALID_ARGUMENT, "machine is locked and cannot be freed")
    try:
        ask.state.tasks.order(lambda: _free(ask, machine))
    except ChangedError as error:
        call.fail(Code.ABORTED, error)
    gone = call.deleted(message(ask.state, machine))
    return machine_pb2.MachineServiceDeleteResponse(machine=gone)


def _free(ask: Call, machine: Machine) -> None:
    assert machine.allocation is not None
    now = ask.state.machines.find(machine.id)
    # Whether it is still the allocation that was to end.
    if now is not None and now.allocation is not None and now.allocation.uuid == machine.allocation.uuid:
        freed = actions.free(ask.state, now, race=ask.race)
        actions.reclaim(ask.state, freed, "reclaiming machine")


def _command(response: Any, *, scoped: bool) -> Callable[[Call], Message]:
    def run(ask: Call) -> Message:
        machine = _stored(ask, scoped=scoped)
        if not all(machine.ipmi.get(key) for key in ("address", "user", "password")):
            call.fail(Code.FAILED_PRECONDITION, f'machine "{machine.id}" does not have bmc connections details yet')
        name = COMMANDS.get(ask.request.command)
        if name is not None:
            actions.command(ask.state, machine, name)
        return response(task_id=str(uuid.uuid4()))

    return run


def _get_bmc(response: Any, *, scoped: bool) -> Callable[[Call], Message]:
    return lambda ask: response(bmc_details=bmc_details(ask.state, _stored(ask, scoped=scoped)))


def _get_any(ask: Call) -> Message:
    return admin_pb2.MachineServiceGetResponse(machine=message(ask.state, _stored(ask, scoped=False)))


def _list_any(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    if query is not None:
        # The real server overwrites the partition with one that cannot be given any more: filter yourself.
        query.ClearField("partition")
    found = matching(ask.state, ask.state.machines, query)
    return admin_pb2.MachineServiceListResponse(machines=[message(ask.state, machine) for machine in found])


def _list_bmc(ask: Call) -> Message:
    found = matching(ask.state, ask.state.machines, call.optional(ask.request, "query"))
    return admin_pb2.MachineServiceListBMCResponse(bmc_details=[bmc_details(ask.state, one) for one in found])


def _remove(_ask: Call) -> Message:
    call.fail(Code.INTERNAL, "unimplemented")


def _console_password(ask: Call) -> Message:
    machine = _stored(ask, scoped=False)
    if machine.allocation is None:
        call.fail(Code.FAILED_PRECONDITION, "machine is not allocated, no consolepassword present")
    password = machine.allocation.console_password
    return admin_pb2.MachineServiceConsolePasswordResponse(uuid=machine.id, password=password)


def _set_state(ask: Call) -> Message:
    request, machine = ask.request, _stored(ask, scoped=False)
    wanted = next((value for value, number in STATES.items() if number == request.state), None)
    if machine.state != model.AVAILABLE and wanted != model.AVAILABLE:
        call.fail(
            Code.FAILED_PRECONDITION,
            f'machine is currently "{machine.state.lower()}", must made available first',
        )
    if wanted == model.AVAILABLE and request.description:
        call.fail(Code.INVALID_ARGUMENT, "description must not be provided when setting machine to available.")
    if wanted is None:
        call.fail(Code.INVALID_ARGUMENT, f'given state "{request.state}" is not supported')
    user = ask.token.user if ask.token is not None else "unknown issuer"
    try:
        changed = actions.set_state(ask.state, machine, wanted, request.description, user, race=ask.race)
    except ChangedError as error:
        call.fail(Code.ABORTED, error)
    return admin_pb2.MachineServiceSetStateResponse(machine=message(ask.state, changed))


def _issues(ask: Call) -> Message:
    query = ask.request.query
    names = {number: name for name, number in ISSUE_TYPES.items()}
    threshold = query.last_error_threshold.ToTimedelta() if query.HasField("last_error_threshold") else None
    found = issues.find(
        matching(ask.state, ask.state.machines, call.optional(query, "machine_query")),
        ask.state.life,
        ask.state.clock.now(),
        severity=issues.SEVERITIES[max(query.severity - 1, 0)],
        only={names[number] for number in query.only},
        omit={names[number] for number in query.omit},
        threshold=issues.DEFAULT_ERROR_THRESHOLD if threshold is None else threshold,
    )
    return admin_pb2.MachineServiceIssuesResponse(
        issues=[
            {
                "uuid": machine_id,
                "issues": [
                    {
                        "type": ISSUE_TYPES[issue.id],
                        "severity": f"MACHINE_ISSUE_SEVERITY_{issue.severity.upper()}",
                        "description": issue.description,
                        "reference_url": issue.reference,
                    }
                    for issue in has
                ],
            }
            for machine_id, has in found.items()
        ]
    )


SERVICES: Services = {
    "metalstack.api.v2.MachineService": {
        "Get": _get,
        "List": _list,
        "Create": _create,
        "Update": _update,
        "Delete": _delete,
        "BMCCommand": _command(machine_pb2.MachineServiceBMCCommandResponse, scoped=True),
        "GetBMC": _get_bmc(machine_pb2.MachineServiceGetBMCResponse, scoped=True),
    },
    "metalstack.admin.v2.MachineService": {
        "Get": _get_any,
        "List": _list_any,
        "Delete": _remove,
        "BMCCommand": _command(admin_pb2.MachineServiceBMCCommandResponse, scoped=False),
        "GetBMC": _get_bmc(admin_pb2.MachineServiceGetBMCResponse, scoped=False),
        "ListBMC": _list_bmc,
        "ConsolePassword": _console_password,
        "SetState": _set_state,
        "Issues": _issues,
    },
}
