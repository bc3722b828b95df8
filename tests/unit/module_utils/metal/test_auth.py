# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests are signed, and which credentials are refused before anything is sent."""

from __future__ import annotations

import re

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import (
    Auth,
    BearerAuth,
    HmacAuth,
    from_options,
    signature,
)


@pytest.mark.parametrize(
    ("date", "method", "mac"),
    [
        ("2019-05-29T12:30:43Z", "PUT", "e4b6f0e0f793e58efe7121fc5a3fe731f593e40f3ac27ebc1af09366ef7415f5"),
        ("2019-05-29T12:30:43Z", "put", "e4b6f0e0f793e58efe7121fc5a3fe731f593e40f3ac27ebc1af09366ef7415f5"),
        ("2019-05-29T09:26:39Z", "GET", "dd864d767ca9eec0337727e6ae69a30c47fa1501d1df9c7f2c4caaa83cf2f9f3"),
    ],
)
def test_vectors_of_metal_api(date, method, mac):
    assert signature("metal-test-admin", date, method, "") == mac


def test_hmac_headers():
    auth = HmacAuth("key", "Metal-Edit", now=lambda: 1_559_133_043.9)
    headers = auth.headers("GET")
    assert set(headers) == {"X-Date", "X-Data-Salt", "Authorization"}
    assert headers["X-Date"] == "2019-05-29T12:30:43Z"
    assert re.fullmatch("[a-zA-Z]{24}", headers["X-Data-Salt"])
    mac = signature("key", headers["X-Date"], "GET", headers["X-Data-Salt"])
    assert headers["Authorization"] == f"Metal-Edit {mac}"
    assert auth.headers("GET")["X-Data-Salt"] != headers["X-Data-Salt"]


def test_hmac_is_made_for_now():
    now = [0.0]
    auth = HmacAuth("key", now=lambda: now[0])
    first = auth.headers("GET")
    now[0] = 60.0
    assert (first["X-Date"], auth.headers("GET")["X-Date"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z")
    assert first["Authorization"].startswith("Metal-View ")


def test_bearer_headers():
    assert BearerAuth("abc.def").headers("GET") == {"Authorization": "Bearer abc.def"}


@pytest.mark.parametrize("auth", [HmacAuth("s3cr3t"), BearerAuth("s3cr3t")])
def test_secret_is_not_shown(auth):
    assert "s3cr3t" not in f"{auth!r} {auth} {auth.describe()}"
    assert auth.secrets == ("s3cr3t",)


def test_method_needs_all_its_parts():
    with pytest.raises(TypeError):
        Auth()  # type: ignore[abstract]  # pylint: disable=abstract-class-instantiated


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HmacAuth(""), "The HMAC key is empty."),
        (
            lambda: HmacAuth("k", "metal-edit"),
            "The HMAC user 'metal-edit' is unknown; it must be one of Metal-View, Metal-Edit, Metal-Admin.",
        ),
        (lambda: BearerAuth(""), "The token is empty."),
        (lambda: BearerAuth("a\nb"), "The token has spaces, line breaks or other characters that no token has."),
        (lambda: BearerAuth("a\u00e9"), "The token has spaces, line breaks or other characters that no token has."),
        (lambda: from_options({}), "A credential is missing: set api_token or api_hmac."),
        (
            lambda: from_options({"api_token": " ", "api_hmac": None}),
            "A credential is missing: set api_token or api_hmac.",
        ),
        (
            lambda: from_options({"api_token": "t", "api_hmac": "k"}),
            "api_token and api_hmac were both given; only one of them can be used.",
        ),
        (lambda: from_options({"api_token": 5}), "api_token must be text, not int."),
    ],
)
def test_unusable_credentials(make, says):
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        make()


@pytest.mark.parametrize(
    ("options", "kind", "user"),
    [
        ({"api_token": "t\n", "api_hmac": ""}, BearerAuth, None),
        ({"api_hmac": "k\n"}, HmacAuth, "Metal-Admin"),
        ({"api_hmac": "k", "api_hmac_user": "Metal-Edit"}, HmacAuth, "Metal-Edit"),
    ],
)
def test_method_is_picked_from_options(options, kind, user):
    auth = from_options(options, default_user="Metal-Admin")
    assert auth.__class__ is kind
    assert getattr(auth, "user", None) == user
    assert auth.secrets in (("t",), ("k",))
