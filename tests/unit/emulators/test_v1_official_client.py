# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1, driven by the official client of PyPI (metal-python), which reads responses strictly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from metal_python import api as apis  # type: ignore[import-untyped]
from metal_python import models
from metal_python.driver import Driver  # type: ignore[import-untyped]
from metal_python.rest import ApiException  # type: ignore[import-untyped]

from tests.emulators.metal_api.process import KEYS, MetalApi

# The client signs with datetime.utcnow.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

URL = "http://images.metal-stack.io/metal-os/stable/ubuntu/24.04/20251010/img.tar.lz4"
BOOT = {
    "imageurl": "http://images.metal-stack.io/metal-hammer/v0.13.0/metal-hammer-initrd.img.lz4",
    "kernelurl": "http://github.com/metal-stack/kernel/releases/download/6.6/metal-kernel",
    "commandline": "console=tty0",
}


def client(api: MetalApi, user: str = "Metal-Admin") -> Any:
    return Driver(api.v1, None, KEYS[user], user).client


def test_image_lifecycle(api: MetalApi) -> None:
    images = apis.ImageApi(api_client=client(api))
    assert images.list_images() == []
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    created = images.create_image(
        models.V1ImageCreateRequest(
            id="ubuntu-24.04.20251010",
            url=URL,
            name="Ubuntu 24.04",
            features=["machine"],
            classification="supported",
            expiration_date=expires,
        )
    )
    assert created.id == "ubuntu-24.04.20251010"
    assert created.expiration_date == expires
    assert created.created == created.changed
    found = images.find_image("ubuntu-24.04.20251010")
    assert found == created
    assert (found.url, found.features, found.classification) == (URL, ["machine"], "supported")

    changed = images.update_image(
        models.V1ImageUpdateRequest(id=created.id, classification="deprecated", expiration_date=expires)
    )
    assert changed.classification == "deprecated"
    assert (changed.name, changed.url) == ("Ubuntu 24.04", URL)
    assert changed.changed > created.changed
    assert [image.id for image in images.list_images()] == [created.id]

    assert images.delete_image(created.id).id == created.id
    with pytest.raises(ApiException) as refused:
        images.find_image(created.id)
    assert refused.value.status == 404


def test_image_defaults(api: MetalApi) -> None:
    images = apis.ImageApi(api_client=client(api))
    image = images.create_image(models.V1ImageCreateRequest(id="debian-12.0", url=URL))
    assert image.classification == "preview"
    assert abs(image.expiration_date - datetime.now(timezone.utc) - timedelta(days=90)) < timedelta(minutes=1)


def test_resolving_an_image(api: MetalApi) -> None:
    ids = ["ubuntu-24.04.20250101", "ubuntu-24.04.20251010", "ubuntu-24.10.20251111", "ubuntu-nvidia-24.04.20260101"]
    api.control.change_state(images=[{"id": image_id, "url": URL} for image_id in ids])
    images = apis.ImageApi(api_client=client(api, "Metal-View"))
    assert images.find_latest_image("ubuntu-24.04").id == "ubuntu-24.04.20251010"
    assert images.find_latest_image("ubuntu-24.04.20250101").id == "ubuntu-24.04.20250101"
    assert [image.id for image in images.query_images_by_id("ubuntu-24.04")] == ids[:2]
    found = images.find_images(models.V1ImageFindRequest(os="ubuntu", version="24.10.20251111"))
    assert [image.id for image in found] == ["ubuntu-24.10.20251111"]
    with pytest.raises(ApiException) as missing:
        images.find_latest_image("ubuntu-22.04")
    assert missing.value.status == 404


def test_usage_of_images(api: MetalApi) -> None:
    api.control.change_state(
        images=[{"id": "ubuntu-24.4", "url": URL, "usedby": ["machine-1"]}, {"id": "debian-12.0", "url": URL}]
    )
    images = apis.ImageApi(api_client=client(api))
    assert [image.usedby for image in images.list_images()] == [None, None]
    assert [image.usedby for image in images.list_images(show_usage=True)] == [["machine-1"], None]
    with pytest.raises(ApiException) as refused:
        images.delete_image("ubuntu-24.4")
    assert refused.value.status == 422
    assert "in use by machines:[machine-1]" in refused.value.body


