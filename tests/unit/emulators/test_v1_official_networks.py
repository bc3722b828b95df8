# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1's projects, networks, IPs, sizes and layouts, driven by the official client of PyPI (metal-python)."""

from __future__ import annotations

from typing import Any

import pytest
from metal_python import api as apis  # type: ignore[import-untyped]
from metal_python import models
from metal_python.driver import Driver  # type: ignore[import-untyped]
from metal_python.rest import ApiException  # type: ignore[import-untyped]

from tests.emulators.metal_api.process import KEYS, MetalApi

from .provision import INTERNET, OTHER, PARTITIONS, PROJECT, SECTIONS, STORAGE, SUPER

# The client signs with datetime.utcnow.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


def client(api: MetalApi, user: str = "Metal-Admin") -> Any:
    return Driver(api.v1, None, KEYS[user], user).client


def test_project(api: MetalApi) -> None:
    projects = apis.ProjectApi(api_client=client(api))
    assert projects.list_projects() is None
    meta = models.V1Meta(labels=["a=b"], annotations={"c": "d"})
    wish = models.V1ProjectCreateRequest(name="storage", description="x", tenant_id="metal-stack", meta=meta)
    created = projects.create_project(wish)
    assert (created.name, created.tenant_id, created.meta.labels) == ("storage", "metal-stack", ["a=b"])
    found = projects.find_project(created.meta.id)
    assert (found.quotas.ip.used, found.quotas.machine.used) == (0, 0)
    assert [one.meta.id for one in projects.list_projects()] == [created.meta.id]
    assert [one.name for one in projects.find_projects(models.V1ProjectFindRequest(name="storage"))] == ["storage"]

    found.description = "new"
    changed = projects.update_project(found)
    assert (changed.description, changed.meta.version, changed.meta.annotations) == ("new", 1, {"c": "d"})
    with pytest.raises(ApiException, match="optimistic lock error") as refused:
        projects.update_project(found)
    assert refused.value.status == 422
    assert projects.delete_project(created.meta.id).name == "storage"
    assert projects.find_projects(models.V1ProjectFindRequest()) is None


def test_networks(api: MetalApi) -> None:
    api.control.change_state(partitions=PARTITIONS, projects=SECTIONS["projects"])
    networks = apis.NetworkApi(api_client=client(api))
    assert networks.list_networks() is None
    wish = {"destinationprefixes": [], "underlay": False, "nattype": "none"}
    parent = networks.create_network(
        models.V1NetworkCreateRequest(
            id=SUPER,
            partitionid="fra-01",
            prefixes=["10.0.0.0/16"],
            defaultchildprefixlength={"IPv4": 22},
            additional_announcable_cid_rs=["10.240.0.0/12"],
            privatesuper=True,
            nat=False,
            networktype="super",
            **wish,
        )
    )
    assert (parent.id, parent.networktype, parent.defaultchildprefixlength) == (SUPER, "super", {"IPv4": 22})
    internet = networks.create_network(
        models.V1NetworkCreateRequest(
            id=INTERNET,
            prefixes=["198.51.100.0/24"],
            nat=True,
            privatesuper=False,
            vrf=7,
            networktype="external",
            **wish,
        )
    )
    assert (internet.networktype, internet.nattype, internet.vrf) == ("external", "ipv4-masq", 7)

    edit = apis.NetworkApi(api_client=client(api, "Metal-Edit"))
    child = {"projectid": PROJECT, "partitionid": "fra-01", "name": "storage", "labels": {"a": "b"}}
    unshared = edit.allocate_network(models.V1NetworkAllocateRequest(**child))
    shared = edit.allocate_network(models.V1NetworkAllocateRequest(**child, shared=True, length={"IPv4": 24}))
    assert (unshared.networktype, unshared.prefixes, unshared.shared) == ("child", ["10.0.0.0/22"], False)
    assert (shared.networktype, shared.prefixes, shared.shared) == ("child-shared", ["10.0.4.0/24"], True)
    assert (shared.parentnetworkid, shared.labels) == (SUPER, {"a": "b"})
    found = edit.find_networks(models.V1NetworkFindRequest(projectid=PROJECT, parentnetworkid=SUPER))
    assert [one.id for one in found] == [unshared.id, shared.id]
    assert edit.find_network(SUPER).consumption.ipv4.used_prefixes == 2

    changed = networks.update_network(models.V1NetworkUpdateRequest(id=unshared.id, shared=True, labels={"c": "d"}))
    assert (changed.shared, changed.networktype, changed.labels) == (True, "child", {"c": "d"})
    with pytest.raises(ApiException, match="without force flag set"):
        networks.update_network(models.V1NetworkUpdateRequest(id=SUPER, name="new"))
    with pytest.raises(ApiException, match="there are children of this network"):
        networks.delete_network(SUPER)
    for network in (unshared, shared):
        assert edit.free_network(network.id).id == network.id
    assert networks.delete_network(SUPER).id == SUPER
    assert [one.id for one in networks.list_networks()] == [INTERNET]


