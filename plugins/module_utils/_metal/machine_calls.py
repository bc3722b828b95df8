# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with machines, the same for both generations of the metal-api.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .._errors import PermissionDeniedError, UsageError
from .._values import mappings, normal_address, text
from .allocation_rules import PRIVATE, SUPER, KnownIP, KnownNetwork, Surroundings
from .label_tags import merged_label_tags, tags_to_labels
from .machine import EXTERNAL, FIREWALL, UNDERLAY, Machine
from .machine_v1 import find_machines
from .machine_v2 import list_machines
from .machine_wish import merged_tags, own_tags
from .v1 import MetalV1
from .values import enum_name

if TYPE_CHECKING:
    from .machine_wish import Wish
    from .v2 import MetalV2


class MachineCalls(ABC):
    """Calls about machines. All raise :class:`~.._errors.ApiError`."""

    generation: str

    @abstractmethod
    def get(self, id: str, project: str | None) -> Machine | None:  # noqa: A002
        """Return the machine of that id, None when there is none."""

    @abstractmethod
    def named(self, name: str, project: str, partition: str | None) -> list[Machine]:
        """Return the machines and firewalls of a project that have this name, in one partition or in all."""

    @abstractmethod
    def surroundings(self, wish: Wish) -> Surroundings | None:
        """Return what the rules for networks need; None when the API does not let us look."""

    @abstractmethod
    def allocate(self, wish: Wish) -> None:
        """Allocate the machine of the wish's id, or any."""

    @abstractmethod
    def update(self, machine: Machine, changed: Mapping[str, Any]) -> None:
        """Change ``description``, ``tags`` (all, without the system's) and ``ssh_public_keys``."""

    @abstractmethod
    def free(self, machine: Machine) -> None:
        """Take it from its project."""

    @abstractmethod
    def reinstall(self, machine: Machine, image: str) -> None:
        """Install it anew with exactly that image."""

    def merged_tags(self, tags: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
        """Return tags, without the system's, together with the wanted ones."""
        return merged_tags(tags, wanted)


class V1Machines(MachineCalls):
    """``/v1/machine`` and ``/v1/firewall``."""

    generation = "v1"

    def __init__(self, api: MetalV1) -> None:
        self.api = api

    def get(self, id: str, project: str | None) -> Machine | None:  # noqa: A002, ARG002
        return next(iter(find_machines(self.api, {"id": id})), None)

    def named(self, name: str, project: str, partition: str | None) -> list[Machine]:
        query = {"allocation_name": name, "allocation_project": project}
        return find_machines(self.api, query if partition is None else {**query, "partition_id": partition})

    def surroundings(self, wish: Wish) -> Surroundings | None:
        items = self.api.get_list("/v1/network")
        supers = {item.get("id") for item in items if item.get("privatesuper") is True}
        ips = {}
        for address in _addresses(wish):
            for item in self.api.find("/v1/ip/find", {"ipaddress": address}):
                ips[normal_address(text(item, "ipaddress"))] = KnownIP(text(item, "networkid"), text(item, "projectid"))
        return Surroundings({text(item, "id"): _network(item, supers) for item in items}, ips)

    def allocate(self, wish: Wish) -> None:
        body = {
            "uuid": wish.id,
            "name": wish.name,
            "description": wish.description,
            "projectid": wish.project,
            "partitionid": wish.partition,
            "sizeid": wish.size,
            "imageid": wish.image,
            "hostname": wish.hostname,
            "networks": [
                {"networkid": network.network, "autoacquire": network.auto} for network in wish.networks or ()
            ],
            "ips": _addresses(wish),
            "user_data": wish.user_data,
            "ssh_pub_keys": list(wish.ssh_public_keys or ()),
            "tags": list(wish.tags or ()),
            "placement_tags": list(wish.placement_tags),
            "filesystemlayoutid": wish.filesystem_layout,
            "dns_servers": None if wish.dns_servers is None else [{"ip": server} for server in wish.dns_servers],
            "ntp_servers": None if wish.ntp_servers is None else [{"address": server} for server in wish.ntp_servers],
            "firewall_rules": None if wish.firewall_rules is None else wish.firewall_rules.as_dict(),
        }
        kind = "firewall" if wish.role == FIREWALL else "machine"
        self.api.post(f"/v1/{kind}/allocate", {name: value for name, value in body.items() if value is not None})

    def update(self, machine: Machine, changed: Mapping[str, Any]) -> None:
        body = {"id": machine.id, "description": changed.get("description", machine.held.description)}
        if "tags" in changed:
            body["tags"] = list(changed["tags"])
        if "ssh_public_keys" in changed:
            body["ssh_pub_keys"] = list(changed["ssh_public_keys"])
        self.api.post("/v1/machine", body, idempotent=True)

    def free(self, machine: Machine) -> None:
        self.api.delete(f"/v1/machine/{quote(machine.id, safe='')}/free", idempotent=False)

    def reinstall(self, machine: Machine, image: str) -> None:
        body = {
            "id": machine.id,
            "imageid": image,
            "name": machine.held.name,
            "description": machine.held.description,
        }
        self.api.post(f"/v1/machine/{quote(machine.id, safe='')}/reinstall", body)


class V2Machines(MachineCalls):
    """``metalstack.api.v2.MachineService``; without a project the admin's."""

    generation = "v2"
    _service = "metalstack.api.v2.MachineService"

    def __init__(self, api: MetalV2) -> None:
        self.api = api

    def get(self, id: str, project: str | None) -> Machine | None:  # noqa: A002
        found = [] if project is None else list_machines(self.api, {"uuid": id}, project)
        if not found:
            try:
                # The admin's list, since a machine that nobody has is in no project's.
                found = list_machines(self.api, {"uuid": id}, None)
            except PermissionDeniedError:
                if project is None:
                    raise
        return next((machine for machine in found if machine.id == id), None)

    def named(self, name: str, project: str, partition: str | None) -> list[Machine]:
        found = list_machines(self.api, {"allocation": {"name": name}}, project)
        return [
            machine
            for machine in found
            if machine.allocation is not None
            and machine.allocation.name == name
            and partition in (None, machine.partition)
        ]

    def surroundings(self, wish: Wish) -> Surroundings | None:
        service = "metalstack.api.v2.NetworkService"
        project = {"project": wish.project}
        try:
            items = [
                *mappings(self.api.call(f"{service}/List", project), "networks"),
                *mappings(self.api.call(f"{service}/ListBaseNetworks", project), "networks"),
            ]
            ips = {}
            for address in _addresses(wish):
                answer = self.api.call("metalstack.api.v2.IPService/List", {**project, "query": {"ip": address}})
                for item in mappings(answer, "ips"):
                    ips[normal_address(text(item, "ip"))] = KnownIP(text(item, "network"), text(item, "project"))
        except PermissionDeniedError:
            return None
        networks = {text(item, "id"): _network_v2(item) for item in items}
        if any(network.network not in networks for network in wish.networks or ()):
            # it shows a project not all networks that it may use
            return None
        return Surroundings(networks, ips)

    def allocate(self, wish: Wish) -> None:
        kind = "FIREWALL" if wish.role == FIREWALL else "MACHINE"
        labels, placement = tags_to_labels(wish.tags or ()), tags_to_labels(wish.placement_tags)
        body = {
            "project": wish.project,
            "uuid": wish.id,
            "name": wish.name,
            "description": wish.description,
            "hostname": wish.hostname,
            # refused together with an id, from which they follow
            "partition": wish.partition if wish.id is None else None,
            "size": wish.size if wish.id is None else None,
            "image": wish.image,
            "filesystemLayout": wish.filesystem_layout,
            "sshPublicKeys": list(wish.ssh_public_keys or ()),
            "userdata": wish.user_data,
            "labels": {"labels": labels} if labels else None,
            "networks": [{"network": network.network, "ips": list(network.ips)} for network in wish.networks or ()],
            "placementLabels": {"labels": placement} if placement else None,
            "dnsServers": [{"ip": server} for server in wish.dns_servers or ()],
            "ntpServers": [{"address": server} for server in wish.ntp_servers or ()],
            "allocationType": f"MACHINE_ALLOCATION_TYPE_{kind}",
            "firewallSpec": _firewall_spec(wish) if wish.role == FIREWALL else None,
        }
        message = {name: value for name, value in body.items() if value is not None}
        self.api.call(f"{self._service}/Create", message)

    def update(self, machine: Machine, changed: Mapping[str, Any]) -> None:
        message: dict[str, Any] = {
            "uuid": machine.id,
            "project": machine.held.project,
            "updateMeta": {"updatedAt": machine.revision},
        }
        if "description" in changed:
            message["description"] = changed["description"]
        if "tags" in changed:
            message["labels"] = {"patch": {"update": {"labels": tags_to_labels(changed["tags"])}}}
        if "ssh_public_keys" in changed:
            message["sshPublicKeys"] = list(changed["ssh_public_keys"])
        self.api.call(f"{self._service}/Update", message)

    def free(self, machine: Machine) -> None:
        message = {"uuid": machine.id, "project": machine.held.project}
        self.api.call(f"{self._service}/Delete", message)

    def reinstall(self, machine: Machine, image: str) -> None:
        raise UsageError(f"reinstall of {machine.id} with {image} needs the metal-api v1; v2 has no call for it.")

    def merged_tags(self, tags: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
        return merged_label_tags(own_tags(tags), wanted)


def machine_calls(api: MetalV1 | MetalV2) -> MachineCalls:
    """Return the calls of the generation of a client."""
    return V1Machines(api) if isinstance(api, MetalV1) else V2Machines(api)


def _addresses(wish: Wish) -> list[str]:
    return [ip for network in wish.networks or () for ip in network.ips]


def _network(item: Mapping[str, Any], supers: Iterable[object]) -> KnownNetwork:
    """Private means that it is the child of some private super network, whatever its type says."""
    kind = EXTERNAL
    if item.get("underlay") is True:
        kind = UNDERLAY
    elif item.get("privatesuper") is True:
        kind = SUPER
    elif item.get("parentnetworkid") in supers:
        kind = PRIVATE
    return KnownNetwork(
        text(item, "id"), kind, item.get("shared") is True, text(item, "projectid"), text(item, "partitionid")
    )


def _network_v2(item: Mapping[str, Any]) -> KnownNetwork:
    name = enum_name(text(item, "type"), "NETWORK_TYPE_")
    kinds = {"child": PRIVATE, "child_shared": PRIVATE, "super": SUPER, "super_namespaced": SUPER, "underlay": UNDERLAY}
    return KnownNetwork(
        text(item, "id"),
        kinds.get(name, EXTERNAL),
        name == "child_shared",
        text(item, "project"),
        text(item, "partition"),
    )


def _firewall_spec(wish: Wish) -> dict[str, Any]:
    if wish.firewall_rules is None:
        return {}
    rules = wish.firewall_rules.as_dict()
    return {
        "firewallRules": {
            kind: [{**rule, "protocol": f"IP_PROTOCOL_{rule['protocol'].upper()}"} for rule in rules[kind]]
            for kind in rules
        }
    }
