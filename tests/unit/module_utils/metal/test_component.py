# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sign of life of a component."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.component import ping
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Close, Server, answer, replies

STARTED = datetime(2026, 1, 31, 12, 0, 0, 5000, tzinfo=timezone.utc)


@pytest.mark.parametrize(("interval", "sent"), [(60, "60s"), (0.5, "5s"), (86400, "3600s"), (7.5, "7.5s")])
def test_ping(http, interval, sent):
    with Server(replies([Close()], answer(200, b"{}"))) as server:
        api = MetalV2(server.url, BearerAuth("t"), http)
        ping(api, identifier="cache-1", started_at=STARTED, interval=interval, version="1.0.0", revision="abc")
    request = server.requests[-1]
    assert len(server.requests) == 2, "a sign of life may be given twice"
    assert request.target == "/metalstack.infra.v2.ComponentService/Ping"
    assert json.loads(request.body) == {
        "type": "COMPONENT_TYPE_METAL_IMAGE_CACHE_SYNC",
        "identifier": "cache-1",
        "startedAt": "2026-01-31T12:00:00.005000Z",
        "interval": sent,
        "version": {"version": "1.0.0", "revision": "abc"},
    }
