# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cheapest check of address and credential."""

from __future__ import annotations

import json

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import AuthenticationError, ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth, HmacAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.identity import whoami
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Server, answer, replies

VERSION = answer(200, b'{"version": {"version": "v0.5.1"}}')


def refused(status, code):
    return answer(status, json.dumps({"code": code}).encode())


def test_v1(http):
    with Server(replies(answer(200, b'{"EMail": "metal-view@metal-stack.io"}'))) as server:
        assert whoami(MetalV1(server.url, HmacAuth("k"), http)) == {"EMail": "metal-view@metal-stack.io"}
    assert server.requests[0].target == "/v1/user/me"


def test_v1_that_is_something_else(http):
    with (
        Server(replies(answer(200, b"[]"))) as server,
        pytest.raises(ProtocolError, match="something that is not a user"),
    ):
        whoami(MetalV1(server.url, HmacAuth("k"), http))


@pytest.mark.parametrize(
    ("second", "rights"),
    [(answer(200, b'{"permissions": []}'), {"permissions": []}), (refused(403, "permission_denied"), None)],
)
def test_v2(http, second, rights):
    with Server(replies(VERSION, second)) as server:
        found = whoami(MetalV2(server.url, BearerAuth("t"), http))
    assert found == {"version": {"version": "v0.5.1"}, "rights": rights}
    version, scope = server.requests
    assert version.target == "/metalstack.api.v2.VersionService/Get"
    assert "authorization" not in version.headers, "tokens of an API user may not call public methods"
    assert scope.target == "/metalstack.api.v2.MethodService/TokenScopedList"
    assert scope.headers["authorization"] == "Bearer t"


def test_v2_with_a_bad_token(http):
    with Server(replies(VERSION, refused(401, "unauthenticated"))) as server, pytest.raises(AuthenticationError):
        whoami(MetalV2(server.url, BearerAuth("t"), http))
