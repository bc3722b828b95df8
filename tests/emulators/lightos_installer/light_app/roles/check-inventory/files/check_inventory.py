# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the inventory of the installer against its documented variables, and tell everything that is wrong.

Usage: check_inventory.py DIRECTORY [--new SERVER]

DIRECTORY has `hosts`, `group_vars/all.yml` and `host_vars/<server>.yml`. With --new a server is added to a cluster: the
others have to be there as well. Needs PyYAML, which Ansible brings.
"""

from __future__ import annotations

import argparse
import ipaddress
import itertools
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

GROUPS = ("duros_nodes", "etcd", "initiators", "iperf_servers", "iperf_clients")
FEWEST, MOST = 3, 16
FEWEST_FOR_EC = 6
Problems = list[str]
_MATCHER = re.compile(
    r"""\s*(?:partition\s*(?:==|!=)\s*(?:true|false)
        | size\s*(?:==|!=|>=|<=|>|<)\s*(?:(?:gib|gb|tib|tb)\(\s*\d+\s*\)|\d+)
        | (?:name|model|serial)\s*(?:==|!=|=~|!~)\s*"(?:[^"\\]|\\.)*")\s*""",
    re.VERBOSE,
)


def _text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(_text(one) for one in value)


def _uuid(value: object) -> bool:
    try:
        return str(uuid.UUID(str(value))) == str(value).lower()
    except ValueError:
        return False


Kind = tuple[str, Callable[[object], bool]]
TEXT: Kind = ("a text", _text)
TRUTH: Kind = ("true or false", _truth)
NUMBER: Kind = ("a whole number", _number)
TEXTS: Kind = ("a list of texts", _texts)
UUID: Kind = ("a UUID", _uuid)
LIST: Kind = ("a list", lambda value: isinstance(value, list))
MAPPING: Kind = ("a mapping", lambda value: isinstance(value, Mapping))

ALL: dict[str, Kind] = {
    "use_lightos_kernel": TRUTH,
    "enable_iptables": TRUTH,
    "persistent_memory": TRUTH,
    "start_discovery_service_retries": NUMBER,
    "nvme_subsystem_nqn_suffix": TEXT,
    "ntp_enabled": TRUTH,
    "ntp_manage_config": TRUTH,
    "ntp_servers": TEXTS,
    "ntp_version": TEXT,
    "ntp_packages": TEXTS,
    "chrony_enabled": TRUTH,
    "datapath_config": TEXT,
    "local_repo_base_url": TEXT,
    "cluster_info": MAPPING,
    "is_reboot": TRUTH,
}
NODES_GROUP: dict[str, Kind] = {
    "local_repo_base_url": TEXT,
    "cluster_identifier": UUID,
    "auto_install": TRUTH,
    "auto_reboot": TRUTH,
}
SERVER: dict[str, Kind] = {
    "name": TEXT,
    "nodes": LIST,
    "data_ifaces": LIST,
    "datapath_config": TEXT,
    "management_core": NUMBER,
    "etcd_core": NUMBER,
    "grub_cmdline_add_args": TEXT,
    "health_state_timeout_ms": NUMBER,
}
NODE: dict[str, Kind] = {
    "instanceID": ("0 or 1", lambda value: _number(value) and value in (0, 1)),
    "data_ip": TEXT,
    "failure_domains": TEXTS,
    "ec_enabled": TRUTH,
    "lightfieldMode": ("SW_LF", lambda value: value == "SW_LF"),
    "storageDeviceLayout": MAPPING,
    "journal_devices": TEXTS,
}
LAYOUT: dict[str, Kind] = {
    "initialDeviceCount": NUMBER,
    "maxDeviceCount": NUMBER,
    "allowCrossNumaDevices": TRUTH,
    "deviceMatchers": TEXTS,
}
INTERFACE: dict[str, Kind] = {
    "bootproto": ("static", lambda value: value == "static"),
    "conn_name": TEXT,
    "ifname": TEXT,
    "ip4": TEXT,
}
INITIATOR: dict[str, Kind] = {"name": TEXT, "data_ifaces": LIST, "data_ip": TEXT}


