# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2, driven by the official client of PyPI (metal-stack-api): HTTP/2 and protocol buffers only."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf.timestamp_pb2 import Timestamp
from metalstack.api.v2 import (  # type: ignore[import-untyped]
    component_pb2,
    health_pb2,
    image_pb2,
    partition_pb2,
    token_pb2,
    version_pb2,
)
from metalstack.client.client import Client  # type: ignore[import-untyped]
from metalstack.infra.v2 import component_pb2 as infra_component_pb2  # type: ignore[import-untyped]

from tests.emulators.metal_api.controlclient import LIST_IMAGES, PING_COMPONENT, REFRESH_TOKEN
from tests.emulators.metal_api.process import MetalApi

IMAGES: list[dict[str, Any]] = [
    {
        "id": "ubuntu-24.04.20250101",
        "url": "http://images.metal-stack.io/old",
        "classification": "deprecated",
        "features": ["machine"],
        "expirationDate": "2025-06-01T00:00:00Z",
    },
    {
        "id": "ubuntu-24.04.20251010",
        "url": "http://images.metal-stack.io/new",
        "name": "Ubuntu 24.04",
        "classification": "supported",
        "features": ["machine"],
        "labels": {"team": "a"},
    },
    {"id": "firewall-ubuntu-3.0.20251001", "url": "http://images.metal-stack.io/fw", "features": ["firewall"]},
]
PARTITION: dict[str, Any] = {
    "id": "fra-01",
    "bootconfig": {"imageurl": "http://x/initrd", "kernelurl": "http://x/kernel", "commandline": "quiet"},
    "dns_servers": [{"ip": "10.0.0.53"}],
    "mgmt_service_addresses": ["10.1.0.1:50051", "10.1.0.2:50051"],
    "labels": {"site": "fra"},
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def list_images(api: MetalApi, token: str | None, **query: Any) -> list[str]:
    request = image_pb2.ImageServiceListRequest(query=query) if query else image_pb2.ImageServiceListRequest()
    headers = bearer(token) if token else {}
    response = Client(api.v2).apiv2().image().list(request=request, headers=headers)
    return [image.id for image in response.images]


def test_version_and_health_are_public(api: MetalApi) -> None:
    client = Client(api.v2).apiv2()
    assert client.version().get(request=version_pb2.VersionServiceGetRequest()).version.version == "v0.45.0"
    health = client.health().get(request=health_pb2.HealthServiceGetRequest()).health
    assert [service.status for service in health.services] == [health_pb2.SERVICE_STATUS_HEALTHY]
    assert {entry["protocol"] for entry in api.control.requests()} == {"2"}


def test_images(api: MetalApi) -> None:
    api.control.change_state(images=IMAGES)
    token = api.control.token()
    ids = ["firewall-ubuntu-3.0.20251001", "ubuntu-24.04.20251010", "ubuntu-24.04.20250101"]
    assert list_images(api, token) == ids
    assert list_images(api, token, id=ids[1]) == ids[1:2]
    assert list_images(api, token, os="ubuntu") == ids[1:]
    assert list_images(api, token, version="24.4.20250101") == ids[2:]
    assert list_images(api, token, feature=image_pb2.IMAGE_FEATURE_FIREWALL) == ids[:1]
    assert list_images(api, token, classification=image_pb2.IMAGE_CLASSIFICATION_SUPPORTED) == ids[1:2]
    assert list_images(api, token, labels={"labels": {"team": "a"}}) == ids[1:2]
    assert list_images(api, token, labels={"labels": {"team": "b"}}) == []


def test_one_image(api: MetalApi) -> None:
    api.control.change_state(images=IMAGES)
    methods = [f"/metalstack.api.v2.ImageService/{name}" for name in ("Get", "Latest")]
    headers = bearer(api.control.token(methods))
    service = Client(api.v2).apiv2().image()
    image = service.get(request=image_pb2.ImageServiceGetRequest(id=IMAGES[1]["id"]), headers=headers).image
    assert (image.url, image.name) == (IMAGES[1]["url"], "Ubuntu 24.04")
    assert image.classification == image_pb2.IMAGE_CLASSIFICATION_SUPPORTED
    assert list(image.features) == [image_pb2.IMAGE_FEATURE_MACHINE]
    assert dict(image.meta.labels.labels) == {"team": "a"}
    assert image.meta.created_at == image.meta.updated_at
    assert image.expires_at.ToDatetime() - image.meta.created_at.ToDatetime() > timedelta(days=89)

    latest = service.latest(request=image_pb2.ImageServiceLatestRequest(os="ubuntu-24.04"), headers=headers)
    assert latest.image == image
    deprecated = image_pb2.ImageServiceLatestRequest(
        os="ubuntu-24.04", classification=image_pb2.IMAGE_CLASSIFICATION_DEPRECATED
    )
    assert service.latest(request=deprecated, headers=headers).image.id == IMAGES[0]["id"]
    with pytest.raises(ConnectError) as missing:
        service.get(request=image_pb2.ImageServiceGetRequest(id="none"), headers=headers)
    assert (missing.value.code, missing.value.message) == (Code.NOT_FOUND, 'no image with id "none" found')


def test_partitions(api: MetalApi) -> None:
    api.control.change_state(partitions=[PARTITION, {"id": "muc-01", "bootconfig": {}}])
    service = Client(api.v2).apiv2().partition()
    headers = bearer(api.control.token(admin_role="VIEWER"))
    request = partition_pb2.PartitionServiceListRequest()
    assert [p.id for p in service.list(request=request, headers=headers).partitions] == ["fra-01", "muc-01"]
    query = partition_pb2.PartitionQuery(labels={"labels": {"site": "fra"}})
    request = partition_pb2.PartitionServiceListRequest(query=query)
    (partition,) = service.list(request=request, headers=headers).partitions
    boot = partition.boot_configuration
    assert (boot.image_url, boot.kernel_url, boot.commandline) == ("http://x/initrd", "http://x/kernel", "quiet")
    assert list(partition.mgmt_service_addresses) == PARTITION["mgmt_service_addresses"]
    assert [server.ip for server in partition.dns_servers] == ["10.0.0.53"]
    found = service.get(request=partition_pb2.PartitionServiceGetRequest(id="fra-01"), headers=headers).partition
    assert found == partition


def test_refresh(api: MetalApi) -> None:
    first = api.control.token([REFRESH_TOKEN, LIST_IMAGES], lifetime=600, description="image cache", user="ops")
    api.control.shift_clock(500)
    service = Client(api.v2).apiv2().token()
    answer = service.refresh(request=token_pb2.TokenServiceRefreshRequest(), headers=bearer(first))
    second, token = answer.secret, answer.token
    assert second != first
    assert (token.user, token.description) == ("ops", "image cache")
    assert token.expires.seconds - token.issued_at.seconds == 600
    assert [list(permission.methods) for permission in token.permissions] == [[REFRESH_TOKEN, LIST_IMAGES]]
    assert token.token_type == token_pb2.TOKEN_TYPE_API
    assert uuid.UUID(token.uuid)
    assert list_images(api, first) == list_images(api, second) == [], "the old token is good until it expires"
    api.control.shift_clock(700)
    with pytest.raises(ConnectError, match="token is expired"):
        list_images(api, first)
    assert list_images(api, second) == []


def test_refresh_needs_the_permission(api: MetalApi) -> None:
    token = api.control.token([LIST_IMAGES])
    with pytest.raises(ConnectError) as refused:
        Client(api.v2).apiv2().token().refresh(request=token_pb2.TokenServiceRefreshRequest(), headers=bearer(token))
    assert refused.value.code == Code.PERMISSION_DENIED


@pytest.mark.parametrize("rights", [{"methods": [PING_COMPONENT]}, {"infra_role": "EDITOR", "methods": []}])
def test_ping(api: MetalApi, rights: dict[str, Any]) -> None:
    token = api.control.token(**rights)
    request = infra_component_pb2.ComponentServicePingRequest(
        type=component_pb2.COMPONENT_TYPE_METAL_IMAGE_CACHE_SYNC,
        identifier="cache-1",
        started_at=Timestamp(seconds=1_700_000_000),
        interval=timedelta(minutes=10),
        version=version_pb2.Version(version="v1.0.0"),
    )
    service = Client(api.v2).infrav2().component()
    service.ping(request=request, headers=bearer(token))
    service.ping(request=request, headers=bearer(token))
    (component,) = api.control.state()["components"]
    assert component["type"] == "COMPONENT_TYPE_METAL_IMAGE_CACHE_SYNC"
    assert (component["identifier"], component["interval"], component["pings"]) == ("cache-1", "600s", 2)
    with pytest.raises(ConnectError) as invalid:
        service.ping(request=infra_component_pb2.ComponentServicePingRequest(), headers=bearer(token))
    assert invalid.value.code == Code.INVALID_ARGUMENT


def test_without_a_token(api: MetalApi) -> None:
    with pytest.raises(ConnectError) as refused:
        list_images(api, None)
    assert refused.value.code == Code.PERMISSION_DENIED


def test_public_methods_are_no_right_of_an_api_token(api: MetalApi) -> None:
    version = Client(api.v2).apiv2().version()
    request = version_pb2.VersionServiceGetRequest()
    with pytest.raises(ConnectError) as refused:
        version.get(request=request, headers=bearer(api.control.token()))
    assert refused.value.code == Code.PERMISSION_DENIED
    assert version.get(request=request, headers=bearer(api.control.token([], type="USER"))).version.version


def test_roles(api: MetalApi) -> None:
    assert list_images(api, api.control.token([], admin_role="EDITOR")) == []
    assert list_images(api, api.control.token([], admin_role="VIEWER")) == []
    assert list_images(api, api.control.token([], type="USER")) == []
    for token in (api.control.token([]), api.control.token([], infra_role="EDITOR")):
        with pytest.raises(ConnectError, match="not part of the token permissions"):
            list_images(api, token)


def test_many_images(api: MetalApi) -> None:
    images = [{"id": f"ubuntu-24.04.{20250000 + n}", "url": f"http://x/{n}"} for n in range(1, 1001)]
    api.control.change_state(images=images)
    assert len(list_images(api, api.control.token())) == 1000
