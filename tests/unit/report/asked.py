# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A partition as its parts describe it, for the report: what modules and programs return, made up."""

from __future__ import annotations

from typing import Any

TIME = "2026-11-28T15:00:00Z"
CLUSTER = "6bb5cf6b-e5ab-4e0c-96b4-cbbe4b5b3b7f"
NETWORK = "3c4ea3dc-1d4f-4c9c-8a25-6a2b0a2e6cf4"
STORAGE = "7c1f5b0e-33a7-4e0f-8f9d-2b1c6d5e4f3a"
SHOP = "22222222-2222-4222-8222-222222222222"
BANK = "33333333-3333-4333-8333-333333333333"
GIB = 1 << 30
TIB = 1 << 40


def facts(address: str, mtu: int, release: str = "12.8") -> dict[str, Any]:
    """What ansible.builtin.setup returns."""
    return {
        "ansible_distribution": "Debian",
        "ansible_distribution_version": release,
        "ansible_kernel": "6.1.0-28-amd64",
        "ansible_interfaces": ["lo", "lan0.20"],
        "ansible_lo": {"device": "lo", "mtu": 65536, "ipv4": {"address": "127.0.0.1"}},
        "ansible_lan0_20": {"device": "lan0.20", "mtu": mtu, "ipv4": {"address": address}},
    }


def server(number: int, racks: int) -> dict[str, Any]:
    """A storage server of the inventory."""
    address = f"10.131.0.{10 + number}"
    return {
        "groups": ["storage_servers"],
        "address": f"10.255.0.{10 + number}",
        "rack": f"fra-01-rack{(number - 1) % racks + 1:02}",
        "storage_addresses": [address],
        "facts": facts(address, 9000),
    }


def cached(file: str, kind: str, size: int, state: str = "whole") -> dict[str, Any]:
    """A file of image-cache-sync status."""
    return {"file": file, "kind": kind, "size": size, "state": state, "verified_at": "2026-11-28T14:50:00Z"}


FILES = [
    cached("images.metal-stack.io/metal-os/stable/debian/12/20261101/img.tar.lz4", "image", 512 << 20),
    cached("images.metal-stack.io/metal-os/stable/ubuntu/24.04/20261101/img.tar.lz4", "image", 734 << 20),
    cached("images.metal-stack.io/metal-os/stable/firewall/3.0-ubuntu/20261101/img.tar.lz4", "image", 698 << 20),
    cached("github.com/metal-stack/kernel/releases/download/6.12.55/metal-kernel", "kernel", 11 << 20),
    cached("images.metal-stack.io/metal-hammer/v0.14.0/metal-hammer-initrd.img.lz4", "boot-image", 92 << 20),
]


def cache_host(number: int, **status: Any) -> dict[str, Any]:
    """A cache host of the inventory."""
    return {
        "groups": ["image_cache"],
        "address": f"10.0.0.{number}",
        "storage_addresses": [],
        "facts": facts(f"10.0.0.{number}", 1500, "13.1" if number % 2 == 0 else "12.8"),
        "packages": "haproxy 2.6.12-1+deb12u2\nimage-cache-sync 1.0.0\nnginx 1.22.1-9\nunbound 1.17.1-2+deb12u2",
        "traffic": (
            "# pxname,svname,stot,hrsp_2xx,hrsp_3xx,hrsp_4xx,\n"
            f"http,FRONTEND,{1300 * number},{1232 * number},{60 * number},{8 * number},\n"
            f"nginx,cache-{number},1000,{1120 * number},{60 * number},0,\n"
            f"nginx,cache-{3 - number},100,{112 * number},0,0,\nnginx,BACKEND,1100,{1232 * number},0,0,\n"
        ),
        "status": {
            "version": 1,
            "host": f"cache-{number}",
            "partition": "fra-01",
            "generation": 12,
            "bytes": sum(one["size"] for one in FILES),
            "files": [dict(one) for one in FILES],
            "sync": {
                "result": "complete",
                "reason": None,
                "finished": "2026-11-28T14:50:10Z",
                "last_success": "2026-11-28T14:50:10Z",
                "max_cache_size": 100 * GIB,
                "totals": {"downloaded_store_bytes": 9 * GIB * number, "downloaded_peer_bytes": 7 * GIB},
                "token_expires_at": None,
            },
            "verify": {"result": "complete"},
            **status,
        },
    }


def firewall(name: str, project: str, address: str | None, rack: str) -> dict[str, Any]:
    """A firewall as metal_machine_info returns it."""
    networks = [{"network": "tenant", "ips": ["10.0.64.1"]}]
    return {
        "id": f"00000000-0000-4000-8000-{sum(map(ord, name)):012d}",
        "name": name,
        "role": "firewall",
        "project": project,
        "rack": rack,
        "image": "firewall-ubuntu-3.0.20261101",
        "networks": networks + ([{"network": NETWORK, "ips": [address]}] if address else []),
    }


