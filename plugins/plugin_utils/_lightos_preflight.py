# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether LightOS may be installed on hosts: every reason against it, of all hosts, at once.

A pure function of what a user wants (``_lightos_servers``) and what storage_server_info has found. Private to
metalstack.provisioning.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..module_utils._errors import UsageError
from ..module_utils._units import SizeError, parse_size
from ._lightos_matchers import matches
from ._lightos_servers import Instance, Server, read_servers, texts

_EC_LEAST, _EC_SAFE = 6, 8
_CLUSTER = "cluster"


@dataclass(frozen=True)
class Requirements:
    """What a host needs to have. Sizes are in bytes."""

    systems: tuple[str, ...] = ("almalinux 8", "almalinux 9", "rocky 8", "rocky 9", "rhel 8", "rhel 9")
    cores: int = 32
    memory: int = 64 << 30
    mtu: int = 9000
    ports: tuple[int, ...] = ()
    space: Mapping[str, int] = field(default_factory=dict)
    replicas: int = 3
    least_servers: int = 3
    most_servers: int = 16

    @classmethod
    def read(cls, given: Any) -> Requirements:
        """Read what a user gives. Raises UsageError."""
        if given is None:
            return cls()
        if not isinstance(given, Mapping):
            raise UsageError("requirements is not a dictionary.")
        known = set(cls.__dataclass_fields__)
        unknown = sorted(str(key) for key in given if key not in known)
        if unknown:
            raise UsageError(
                f"requirements has {unknown[0]!r}, which is not known; known are {', '.join(sorted(known))}."
            )
        values: dict[str, Any] = {}
        for key, value in given.items():
            if key == "systems":
                values[key] = tuple(one.lower() for one in texts("requirements", key, value))
            elif key == "ports":
                values[key] = tuple(_whole(key, one) for one in texts("requirements", key, value))
            elif key == "space":
                if not isinstance(value, Mapping):
                    raise UsageError("requirements.space is not a dictionary; write it like {/var: 20GiB}.")
                values[key] = {str(path): _size(f"space of {path}", size) for path, size in value.items()}
            elif key == "memory":
                values[key] = _size(key, value)
            else:
                values[key] = _whole(key, value)
        return cls(**values)


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a server, or with all of them together. ``check`` names what was looked at."""

    server: str
    check: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """Return it as a dictionary."""
        return {"server": self.server, "check": self.check, "problem": self.text}


#: Names of all checks, as they can be skipped.
CHECKS = (
    "system",
    "cpu",
    "numa",
    "memory",
    "devices",
    "journal",
    "interface",
    "address",
    "time",
    "names",
    "ports",
    "space",
    "failure_domains",
    "servers",
    "kernel",
)


def preflight(
    servers: Any, facts: Any, *, requirements: Any = None, skip: Any = None, racks_are_failure_domains: bool = True
) -> dict[str, Any]:
    """Return ``problems`` and ``warnings`` (lists) and a ``table`` of the problems (text, "" if there are none).

    ``facts`` has what storage_server_info returned, by the names of servers; servers without are not looked at
    themselves. What is in ``skip`` becomes a warning.
    """
    listed = read_servers(servers, racks_are_failure_domains=racks_are_failure_domains)
    if not isinstance(facts, Mapping):
        raise UsageError(
            "The facts are not a dictionary with what storage_server_info returned, by the names of servers."
        )
    wanted = Requirements.read(requirements)
    if isinstance(skip, str):
        raise UsageError(f"skip is {skip!r}, which is not a list; write it like [{skip}].")
    skipped = set(skip or ())
    unknown = sorted(str(one) for one in skipped if one not in CHECKS)
    if unknown:
        raise UsageError(f"skip has {unknown[0]!r}, which is no check; checks are {', '.join(CHECKS)}.")
    problems: list[Finding] = []
    warnings: list[Finding] = []
    for finding, is_problem in _findings(listed, facts, wanted):
        (problems if is_problem and finding.check not in skipped else warnings).append(finding)
    return {
        "problems": [one.as_dict() for one in problems],
        "warnings": [one.as_dict() for one in warnings],
        "table": table(problems),
    }


def table(findings: Sequence[Finding]) -> str:
    """Return them as lines under each other, in columns."""
    if not findings:
        return ""
    rows = [("server", "check", "problem"), *((one.server, one.check, one.text) for one in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{server:<{widths[0]}}  {check:<{widths[1]}}  {text}" for server, check, text in rows)


Findings = Iterator[tuple[Finding, bool]]


def _findings(servers: Sequence[Server], facts: Mapping[str, Any], wanted: Requirements) -> Findings:
    for server in servers:
        found = facts.get(server.name)
        if found is not None:
            yield from _about_server(server, found, wanted)
    yield from _about_cluster(servers, facts, wanted)


def _about_server(server: Server, found: Mapping[str, Any], wanted: Requirements) -> Findings:
    def problem(check: str, text: str) -> tuple[Finding, bool]:
        return Finding(server.name, check, text), True

    def warning(check: str, text: str) -> tuple[Finding, bool]:
        return Finding(server.name, check, text), False

    system = found["operating_system"]
    name, major = str(system["id"] or "unknown"), str(system["version"] or "").partition(".")[0]
    if wanted.systems and f"{name} {major}" not in wanted.systems and name not in wanted.systems:
        yield problem("system", f"It runs {system['name'] or name}; LightOS needs one of {', '.join(wanted.systems)}.")

    cpu = found["cpu"]
    if cpu["cores"] < wanted.cores:
        yield problem("cpu", f"It has {cpu['cores']} cores; {wanted.cores} are needed.")
    elif cpu["cores"] and cpu["threads"] <= cpu["cores"]:
        yield warning("cpu", "Hyper-threading is off; switch it on in the firmware.")
    nodes = {node["id"] for node in found["numa_nodes"]}
    for instance in server.instances:
        if nodes and instance.numa_node not in nodes:
            yield problem(
                "numa",
                f"Instance {instance.number} is for NUMA node {instance.numa_node}, but the server has "
                f"{_joined(sorted(nodes))} only.",
            )
    memory = found["memory"]["total"]
    # a part is taken by firmware and kernel before it is counted
    if memory is None or memory < wanted.memory * 0.97:
        yield problem("memory", f"It has {_gib(memory or 0)} of memory; {_gib(wanted.memory)} are needed.")

    yield from _about_devices(server, found, problem, warning)
    yield from _about_interfaces(server, found, wanted, problem, warning)

    clock = found["clock"]
    if clock["synchronised"] is None:
        yield problem("time", "Nobody can tell whether its clock is right: install chrony and start it.")
    elif not clock["synchronised"]:
        yield problem(
            "time", f"Its clock is not synchronised ({clock['source']} says so): give it time servers it can reach."
        )
    elif clock["offset"] is not None and abs(clock["offset"]) > 1:
        yield problem("time", f"Its clock is {abs(clock['offset']):.1f} s off: wait until it is right.")
    for unknown in sorted(name for name, addresses in found["names"].items() if not addresses):
        yield problem("names", f"It cannot resolve {unknown}: look at its DNS servers.")
    for listener in found["listeners"]:
        if listener["port"] in wanted.ports:
            who = listener["unit"] or listener["program"] or "an unknown program"
            yield problem(
                "ports", f"Port {listener['port']}/tcp of {listener['address']} is taken by {who}: stop and disable it."
            )
    for path, least in wanted.space.items():
        space = found["space"].get(path)
        if space is not None and space["available"] < least:
            yield problem("space", f"{path} has {_gib(space['available'])} left; {_gib(least)} are needed.")


def _about_devices(server: Server, found: Mapping[str, Any], problem: Any, warning: Any) -> Findings:
    devices = {device["name"]: device for device in found["nvme_devices"]}
    taken: set[str] = set()
    for instance in server.instances:
        for name in instance.journal_devices:
            device = devices.get(name)
            if device is None:
                yield problem("journal", f"{name}, the journal of instance {instance.number}, is not there.")
                continue
            taken.add(name)
            if device["used_by"]:
                yield problem(
                    "journal", f"{name}, the journal of instance {instance.number}, is in use: {_uses(device)}."
                )
            if device["numa_node"] not in (None, instance.numa_node):
                yield problem(
                    "journal",
                    f"{name}, the journal of instance {instance.number}, is at NUMA node {device['numa_node']}; it has "
                    f"to be at {instance.numa_node}.",
                )
    for instance in server.instances:
        fitting, unclear = _fitting(instance, list(devices.values()))
        for expression in unclear:
            yield warning("devices", f"Nobody but the installer knows what {expression!r} means.")
        if unclear:
            continue
        near = [
            device
            for device in fitting
            if instance.devices.cross_numa or device["numa_node"] in (None, instance.numa_node)
        ]
        unused = [device for device in near if not device["used_by"] and device["name"] not in taken]
        used = [device for device in near if device["used_by"]]
        if len(unused) < instance.devices.initial:
            why = [f"{device['name']} is in use ({_uses(device)})" for device in used]
            if len(near) < len(fitting):
                why.append(f"{len(fitting) - len(near)} are at another NUMA node")
            yield problem(
                "devices",
                f"Instance {instance.number} finds {len(unused)} unused NVMe devices for data; it needs "
                f"{instance.devices.initial}" + (f": {'; '.join(why)}." if why else "."),
            )
        taken |= {device["name"] for device in _nearest(unused, instance)[: instance.devices.initial]}
        if instance.erasure_coding and instance.devices.initial < _EC_LEAST:
            yield problem(
                "devices",
                f"Instance {instance.number} has erasure coding with {instance.devices.initial} devices; it needs "
                f"{_EC_LEAST}.",
            )
        elif instance.erasure_coding and instance.devices.initial < _EC_SAFE:
            yield warning(
                "devices",
                f"Instance {instance.number} has erasure coding with {instance.devices.initial} devices; some releases "
                f"need {_EC_SAFE}.",
            )


def _fitting(instance: Instance, devices: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Return the devices that fit, whoever uses them, and the expressions that cannot be understood."""
    unclear = [one for one in instance.devices.matchers if any(matches(one, device) is None for device in devices)]
    # Partitions are what uses a device: the reason is worth telling, so they do not count here.
    rules = [one for one in instance.devices.matchers if not one.strip().startswith("partition")]
    return [device for device in devices if all(matches(one, device) for one in rules)], unclear