def test_partition_lifecycle(api: MetalApi) -> None:
    partitions = apis.PartitionApi(api_client=client(api))
    created = partitions.create_partition(
        models.V1PartitionCreateRequest(
            id="fra-01",
            name="Frankfurt",
            bootconfig=models.V1PartitionBootConfiguration(**BOOT),
            mgmtserviceaddress="10.1.0.1:50051",
            dns_servers=[models.V1DNSServer(ip="10.0.0.53")],
        )
    )
    assert created.bootconfig.imageurl == BOOT["imageurl"]
    assert [server.ip for server in created.dns_servers] == ["10.0.0.53"]
    assert created.ntp_servers is None
    assert partitions.find_partition("fra-01") == created
    assert partitions.list_partitions() == [created]

    changed = partitions.update_partition(
        models.V1PartitionUpdateRequest(
            id="fra-01",
            bootconfig=models.V1PartitionBootConfiguration(commandline="quiet"),
            dns_servers=[],
            ntp_servers=[models.V1NTPServer(address="pool.ntp.org")],
        )
    )
    assert (changed.bootconfig.commandline, changed.bootconfig.kernelurl) == ("quiet", BOOT["kernelurl"])
    assert changed.dns_servers is None
    assert [server.address for server in changed.ntp_servers] == ["pool.ntp.org"]

    assert partitions.partition_capacity(models.V1PartitionCapacityRequest(projectid="p")) == [], "without machines"

    assert partitions.delete_partition("fra-01").id == "fra-01"
    assert partitions.list_partitions() == []


@pytest.mark.parametrize("user", KEYS)
def test_every_key(api: MetalApi, user: str) -> None:
    me = apis.UserApi(api_client=client(api, user)).get_me()
    role = user.removeprefix("Metal-").lower()
    assert me.e_mail == f"metal-{role}@metal-stack.io"
    assert (me.name, me.tenant) == (user, "metal-stack")
    assert f"maas-all-all-{role}" in me.groups
    assert apis.ImageApi(api_client=client(api, user)).list_images() == []


@pytest.mark.parametrize("user", ["Metal-View", "Metal-Edit"])
def test_only_admins_write(api: MetalApi, user: str) -> None:
    message = r"you are not member in one of \[k8s_kaas-admin maas-all-all-admin\]"
    with pytest.raises(ApiException, match=message) as refused:
        apis.ImageApi(api_client=client(api, user)).delete_image("ubuntu-24.4")
    assert refused.value.status == 403
    with pytest.raises(ApiException, match=message):
        apis.PartitionApi(api_client=client(api, user)).delete_partition("fra-01")


def test_wrong_key(api: MetalApi) -> None:
    images = apis.ImageApi(api_client=Driver(api.v1, None, "wrong", "Metal-View").client)
    with pytest.raises(ApiException) as refused:
        images.list_images()
    assert (refused.value.status, refused.value.body) == (403, '{"statuscode":403,"message":"Wrong HMAC found"}')


def test_bearer(api: MetalApi) -> None:
    bearer = api.control.bearer(groups=["edit"])
    driver = Driver(api.v1, bearer, None)
    me = apis.UserApi(api_client=driver.client).get_me()
    assert (me.e_mail, me.groups) == ("user@example.com", ["k8s_kaas-edit", "maas-all-all-edit"])
    assert apis.ImageApi(api_client=driver.client).list_images() == []


def test_health_and_version_need_no_credentials(api: MetalApi) -> None:
    anonymous = client(api)
    health = apis.HealthApi(api_client=anonymous).health()
    assert (health.status, health.message) == ("healthy", "")
    assert apis.VersionApi(api_client=anonymous).info().name == "metal-api"


def test_health_of_services(api: MetalApi) -> None:
    services = {"ipam": {"status": "degraded", "message": "slow"}}
    api.control.change_state(health={"status": "degraded", "services": services})
    health = apis.HealthApi(api_client=client(api)).health()
    assert health.status == "degraded"
    assert (health.services["ipam"].status, health.services["ipam"].message) == ("degraded", "slow")