def seen(servers: int) -> dict[str, Any]:
    """What lightbits_cluster_info returns."""
    names = [f"storage-{number}" for number in range(1, servers + 1)]
    addresses = [f"10.131.0.{10 + number}" for number in range(1, servers + 1)]
    return {
        "cluster": {
            "name": "fra-01",
            "uuid": CLUSTER,
            "max_replicas": 3,
            "last_upgrade": {"status": "None", "target_version": ""},
            "api_endpoints": [f"{address}:443" for address in addresses],
            "nvme_endpoints": [f"{address}:4420" for address in addresses],
            "discovery_endpoints": [f"{address}:8009" for address in addresses],
        },
        "health": {"state": "OK", "ok": True, "problems": []},
        "capacity": {
            "installed": servers * 46 * TIB,
            "physical": servers * 36 * TIB,
            "physical_free": servers * 25 * TIB,
            "allocated": servers * 21 * TIB,
            "logical": servers * 36 * TIB,
            "logical_free": servers * 25 * TIB,
            "logical_used": servers * 11 * TIB,
            "compression_ratio": 1.4,
        },
        "versions": {"lowest": "3.12.1", "lowest_allowed": "3.10.1", "highest_allowed": "3.14.9"},
        "servers": [
            {"name": name, "state": "Enabled", "risk": "NoRiskOfServiceLoss", "health": "OK", "version": "3.12.1~b1"}
            for name in names
        ],
        "nodes": [
            {
                "name": f"{name}-0",
                "server": name,
                "state": "Active",
                "nvme_endpoint": f"{address}:4420",
                "rebuilding": False,
            }
            for name, address in zip(names, addresses)
        ],
        "devices": [{"server": name, "state": "Healthy"} for name in names for _device in range(12)],
    }


def storage_class(name: str, endpoints: list[str], *, default: bool = False, **parameters: str) -> dict[str, Any]:
    """A StorageClass of duros-controller."""
    annotation = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "metadata": {"name": name, "annotations": annotation},
        "provisioner": "csi.lightbitslabs.com",
        "parameters": {
            "mgmt-endpoint": ",".join(endpoints),
            "replica-count": "3",
            "compression": "disabled",
            **parameters,
        },
    }


def kubernetes(endpoints: list[str]) -> dict[str, Any]:
    """What kubernetes.core.k8s_info returns."""
    return {
        "version": "v1.33.5",
        "storage_classes": [
            storage_class("partition-gold", endpoints, default=True),
            storage_class("partition-silver", endpoints, compression="enabled"),
            storage_class("partition-encrypted", endpoints, **{"host-encryption": "enabled"}),
        ],
        "duros": [
            {
                "metadata": {"name": "shoot-default-storage", "namespace": "duros"},
                "spec": {"metalProjectID": SHOP},
                "status": {
                    "reconcileStatus": {"lastReconcile": "2026-11-28T14:59:40Z"},
                    "managedResourceStatuses": [
                        {"group": "StatefulSet", "name": "lb-csi-controller", "description": "All replicas are ready"},
                        {"group": "DaemonSet", "name": "lb-csi-node", "description": "All replicas are ready"},
                    ],
                },
            }
        ],
        "deployments": [
            {
                "metadata": {"name": "duros-controller", "namespace": "duros"},
                "spec": {
                    "replicas": 1,
                    "template": {"spec": {"containers": [{"image": "ghcr.io/metal-stack/duros-controller:v0.7.2"}]}},
                },
                "status": {"readyReplicas": 1},
            }
        ],
    }


def asked(servers: int = 5, racks: int = 3) -> dict[str, Any]:
    """Return what the filter gets when everything could be asked and is well."""
    cluster = seen(servers)
    hosts = {f"storage-{number}": server(number, racks) for number in range(1, servers + 1)}
    hosts["client-1"] = {
        "groups": ["storage_clients"],
        "address": "10.255.0.90",
        "storage_addresses": ["10.131.0.90"],
        "facts": facts("10.131.0.90", 9000),
    }
    hosts |= {f"cache-{number}": cache_host(number) for number in (1, 2)}
    return {
        "partition": "fra-01",
        "network": "storage",
        "time": TIME,
        "expires_within": 30,
        "cluster_id": CLUSTER,
        "notes": {},
        "versions": {"ansible-core": "2.19.14"},
        "hosts": hosts,
        "metal_api": {
            "partition": {"id": "fra-01", "name": "Frankfurt 1"},
            "projects": [
                {"id": STORAGE, "name": "storage"},
                {"id": SHOP, "name": "shop"},
                {"id": BANK, "name": "bank"},
            ],
            "networks": [
                {
                    "id": NETWORK,
                    "name": "storage",
                    "shared": True,
                    "project": STORAGE,
                    "prefixes": ["10.131.0.0/24"],
                    "consumption": {"ipv4": {"available_ips": 256, "used_ips": servers + 6}, "ipv6": None},
                }
            ],
            "machines": [
                firewall("shop-firewall-1", SHOP, "10.131.0.200", "fra-01-rack01"),
                firewall("shop-firewall-2", SHOP, "10.131.0.201", "fra-01-rack02"),
                firewall("bank-firewall", BANK, None, "fra-01-rack03"),
            ],
        },
        "cluster": {
            "seen": cluster,
            "events": [],
            "token": {"key_id": "system:root", "expires_at": "2027-06-01T00:00:00Z"},
        },
        "kubernetes": kubernetes(cluster["cluster"]["api_endpoints"]),
    }