def test_ips(api: MetalApi) -> None:
    api.control.change_state(**SECTIONS)
    ips = apis.IpApi(api_client=client(api, "Metal-Edit"))
    assert ips.list_i_ps() == []
    wish = {"networkid": STORAGE, "projectid": PROJECT}
    anyone = ips.allocate_ip(models.V1IPAllocateRequest(**wish, type="ephemeral", tags=["b", "a"], name="any"))
    assert (anyone.ipaddress, anyone.type, anyone.tags) == ("10.0.8.1", "ephemeral", ["a", "b"])
    specific = ips.allocate_specific_ip("10.0.9.9", models.V1IPAllocateRequest(**wish, type="static"))
    assert (specific.ipaddress, specific.type) == ("10.0.9.9", "static")
    with pytest.raises(ApiException, match="ip already allocated") as refused:
        ips.allocate_specific_ip("10.0.9.9", models.V1IPAllocateRequest(**wish, type="static"))
    assert refused.value.status == 409
    with pytest.raises(ApiException, match="the network is not shared"):
        ips.allocate_ip(models.V1IPAllocateRequest(networkid=STORAGE, projectid=OTHER, type="static"))

    changed = ips.update_ip(models.V1IPUpdateRequest(ipaddress="10.0.8.1", type="static", tags=["c"]))
    assert (changed.type, changed.tags, changed.name) == ("static", ["c"], "any")
    with pytest.raises(ApiException, match="from static to ephemeral"):
        ips.update_ip(models.V1IPUpdateRequest(ipaddress="10.0.8.1", type="ephemeral"))
    found = ips.find_i_ps(models.V1IPFindRequest(projectid=PROJECT, tags=["c"]))
    assert [ip.allocationuuid for ip in found] == [anyone.allocationuuid]
    assert ips.find_ip("10.0.9.9") == specific
    for ip in ips.list_i_ps():
        ips.free_ip(ip.ipaddress)
    assert api.control.state()["ips"] == []


def test_size(api: MetalApi) -> None:
    sizes = apis.SizeApi(api_client=client(api))
    constraints = [models.V1SizeConstraint(type="cores", min=1, max=8)]
    created = sizes.create_size(models.V1SizeCreateRequest(id="n1", constraints=constraints, labels={"a": "b"}))
    assert (created.constraints[0].max, created.labels) == (8, {"a": "b"})
    changed = sizes.update_size(models.V1SizeUpdateRequest(id="n1", name="new", labels={}))
    assert (changed.name, changed.labels, len(changed.constraints)) == ("new", {}, 1)
    assert sizes.find_size("n1") == changed
    assert sizes.list_sizes() == [changed]
    assert sizes.delete_size("n1").id == "n1"


def test_filesystem_layout(api: MetalApi) -> None:
    layouts = apis.FilesystemlayoutApi(api_client=client(api))
    disk = models.V1Disk(
        device="/dev/sda", wipeonreinstall=True, partitions=[models.V1DiskPartition(number=1, size=0, gpttype="8300")]
    )
    wish = {
        "id": "l1",
        "disks": [disk],
        "filesystems": [models.V1Filesystem(path="/", device="/dev/sda1", format="ext4")],
        "raid": [],
        "volumegroups": [],
        "logicalvolumes": [],
    }
    constraints = models.V1FilesystemLayoutConstraints(sizes=["n1"], images={"ubuntu": "*"})
    create = models.V1FilesystemLayoutCreateRequest(**wish, constraints=constraints)
    api.control.change_state(partitions=PARTITIONS)
    created = layouts.create_filesystem_layout(create)
    assert created.disks[0].partitions[0].gpttype == "8300"
    tried = layouts.try_filesystem_layout(models.V1FilesystemLayoutTryRequest(size="n1", image="ubuntu-24.4"))
    assert tried == created
    changed = layouts.update_filesystem_layout(
        models.V1FilesystemLayoutUpdateRequest(**wish, description="new", constraints=constraints)
    )
    assert changed.description == "new"
    assert layouts.list_filesystem_layouts() == [changed]
    assert layouts.get_filesystem_layout("l1") == changed
    assert layouts.delete_filesystem_layout("l1").id == "l1"
