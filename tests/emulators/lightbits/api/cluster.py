# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/version``, ``/clusterinfo``, ``/cluster``, parameters and feature flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import ANYBODY, Route
from ..model.health import cluster_health, max_replicas, statistics
from ..model.settings import check
from ..refusal import INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, Refusal
from ..state import State

_COMMON = (
    "UUID",
    "subsystemNQN",
    "supportedMaxReplicas",
    "ETag",
    "clusterName",
    "lastUpgrade",
    "inBandAuthMode",
    "encryptionStatus",
)
_BOUNDS = ("MinVersionInCluster", "MinAllowedVersion", "MaxAllowedVersion")
# Flags that stay when they are on.
_FIXED_FLAGS = ("event-log",)


def _version(_call: Call) -> Mapping[str, Any]:
    return {"apiVersion": "v2.0"}


def _endpoints(state: State) -> dict[str, Any]:
    """Where the servers listen: the API as it really is, the data path as it would be."""
    hosts = dict.fromkeys(node["nvmeEndpoint"].rpartition(":")[0] for node in state.nodes)
    return {
        "currentMaxReplicas": max_replicas(state),
        "apiEndpoints": [one for server in state.servers for one in state.api_endpoints(server)],
        "discoveryEndpoints": [f"{host}:8009" for host in hosts],
    }


def _info(call: Call) -> Mapping[str, Any]:
    state = call.state
    return {
        **{name: state.cluster[name] for name in _COMMON},
        **_endpoints(state),
        "nvmeEndpoints": [node["nvmeEndpoint"] for node in state.nodes],
    }


def _cluster(call: Call) -> Mapping[str, Any]:
    state = call.state
    return {
        **{name: state.cluster[name] for name in (*_COMMON, *_BOUNDS)},
        **_endpoints(state),
        "health": cluster_health(state),
        "statistics": statistics(state),
    }


def _parameter(state: State, name: str) -> dict[str, Any]:
    if name not in state.config:
        raise Refusal(NOT_FOUND, f"cluster config parameter {name} not found")
    return {"name": name, "value": state.config[name]}


def _parameters(call: Call) -> Mapping[str, Any]:
    return {"values": [_parameter(call.state, name) for name in call.state.config]}


def _get_parameter(call: Call) -> Mapping[str, Any]:
    return _parameter(call.state, call.path["name"])


def _set_parameter(call: Call) -> Mapping[str, Any]:
    name = call.path["name"]
    _parameter(call.state, name)
    given = call.message("configParam") or {}
    if not isinstance(given.get("value"), str) or not given["value"]:
        raise Refusal(INVALID_ARGUMENT, "invalid value of the parameter")
    check(name, given["value"])
    call.state.config[name] = given["value"]
    return {}


def _flag(state: State, name: str) -> dict[str, Any]:
    if name not in state.flags:
        raise Refusal(NOT_FOUND, f"feature flag {name} not found")
    return {"name": name, "enabled": state.flags[name]}


def _flags(call: Call) -> Mapping[str, Any]:
    return {"featureFlags": {name: _flag(call.state, name) for name in call.state.flags}}


def _get_flag(call: Call) -> Mapping[str, Any]:
    return _flag(call.state, call.path["name"])


def _enable_flag(call: Call) -> Mapping[str, Any]:
    _flag(call.state, call.path["name"])
    call.state.flags[call.path["name"]] = True
    return {}


def _disable_flag(call: Call) -> Mapping[str, Any]:
    _flag(call.state, call.path["name"])
    if call.path["name"] in _FIXED_FLAGS:
        raise Refusal(UNIMPLEMENTED, "the feature cannot be disabled")
    call.state.flags[call.path["name"]] = False
    return {}


ROUTES = [
    Route("GET", "/version", _version, ANYBODY),
    Route("GET", "/clusterinfo", _info, ANYBODY),
    Route("GET", "/cluster", _cluster),
    Route("GET", "/clusterConfig", _parameters),
    Route("GET", "/clusterConfig/{name}", _get_parameter),
    Route("PUT", "/clusterConfig/{name}", _set_parameter),
    Route("GET", "/featureFlags", _flags),
    Route("GET", "/featureFlags/{name}", _get_flag),
    Route("POST", "/featureFlags/{name}/enable", _enable_flag),
    Route("POST", "/featureFlags/{name}/disable", _disable_flag),
]
