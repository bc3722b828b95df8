# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that an installer makes: nothing at first, then a root key, then servers, each as present as its agent.

A spare server has its software, name and place, but the cluster does not have it until it is added by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..auth import public_key
from .node import UNATTACHED, nodes_of, power_down, power_up
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
    # not the credential: it may have been rotated since
    if state.founded_with is not None:
        if state.founded_with != pem:
            raise ValueError("there is a cluster already, and its root key is another one: clean it up first")
        if cluster.get("UUID", state.cluster["UUID"]) != state.cluster["UUID"]:
            raise ValueError(f"there is a cluster already, and its UUID is {state.cluster['UUID']}: clean it up first")
        return
    state.cluster.update(cluster)
    if "clusterName" in cluster:
        state.config["ClusterName"] = cluster["clusterName"]
    state.add_credential("system", "root", "RS256PubKey", pem)
    state.founded_with = pem


def install(state: State, wish: Mapping[str, Any], places: int) -> int:
    """Enter a server, or find it again, and return the number of its place. It is absent until its agent comes.

    With ``spare`` it only gets its place, and waits for ``POST /servers``.

    :param places: how many servers the emulator has addresses for.
    """
    if state.founded_with is None:
        raise ValueError("there is no cluster yet")
    spare = wish.get("spare", False)
    wish = {name: value for name, value in wish.items() if name != "spare"}
    if set(wish) != set(_SERVER) or not isinstance(wish["nodes"], list) or not 1 <= len(wish["nodes"]) <= 2:
        raise ValueError(f"a server has {', '.join(_SERVER)}, and one or two nodes")
    for node in wish["nodes"]:
        if not isinstance(node, Mapping) or set(node) != set(_NODE):
            raise ValueError(f"a node has {', '.join(_NODE)}")
    if not isinstance(spare, bool):
        raise ValueError("'spare' is true or false")
    name, endpoint = _text(wish, "name"), _peer(wish)
    for server in state.servers:
        if server["name"] == name:
            return int(server["_number"])
    others = [one["name"] for one in state.spares.values() if one["name"] != name and _peer(one) == endpoint]
    owner = holder(state, endpoint) or next(iter(others), "")
    if owner:
        raise ValueError(f"{endpoint} belongs to {owner}")
    taken = {server["_number"] for server in state.servers}
    taken |= {number for number, one in state.spares.items() if one["name"] != name}
    free = sorted(set(range(places)) - taken)
    if not free:
        raise ValueError(f"a cluster has at most {places} servers")
    number = next((number for number, one in state.spares.items() if one["name"] == name), free[0])
    if spare:
        state.spares[number] = wish
        return number
    state.spares.pop(number, None)
    power_down(state, nodes_of(state, _enter(state, number, wish, f"https://{endpoint}")))
    return number


def holder(state: State, endpoint: str) -> str:
    """The name of the server of the cluster whose etcd has this ``host:port``; empty when there is none."""
    for server in state.servers:
        if any(urlsplit(url).netloc == endpoint for url in server["ServerEndpoints"]):
            return str(server["name"])
    return ""


def is_installed(state: State) -> bool:
    """Whether an installer has made this cluster, so that nobody joins it whom no installer has been to."""
    return any("_endpoints" in server for server in state.servers)


def add_spare(state: State, url: str) -> Thing | None:
    """The spare server whose etcd has this URL becomes one of the cluster; None when there is none."""
    for number, wish in state.spares.items():
        if _peer(wish) == urlsplit(url).netloc:
            del state.spares[number]
            server = _enter(state, number, wish, url)
            for node in nodes_of(state, server):
                node.update(state=UNATTACHED, powerupProgress=0)
            return server
    return None


def _enter(state: State, number: int, wish: Mapping[str, Any], endpoint: str) -> Thing:
    instances = [node["instanceID"] for node in wish["nodes"]]
    server = state.install(number, wish["name"], instances, wish["nodes"][0]["devices"])
    server.update(
        LightOSVersion=wish["version"],
        ServerEndpoints=[endpoint],
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
    state.cluster["supportedMaxReplicas"] = min(3, len(state.servers))
    if len(state.servers) == 1:
        state.cluster["MinVersionInCluster"] = wish["version"].partition("~")[0]
    return server


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


def refused_write(state: State, server: str) -> str:
    """Why a server takes no writes, so that a client goes on by way of another one; empty when it takes them."""
    by = next((one for one in state.servers if one["name"] == server), None)
    return "" if by is not None and is_present(state, by) else f"server {server} takes no writes"


def lost_write(state: State, volume: str) -> str:
    """Why a write to a volume is lost, by way of whichever server; empty when it is not."""
    target = next((one for one in state.volumes if one["UUID"] == volume), None)
    if target is None:
        return f"there is no volume {volume}"
    found = protection(target, writable_nodes(state))
    return "" if found in ("FullyProtected", "Degraded") else f"volume {target['name']} is {found or 'being made'}"


def _peer(wish: Mapping[str, Any]) -> str:
    """``host:port`` of the etcd of a server."""
    return _endpoint(wish["nodes"][0]["data_ip"], _PEER_PORT)


def _endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _text(wish: Mapping[str, Any], name: str) -> str:
    value = wish.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name!r} must be a text")
    return value
