# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/adminEndpoints``: more ports of the API, each for some addresses only. Nothing listens on them here."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from ..call import Call
from ..gateway import Route
from ..refusal import ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND, Refusal
from ..state import Thing

_USED = (443, 2379, 2380, 4420, 4421, 8009)
_HIGHEST = 65535


def _list(call: Call) -> Mapping[str, Any]:
    port = call.asked("port")
    return {"adminEndpoints": [one for one in call.state.admin_endpoints if not port or str(one["port"]) == port]}


def _get(call: Call) -> Thing:
    port = _port(call.path["port"])
    for endpoint in call.state.admin_endpoints:
        if endpoint["port"] == port:
            return endpoint
    raise Refusal(NOT_FOUND, f"there is no admin endpoint with port {port}")


def _create(call: Call) -> Mapping[str, Any]:
    port = _port(call.body.get("port"))
    if any(endpoint["port"] == port for endpoint in call.state.admin_endpoints):
        raise Refusal(ALREADY_EXISTS, f"there is an admin endpoint with port {port}")
    endpoint = {"port": port, "ips": _addresses(call), "ETag": "0"}
    call.state.admin_endpoints.append(endpoint)
    return endpoint


def _update(call: Call) -> Mapping[str, Any]:
    endpoint = _get(call)
    ips = _addresses(call)
    call.change(endpoint)
    endpoint["ips"] = ips
    call.state.touch(endpoint)
    return endpoint


def _delete(call: Call) -> Mapping[str, Any]:
    endpoint = _get(call)
    call.change(endpoint)
    call.state.admin_endpoints.remove(endpoint)
    return {}


def _port(value: object) -> int:
    text = str(value)
    port = int(text) if text.isdecimal() else 0
    if not 0 < port <= _HIGHEST or port in _USED:
        raise Refusal(INVALID_ARGUMENT, f"invalid port {text}")
    return port


def _addresses(call: Call) -> list[str]:
    ips = call.body.get("ips") or []
    if not isinstance(ips, list):
        raise Refusal(INVALID_ARGUMENT, "json: cannot unmarshal into ips of type []string")
    try:
        return [str(ip_address(ip)) for ip in ips]
    except ValueError as error:
        raise Refusal(INVALID_ARGUMENT, str(error)) from None


ROUTES = [
    Route("GET", "/adminEndpoints", _list),
    Route("POST", "/adminEndpoints", _create),
    Route("GET", "/adminEndpoints/{port}", _get),
    Route("PUT", "/adminEndpoints/{port}", _update),
    Route("DELETE", "/adminEndpoints/{port}", _delete),
]
