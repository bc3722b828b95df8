# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/servers``: enabled and disabled, added and removed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..call import Call
from ..gateway import Route
from ..model import eviction, installation, upgrade
from ..model.event import record
from ..model.health import server_health
from ..model.node import UNATTACHED, nodes_of, power_down, power_up
from ..model.protection import risk
from ..refusal import ABORTED, ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, Refusal
from ..state import State, Thing, find

_SECONDS = re.compile(r"(\d+)(?:\.0+)?s")
_MOVING = ("Creating", "Deleting", "Enabling", "Disabling")
# A shorter time until a server counts as lost is refused; 0 is never.
_SHORTEST = 3600


def shown(state: State, server: Thing) -> Mapping[str, Any]:
    """A server with what is computed."""
    timeout = server["_failure_timeout"]
    return {
        **server,
        "RiskOfServiceLossState": risk(state, server),
        "health": server_health(state, server),
        "ApiEndpoints": state.api_endpoints(server),
        "ServerPermanenetFailureTimeout": "" if timeout is None else f"{timeout}s",
    }


def _list(call: Call) -> Mapping[str, Any]:
    found = call.state.servers
    for asked, key in (("UUID", "UUID"), ("Name", "name")):
        if call.asked(asked):
            found = [server for server in found if server[key] == call.asked(asked)]
    servers = [shown(call.state, server) for server in found]
    wanted = call.asked("RiskOfServiceLoss")
    return {"servers": [one for one in servers if wanted in ("", one["RiskOfServiceLossState"])]}


def _server(call: Call) -> Thing:
    return find(call.state.servers, "server", UUID=call.path["uuid"])


def _get(call: Call) -> Mapping[str, Any]:
    return shown(call.state, _server(call))


def _check_idle(server: Thing) -> None:
    if server["state"] in _MOVING or upgrade.is_running(server):
        raise Refusal(ABORTED, "user operation in progress")


def _disable(call: Call) -> Mapping[str, Any]:
    server, state = _server(call), call.state
    timeout = _failure_timeout(call)
    call.change(server)
    _check_idle(server)
    if server["state"] == "Disabled" and not call.truth("evictData"):
        return {}
    if call.truth("evictData"):
        if server["state"] != "Enabled":
            raise Refusal(ABORTED, "data can only be evicted from an enabled server")
        eviction.check(state, server)
    if not call.truth("ForceDisable") and risk(state, server) == "InRiskOfServiceLoss":
        raise Refusal(FAILED_PRECONDITION, f"disabling {server['name']} is a risk of service loss")
    server["_failure_timeout"] = timeout
    if call.truth("evictData"):
        eviction.start(state, server)
        return {}
    server["state"] = "Disabling"
    state.touch(server)
    state.pace.later(lambda: _disabled(state, server))
    return {}


def _failure_timeout(call: Call) -> int | None:
    """Seconds, 0 for ever; None when the cluster's own setting counts."""
    text = call.text("permanentFailureTimeout")
    seconds = _SECONDS.fullmatch(text)
    if text and (seconds is None or 0 < int(seconds[1]) < _SHORTEST):
        raise Refusal(INVALID_ARGUMENT, "permanentFailureTimeout must be 0 or at least one hour")
    return int(seconds[1]) if seconds else None


def _disabled(state: State, server: Thing) -> None:
    server["state"] = "Disabled"
    state.touch(server)
    record(state, "Server", "ServerDisabled", server, severity="Medium")
    power_down(state, nodes_of(state, server))


def _enable(call: Call) -> Mapping[str, Any]:
    server, state = _server(call), call.state
    call.change(server)
    server_was = server["state"]
    if server_was == "Disabling" and eviction.is_evicting(server):
        eviction.abort(state, server)
        return shown(state, server)
    _check_idle(server)
    if server_was != "Enabled":
        server.update(state="Enabling", _failure_timeout=None)
        state.touch(server)
        state.pace.later(lambda: _enabled(state, server))
    return shown(state, server)


def _enabled(state: State, server: Thing) -> None:
    server["state"] = "Enabled"
    state.touch(server)
    record(state, "Server", "ServerEnabled", server)
    power_up(state, nodes_of(state, server))


