# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2's projects, networks, IPs, sizes and layouts, driven by the official client of PyPI (metal-stack-api)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.admin.v2 import ip_pb2 as admin_ip_pb2  # type: ignore[import-untyped]
from metalstack.admin.v2 import network_pb2 as admin_network_pb2
from metalstack.admin.v2 import project_pb2 as admin_project_pb2
from metalstack.api.v2 import (  # type: ignore[import-untyped]
    common_pb2,
    filesystem_pb2,
    ip_pb2,
    network_pb2,
    project_pb2,
    size_pb2,
)
from metalstack.client.client import Client  # type: ignore[import-untyped]

from tests.emulators.metal_api.process import MetalApi

from .provision import INTERNET, OTHER, PROJECT, SECTIONS, STORAGE, SUPER
from .test_v1_sizes_and_layouts import LAYOUT, SIZE

SERVER = {"locking_strategy": common_pb2.OPTIMISTIC_LOCKING_STRATEGY_SERVER}
UNKNOWN = "e0000000-0000-4000-8000-000000000001"


@dataclass
class Caller:
    """The official client with a token of an admin."""

    client: Any
    headers: dict[str, str]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """``caller.network_create(...)`` calls NetworkService/Create, ``admin_network_create(..)`` the admin's."""
        *admin, service, method = name.split("_", 2) if name.startswith("admin_") else name.split("_", 1)
        package = admin_pb2(service) if admin else api_pb2(service)
        services = self.client.adminv2() if admin else self.client.apiv2()
        message = getattr(package, f"{SERVICES[service]}Service{''.join(p.title() for p in method.split('_'))}Request")
        function = getattr(getattr(services, service)(), method)
        return lambda **fields: function(request=message(**fields), headers=self.headers)


SERVICES = {"network": "Network", "ip": "IP", "project": "Project", "size": "Size", "filesystem": "Filesystem"}


def admin_pb2(service: str) -> Any:
    return {"network": admin_network_pb2, "ip": admin_ip_pb2, "project": admin_project_pb2}[service]


def api_pb2(service: str) -> Any:
    packages = {"network": network_pb2, "ip": ip_pb2, "project": project_pb2, "size": size_pb2}
    return {**packages, "filesystem": filesystem_pb2}[service]


@pytest.fixture
def admin(api: MetalApi) -> Caller:
    api.control.change_state(**SECTIONS)
    return Caller(Client(api.v2), {"Authorization": f"Bearer {api.control.token([], admin_role='EDITOR')}"})


def labels(**values: str) -> dict[str, dict[str, str]]:
    return {"labels": values}


def test_project_lifecycle(api: MetalApi, admin: Caller) -> None:
    created = admin.project_create(login="metal-stack", name="new", description="x", labels=labels(a="b")).project
    assert uuid.UUID(created.uuid)
    assert (created.name, created.tenant, dict(created.meta.labels.labels)) == ("new", "metal-stack", {"a": "b"})
    assert admin.project_get(project=created.uuid).project == created
    assert [one.tenant for one in admin.project_list().projects] == ["metal-stack"] * 2, "only those of the user"
    query = {"query": {"tenant": "metal-stack", "labels": labels(a="b")}}
    assert [one.uuid for one in admin.project_list(**query).projects] == [created.uuid]
    assert len(admin.admin_project_list().projects) == 3
    assert [one.name for one in admin.admin_project_list(query={"tenant": "acme"}).projects] == ["shop"]

    changed = admin.project_update(
        project=created.uuid,
        update_meta={"updated_at": created.meta.updated_at},
        description="new",
        labels={"patch": {"update": labels(c="d"), "remove": ["a"]}},
    ).project
    assert (changed.name, changed.description, dict(changed.meta.labels.labels)) == ("new", "new", {"c": "d"})
    with pytest.raises(ConnectError) as stale:
        admin.project_update(project=created.uuid, update_meta={"updated_at": created.meta.updated_at}, name="other")
    assert stale.value.code == Code.ABORTED
    assert admin.project_delete(project=created.uuid).project.uuid == created.uuid
    with pytest.raises(ConnectError, match="there are still networks associated with this project"):
        admin.project_delete(project=PROJECT)
    assert len(api.control.state()["projects"]) == 2


