# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that an installer makes: nothing at first, then a root key, then servers, each as present as its agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..auth import public_key
from .node import nodes_of, power_down, power_up
from .protection import is_present, protection, writable_nodes

if TYPE_CHECKING:
    from ..state import State, Thing

_PORT, _API_PORT, _PEER_PORT = 4420, 443, 2380
_CLUSTER = ("UUID", "clusterName", "subsystemNQN")
_SERVER = ("name", "version", "nodes")
_NODE = ("instanceID", "data_ip", "failure_domains", "ec_enabled", "devices", "max_devices")


def found(state: State, wish: Mapping[str, Any]) -> None:
    """Found the cluster with its root key. ValueError when there is one already with another key or UUID."""
    pem = _text(wish, "root_public_key").encode()
    public_key(pem)
    cluster = wish.get("cluster", {})
    if not isinstance(cluster, Mapping) or set(cluster) - set(_CLUSTER):
        raise ValueError(f"'cluster' is an object with {', '.join(_CLUSTER)}")
    known = [one for one in state.credentials if (one["projectName"], one["ID"]) == ("system", "root")]
    if known:
        if known[0]["_pem"] != pem:
            raise ValueError("there is a cluster already, and its root key is another one: clean it up first")
        if cluster.get("UUID", state.cluster["UUID"]) != state.cluster["UUID"]:
            raise ValueError(f"there is a cluster already, and its UUID is {state.cluster['UUID']}: clean it up first")
        return
    state.cluster.update(cluster)
    if "clusterName" in cluster:
        state.config["ClusterName"] = cluster["clusterName"]
    state.add_credential("system", "root", "RS256PubKey", pem)


def install(state: State, wish: Mapping[str, Any], places: int) -> int:
    """Enter a server, or find it again, and return the number of its place. It is absent until its agent comes.

    :param places: how many servers the emulator has addresses for.
    """
    if not any((one["projectName"], one["ID"]) == ("system", "root") for one in state.credentials):
        raise ValueError("there is no cluster yet")
    if set(wish) != set(_SERVER) or not isinstance(wish["nodes"], list) or not 1 <= len(wish["nodes"]) <= 2:
        raise ValueError(f"a server has {', '.join(_SERVER)}, and one or two nodes")
    for node in wish["nodes"]:
        if not isinstance(node, Mapping) or set(node) != set(_NODE):
            raise ValueError(f"a node has {', '.join(_NODE)}")
    name = _text(wish, "name")
    for server in state.servers:
        if server["name"] == name:
            return int(server["_number"])
    free = sorted(set(range(places)) - {server["_number"] for server in state.servers})
    if not free:
        raise ValueError(f"a cluster has at most {places} servers")
    endpoints = [_endpoint(node["data_ip"], _PEER_PORT) for node in wish["nodes"][:1]]
    for server in state.servers:
        if server["ServerEndpoints"][0].endswith(f"//{endpoints[0]}"):
            raise ValueError(f"{endpoints[0]} belongs to {server['name']}")
    instances = [node["instanceID"] for node in wish["nodes"]]
    server = state.install(free[0], name, instances, wish["nodes"][0]["devices"])
    server.update(
        LightOSVersion=wish["version"],
        ServerEndpoints=[f"https://{endpoints[0]}"],
        _endpoints=[_endpoint(wish["nodes"][0]["data_ip"], _API_PORT)],
        _absent=True,
    )
    for node, given in zip(nodes_of(state, server), wish["nodes"]):
        node.update(
            nvmeEndpoint=_endpoint(given["data_ip"], _PORT + given["instanceID"]),
            failureDomains=given["failure_domains"],
            ec=given["ec_enabled"],
            maxNvmeDevices=given["max_devices"],
        )
    power_down(state, nodes_of(state, server))
    state.cluster["supportedMaxReplicas"] = min(3, len(state.servers))
    if len(state.servers) == 1:
        state.cluster["MinVersionInCluster"] = wish["version"].partition("~")[0]
    return free[0]


def arrive(state: State, server: Thing) -> None:
    """The server's software runs (again)."""
    server["_absent"] = False
    nodes = nodes_of(state, server)
    for node in nodes:
        node["status"] = "ConnectivityOK"
    if server["state"] == "Enabled":
        power_up(state, nodes)


def leave(state: State, server: Thing) -> None:
    """The server's software, or the machine it ran on, has ended."""
    server["_absent"] = True
    nodes = nodes_of(state, server)
    for node in nodes:
        node["status"] = "ConnectivityProblem"
    power_down(state, [node for node in nodes if node["state"] != "Inactive"])


def lost_write(state: State, server: str, volume: str) -> str:
    """Why a write to a volume by way of a server is lost; empty when it is not."""
    by = next((one for one in state.servers if one["name"] == server), None)
    target = next((one for one in state.volumes if one["UUID"] == volume), None)
    if by is None or not is_present(state, by):
        return f"server {server} takes no writes"
    if target is None:
        return f"there is no volume {volume}"
    found = protection(target, writable_nodes(state))
    return "" if found in ("FullyProtected", "Degraded") else f"volume {target['name']} is {found or 'being made'}"


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _text(wish: Mapping[str, Any], name: str) -> str:
    value = wish.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name!r} must be a text")
    return value
