# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage servers as a user describes them for LightOS. Private to metalstack.provisioning.

The inventory for the vendor's installer, the preflight and the role's replacement of a server read them from here, so
that they mean the same.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils._errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_DEVICE = re.compile(r"nvme[0-9]+n[0-9]+")
_SECRET = re.compile(r"pass|secret|token|_key$|jwt", re.IGNORECASE)
MOST_INSTANCES = 2
MOST_JOURNAL_DEVICES = 4


@dataclass(frozen=True)
class Devices:
    """Which devices an instance takes for data: ``initial`` of those that all ``matchers`` fit."""

    initial: int
    maximum: int
    cross_numa: bool
    matchers: tuple[str, ...]


@dataclass(frozen=True)
class Instance:
    """One of the one or two instances (nodes) of a server. ``numa_node`` is where its processors and devices are."""

    number: int
    data_address: ipaddress.IPv4Address | ipaddress.IPv6Address
    failure_domains: tuple[str, ...]
    erasure_coding: bool
    numa_node: int
    devices: Devices
    journal_devices: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass(frozen=True)
class DataInterface:
    """An interface for data. The installer configures it if it has an ``address``."""

    name: str
    connection: str
    address: ipaddress.IPv4Interface | None


@dataclass(frozen=True)
class Server:
    """A storage server. ``connection`` are variables with which the installer reaches it."""

    name: str
    address: str
    rack: str
    etcd: bool
    connection: Mapping[str, Any]
    data_interfaces: tuple[DataInterface, ...]
    instances: tuple[Instance, ...]
    variables: Mapping[str, Any]


def read_servers(given: Any, *, racks_are_failure_domains: bool = True) -> list[Server]:
    """Return the servers, checked. Raises UsageError with one sentence that names the server and the key."""
    servers = [_server(one, racks_are_failure_domains) for one in _described(given)]
    _unique("name", [(server.name, server.name) for server in servers])
    _unique("address", [(server.address, server.name) for server in servers])
    _unique(
        "data_address",
        [
            (str(instance.data_address), f"{server.name} (instance {instance.number})")
            for server in servers
            for instance in server.instances
        ],
    )
    families = {instance.data_address.version for server in servers for instance in server.instances}
    if len(families) > 1:
        raise UsageError("The servers have data addresses of IPv4 and of IPv6; all have to be of the same family.")
    return servers


def failure_domains(given: Any, *, racks_are_failure_domains: bool = True) -> dict[str, list[str]]:
    """Return the failure domains of each server by its name; nothing else of it is needed. Raises UsageError."""
    found = {}
    for one in _described(given):
        name = _name(one)
        what = f"The server {name}"
        domains = _domains(name, _rack(one), racks_are_failure_domains)
        labels = [_labels(what, _instance_of(what, instance), domains) for instance in _instances(what, one)]
        found[name] = list(dict.fromkeys(label for each in labels for label in each))
    return found


def _described(given: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(one, Mapping) for one in given):
        raise UsageError("The servers are not a list of dictionaries.")
    return given


def _unique(key: str, pairs: Sequence[tuple[str, str]]) -> None:
    owners: dict[str, str] = {}
    for value, owner in pairs:
        if value in owners:
            raise UsageError(f"Both {owners[value]} and {owner} have the {key} {value}; each needs its own.")
        owners[value] = owner


def _name(given: Mapping[str, Any]) -> str:
    name = given.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"A server has the name {name!r}; it must be of letters, digits, dots and dashes, since files are named so."
        )
    return str(name)


def _rack(given: Mapping[str, Any]) -> str:
    return str(given.get("rack") or "")


def _domains(name: str, rack: str, racks: bool) -> tuple[str, ...]:
    """The failure domains of an instance that names none."""
    return (name, rack) if racks and rack else (name,)


def _labels(what: str, instance: Mapping[str, Any], domains: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts(what, "failure_domains", instance.get("failure_domains")) or domains))