def test_an_update_says_what_it_read(api: MetalApi, admin: Caller) -> None:
    network = admin.admin_network_get(id=STORAGE).network
    change = {"id": STORAGE, "project": PROJECT, "description": "new"}
    for meta in ({}, {"updated_at": network.meta.created_at.ToDatetime().replace(year=2020)}):
        with pytest.raises(ConnectError, match="the entity was already modified, please retry") as stale:
            admin.network_update(**change, update_meta=meta)
        assert stale.value.code == Code.ABORTED
    known = {"updated_at": network.meta.updated_at}
    api.control.add_fault("race", path="NetworkService/Update", count=2)
    for meta in (known, SERVER):
        with pytest.raises(ConnectError) as raced:
            admin.network_update(**change, update_meta=meta)
        assert raced.value.code == Code.ABORTED
    assert admin.network_update(**change, update_meta=SERVER).network.meta.generation == 3
    with pytest.raises(ConnectError) as missing:
        admin.network_update(**change)
    assert missing.value.code == Code.INVALID_ARGUMENT, "update_meta is needed"


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (None, {"a": "1", "b": "2"}),
        ({"replace": labels(c="3")}, {"c": "3"}),
        ({"replace": {}}, {}),
        ({"patch": {"update": labels(a="9", c="3"), "remove": ["b"]}}, {"a": "9", "c": "3"}),
    ],
)
@pytest.mark.parametrize("entity", ["network", "ip"])
def test_labels(api: MetalApi, admin: Caller, entity: str, change: object, after: dict[str, str]) -> None:
    network = {**SECTIONS["networks"][2], "labels": {"a": "1", "b": "2"}}
    ip = {"ipaddress": "10.0.8.1", "networkid": STORAGE, "projectid": PROJECT, "tags": ["a=1", "b=2"]}
    api.control.change_state(networks=[network], ips=[ip])
    known = {"network": {"id": STORAGE}, "ip": {"ip": "10.0.8.1"}}[entity]
    update = getattr(admin, f"{entity}_update")
    message = getattr(update(**known, project=PROJECT, update_meta=SERVER, labels=change), entity)
    assert dict(message.meta.labels.labels) == after


def test_networks_of_a_project(api: MetalApi, admin: Caller) -> None:
    child = admin.network_create(project=PROJECT, partition="fra-01", name="net", labels=labels(a="b")).network
    assert (child.type, child.nat_type) == (network_pb2.NETWORK_TYPE_CHILD, network_pb2.NAT_TYPE_NONE)
    assert list(child.prefixes) == ["10.0.0.0/22", "2001:db8::/64"]
    assert (child.project, child.partition, child.parent_network) == (PROJECT, "fra-01", SUPER)
    family = {"address_family": network_pb2.NETWORK_ADDRESS_FAMILY_V4}
    smaller = admin.network_create(project=PROJECT, parent_network=SUPER, length={"ipv4": 28}, **family)
    assert list(smaller.network.prefixes) == ["10.0.4.0/28"]
    assert admin.network_get(id=child.id, project=PROJECT).network == child
    with pytest.raises(ConnectError) as hidden:
        admin.network_get(id=child.id, project=OTHER)
    assert hidden.value.code == Code.NOT_FOUND
    listed = admin.network_list(project=PROJECT).networks
    assert {one.id for one in listed} == {STORAGE, child.id, smaller.network.id}
    assert [one.id for one in admin.network_list(project=PROJECT, query={"name": "net"}).networks] == [child.id]
    base = admin.network_list_base_networks(project=PROJECT).networks
    assert [one.id for one in base] == [INTERNET, SUPER]
    assert not base[0].HasField("consumption"), "the usage of a network of all is nobody's business"

    gone = admin.network_delete(id=child.id, project=PROJECT).network
    assert uuid.UUID(gone.meta.deletion_task_id)
    assert child.id not in {network["id"] for network in api.control.state()["networks"]}


def test_only_admins_share(admin: Caller) -> None:
    shared = network_pb2.NETWORK_TYPE_CHILD_SHARED
    wish = {"type": shared, "project": OTHER, "partition": "fra-01", "nat_type": network_pb2.NAT_TYPE_IPV4_MASQUERADE}
    network = admin.admin_network_create(**wish).network
    assert (network.type, network.project) == (shared, OTHER)
    assert network.nat_type == network_pb2.NAT_TYPE_NONE, "that of the parent"
    with pytest.raises(ConnectError, match="only one child shared network per project is allowed"):
        admin.admin_network_create(**wish)
    assert [one.id for one in admin.network_list_base_networks(project=OTHER).networks] == [
        network.id, INTERNET, SUPER,
    ]  # fmt: skip
    with pytest.raises(ConnectError, match="not allowed to create ip in network") as refused:
        admin.ip_create(network=network.id, project=PROJECT)
    assert refused.value.code == Code.INVALID_ARGUMENT
    assert admin.ip_create(network=network.id, project=OTHER).ip.ip == "10.0.0.1"


