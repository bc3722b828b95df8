# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both clients end to end against the emulator, which official clients prove: authentication, faults, exactly once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _errors as errors
from ansible_collections.metalstack.provisioning.plugins.module_utils import _jwt
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal import component, token
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth, HmacAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.image import list_images
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.partition import list_partitions
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.emulators.metal_api.process import KEYS, running_metal_api

IMAGES = [
    {
        "id": "ubuntu-24.04.20251010",
        "name": "Ubuntu",
        "url": "http://images.example.com/u.tar.lz4",
        "features": ["machine"],
        "classification": "supported",
        "expirationDate": "2031-01-01T00:00:00Z",
    },
    {"id": "firewall-ubuntu-3.0.20251010", "url": "http://images.example.com/f.tar.lz4", "features": ["firewall"]},
]
PARTITIONS = [
    {
        "id": "fra-01",
        "name": "Frankfurt",
        "bootconfig": {"imageurl": "http://images.example.com/i", "kernelurl": "http://images.example.com/k"},
    }
]


@pytest.fixture(scope="module")
def running():
    with running_metal_api() as api:
        yield api


@pytest.fixture
def emulator(running):
    running.control.clear_faults()
    running.control.shift_clock(0)
    running.control.replace_state(images=IMAGES, partitions=PARTITIONS)
    running.control.forget_requests()
    return running


@pytest.fixture
def http():
    # quick retries: the waits themselves are tested with a fake clock
    with HttpClient(proxies={}, retry=RetryPolicy(backoff=0.001, retry_after_cap=0.001)) as client:
        yield client


@pytest.fixture(params=["v1 hmac", "v1 bearer", "v2"])
def api(request, emulator, http):
    if request.param == "v1 hmac":
        return MetalV1(emulator.v1, HmacAuth(KEYS["Metal-View"]), http)
    if request.param == "v1 bearer":
        return MetalV1(emulator.v1, BearerAuth(emulator.control.bearer()), http)
    return MetalV2(emulator.v2, BearerAuth(emulator.control.token()), http)


def v1(emulator, http, role="View"):
    return MetalV1(emulator.v1, HmacAuth(KEYS[f"Metal-{role}"], f"Metal-{role}"), http)


def test_images_and_partitions(api):
    found = list_images(api)
    assert found.skipped == []
    assert {image.id for image in found.images} == {image["id"] for image in IMAGES}
    ubuntu = next(image for image in found.images if image.os == "ubuntu")
    assert (ubuntu.major, ubuntu.minor, ubuntu.patch) == (24, 4, 20251010)
    assert (ubuntu.features, ubuntu.classification) == (frozenset({"machine"}), "supported")
    assert ubuntu.expires_at == datetime(2031, 1, 1, tzinfo=timezone.utc)
    (partition,) = list_partitions(api)
    assert (partition.id, partition.kernel_url) == ("fra-01", "http://images.example.com/k")


def test_nothing_there(api, emulator):
    emulator.control.change_state(images=[], partitions=[])
    assert list_images(api).images == []
    assert list_partitions(api) == []


@pytest.mark.parametrize("fault", [{"action": "reset"}, {"action": "reset", "when": "after"}, {"action": "truncate"}])
def test_reads_survive_faults(api, emulator, fault):
    emulator.control.add_fault(**fault, count=2)
    assert len(list_images(api).images) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_reads_survive_refusals(api, emulator, status):
    emulator.control.add_fault("status", status=status, retry_after="1", count=3)
    assert len(list_images(api).images) == 2


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"action": "reset"}, errors.TransportError),
        ({"action": "truncate"}, errors.TruncatedError),
        ({"action": "invalid_json"}, errors.ProtocolError),
        ({"action": "status", "status": 409}, errors.ConflictError),
        ({"action": "status", "status": 429}, errors.RateLimitError),
        ({"action": "status", "status": 500}, errors.ServerError),
        ({"action": "status", "status": 503}, errors.ServerError),
        ({"action": "status", "status": 503, "body": "<html>"}, errors.ServerError),
    ],
)
def test_faults_that_stay(api, emulator, fault, kind):
    emulator.control.add_fault(**fault)
    with pytest.raises(kind):
        list_images(api)