def _nearest(devices: Sequence[Mapping[str, Any]], instance: Instance) -> list[Mapping[str, Any]]:
    return sorted(devices, key=lambda device: device["numa_node"] not in (None, instance.numa_node))


def _about_interfaces(
    server: Server, found: Mapping[str, Any], wanted: Requirements, problem: Any, warning: Any
) -> Findings:
    interfaces = {one["name"]: one for one in found["interfaces"]}
    owners = {
        str(ipaddress.ip_interface(address).ip): name
        for name, one in interfaces.items()
        for address in one["addresses"] or ()
    }
    owners.update({str(ipaddress.ip_interface(one).ip): "lo" for one in found["loopback_addresses"] or ()})
    coming = {str(one.address.ip): one.name for one in server.data_interfaces if one.address is not None}
    for wished in server.data_interfaces:
        interface = interfaces.get(wished.name)
        if interface is None:
            yield problem(
                "interface", f"It has no interface {wished.name}; it has {_joined(sorted(interfaces)) or 'none'}."
            )
            continue
        if interface["state"] not in ("up", "unknown"):
            yield problem("interface", f"The interface {wished.name} is {interface['state']}.")
        if (interface["mtu"] or 0) < wanted.mtu:
            yield problem(
                "interface", f"The interface {wished.name} has the MTU {interface['mtu']}; it needs {wanted.mtu}."
            )
    checked = {one.name for one in server.data_interfaces}
    for instance in server.instances:
        address = str(instance.data_address)
        name = owners.get(address) or coming.get(address)
        if name is None:
            yield problem(
                "address",
                f"Instance {instance.number} has the data address {address}, which the host does not have: the role "
                "storage_network gives it, or the installer with an address of a data interface.",
            )
        elif name in interfaces and name not in checked and (interfaces[name]["mtu"] or 0) < wanted.mtu:
            yield problem(
                "interface",
                f"The interface {name}, which has {address}, has the MTU {interfaces[name]['mtu']}; it needs "
                f"{wanted.mtu}.",
            )
        if name in interfaces and interfaces[name]["numa_node"] not in (None, instance.numa_node):
            yield warning(
                "interface",
                f"Instance {instance.number} is for NUMA node {instance.numa_node}, its interface {name} at "
                f"{interfaces[name]['numa_node']}.",
            )