def test_networks_of_admins(admin: Caller) -> None:
    parent = admin.admin_network_create(
        id="super-muc",
        type=network_pb2.NETWORK_TYPE_SUPER,
        partition="muc-01",
        prefixes=["172.16.0.0/12"],
        destination_prefixes=["192.0.2.0/24"],
        default_child_prefix_length={"ipv4": 22},
        min_child_prefix_length={"ipv4": 20},
        nat_type=network_pb2.NAT_TYPE_IPV4_MASQUERADE,
    ).network
    assert (parent.default_child_prefix_length.ipv4, parent.min_child_prefix_length.ipv4) == (22, 20)
    child = admin.network_create(project=OTHER, partition="muc-01").network
    assert list(child.destination_prefixes) == ["192.0.2.0/24"]
    assert child.nat_type == network_pb2.NAT_TYPE_IPV4_MASQUERADE
    with pytest.raises(ConnectError, match="is smaller than allowed"):
        admin.network_create(project=OTHER, partition="muc-01", length={"ipv4": 16})

    external = {"id": "dmz", "type": network_pb2.NETWORK_TYPE_EXTERNAL, "prefixes": ["203.0.113.0/24"], "vrf": 9}
    assert admin.admin_network_create(**external).network.vrf == 9
    change = {"id": "dmz", "update_meta": SERVER}
    with pytest.raises(ConnectError, match="removing all prefixes is not supported"):
        admin.admin_network_update(**change, name="new")
    changed = admin.admin_network_update(**change, name="new", prefixes=["203.0.113.0/24", "192.0.2.0/24"]).network
    assert (changed.name, list(changed.prefixes)) == ("new", ["203.0.113.0/24", "192.0.2.0/24"])
    query = {"type": network_pb2.NETWORK_TYPE_EXTERNAL, "vrf": 9}
    assert [one.id for one in admin.admin_network_list(query=query).networks] == ["dmz"]
    assert len(admin.admin_network_list().networks) == 6
    assert admin.admin_network_delete(id="dmz").network.id == "dmz"
    with pytest.raises(ConnectError, match="existing child networks") as refused:
        admin.admin_network_delete(id="super-muc")
    assert refused.value.code == Code.FAILED_PRECONDITION


def test_announcable_cidrs(admin: Caller) -> None:
    change = {"id": SUPER, "update_meta": SERVER, "prefixes": ["10.0.0.0/16", "2001:db8::/48"]}
    with pytest.raises(ConnectError, match="without force flag set"):
        admin.admin_network_update(**change)
    both = ["10.240.0.0/12", "10.232.0.0/16"]
    kept = admin.admin_network_update(**change, additional_announcable_cidrs=both).network
    assert list(kept.additional_announcable_cidrs) == both[:1], "without force nothing changes"
    forced = admin.admin_network_update(**change, additional_announcable_cidrs=both, force=True).network
    assert list(forced.additional_announcable_cidrs) == both


def test_namespaced_children_may_overlap(admin: Caller) -> None:
    admin.admin_network_create(
        id="everywhere",
        type=network_pb2.NETWORK_TYPE_SUPER_NAMESPACED,
        prefixes=["100.64.0.0/16"],
        default_child_prefix_length={"ipv4": 22},
    )
    for project in (PROJECT, OTHER):
        child = admin.network_create(project=project, parent_network="everywhere").network
        assert (list(child.prefixes), child.namespace) == (["100.64.0.0/22"], project)
        created = admin.ip_create(network=child.id, project=project).ip
        assert (created.ip, created.namespace) == ("100.64.0.1", project)
        assert admin.ip_get(ip="100.64.0.1", project=project, namespace=project).ip == created
    assert len(admin.admin_ip_list().ips) == 2


CHILD = {"type": network_pb2.NETWORK_TYPE_CHILD, "project": PROJECT}
SUPER_WISH: dict[str, Any] = {
    "id": "new",
    "type": network_pb2.NETWORK_TYPE_SUPER,
    "prefixes": ["172.16.0.0/12"],
    "default_child_prefix_length": {"ipv4": 22},
}
EXTERNAL = {"id": "new", "type": network_pb2.NETWORK_TYPE_EXTERNAL, "prefixes": ["203.0.113.0/24"], "vrf": 9}
UNDERLAY = {"id": "new", "type": network_pb2.NETWORK_TYPE_UNDERLAY, "prefixes": ["203.0.113.0/24"]}


