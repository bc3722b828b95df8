# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a metal-api."""

from __future__ import annotations

DOCUMENTATION = r"""
name: metal
short_description: Machines and firewalls of a metal-api as hosts
version_added: 1.0.0
author:
  - metalstack.provisioning contributors (@metal-stack)
description:
  - Makes a host of each machine and each firewall of the metal-api v1, whether it is allocated or not, by one request.
  - The view key (O(api_hmac_user=Metal-View)) suffices.
  - The name of its file ends in C(metal.yml) or C(metal.yaml).
  - What a host knows of its machine is in variables that start with C(metal_), listed below. Texts of the API are never
    templates, whatever a tenant calls a machine.
  - A machine that cannot be understood is left out with a warning, and does not keep the others from being there.
  - Secrets of machines (user data, keys of the VPN, passwords of the BMC) are neither read into variables nor cached.
extends_documentation_fragment:
  - metalstack.provisioning.metal_plugin
  - constructed
  - inventory_cache
notes:
  - Variables of allocated machines and firewalls only, null for others, are C(metal_name), C(metal_hostname),
    C(metal_description), C(metal_role) (V(machine) or V(firewall)), C(metal_project), C(metal_image) (its id),
    C(metal_filesystem_layout), C(metal_ssh_public_keys), C(metal_dns_servers), C(metal_ntp_servers), C(metal_creator),
    C(metal_created), C(metal_allocation_uuid), C(metal_succeeded), C(metal_reinstalling) and C(metal_asn).
  - Variables of all hosts are C(metal_id), C(metal_allocated), C(metal_partition), C(metal_rack), C(metal_size),
    C(metal_state) (V(available), V(reserved) or V(locked)), C(metal_state_description), C(metal_identify_led),
    C(metal_liveliness), C(metal_event) (the name of the newest one), C(metal_last_event) and C(metal_last_error) (each
    with C(event), C(message) and C(time)), C(metal_crash_loop), C(metal_failed_reclaim), C(metal_tags), C(metal_ips),
    C(metal_networks) and C(metal_hardware) (with C(memory), C(cores), C(gpus), C(disks) and C(nics)).
  - Each entry of C(metal_networks) has C(network) (its id), C(kind), C(ips), C(prefixes), C(destination_prefixes),
    C(vrf), C(asn), C(nat) and C(project).
  - Kinds of networks are V(external), V(underlay), V(privateprimaryunshared), V(privateprimaryshared) and
    V(privatesecondaryshared).
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [metalstack.provisioning.metal]
  api_url:
    description:
      - Address of the metal-api v1, the part before C(/v1), like V(https://api.example.com/metal).
      - May be a template that uses extra variables and lookups, and so may O(api_hmac) and O(api_token), which may also
        be vaulted.
  filters:
    description:
      - What the API finds machines by, as C(MachineFindRequest) has it; all that is given has to hold, and a list means
        that the machine has all of it.
      - Texts are C(id), C(partition_id), C(sizeid), C(rackid), C(name), C(allocation_name), C(allocation_project),
        C(allocation_image_id), C(allocation_hostname), C(allocation_role), C(ipmi_address), C(ipmi_mac_address),
        C(ipmi_user), C(ipmi_interface), and the fields of the FRU as C(fru_product_serial).
      - Lists are C(tags), C(network_ids), C(network_prefixes), C(network_ips), C(network_destination_prefixes),
        C(network_vrfs), C(network_asns), C(nics_mac_addresses), C(nics_names), C(nics_vrfs),
        C(nics_neighbor_mac_addresses), C(nics_neighbor_names), C(nics_neighbor_vrfs), C(disk_names) and C(disk_sizes).
      - Others are C(allocation_succeeded) (a boolean) and C(hardware_memory) (in bytes).
      - Anything else is refused.
    type: dict
    default: {}
  states:
    description: Take only machines in one of these states; the plugin filters by them itself.
    type: list
    elements: str
    choices: [available, reserved, locked]
  hostname:
    description:
      - What hosts are called; the first of these that gives a usable name is taken, and the id of the machine if none
        does.
      - Each is the name of a variable, which is quick, or a template.
      - Hosts that would have the same name get C(-) and their id after it, and a warning says so.
    type: list
    elements: str
    default: [metal_name, metal_hostname, metal_id]
  connect_by:
    description:
      - Networks to take C(ansible_host) from; the first of them in which the host has an IP counts.
      - Each is the id of a network, a kind of network as listed below, or V(private) for all private kinds.
      - A host that is in none of them gets no C(ansible_host), so that Ansible connects to its name.
    type: list
    elements: str
    default: [external, private]
  connect_family:
    description: Which family of addresses C(ansible_host) may be of.
    type: str
    choices: [any, ipv4, ipv6]
    default: any
  group_by:
    description:
      - What groups are made by, such as C(metal_partition_fra_equ01). C(metal_role_free) has the hosts that are not
        allocated.
      - Characters that a group's name cannot have become C(_).
    type: list
    elements: str
    choices: [partition, rack, size, image, project, state, role]
    default: [partition, rack, size, image, project, state, role]
  group_prefix:
    description: What the names of the groups of O(group_by) start with.
    type: str
    default: metal_
  bmc:
    description:
      - Whether to add the variable C(metal_bmc), with C(address), C(mac), C(user), C(interface), C(version),
        C(power_state), C(last_updated) and C(fru). The password is never in it.
    type: bool
    default: false
"""