def _about_cluster(servers: Sequence[Server], facts: Mapping[str, Any], wanted: Requirements) -> Findings:
    if len(servers) < wanted.least_servers:
        yield (
            Finding(_CLUSTER, "servers", f"There are {len(servers)} servers; {wanted.least_servers} are needed."),
            True,
        )
    if len(servers) > wanted.most_servers:
        yield (
            Finding(_CLUSTER, "servers", f"There are {len(servers)} servers; {wanted.most_servers} is the most."),
            True,
        )
    apart = _apart(servers)
    if len(servers) >= wanted.replicas > apart:
        yield (
            Finding(
                _CLUSTER,
                "failure_domains",
                f"The failure domains leave room for {apart} replicas only; {wanted.replicas} are wanted: put the "
                "servers into more racks, or do not make racks failure domains.",
            ),
            True,
        )
    for what, check, key in (("kernels", "kernel", "kernel"), ("distributions", "kernel", "name")):
        kinds = {
            str(facts[server.name]["operating_system"][key]) for server in servers if facts.get(server.name) is not None
        }
        if len(kinds) > 1:
            yield Finding(_CLUSTER, check, f"The servers have different {what}: {_joined(sorted(kinds))}."), False


def _apart(servers: Sequence[Server]) -> int:
    """Return how many groups of servers share no failure domain: replicas of a volume never share one."""
    groups: list[set[str]] = []
    for server in servers:
        labels = {label for instance in server.instances for label in instance.failure_domains}
        touching = [group for group in groups if group & labels]
        groups = [group for group in groups if not group & labels]
        groups.append(labels.union(*touching))
    return len(groups)


def _uses(device: Mapping[str, Any]) -> str:
    return ", ".join(device["used_by"])


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.0f} GiB"


def _whole(key: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UsageError(f"requirements has {key} {value!r}, which is not a whole number.") from None


def _size(key: str, value: Any) -> int:
    try:
        return parse_size(value, f"requirements.{key}")
    except SizeError as error:
        raise UsageError(str(error)) from None