@pytest.mark.parametrize(
    ("wish", "code", "message"),
    [
        ({**EXTERNAL, "id": INTERNET}, Code.ALREADY_EXISTS, "network with id:internet already exists"),
        ({**EXTERNAL, "project": UNKNOWN}, Code.FAILED_PRECONDITION, "project must exist before creating network"),
        ({**EXTERNAL, "partition": "none"}, Code.FAILED_PRECONDITION, "partition must exist before creating network"),
        ({**EXTERNAL, "prefixes": ["203.0.113.1/24"]}, Code.INVALID_ARGUMENT, "expecting canonical form of prefix"),
        ({**EXTERNAL, "prefixes": ["10.0.3.0/24"]}, Code.ALREADY_EXISTS, "10.0.3.0/24 overlaps 10.0.0.0/16"),
        ({**EXTERNAL, "vrf": 104009}, Code.ALREADY_EXISTS, "unable to acquire integer 104009"),
        ({**EXTERNAL, "destination_prefixes": ["::/0"]}, Code.INVALID_ARGUMENT, "addressfamily:IPv6 of destination"),
        ({**EXTERNAL, "length": {"ipv4": 28}}, Code.INVALID_ARGUMENT, "length must be nil"),
        (UNDERLAY, Code.INVALID_ARGUMENT, "partition must not be nil"),
        (
            {**UNDERLAY, "partition": "muc-01", "prefixes": ["2001:db9::/48"]},
            Code.INVALID_ARGUMENT,
            "underlay can only contain ipv4 prefixes",
        ),
        ({**SUPER_WISH, "partition": "fra-01"}, Code.INVALID_ARGUMENT, "already has a network of type"),
        (
            {**SUPER_WISH, "default_child_prefix_length": {"ipv4": 12}},
            Code.INVALID_ARGUMENT,
            "given childprefixlength 12 is not greater than prefix length of:172.16.0.0/12",
        ),
        (
            {**SUPER_WISH, "prefixes": ["172.16.0.0/12", "2001:db9::/48"]},
            Code.INVALID_ARGUMENT,
            "default child prefix length per addressfamily: IPv6",
        ),
        (CHILD, Code.INVALID_ARGUMENT, "no parent network found"),
        ({**CHILD, "partition": "muc-01"}, Code.FAILED_PRECONDITION, "unable to find a super in partition"),
        ({**CHILD, "parent_network": "none"}, Code.FAILED_PRECONDITION, "unable to retrieve parent network"),
        ({**CHILD, "parent_network": INTERNET}, Code.INVALID_ARGUMENT, "must be either a super"),
        ({**CHILD, "partition": "fra-01", "parent_network": SUPER}, Code.INVALID_ARGUMENT, "partition must be nil"),
        ({**CHILD, "parent_network": SUPER, "id": "new"}, Code.INVALID_ARGUMENT, "id must be nil"),
    ],
)
def test_networks_that_cannot_be_created(
    api: MetalApi, admin: Caller, wish: dict[str, Any], code: Code, message: str
) -> None:
    with pytest.raises(ConnectError, match=message.replace("(", r"\(")) as refused:
        admin.admin_network_create(**wish)
    assert refused.value.code == code
    assert len(api.control.state()["networks"]) == 3


def test_ip_lifecycle(api: MetalApi, admin: Caller) -> None:
    machine = UNKNOWN
    wish = {"network": STORAGE, "project": PROJECT}
    first = admin.ip_create(**wish, name="vip", labels=labels(a="b"), type=ip_pb2.IP_TYPE_STATIC).ip
    assert (first.ip, first.name, first.type) == ("10.0.8.1", "vip", ip_pb2.IP_TYPE_STATIC)
    second = admin.ip_create(**wish, ip="10.0.9.9", machine=machine).ip
    assert (second.ip, second.type) == ("10.0.9.9", ip_pb2.IP_TYPE_EPHEMERAL)
    assert dict(second.meta.labels.labels) == {"machine.metal-stack.io/id": machine}
    assert admin.ip_get(ip="10.0.8.1", project=PROJECT).ip == first
    assert [ip.ip for ip in admin.ip_list(project=PROJECT).ips] == ["10.0.8.1", "10.0.9.9"]
    assert list(admin.ip_list(project=OTHER).ips) == []
    for query in ({"machine": machine}, {"ip": "10.0.9.9"}, {"type": ip_pb2.IP_TYPE_EPHEMERAL}, {"uuid": second.uuid}):
        assert [ip.ip for ip in admin.admin_ip_list(query=query).ips] == ["10.0.9.9"]

    change = {"project": PROJECT, "update_meta": SERVER}
    with pytest.raises(ConnectError, match="from static to ephemeral"):
        admin.ip_update(**change, ip="10.0.8.1", type=ip_pb2.IP_TYPE_EPHEMERAL)
    with pytest.raises(ConnectError, match="ip with machine scope cannot be deleted"):
        admin.ip_delete(ip="10.0.9.9", project=PROJECT)
    freed = admin.ip_update(**change, ip="10.0.9.9", labels={"replace": {}}, type=ip_pb2.IP_TYPE_STATIC).ip
    assert (freed.type, freed.meta.generation) == (ip_pb2.IP_TYPE_STATIC, 1)
    assert uuid.UUID(admin.ip_delete(ip="10.0.9.9", project=PROJECT).ip.meta.deletion_task_id)
    assert [ip["ipaddress"] for ip in api.control.state()["ips"]] == ["10.0.8.1"]