class Inventory:
    """Reads the files and collects what is wrong with them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: Problems = []
        self.hosts: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, list[str]] = {}
        self.group_variables: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, dict[str, Any]] = {}

    def check(self, new: str | None = None) -> Problems:
        """Return all problems, none for a good inventory."""
        self._read_hosts()
        if self.problems:
            return self.problems  # everything below would only say so again
        settings = self._read("group_vars/all.yml")
        self._variables("group_vars/all.yml", settings, ALL, ("use_lightos_kernel", "persistent_memory"))
        if isinstance(settings.get("cluster_info"), Mapping):
            self._variables("group_vars/all.yml, cluster_info", settings["cluster_info"], {"clusterId": UUID}, ())
        for name in sorted({path.name for path in (self.directory / "group_vars").glob("*")} - {"all.yml"}):
            self.problems.append(f"group_vars/{name}: the installer reads group_vars/all.yml only")
        self._group(settings)
        self._files()
        for name in self.groups["duros_nodes"]:
            self.servers[name] = self._server(name)
        for name in self.groups["initiators"]:
            self._initiator(name)
        self._together(new)
        return self.problems

    # -- files ---------------------------------------------------------------------------------------------------------
    def _read_hosts(self) -> None:
        try:
            text = (self.directory / "hosts").read_text(encoding="utf-8")
        except OSError as error:
            self.problems.append(f"hosts: cannot be read: {error.strerror}")
            return
        self.groups = {name: [] for name in GROUPS}
        self.group_variables = {name: {} for name in GROUPS}
        section = ""
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split("#")[0].strip()
            if not words:
                continue
            if words.startswith("["):
                section = words.strip("[]")
                if section.removesuffix(":vars") not in GROUPS:
                    self.problems.append(f"hosts, line {number}: there is no group {section!r}: {', '.join(GROUPS)}")
                    self.groups[section.removesuffix(":vars")] = []
                    self.group_variables[section.removesuffix(":vars")] = {}
            elif section.endswith(":vars"):
                name, _equals, value = words.partition("=")
                self.group_variables[section.removesuffix(":vars")][name.strip()] = _plain(value.strip())
            elif section:
                self.groups[section].append(words.split()[0])
            else:
                self._host(number, words)
        for group, names in self.groups.items():
            for name in names:
                if name not in self.hosts:
                    self.problems.append(f"hosts: {group} has {name!r}, which has no line with ansible_host")

    def _host(self, number: int, words: str) -> None:
        name, _space, rest = words.partition(" ")
        variables = {key: first or second for key, first, second in re.findall(r'(\S+?)=(?:"([^"]*)"|(\S+))', rest)}
        if name in self.hosts:
            self.problems.append(f"hosts, line {number}: {name!r} is there already")
        if "ansible_host" not in variables:
            self.problems.append(f"hosts, line {number}: {name!r} has no ansible_host")
        for key in variables:
            if not key.startswith("ansible_"):
                self.problems.append(
                    f"hosts, line {number}: {key!r} does not belong here, but into host_vars/{name}.yml"
                )
        self.hosts[name] = variables

    def _read(self, path: str) -> dict[str, Any]:
        try:
            found = yaml.safe_load((self.directory / path).read_text(encoding="utf-8"))
        except OSError as error:
            self.problems.append(f"{path}: cannot be read: {error.strerror}")
            return {}
        except yaml.YAMLError as error:
            self.problems.append(f"{path}: is no YAML: {str(error).splitlines()[0]}")
            return {}
        if not isinstance(found, dict):
            self.problems.append(f"{path}: is no mapping")
            return {}
        return found

    def _files(self) -> None:
        wanted = {f"{name}.yml" for name in (*self.groups["duros_nodes"], *self.groups["initiators"])}
        for path in sorted((self.directory / "host_vars").glob("*")):
            if path.name not in wanted:
                self.problems.append(f"host_vars/{path.name}: there is no server {path.name.removesuffix('.yml')!r}")

    # -- variables -----------------------------------------------------------------------------------------------------
    def _variables(
        self, where: str, found: Mapping[str, Any], known: Mapping[str, Kind], needed: tuple[str, ...]
    ) -> None:
        for name, value in found.items():
            if name not in known:
                self.problems.append(f"{where}: {name!r} is not known; known are {', '.join(known)}")
            elif not known[name][1](value):
                self.problems.append(f"{where}: {name} is {value!r}, but must be {known[name][0]}")
        for name in needed:
            if name not in found:
                self.problems.append(f"{where}: {name} is missing")

    def _group(self, settings: Mapping[str, Any]) -> None:
        given = self.group_variables["duros_nodes"]
        self._variables("hosts, duros_nodes", given, NODES_GROUP, ("auto_install", "auto_reboot"))
        ids = [given.get("cluster_identifier"), (settings.get("cluster_info") or {}).get("clusterId")]
        known = {str(one) for one in ids if one is not None}
        if len(known) != 1:
            self.problems.append(
                "cluster_identifier of duros_nodes and cluster_info.clusterId of group_vars/all.yml "
                + (f"differ: {', '.join(sorted(known))}" if known else "are both missing")
            )

    def _server(self, name: str) -> dict[str, Any]:
        where = f"host_vars/{name}.yml"
        found = self._read(where)
        if not found:
            return {}
        self._variables(where, found, SERVER, ("name", "nodes"))
        if found.get("name") != name:
            self.problems.append(f"{where}: name is {found.get('name')!r}, but must be that of the file and of hosts")
        nodes = found.get("nodes")
        if not isinstance(nodes, list) or not 1 <= len(nodes) <= 2:
            self.problems.append(f"{where}: a server has one or two nodes")
            return found
        for number, node in enumerate(nodes):
            self._node(f"{where}, nodes[{number}]", node)
        known = [node.get("instanceID") for node in nodes if isinstance(node, Mapping)]
        if len(known) == 2 and sorted(map(str, known)) != ["0", "1"]:
            self.problems.append(f"{where}: the instanceID of two nodes are 0 and 1, not {known[0]!r} and {known[1]!r}")
        if len(known) == 1 and known != [0]:
            self.problems.append(f"{where}: the instanceID of a single node is 0")
        self._interfaces(where, found)
        return found

    def _interfaces(self, where: str, found: Mapping[str, Any]) -> None:
        interfaces = found.get("data_ifaces")
        for number, interface in enumerate(interfaces if isinstance(interfaces, list) else []):
            place = f"{where}, data_ifaces[{number}]"
            if not isinstance(interface, Mapping):
                self.problems.append(f"{place}: is no mapping")
                continue
            self._variables(place, interface, INTERFACE, tuple(INTERFACE))
            try:
                fits = "/" in str(interface.get("ip4")) and ipaddress.ip_interface(str(interface["ip4"])).version == 4
            except ValueError:
                fits = False
            if not fits:
                self.problems.append(f"{place}: ip4 is {interface.get('ip4')!r}, but must be like 10.0.0.1/24")

    def _node(self, where: str, node: Any) -> None:
        if not isinstance(node, Mapping):
            self.problems.append(f"{where}: is no mapping")
            return
        self._variables(where, node, NODE, tuple(name for name in NODE if name != "journal_devices"))
        try:
            ipaddress.ip_address(str(node.get("data_ip")))
        except ValueError:
            self.problems.append(f"{where}: data_ip is {node.get('data_ip')!r}, but must be an address")
        if node.get("failure_domains") == []:
            self.problems.append(f"{where}: failure_domains is empty")
        layout = node.get("storageDeviceLayout")
        if not isinstance(layout, Mapping):
            return
        place = f"{where}, storageDeviceLayout"
        self._variables(place, layout, LAYOUT, tuple(LAYOUT))
        initial, most = layout.get("initialDeviceCount"), layout.get("maxDeviceCount")
        if isinstance(initial, int) and isinstance(most, int) and not 1 <= initial <= most:
            self.problems.append(f"{place}: initialDeviceCount {initial} is not from 1 to maxDeviceCount {most}")
        if node.get("ec_enabled") is True and isinstance(initial, int) and initial < FEWEST_FOR_EC:
            self.problems.append(f"{place}: ec_enabled needs {FEWEST_FOR_EC} devices, initialDeviceCount is {initial}")
        for matcher in layout["deviceMatchers"] if _texts(layout.get("deviceMatchers")) else []:
            if not _MATCHER.fullmatch(matcher):
                self.problems.append(f"{place}: {matcher!r} is no expression about partition, size, name or model")

    def _initiator(self, name: str) -> None:
        where = f"host_vars/{name}.yml"
        found = self._read(where)
        self._variables(where, found, INITIATOR, ("name", "data_ip"))
        if found and found.get("name") != name:
            self.problems.append(f"{where}: name is {found.get('name')!r}, but must be that of the file and of hosts")

    # -- the servers together ------------------------------------------------------------------------------------------
    def _together(self, new: str | None) -> None:
        names = self.groups["duros_nodes"]
        if not FEWEST <= len(names) <= MOST:
            self.problems.append(f"hosts: duros_nodes has {len(names)} servers, but a cluster has {FEWEST} to {MOST}")
        for name in self.groups["etcd"]:
            if name not in names:
                self.problems.append(f"hosts: etcd has {name!r}, which is not in duros_nodes")
        if not self.groups["etcd"]:
            self.problems.append("hosts: etcd is empty")
        if new is not None and (new not in names or new not in self.groups["etcd"]):
            self.problems.append(f"hosts: the new server {new!r} has to be in duros_nodes and etcd")
        nodes = [(name, node) for name in names for node in _nodes(self.servers.get(name, {}))]
        owners: dict[str, str] = {}
        for name, node in nodes:
            address = str(node.get("data_ip"))
            if address in owners:
                self.problems.append(f"host_vars/{name}.yml: data_ip {address} is that of {owners[address]} as well")
            owners[address] = name
        if len({":" in address for address in owners}) > 1:
            self.problems.append("the data_ip of all servers are of the same family, IPv4 or IPv6")
        self._domains(names)

    def _domains(self, names: list[str]) -> None:
        """A volume with three replicas needs three servers that share no failure domain."""
        domains = [
            {str(one) for node in _nodes(self.servers.get(name, {})) for one in _domains_of(node)} for name in names
        ]
        if not all(domains):
            return  # which has been told
        for three in itertools.combinations(domains, FEWEST):
            if all(not first & second for first, second in itertools.combinations(three, 2)):
                return
        if len(names) >= FEWEST:
            self.problems.append(f"there are no {FEWEST} servers whose failure_domains have nothing in common")


def _nodes(server: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nodes = server.get("nodes")
    return [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []


def _domains_of(node: Mapping[str, Any]) -> list[Any]:
    domains = node.get("failure_domains")
    return domains if isinstance(domains, list) else []


def _plain(value: str) -> object:
    """As Ansible takes it from an INI file."""
    return {"true": True, "false": False}.get(value.lower(), value.strip("\"'"))


def main() -> int:
    """Print all problems; 1 when there are some."""
    parser = argparse.ArgumentParser(description="Check the inventory of the installer.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--new", metavar="SERVER")
    options = parser.parse_args()
    problems = Inventory(options.directory).check(options.new)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
