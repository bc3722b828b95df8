# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Allocate a machine or a firewall."""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import uuid
from dataclasses import dataclass, replace

from ..model import machine as model
from ..model.filesystemlayout import FilesystemLayout, check_hardware, fitting
from ..model.firewallrules import FirewallRules
from ..model.image import Image
from ..model.life import INSTALL
from ..model.machine import Allocation, Machine
from ..model.table import ChangedError, NotFoundError
from ..state import State
from . import networks, placement
from .actions import RuleError, plan, release
from .networks import Wish


@dataclass(frozen=True)
class Spec:
    """A checked request. ``machine`` is the one that it names, None for any; ``layout`` an id, None for what fits."""

    creator: str
    project: str
    partition: str
    size: str
    image: Image
    role: str = model.MACHINE
    machine: Machine | None = None
    name: str = ""
    description: str = ""
    hostname: str = "metal"
    ssh_public_keys: tuple[str, ...] | None = None
    user_data: str = ""
    tags: tuple[str, ...] = ()
    networks: tuple[Wish, ...] = ()
    ips: tuple[str, ...] = ()
    layout: str | None = None
    placement_tags: tuple[str, ...] = ()
    rules: FirewallRules | None = None
    dns_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    placement: tuple[tuple[str, str], ...] = ()


def allocate(state: State, spec: Spec, *, race: bool = False) -> Machine:
    """Give the project a machine, in all its networks; what was taken is given back when it fails.

    RuleError and NotFoundError with the server's wording; ChangedError when somebody else changed the machine.
    """
    _check(spec)
    _check_quota(state, spec)
    layout = _layout(state, spec)
    machine = _candidate(state, spec)
    if layout is not None and machine.hardware.get("disks"):
        try:
            check_hardware(layout, machine.hardware)
        except ValueError as error:
            raise RuleError(f"unable to check for fsl match:{error}") from error
    try:
        chosen = networks.gather(
            state, spec.networks, spec.ips, project=spec.project, partition=spec.partition, role=spec.role
        )
    except RuleError as error:
        raise RuleError(f"unable to gather networks:{error}") from error
    except NotFoundError as error:
        raise NotFoundError(f"unable to gather networks:{error.args[0]}") from error
    try:
        attached = networks.attach(state, chosen, project=spec.project, name=spec.name, machine=machine.id)
    except RuleError as error:
        raise RuleError(f"unable to make networks:{error}") from error
    allocation = Allocation(
        uuid=str(uuid.uuid4()),
        project=spec.project,
        image=spec.image.id,
        role=spec.role,
        creator=spec.creator,
        created=state.clock.now(),
        name=spec.name,
        description=spec.description,
        hostname=spec.hostname,
        filesystem_layout=layout.id if layout is not None else "",
        networks=attached,
        ssh_public_keys=spec.ssh_public_keys,
        user_data=spec.user_data,
        console_password=hashlib.sha256(machine.id.encode()).hexdigest()[:16],
        rules=spec.rules,
        dns_servers=spec.dns_servers,
        ntp_servers=spec.ntp_servers,
        labels=spec.labels,
        placement=spec.placement,
    )
    life = machine.life.turn(state.life, plan=plan(machine, INSTALL))
    allocated = replace(machine, allocation=allocation, life=life)
    try:
        return state.machines.replace(machine, replace(allocated, tags=model.tags(allocated, spec.tags)), race=race)
    except ChangedError as error:
        release(state, allocated)
        raise ChangedError(f'error when allocating machine "{machine.id}", {error.args[0]}') from error


def check_key(text: str) -> None:
    """ValueError with the server's wording unless it is a public key as in ``authorized_keys``."""
    for kind, blob in zip(text.split(), text.split()[1:]):
        try:
            content = base64.b64decode(blob, validate=True)
        except (binascii.Error, ValueError):
            continue
        if content[4:].startswith(kind.encode()):
            return
    raise ValueError(f"invalid public SSH key: {text} error:ssh: no key found")


def _check(spec: Spec) -> None:
    if not spec.project:
        raise RuleError("project id must be specified")
    for address in spec.ips:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise RuleError(f'"{address}" is not a valid IP address') from error
    for key in spec.ssh_public_keys or ():
        try:
            check_key(key)
        except ValueError as error:
            raise RuleError(str(error)) from error
    given = [wish for wish in spec.networks if not wish.auto]
    if spec.role == model.FIREWALL and not spec.ips and len(given) == len(spec.networks):
        raise RuleError("when no ip is given at least one auto acquire network must be specified")
    if len(given) > len(spec.ips):
        raise RuleError("missing ip(s) for network(s) without automatic ip allocation")


def _check_quota(state: State, spec: Spec) -> None:
    project = state.projects.get(spec.project)
    limit = dict(project.quotas).get("machine")
    if limit is None:
        return
    # The server counts firewalls only, though the message says machines.
    firewalls = [
        machine
        for machine in state.machines
        if machine.is_firewall and machine.allocation is not None and machine.allocation.project == project.id
    ]
    if len(firewalls) >= limit:
        raise RuleError(f"project quota for machines reached max:{limit}")


def _layout(state: State, spec: Spec) -> FilesystemLayout | None:
    """The layout of the request, or the one that fits; None only when there are none at all."""
    if spec.layout is not None:
        return state.filesystem_layouts.get(spec.layout)
    if not len(state.filesystem_layouts):
        return None
    try:
        return fitting(state.filesystem_layouts, spec.size, spec.image.id)
    except ValueError as error:
        raise RuleError(str(error)) from error


def _candidate(state: State, spec: Spec) -> Machine:
    if spec.machine is None:
        return placement.choose(
            state,
            project=spec.project,
            partition=spec.partition,
            size=spec.size,
            role=spec.role,
            placement_tags=spec.placement_tags,
        )
    # Neither waiting nor its state matter for a machine that is named.
    if spec.machine.allocation is not None:
        raise RuleError("machine is already allocated")
    return spec.machine
