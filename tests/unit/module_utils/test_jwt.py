# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What JSON Web Tokens say about themselves."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._jwt import (
    claims,
    decode_segment,
    encode_segment,
    expires_at,
    header,
    issued_at,
)


def token(data, signature="c2ln"):
    payload = base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode())
    return f"eyJhbGciOiJFUzI1NiJ9.{payload.decode().rstrip('=')}.{signature}"


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "\u00fc?>"])
def test_claims(name):
    assert claims(token({"sub": name})) == {"sub": name}
    assert claims(token({"sub": name}, "")) == {"sub": name}


@pytest.mark.parametrize(
    "text",
    ["", "s3cr3t", "a.b", "a.b.c.d", "a.!!!.c", "a.YQ.c", token([1]), token(b"\xff"), token(b"[" * 100_000), "a.A.c"],
)
def test_no_token(text):
    with pytest.raises(ValueError, match=r"^The token is not a JSON Web Token\.$"):
        claims(text)


def test_times():
    made = token({"exp": 1_800_000_000, "iat": 1_799_999_999.5})
    assert expires_at(made) == datetime(2027, 1, 15, 8, 0, tzinfo=timezone.utc)
    assert issued_at(made) == datetime(2027, 1, 15, 7, 59, 59, 500_000, tzinfo=timezone.utc)
    assert expires_at(token({})) is None


@pytest.mark.parametrize("value", ["soon", True, 1e300, [1], float("nan")])
def test_no_times(value):
    with pytest.raises(ValueError, match="The token has a claim exp that is not a time"):
        expires_at(token({"exp": value}))


def test_header():
    assert header(token({})) == {"alg": "ES256"}
    with pytest.raises(ValueError, match=r"^The token is not a JSON Web Token\.$"):
        header("YQ.YQ.YQ")


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", b"\xff\xfe\xfd"])
def test_segments(content):
    assert decode_segment(encode_segment(content)) == content
    assert "=" not in encode_segment(content)
