# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions of both APIs."""

from __future__ import annotations

import json

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils._errors import ProtocolError
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth, HmacAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.partition import (
    Partition,
    list_partitions,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Server, answer, replies


def listed(http, api, body):
    with Server(replies(answer(200, json.dumps(body).encode()))) as server:
        kind = MetalV1(server.url, HmacAuth("k"), http) if api == 1 else MetalV2(server.url, BearerAuth("t"), http)
        found = list_partitions(kind)
        (request,) = server.requests
        assert request.target == ("/v1/partition" if api == 1 else "/metalstack.api.v2.PartitionService/List")
        return found


def test_v1(http):
    boot = {"imageurl": "http://x/initrd", "kernelurl": "http://x/kernel", "commandline": "console=ttyS0"}
    found = listed(
        http,
        1,
        [
            {"id": "fra-01", "name": "Frankfurt", "bootconfig": boot, "dns_servers": None},
            {"id": "fra-02", "name": None, "bootconfig": {"imageurl": None}},
            {"id": "fra-03"},
        ],
    )
    assert found == [
        Partition("fra-01", "Frankfurt", "http://x/initrd", "http://x/kernel", "console=ttyS0"),
        Partition("fra-02", "", "", "", ""),
        Partition("fra-03", "", "", "", ""),
    ]


def test_v2(http):
    boot = {"imageUrl": "http://x/initrd", "kernelUrl": "http://x/kernel", "commandline": "console=ttyS0"}
    found = listed(http, 2, {"partitions": [{"id": "fra-01", "bootConfiguration": boot}, {"id": "fra-02"}]})
    assert found == [
        Partition("fra-01", "", "http://x/initrd", "http://x/kernel", "console=ttyS0"),
        Partition("fra-02", "", "", "", ""),
    ]


@pytest.mark.parametrize(("api", "body"), [(1, None), (2, {})])
def test_empty(http, api, body):
    assert listed(http, api, body) == []


@pytest.mark.parametrize(("api", "body"), [(1, {"a": 1}), (1, [{}]), (1, ["x"]), (2, {"partitions": {"a": 1}})])
def test_no_list(http, api, body):
    with pytest.raises(ProtocolError, match="not a list"):
        listed(http, api, body)
