# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``upgrade`` of a server and of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..call import Call
from ..gateway import Route
from ..model import upgrade
from ..refusal import INVALID_ARGUMENT, Refusal
from ..state import find


def _server(call: Call) -> Mapping[str, Any]:
    server = find(call.state.servers, "server", UUID=call.path["uuid"])
    version = upgrade.target(call.state, call.text("InstallPkgUri"))
    call.message("ProxyInfo")
    call.change(server)
    upgrade.start(call.state, server, version, force=call.truth("ForceUpgrade"))
    return {}


def _cluster(call: Call) -> Mapping[str, Any]:
    state = call.state
    uuids = call.body.get("UUIDs") or []
    if not isinstance(uuids, list):
        raise Refusal(INVALID_ARGUMENT, "json: cannot unmarshal into UUIDs of type []string")
    servers = [find(state.servers, "server", UUID=uuid) for uuid in dict.fromkeys(uuids)]
    version = upgrade.target(state, call.text("InstallPkgUri"))
    call.message("ProxyInfo")
    call.change(state.cluster)
    upgrade.start_all(state, servers or state.servers, version)
    return {}


ROUTES = [
    Route("POST", "/servers/{uuid}/upgrade", _server),
    Route("POST", "/cluster/upgrade", _cluster),
]