@pytest.mark.parametrize(
    ("wish", "code", "message"),
    [
        ({"network": "none"}, Code.NOT_FOUND, 'no network with id "none" found'),
        ({"project": OTHER}, Code.INVALID_ARGUMENT, "not allowed to create ip in network"),
        ({"ip": "10.0.8.1"}, Code.INVALID_ARGUMENT, 'given ip "10.0.8.1" is already allocated'),
        ({"ip": "10.1.0.1"}, Code.INVALID_ARGUMENT, "is not contained in any of the prefixes"),
        ({"ip": "10.0.8.0"}, Code.ALREADY_EXISTS, "ip already allocated"),
        (
            {"address_family": ip_pb2.IP_ADDRESS_FAMILY_V6},
            Code.INVALID_ARGUMENT,
            "there is no prefix for the given addressfamily IPv6",
        ),
        ({"ip": "10.0.8.2", "address_family": ip_pb2.IP_ADDRESS_FAMILY_V4}, Code.INVALID_ARGUMENT, "not possible"),
        ({"network": SUPER}, Code.INVALID_ARGUMENT, "cannot allocate ip in network of type super"),
    ],
)
def test_ips_that_cannot_be_created(
    api: MetalApi, admin: Caller, wish: dict[str, Any], code: Code, message: str
) -> None:
    api.control.change_state(ips=[{"ipaddress": "10.0.8.1", "networkid": STORAGE, "projectid": PROJECT}])
    with pytest.raises(ConnectError, match=message) as refused:
        admin.ip_create(**{"network": STORAGE, "project": PROJECT, **wish})
    assert refused.value.code == code
    assert len(api.control.state()["ips"]) == 1


def test_a_full_network(api: MetalApi, admin: Caller) -> None:
    for _unused in range(6):
        admin.ip_create(network=INTERNET, project=OTHER)
    with pytest.raises(ConnectError, match='no free ips in network "internet"'):
        admin.ip_create(network=INTERNET, project=OTHER)
    assert len(api.control.state()["ips"]) == 6


def test_sizes(api: MetalApi, admin: Caller) -> None:
    api.control.change_state(sizes=[SIZE, {"id": "other"}])
    size = admin.size_get(id="n1-medium").size
    assert [(one.type, one.min, one.max) for one in size.constraints] == [
        (size_pb2.SIZE_CONSTRAINT_TYPE_CORES, 8, 16),
        (size_pb2.SIZE_CONSTRAINT_TYPE_MEMORY, 1 << 36, 1 << 37),
    ]
    assert list(admin.size_list(query={"labels": labels(a="b")}).sizes) == [size]
    with pytest.raises(ConnectError) as missing:
        admin.size_get(id="none")
    assert missing.value.code == Code.NOT_FOUND


def test_filesystem_layouts(api: MetalApi, admin: Caller) -> None:
    raid = [{"arrayname": "/dev/md0", "devices": ["/dev/nvme0n1p1"], "level": "1"}]
    api.control.change_state(filesystem_layouts=[{**LAYOUT, "raid": raid}, {"id": "other"}])
    layout = admin.filesystem_get(id="storage").filesystem_layout
    assert layout.disks[0].partitions[1].gpt_type == filesystem_pb2.GPT_TYPE_LINUX_LVM
    assert layout.raid[0].level == filesystem_pb2.RAID_LEVEL_1
    assert layout.logical_volumes[0].lvm_type == filesystem_pb2.LVM_TYPE_LINEAR
    assert layout.filesystems[0].format == filesystem_pb2.FORMAT_VFAT
    assert dict(layout.constraints.images) == LAYOUT["constraints"]["images"]
    assert len(admin.filesystem_list().filesystem_layouts) == 2
    assert list(admin.filesystem_list(id="storage").filesystem_layouts) == [layout]