EXAMPLES = r"""
# storage.metal.yml: all firewalls and machines of a partition, with the view key in the environment (METALCTL_HMAC)
plugin: metalstack.provisioning.metal
api_url: https://api.example.com/metal
filters:
  partition_id: fra-equ01

---
# The storage servers of one project, called by their serial number, reached in the storage network
plugin: metalstack.provisioning.metal
api_url: https://api.example.com/metal
api_hmac: "{{ lookup('ansible.builtin.file', '/etc/metal/view.key') }}"
filters:
  allocation_project: 4b9b17c4-2d7c-4190-ae95-dda44e430fa5
  tags:
    - storage
bmc: true
hostname:
  - "{{ metal_bmc.fru.product_serial | lower }}"
  - metal_name
connect_by:
  - storage-fra-equ01
  - private
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/metal-inventory
compose:
  ansible_user: "'metal'"
groups:
  wide: metal_hardware.cores >= 64
keyed_groups:
  - key: metal_event
    prefix: event
"""

import contextlib
import gc
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import Group
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable, to_safe_group_name

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ApiError, UsageError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.plugin_utils import _metal_filters as find_by
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_connection import connect_plugin
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_facts import Facts, facts_of
from ansible_collections.metalstack.provisioning.plugins.plugin_utils._metal_names import address, unique, usable

