# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: the infrastructure's ComponentService, to which components report that they live."""

from __future__ import annotations

import uuid

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf import json_format
from metalstack.infra.v2 import component_pb2  # type: ignore[import-untyped]

from ..documents import Document
from ..model import times
from .call import Call, Message, Services


def _ping(ask: Call) -> Message:
    if ask.token is None:
        raise ConnectError(Code.UNAUTHENTICATED, "no token found in request")
    report = json_format.MessageToDict(ask.request)
    known = [c for c in ask.state.components if (c["type"], c["identifier"]) == (report["type"], report["identifier"])]
    component: Document = known[0] if known else {"uuid": str(uuid.uuid4()), "pings": 0}
    reported_at = times.write(ask.state.clock.now())
    pings = int(component["pings"]) + 1
    component.update(report, reportedAt=reported_at, tokenUser=ask.token.user, pings=pings)
    if not known:
        ask.state.components.append(component)
    return component_pb2.ComponentServicePingResponse()


SERVICES: Services = {"metalstack.infra.v2.ComponentService": {"Ping": _ping}}
