# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2 on the wire: JSON over HTTP/1.1, errors, and tokens that are not good."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.emulators.metal_api.controlclient import LIST_IMAGES, LIST_PARTITIONS, REFRESH_TOKEN
from tests.emulators.metal_api.process import MetalApi, running_metal_api

from .requests import JSON, Answer, RawClient


@pytest.fixture
def raw(api: MetalApi) -> Iterator[RawClient]:
    with RawClient(api.v2) as client:
        yield client


def call(raw: RawClient, method: str, token: str = "", body: bytes = b"{}") -> Answer:
    return raw.send("POST", method, {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}, body)


def test_json(api: MetalApi, raw: RawClient) -> None:
    image = {
        "id": "ubuntu-24.04.20251010",
        "url": "http://x/y",
        "features": ["machine"],
        "expirationDate": "2030-01-01T00:00:00Z",
        "created": "2025-10-10T00:00:00Z",
        "changed": "2025-10-11T00:00:00.5Z",
        "generation": 3,
    }
    api.control.change_state(images=[image])
    answer = call(raw, LIST_IMAGES, api.control.token())
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "images": [
            {
                "id": "ubuntu-24.04.20251010",
                "meta": {
                    "createdAt": "2025-10-10T00:00:00Z",
                    "updatedAt": "2025-10-11T00:00:00.500Z",
                    "generation": "3",
                },
                "url": "http://x/y",
                "name": "",
                "description": "",
                "features": ["IMAGE_FEATURE_MACHINE"],
                "classification": "IMAGE_CLASSIFICATION_PREVIEW",
                "expiresAt": "2030-01-01T00:00:00Z",
            }
        ]
    }


def test_empty_list_is_left_out(api: MetalApi, raw: RawClient) -> None:
    assert call(raw, LIST_IMAGES, api.control.token()).body == b"{}"


def test_unknown_fields_are_ignored_and_wrong_ones_refused(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token()
    assert call(raw, LIST_IMAGES, token, b'{"future": 1}').status == 200
    for body in (b"{", b'{"query": 7}', b'{"query": {"id": "x"}}'):
        answer = call(raw, LIST_IMAGES, token, body)
        assert (answer.status, answer.json()["code"]) == (400, "invalid_argument")


def test_no_token(raw: RawClient) -> None:
    answer = call(raw, LIST_IMAGES)
    message = f'access to:"{LIST_IMAGES}" is not allowed because it is not part of the token permissions'
    assert (answer.status, answer.json()) == (403, {"code": "permission_denied", "message": message})


def test_missing_permission(api: MetalApi, raw: RawClient) -> None:
    answer = call(raw, LIST_PARTITIONS, api.control.token([LIST_IMAGES]))
    assert (answer.status, answer.json()["code"]) == (403, "permission_denied")


def refused(raw: RawClient, token: str) -> str:
    # Also on a public method, which needs no token at all.
    for method in (LIST_IMAGES, "/metalstack.api.v2.VersionService/Get"):
        answer = call(raw, method, token)
        assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")
    message = answer.json()["message"]
    assert isinstance(message, str)
    return message


def test_expired(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token(lifetime=60)
    assert call(raw, LIST_IMAGES, token).status == 200
    api.control.shift_clock(61)
    assert refused(raw, token) == "token has invalid claims: token is expired"


def test_not_valid_yet(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token()
    api.control.shift_clock(-60)
    assert refused(raw, token) == "token has invalid claims: token is not valid yet"


def test_revoked(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token()
    api.control.revoke_all()
    assert refused(raw, token) == "token was revoked"


def test_forged(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token([])
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, ec.generate_private_key(ec.SECP521R1()), algorithm="ES512")
    assert "no suitable publickey" in refused(raw, forged)
    unsigned = jwt.encode(claims, "", algorithm="none")
    assert "malformed" in refused(raw, unsigned)
    header, payload, signature = token.split(".")
    longer = json.dumps({**claims, "exp": claims["exp"] + 9}).encode()
    changed = base64.urlsafe_b64encode(longer).rstrip(b"=").decode()
    assert payload != changed
    assert "no suitable publickey" in refused(raw, f"{header}.{changed}.{signature}")
    assert "malformed" in refused(raw, "rubbish")


def test_claims_of_a_token(api: MetalApi) -> None:
    token = api.control.token(lifetime=600, user="ops")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["sub"], claims["type"], claims["nbf"]) == ("ops", "TOKEN_TYPE_API", claims["iat"])
    assert jwt.get_unverified_header(token)["alg"] == "ES512"


def test_not_implemented_and_not_there(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token(admin_role="EDITOR")
    body = b'{"uuid": "0199f1b8-66c4-7d9a-8a5f-1f2e3d4c5b6a"}'
    answer = call(raw, "/metalstack.api.v2.UserService/Get", token, body)
    assert (answer.status, answer.json()["code"]) == (501, "unimplemented")
    assert call(raw, "/metalstack.api.v2.UserService/Get", "", body).status == 403
    assert call(raw, "/metalstack.api.v2.NoService/Get", token).status == 404
    headers = {"Content-Type": "text/plain", "Authorization": f"Bearer {token}"}
    assert raw.send("POST", LIST_IMAGES, headers, b"{}").status == 415


def test_tokens_outlive_a_restart_with_a_token_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    with running_metal_api("--token-file", str(path)) as first:
        token = first.control.token([LIST_IMAGES, REFRESH_TOKEN])
        with RawClient(first.v2) as raw:
            refreshed = call(raw, REFRESH_TOKEN, token).json()["secret"]
    assert path.stat().st_mode & 0o777 == 0o600
    with running_metal_api("--token-file", str(path)) as second, RawClient(second.v2) as raw:
        assert call(raw, LIST_IMAGES, token).status == 200
        assert call(raw, LIST_IMAGES, refreshed).status == 200
    with running_metal_api() as third, RawClient(third.v2) as raw:
        assert call(raw, LIST_IMAGES, token).status == 401