def _instances(server: str, given: Mapping[str, Any]) -> Sequence[Any]:
    instances = given.get("instances")
    if not isinstance(instances, Sequence) or isinstance(instances, str) or not 1 <= len(instances) <= MOST_INSTANCES:
        raise UsageError(f"{server} needs instances, a list of one or two.")
    return instances


def _instance_of(server: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise UsageError(f"{server} has an instance that is not a dictionary.")
    return given


def _server(given: Mapping[str, Any], racks: bool) -> Server:
    name = _name(given)
    what = f"The server {name}"
    _keys(what, given, {"name", "address", "rack", "etcd", "connection", "data_interfaces", "instances", "variables"})
    address = given.get("address")
    if not isinstance(address, str) or not address or re.search(r"\s", address):
        raise UsageError(
            f"{what} has the address {address!r}; give the IP address or name that the installer connects to."
        )
    rack = _rack(given)
    connection = _mapping(what, "connection", given.get("connection"))
    for key in connection:
        if not re.fullmatch(r"ansible_[a-z_]+", str(key)):
            raise UsageError(f"{what} has {key!r} in connection; it is for variables like ansible_ssh_user only.")
        if _SECRET.search(str(key)) and not str(key).endswith("_file"):
            raise UsageError(
                f"{what} has {key} in connection; secrets do not belong into the installer's inventory. Use a key file "
                "(ansible_ssh_private_key_file) or an agent."
            )
    domains = _domains(name, rack, racks)
    found = tuple(_instance(what, number, one, domains) for number, one in enumerate(_instances(what, given)))
    if len({one.number for one in found}) < len(found):
        raise UsageError(f"{what} has two instances with the same id; they are 0 and 1.")
    interfaces = given.get("data_interfaces") or []
    if not isinstance(interfaces, Sequence) or isinstance(interfaces, str):
        raise UsageError(f"{what} has data_interfaces that are not a list.")
    return Server(
        name=name,
        address=str(address),
        rack=rack,
        etcd=_flag(what, "etcd", given.get("etcd", True)),
        connection={str(key): value for key, value in connection.items()},
        data_interfaces=tuple(_interface(what, one) for one in interfaces),
        instances=tuple(sorted(found, key=lambda instance: instance.number)),
        variables=_mapping(what, "variables", given.get("variables")),
    )


def _instance(server: str, position: int, described: Any, domains: tuple[str, ...]) -> Instance:
    given = _instance_of(server, described)
    number = _whole(f"{server}, instance {position}", "id", given.get("id", position))
    what = f"{server}, instance {number},"
    if number not in range(MOST_INSTANCES):
        raise UsageError(f"{what} has an id that is neither 0 nor 1.")
    _keys(
        what,
        given,
        {
            "id",
            "data_address",
            "failure_domains",
            "erasure_coding",
            "numa_node",
            "devices",
            "journal_devices",
            "variables",
        },
    )
    try:
        data_address = ipaddress.ip_address(str(given.get("data_address")))
    except ValueError:
        raise UsageError(
            f"{what} has the data_address {given.get('data_address')!r}; it must be an IP address of the storage "
            "network."
        ) from None
    journal = texts(what, "journal_devices", given.get("journal_devices"))
    if len(set(journal)) < len(journal) or len(journal) > MOST_JOURNAL_DEVICES:
        raise UsageError(
            f"{what} has journal_devices {', '.join(journal)}; it may have up to {MOST_JOURNAL_DEVICES}, each once."
        )
    return Instance(
        number=number,
        data_address=data_address,
        failure_domains=_labels(what, given, domains),
        erasure_coding=_flag(what, "erasure_coding", given.get("erasure_coding", False)),
        numa_node=_whole(what, "numa_node", given.get("numa_node", number)),
        devices=_devices(what, given.get("devices"), journal),
        journal_devices=journal,
        variables=_mapping(what, "variables", given.get("variables")),
    )


def _devices(what: str, given: Any, journal: tuple[str, ...]) -> Devices:
    layout = _mapping(what, "devices", given)
    _keys(f"{what} devices", layout, {"initial", "maximum", "cross_numa", "minimum_size_gib", "names", "matchers"})
    names = texts(what, "devices.names", layout.get("names"))
    for name in (*names, *journal):
        if not _DEVICE.fullmatch(name):
            raise UsageError(f"{what} names the device {name!r}; write it as the kernel does, like nvme0n1.")
    shared = sorted(set(names) & set(journal))
    if shared:
        raise UsageError(f"{what} has {shared[0]} both for data and for its journal.")
    matchers: Sequence[str] = texts(what, "devices.matchers", layout.get("matchers"))
    if names and matchers:
        raise UsageError(f"{what} has names and matchers of devices; give one of them.")
    if journal and not names and not matchers:
        raise UsageError(
            f"{what} has journal_devices, but neither names nor matchers of devices: without them the installer would "
            "take its journal for data."
        )
    if "initial" not in layout and not names:
        raise UsageError(f"{what} needs devices with initial, how many it takes for data at first.")
    initial = _whole(what, "devices.initial", layout.get("initial", len(names)))
    maximum = _whole(what, "devices.maximum", layout.get("maximum", max(initial, 12)))
    if not 1 <= initial <= maximum:
        raise UsageError(
            f"{what} has devices.initial {initial} and devices.maximum {maximum}; 1 <= initial <= maximum."
        )
    if names:
        expression = "|".join(re.escape(name) for name in names)
        matchers = ["partition == false", f'name =~ "^({expression})$"']
    elif not matchers:
        smallest = _whole(what, "devices.minimum_size_gib", layout.get("minimum_size_gib", 300))
        matchers = ["partition == false", f"size >= gib({smallest})"]
    return Devices(
        initial, maximum, _flag(what, "devices.cross_numa", layout.get("cross_numa", False)), tuple(matchers)
    )


def _interface(server: str, given: Any) -> DataInterface:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str) or not given["name"]:
        raise UsageError(f"{server} has a data interface without a name.")
    what = f"{server}, interface {given['name']},"
    _keys(what, given, {"name", "connection", "address"})
    address = None
    if given.get("address"):
        try:
            address = ipaddress.ip_interface(str(given["address"]))
        except ValueError:
            address = None
        if address is None or "/" not in str(given["address"]):
            raise UsageError(f"{what} has the address {given['address']!r}; write it like 10.131.0.10/24.")
        if address.version != 4:
            raise UsageError(
                f"{what} has the address {address}, but the installer configures IPv4 only: have the address on the "
                "host beforehand and leave it out here."
            )
    return DataInterface(str(given["name"]), str(given.get("connection") or given["name"]), address)


def _keys(what: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise UsageError(
            f"{what.rstrip(',')} has {unknown[0]!r}, which is not known; known are {', '.join(sorted(known))}."
        )


def _mapping(what: str, key: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError(f"{what.rstrip(',')} has {key} that is not a dictionary.")
    return value


def _whole(what: str, key: str, value: Any) -> int:
    try:
        if isinstance(value, bool):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise UsageError(f"{what.rstrip(',')} has {key} {value!r}, which is not a whole number.") from None


def texts(what: str, key: str, value: Any) -> tuple[str, ...]:
    """Return a list as texts. A text alone would be read letter by letter: UsageError."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise UsageError(f"{what.rstrip(',')} has {key} {value!r}, which is not a list; write it like [{value}].")
    return tuple(str(one) for one in value)


def _flag(what: str, key: str, value: Any) -> bool:
    """True or false, also as an inventory of the format INI gives them: as a text."""
    try:
        return bool(boolean(value))
    except TypeError:
        raise UsageError(f"{what.rstrip(',')} has {key} {value!r}, which is neither true nor false.") from None