_TEMPLATES = ("api_url", "api_hmac", "api_token")
# Part of the cache's key: what older versions have cached is not taken for what this one understands.
_SCHEMA = 1
_TOLD = 10


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Ansible's entry point."""

    NAME = "metalstack.provisioning.metal"

    def verify_file(self, path: str) -> bool:
        """Whether the name of the file says that it is for this plugin."""
        return bool(super().verify_file(path)) and path.endswith(("metal.yml", "metal.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the hosts. Raises AnsibleParserError with one sentence."""
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        try:
            with _without_collections():
                machines, odd = self._machines(config, path, cache)
                odd += self._add(machines)
        except (UsageError, ApiError) as error:
            raise AnsibleParserError(str(error)) from None
        self._warn(odd)

    def _machines(self, config: dict[str, Any], path: str, cache: bool) -> tuple[list[Facts], list[str]]:
        """Return the variables of all machines, and sentences about those that are left out."""
        self.templar.available_variables = self._vars
        options = {name: self._templated(name) for name in _TEMPLATES}
        api = connect_plugin(lambda name: options[name] if name in options else self.get_option(name), [config])
        body = find_by.request(self.get_option("filters"), find_by.MACHINE)
        bmc = self.get_option("bmc")
        what = json.dumps([_SCHEMA, api.base_url, body, bmc], sort_keys=True)
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(what.encode()).hexdigest()[:12]}"
        caching = self.get_option("cache")
        if caching and cache:
            found = _uncached(self._cache.get(key))
            if found is not None:
                return found, []
        found, odd = _ask(api, body, bmc=bmc)
        if caching:
            # As one text, because Ansible copies and compares what is in the cache, object by object.
            self._cache[key] = json.dumps(found)
        return found, odd

    def _templated(self, name: str) -> Any:
        value = self.get_option(name)
        if isinstance(value, str) and self.templar.is_template(value):
            try:
                return self.templar.template(value)
            except Exception as error:
                raise AnsibleParserError(f"{name} is a template that cannot be evaluated: {error}") from error
        return value

    def _add(self, machines: list[Facts]) -> list[str]:
        """Add hosts with variables and groups; returns sentences about what is odd."""
        states = self.get_option("states")
        if states:
            machines = [facts for facts in machines if facts["metal_state"] in states]
        odd: list[str] = []
        groups = _Groups(self.inventory, self.get_option("group_by"), self.get_option("group_prefix"))
        groups.prepare(machines)
        names = self._names(machines, odd)
        wishes, family = self.get_option("connect_by"), self.get_option("connect_family")
        for name, facts in zip(names, machines):
            self.inventory.add_host(name)
            host = self.inventory.hosts[name]
            try:
                ip = address(facts["metal_networks"], wishes, family)
            except ValueError as error:
                ip = None
                odd.append(f"The machine {facts['metal_id']} has no ansible_host: {error}.")
            # Not by set_variable, which looks at each part of each value; names and values are known to be harmless.
            host.vars.update(facts)
            if ip is not None:
                host.vars["ansible_host"] = ip
            groups.add(host, facts)
        self._construct(names)
        return odd + groups.odd

    def _names(self, machines: Sequence[Facts], odd: list[str]) -> list[str]:
        wishes = self.get_option("hostname")
        strict = self.get_option("strict")
        names, ids = [], [facts["metal_id"] for facts in machines]
        for facts in machines:
            name = ""
            for wish in wishes:
                name = self._name(wish, facts, strict)
                if name and usable(name):
                    break
                if name:
                    odd.append(f"The machine {facts['metal_id']} cannot be called {name!r}.")
                    name = ""
            names.append(name or facts["metal_id"])
        made, double = unique(names, ids, self.inventory.groups)
        odd += [
            f"{count} machines would be called {name!r}; they have their ids after it."
            if count > 1
            else f"A machine would be called {name!r} like a group; it has its id after it."
            for name, count in double.items()
        ]
        return made

    def _name(self, wish: str, facts: Facts, strict: bool) -> str:
        if wish in facts:
            return str(facts[wish] or "")
        if not self.templar.is_template(wish):
            if wish.startswith("metal_"):
                raise UsageError(f"hostname has {wish!r}, which is neither a variable of hosts nor a template.")
            return str(wish)
        self.templar.available_variables = facts
        try:
            return str(self.templar.template(wish) or "").strip()
        except Exception as error:
            if strict:
                raise AnsibleParserError(
                    f"hostname has a template that cannot be evaluated for the machine {facts['metal_id']}: {error}"
                ) from error
            return ""

    def _construct(self, names: Sequence[str]) -> None:
        """Do what the options of ``constructed`` ask for."""
        compose, groups, keyed = (self.get_option(name) for name in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed):
            return
        strict = self.get_option("strict")
        for name in names:
            variables = {**self.inventory.hosts[name].vars, "inventory_hostname": name}
            if compose:
                self._set_composite_vars(compose, variables, name, strict=strict)
                variables = {**self.inventory.hosts[name].vars, "inventory_hostname": name}
            if groups:
                self._add_host_to_composed_groups(groups, variables, name, strict=strict, fetch_hostvars=False)
            if keyed:
                self._add_host_to_keyed_groups(keyed, variables, name, strict=strict, fetch_hostvars=False)

    def _warn(self, odd: Sequence[str]) -> None:
        for sentence in odd[:_TOLD]:
            self.display.warning(sentence)
        if len(odd) > _TOLD:
            self.display.warning(f"{len(odd) - _TOLD} more machines of the metal-api are odd.")


class _Groups:
    """The groups of the option group_by."""

    def __init__(self, inventory: InventoryData, kinds: Sequence[str], prefix: str) -> None:
        self._inventory = inventory
        self._prefix = prefix
        self._kinds = [(kind, f"metal_{kind}") for kind in kinds]
        self._groups: dict[tuple[str, str], Group] = {}
        self.odd: list[str] = []

    def prepare(self, machines: Sequence[Facts]) -> None:
        """Make the groups, so that no host gets the name of one."""
        meant: dict[str, tuple[str, str]] = {}
        for facts in machines:
            for kind, variable in self._kinds:
                value = facts[variable]
                if kind == "role" and value is None:
                    value = "free"
                if not value or (kind, value) in self._groups:
                    continue
                name = to_safe_group_name(f"{self._prefix}{kind}_{value}")
                other = meant.setdefault(name, (kind, value))
                if other != (kind, value):
                    self.odd.append(f"The group {name} is of the {kind} {value!r} and of the {other[0]} {other[1]!r}.")
                self._inventory.add_group(name)
                self._groups[kind, value] = self._inventory.groups[name]

    def add(self, host: Any, facts: Facts) -> None:
        """Add a host to its groups."""
        for kind, variable in self._kinds:
            value = facts[variable]
            if kind == "role" and value is None:
                value = "free"
            if value:
                self._groups[kind, value].add_host(host)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Do not look for garbage: here are hundred thousands of new objects and no cycles, which costs a third of all."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _ask(api: MetalV1, body: dict[str, Any], *, bmc: bool) -> tuple[list[Facts], list[str]]:
    found, odd = [], []
    seen = set()
    for item in api.find("/v1/machine/ipmi/find" if bmc else "/v1/machine/find", body):
        try:
            facts = facts_of(item, bmc=bmc)
            if facts["metal_id"] in seen:
                raise ValueError("it is in the answer twice")
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            name = item.get("id") if isinstance(item, dict) else None
            odd.append(f"The machine {name or '(without an id)'} is left out, since it cannot be understood: {error}.")
            continue
        seen.add(facts["metal_id"])
        found.append(facts)
    return found, odd


def _uncached(text: object) -> list[Facts] | None:
    if not isinstance(text, str):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None
