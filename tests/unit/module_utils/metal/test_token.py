# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tokens are renewed."""

from __future__ import annotations

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError, TransportError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.token import refresh
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Close, Server, answer, replies


def test_refresh(http):
    with Server(replies(answer(200, b'{"token": {}, "secret": "new"}'))) as server:
        assert refresh(MetalV2(server.url, BearerAuth("old"), http)) == "new"
    (request,) = server.requests
    assert request.target == "/metalstack.api.v2.TokenService/Refresh"
    assert request.headers["authorization"] == "Bearer old"


def test_refresh_is_not_repeated(http):
    with Server(replies([Close()], answer(200, b'{"secret": "new"}'))) as server, pytest.raises(TransportError):
        refresh(MetalV2(server.url, BearerAuth("old"), http))
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"{}", b'{"secret": ""}', b'{"secret": 5}'])
def test_refresh_without_a_token(http, body):
    with Server(replies(answer(200, body))) as server, pytest.raises(ProtocolError, match="without a new token"):
        refresh(MetalV2(server.url, BearerAuth("old"), http))
