# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of both APIs."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth, HmacAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import (
    Image,
    list_images,
    parse_image_id,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Server, answer, replies

URL = "http://images.metal-stack.io/ubuntu/24.04/img.tar.lz4"


def listed(http, api, body):
    with Server(replies(answer(200, json.dumps(body).encode()))) as server:
        kind = MetalV1(server.url, HmacAuth("k"), http) if api == 1 else MetalV2(server.url, BearerAuth("t"), http)
        found = list_images(kind)
        (request,) = server.requests
        assert request.target == ("/v1/image" if api == 1 else "/metalstack.api.v2.ImageService/List")
        return found


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("ubuntu-24.04.20251010", ("ubuntu", 24, 4, 20251010)),
        ("firewall-ubuntu-3.0.20251010", ("firewall-ubuntu", 3, 0, 20251010)),
        ("ubuntu-24.04", ("ubuntu", 24, 4, 0)),
        ("debian-12", ("debian", 12, 0, 0)),
        ("a--1.2.3", ("a-", 1, 2, 3)),
    ],
)
def test_ids(name, parsed):
    assert parse_image_id(name) == parsed


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ubuntu",
        "-24.04",
        "ubuntu-",
        "ubuntu-latest",
        "ubuntu-24.04-rc1",
        "ubuntu-24.04.1.2",
        "ubuntu-24.",
        "ubuntu-24..1",
        "ubuntu-\u0662",
        "ubuntu-1.2 ",
        "ubuntu-" + "9" * 5000,
    ],
)
def test_no_ids(name):
    with pytest.raises(ValueError, match="is not an image id like ubuntu-24"):
        parse_image_id(name)


@settings(deadline=None)
@given(
    os=st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True),
    version=st.tuples(*[st.integers(0, 10**12)] * 3),
)
def test_written_ids_are_read_again(os, version):
    assert parse_image_id(f"{os}-{'.'.join(map(str, version))}") == (os, *version)


def test_v1(http):
    found = listed(
        http,
        1,
        [
            {
                "id": "ubuntu-24.04.20251010",
                "name": "Ubuntu",
                "description": "x",
                "url": URL,
                "features": ["machine", "firewall", "machine"],
                "classification": "supported",
                "expirationDate": "2027-01-01T00:00:00.123456789+01:00",
                "usedby": None,
            },
            {"id": "a-1.2", "url": URL, "features": None, "expirationDate": "0001-01-01T00:00:00Z", "name": None},
        ],
    )
    assert found.skipped == []
    assert found.images == [
        Image(
            "ubuntu-24.04.20251010",
            "ubuntu",
            24,
            4,
            20251010,
            URL,
            "Ubuntu",
            frozenset({"machine", "firewall"}),
            "supported",
            datetime(2026, 12, 31, 23, 0, 0, 123_456, tzinfo=timezone.utc),
            "x",
        ),
        Image("a-1.2", "a", 1, 2, 0, URL, "", frozenset(), "", None),
    ]


def test_v2(http):
    found = listed(
        http,
        2,
        {
            "images": [
                {
                    "id": "ubuntu-24.04.20251010",
                    "meta": {"generation": "1"},
                    "url": URL,
                    "name": "Ubuntu",
                    "features": ["IMAGE_FEATURE_MACHINE", "IMAGE_FEATURE_FIREWALL"],
                    "classification": "IMAGE_CLASSIFICATION_PREVIEW",
                    "expiresAt": "2027-01-01T00:00:00Z",
                },
                {
                    "id": "a-1.2.3",
                    "url": URL,
                    "classification": "IMAGE_CLASSIFICATION_UNSPECIFIED",
                    "features": ["NEW"],
                },
            ]
        },
    )
    assert found.skipped == []
    first, second = found.images
    assert (first.features, first.classification) == (frozenset({"machine", "firewall"}), "preview")
    assert first.expires_at == datetime(2027, 1, 1, tzinfo=timezone.utc)
    assert (second.features, second.classification, second.expires_at) == (frozenset({"new"}), "", None)


@pytest.mark.parametrize(("api", "body"), [(1, None), (1, []), (2, {}), (2, {"images": None}), (2, {"images": []})])
def test_empty(http, api, body):
    found = listed(http, api, body)
    assert (found.images, found.skipped) == ([], [])


@pytest.mark.parametrize(
    ("item", "name", "reason"),
    [
        ({"id": "latest", "url": URL}, "latest", "'latest' is not an image id like ubuntu-24.04.20251010."),
        ({"id": "a-1", "url": ""}, "a-1", "It has no url."),
        ({"id": "a-1", "url": 5}, "a-1", "Its url is not text."),
        ({"id": "a-1", "url": URL, "features": "machine"}, "a-1", "Its features are not a list of text."),
        ({"id": "a-1", "url": URL, "features": [1]}, "a-1", "Its features are not a list of text."),
        ({"id": "a-1", "url": URL, "expirationDate": "soon"}, "a-1", "'soon' is not a time like 2026-01-31T12:00:00Z."),
        ({"url": URL}, "?", "It has no id."),
        ({"id": 5, "url": URL}, "?", "It has no id."),
        ("x", "?", "It has no id."),
    ],
)
def test_one_strange_image_does_not_hide_the_others(http, item, name, reason):
    found = listed(http, 1, [item, {"id": "b-1.0", "url": URL}])
    assert found.skipped == [(name, reason)]
    assert [image.id for image in found.images] == ["b-1.0"]


@pytest.mark.parametrize(("api", "body"), [(1, {"a": 1}), (2, {"images": {"a": 1}})])
def test_no_list(http, api, body):
    with pytest.raises(ProtocolError, match="not a list"):
        listed(http, api, body)