def test_wrong_key(emulator, http):
    with pytest.raises(errors.AuthenticationError, match="the HMAC key of Metal-View is not accepted"):
        list_images(MetalV1(emulator.v1, HmacAuth("wrong"), http))


def test_clock_that_is_behind(emulator, http):
    emulator.control.shift_clock(120)
    with pytest.raises(errors.AuthenticationError, match="the signature is too old"):
        list_images(v1(emulator, http))


def test_missing_role(emulator, http):
    with pytest.raises(errors.PermissionDeniedError, match=r"it needs the role admin: the HMAC key of Metal-Admin"):
        v1(emulator, http, "Edit").put("/v1/image", IMAGES[0])


@pytest.mark.parametrize(
    ("bearer", "kind"),
    [
        ({"lifetime": -1}, errors.AuthenticationError),
        ({"tenant": "acme"}, errors.PermissionDeniedError),
    ],
)
def test_bad_bearer(emulator, http, bearer, kind):
    with pytest.raises(kind):
        list_images(MetalV1(emulator.v1, BearerAuth(emulator.control.bearer(**bearer)), http))


def test_not_found_and_conflict(emulator, http):
    admin = v1(emulator, http, "Admin")
    with pytest.raises(errors.NotFoundError):
        admin.get("/v1/image/ubuntu-1.0.1")
    with pytest.raises(errors.ConflictError):
        admin.put("/v1/image", {**IMAGES[0]})


def test_creating_is_never_sent_twice(emulator, http):
    emulator.control.add_fault("reset", when="after", method="PUT")
    new = {"id": "debian-12.0.20251010", "url": "http://images.example.com/d", "features": ["machine"]}
    with pytest.raises(errors.TransportError, match="it may have been processed all the same"):
        v1(emulator, http, "Admin").put("/v1/image", new)
    emulator.control.clear_faults()
    assert new["id"] in {image.id for image in list_images(v1(emulator, http)).images}
    assert sum(n for line, n in emulator.control.counts().items() if line.startswith("PUT ")) == 1


def test_expired_and_revoked_token(emulator, http):
    api = MetalV2(emulator.v2, BearerAuth(emulator.control.token(lifetime=600)), http)
    list_images(api)
    emulator.control.shift_clock(601)
    with pytest.raises(errors.AuthenticationError, match="the bearer token is not accepted"):
        list_images(api)
    emulator.control.shift_clock(0)
    emulator.control.revoke_all()
    with pytest.raises(errors.AuthenticationError):
        list_images(api)


def test_missing_permission(emulator, http):
    api = MetalV2(emulator.v2, BearerAuth(emulator.control.token(["/metalstack.api.v2.ImageService/List"])), http)
    with pytest.raises(
        errors.PermissionDeniedError, match=r"needs the permission for /metalstack\.api\.v2\.PartitionService/List"
    ):
        list_partitions(api)


def test_refresh(emulator, http):
    old = emulator.control.token(lifetime=600)
    fresh = token.refresh(MetalV2(emulator.v2, BearerAuth(old), http))
    assert fresh != old
    assert _jwt.expires_at(fresh) - _jwt.issued_at(fresh) == timedelta(seconds=600)
    assert len(list_images(MetalV2(emulator.v2, BearerAuth(fresh), http)).images) == 2


def test_ping(emulator, http):
    api = MetalV2(emulator.v2, BearerAuth(emulator.control.token()), http)
    started = datetime.now(timezone.utc) - timedelta(seconds=5)
    component.ping(api, identifier="cache-1", started_at=started, interval=86400, version="1.0.0")
    (reported,) = emulator.control.state()["components"]
    assert (reported["identifier"], reported["type"]) == ("cache-1", component.IMAGE_CACHE_SYNC)


def test_one_connection_is_enough(emulator, http):
    for _unused in range(10):
        list_images(v1(emulator, http))
        list_partitions(MetalV2(emulator.v2, BearerAuth(emulator.control.token()), http))
    (idle,) = http._pool._idle.values()
    assert len(idle) == 1