def _create(call: Call) -> Mapping[str, Any]:
    """A server is added by the address of its etcd, and calls itself what its installer has called it."""
    state, endpoints = call.state, call.body.get("serverEndpoints") or []
    if not isinstance(endpoints, list) or len(endpoints) != 1 or not urlsplit(str(endpoints[0])).hostname:
        raise Refusal(INVALID_ARGUMENT, "serverEndpoints must be one URL")
    endpoint, uuid = str(endpoints[0]), call.text("serverUUID")
    if any(server["UUID"] == uuid for server in state.servers):
        raise Refusal(ALREADY_EXISTS, f"server {uuid} already exists")
    owner = installation.holder(state, urlsplit(endpoint).netloc)
    if owner and not call.truth("reuseIP"):
        raise Refusal(ALREADY_EXISTS, f"{endpoint} belongs to {owner}")
    server = installation.add_spare(state, endpoint)
    if server is None:
        if installation.is_installed(state):
            raise Refusal(INVALID_ARGUMENT, f"no server answers at {endpoint}")
        server = _another(state, endpoint)
    server.update(state="Creating", ETag="0")
    if uuid:
        server["UUID"] = uuid
        devices = [device for device in state.devices if device["nodeUUID"] in server["NodesUUIDs"]]
        for thing in (*(node for node in state.nodes if node["UUID"] in server["NodesUUIDs"]), *devices):
            thing["serverUUID"] = uuid
    extend = call.truth("extendCluster")
    state.pace.later(lambda: _created(state, server, extend=extend))
    return shown(state, server)


def _another(state: State, endpoint: str) -> Thing:
    """Where no installer is, one appears with the next number and the same hardware as all others."""
    number = max((one["_number"] for one in state.servers), default=-1) + 1
    server = state.install(number, instances=state.instances)
    server["ServerEndpoints"] = [endpoint]
    host = urlsplit(endpoint).hostname
    for node in nodes_of(state, server):
        port = node["nvmeEndpoint"].rpartition(":")[2]
        node.update(state=UNATTACHED, nvmeEndpoint=f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}")
    return server


def _created(state: State, server: Thing, *, extend: bool) -> None:
    """Its software has to be there."""
    if server.get("_absent"):
        state.pace.later(lambda: _created(state, server, extend=extend))
        return
    server["state"] = "Enabled"
    state.touch(server)
    for node in nodes_of(state, server) if extend else []:
        node.update(state="Active", powerupProgress=100)
        state.touch(node)


def _delete(call: Call) -> Mapping[str, Any]:
    """With force it goes on until no volume has a replica there any more."""
    server, state, forced = _server(call), call.state, call.flag("forceDelete")
    call.change(server)
    _check_idle(server)
    held = _held(state, server)
    if held and not forced:
        raise Refusal(FAILED_PRECONDITION, f"{server['name']} still has volumes")
    if any(volume["replicaCount"] == 1 for volume in held):
        raise Refusal(FAILED_PRECONDITION, f"{server['name']} has volumes with a single replica")
    server["state"] = "Deleting"
    state.touch(server)
    state.pace.later(lambda: _deleted(state, server))
    return {}


def _held(state: State, server: Thing) -> list[Thing]:
    own = set(server["NodesUUIDs"])
    return [volume for volume in state.volumes if own & set(volume["nodeList"])]


def _deleted(state: State, server: Thing) -> None:
    if _held(state, server):
        state.pace.later(lambda: _deleted(state, server))
        return
    state.servers.remove(server)
    state.nodes = [node for node in state.nodes if node["serverUUID"] != server["UUID"]]
    state.devices = [device for device in state.devices if device["serverUUID"] != server["UUID"]]


ROUTES = [
    Route("GET", "/servers", _list),
    Route("POST", "/servers", _create),
    Route("GET", "/servers/{uuid}", _get),
    Route("DELETE", "/servers/{uuid}", _delete),
    Route("POST", "/servers/{uuid}/disable", _disable),
    Route("POST", "/servers/{uuid}/enable", _enable),
]
