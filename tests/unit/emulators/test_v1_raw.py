# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: errors, media types and other quirks, as they are on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.metal_api.process import MetalApi

from .requests import JSON, RawClient, signed

URL = "http://images.example.com/ubuntu.tar.lz4"
BOOT = {"imageurl": "http://images.example.com/initrd", "kernelurl": "http://images.example.com/kernel"}


def image(**settings: Any) -> dict[str, Any]:
    return {"id": "ubuntu-24.04.20251010", "url": URL, **settings}


def partition(**settings: Any) -> dict[str, Any]:
    return {"id": "fra-01", "bootconfig": BOOT, **settings}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"url": URL}, "id should not be empty"),
        ({"id": "ubuntu-24.04"}, "url should not be empty"),
        (image(id="ubuntu"), "invalid format for os image, expected <os>-<major>.<minor>[.<patch>]: ubuntu"),
        (image(id="ubuntu-noble"), "invalid semantic version"),
        (image(features=["router"]), "unknown ImageFeatureType:router"),
        (image(classification="great"), "given versionclassification is not valid:great"),
        (image(expirationDate="tomorrow"), 'parsing time "tomorrow" as RFC 3339'),
        (image(url="img.tar"), "image:ubuntu-24.04.20251010 is not accessible under:img.tar"),
        (image(url=["a"]), "json: cannot unmarshal list into Go field of url"),
        (image(url="http://gone.example.com/x"), "is not accessible under:http://gone.example.com/x status:404"),
    ],
)
def test_images_that_cannot_be_created(api: MetalApi, raw: RawClient, body: object, message: str) -> None:
    api.control.change_state(unreachable_urls=[r"//gone\."])
    answer = raw.v1("PUT", "/v1/image", body)
    assert answer.status == 400
    assert answer.json()["statuscode"] == 400
    assert message in answer.json()["message"]
    assert api.control.state()["images"] == []


def test_created_twice(raw: RawClient) -> None:
    assert raw.v1("PUT", "/v1/image", image()).status == 201
    answer = raw.v1("PUT", "/v1/image", image())
    message = "cannot create image in database, entity already exists: ubuntu-24.04.20251010"
    assert (answer.status, answer.json()) == (409, {"statuscode": 409, "message": message})


def test_unknown_id(raw: RawClient) -> None:
    answer = raw.v1("GET", "/v1/image/none")
    assert (answer.status, answer.json()) == (404, {"statuscode": 404, "message": 'no image with id "none" found'})
    assert raw.v1("POST", "/v1/image", {"id": "none"}).status == 404
    assert raw.v1("DELETE", "/v1/image/none").status == 404
    assert raw.v1("GET", "/v1/image/none/latest").status == 404
    assert raw.v1("GET", "/v1/image/none/query").status == 404


def test_image_on_the_wire(raw: RawClient) -> None:
    body = image(expirationDate="2030-01-01T02:00:00+02:00", features=["machine", "firewall"])
    document = raw.v1("PUT", "/v1/image", body).json()
    assert document["expirationDate"] == "2030-01-01T00:00:00Z"
    assert set(document["features"]) == {"machine", "firewall"}
    assert document["usedby"] is None
    assert document["created"].endswith("Z")


def test_null_leaves_an_image_unchanged(raw: RawClient) -> None:
    before = raw.v1("PUT", "/v1/image", image(features=["machine"], description="first")).json()
    update = {"id": before["id"], "expirationDate": None, "features": [], "url": None, "description": "second"}
    after = raw.v1("POST", "/v1/image", update).json()
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"description", "changed"}


def test_conflicting_update_of_an_image(api: MetalApi, raw: RawClient) -> None:
    raw.v1("PUT", "/v1/image", image())
    api.control.add_fault("race", path="/v1/image$", method="POST", count=1)
    update = {"id": "ubuntu-24.04.20251010", "name": "new"}
    answer = raw.v1("POST", "/v1/image", update)
    assert answer.status == 409
    assert answer.json()["message"].endswith("the entity was changed from another, please retry")
    assert raw.v1("GET", "/v1/image/ubuntu-24.04.20251010").json()["name"] == ""
    assert raw.v1("POST", "/v1/image", update).json()["name"] == "new"


def test_conflicting_update_of_a_partition_is_400(api: MetalApi, raw: RawClient) -> None:
    raw.v1("PUT", "/v1/partition", partition())
    api.control.add_fault("race", path="/v1/partition$", method="POST", count=1)
    answer = raw.v1("POST", "/v1/partition", partition(name="new"))
    assert answer.status == 400
    assert answer.json()["message"].endswith("the entity was changed from another, please retry")


def test_null_lists_of_a_partition(raw: RawClient) -> None:
    assert raw.v1("GET", "/v1/partition").body == b"[]"
    document = raw.v1("PUT", "/v1/partition", partition(dns_servers=[])).json()
    assert (document["dns_servers"], document["ntp_servers"]) == (None, None)
    servers = {"dns_servers": [{"ip": "10.0.0.1"}], "ntp_servers": None}
    assert raw.v1("POST", "/v1/partition", partition(**servers)).json()["dns_servers"] == [{"ip": "10.0.0.1"}]
    assert raw.v1("POST", "/v1/partition", partition(dns_servers=None)).json()["dns_servers"] == [{"ip": "10.0.0.1"}]
    assert raw.v1("POST", "/v1/partition", partition(dns_servers=[])).json()["dns_servers"] is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"bootconfig": BOOT}, "id should not be empty"),
        ({"id": "fra-01"}, "image:image is not accessible under:"),
        (partition(bootconfig={**BOOT, "kernelurl": "ftp://x"}), "image:kernel is not accessible under:ftp://x"),
        (partition(dns_servers=[{"ip": "10.0.0.1"}] * 4), "please specify a maximum of three dns servers"),
        (partition(dns_servers=[{"ip": "dns.example.com"}]), "for dns server not correct"),
        (partition(ntp_servers=[{"address": "10.0.0.1"}] * 6), "please specify a maximum of five ntp servers"),
        (partition(ntp_servers=[{"address": "not a name"}]), "for ntp server not correct"),
    ],
)
def test_partitions_that_cannot_be_created(api: MetalApi, raw: RawClient, body: object, message: str) -> None:
    answer = raw.v1("PUT", "/v1/partition", body)
    assert answer.status == 400
    assert message in answer.json()["message"]
    assert api.control.state()["partitions"] == []


def test_partition_update_without_bootconfig_crashes(raw: RawClient) -> None:
    raw.v1("PUT", "/v1/partition", partition())
    assert raw.v1("POST", "/v1/partition", {"id": "fra-01", "name": "new"}).status == 500


def test_capacity_of_an_unknown_partition(raw: RawClient) -> None:
    assert raw.v1("POST", "/v1/partition/capacity", {"id": "none"}, role="view").status == 400


def test_roles(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(images=[image()])
    assert raw.v1("POST", "/v1/image/find", {}, role="view").status == 200
    bearer = {"Authorization": f"Bearer {api.control.bearer(groups=['none'])}", **JSON}
    assert raw.send("POST", "/v1/image/find", bearer, b"{}").status == 403
    for role in ("view", "edit"):
        assert raw.v1("PUT", "/v1/image", image(), role=role).status == 403
        assert raw.v1("POST", "/v1/image", image(), role=role).status == 403
    assert len(api.control.state()["images"]) == 1


def test_show_usage_must_be_a_boolean(raw: RawClient) -> None:
    answer = raw.v1("GET", "/v1/image?show-usage=maybe")
    assert (answer.status, "ParseBool" in answer.json()["message"]) == (400, True)


def test_media_types(raw: RawClient) -> None:
    assert raw.send("PUT", "/v1/image", signed("PUT"), b"{}").status == 415
    assert raw.send("PUT", "/v1/image", {**signed("PUT"), "Content-Type": "text/plain"}, b"{}").status == 415
    answer = raw.send("GET", "/v1/image", {**signed("GET"), "Accept": "text/html"})
    assert (answer.status, answer.json()["statuscode"]) == (406, 406)
    assert raw.send("GET", "/v1/image", {**signed("GET"), "Accept": "text/html, application/json;q=0.9"}).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"'])
def test_bodies_that_are_no_objects(raw: RawClient, body: bytes) -> None:
    answer = raw.send("PUT", "/v1/image", {**signed("PUT"), **JSON}, body)
    assert (answer.status, answer.json()["statuscode"]) == (400, 400)


def test_unknown_routes(raw: RawClient) -> None:
    answer = raw.v1("GET", "/v1/nothing")
    assert (answer.status, answer.json()) == (404, {"statuscode": 404, "message": "404: Page Not Found"})
    answer = raw.v1("DELETE", "/v1/image")
    assert (answer.status, answer.json()) == (405, {"statuscode": 405, "message": "405: Method Not Allowed"})
    assert raw.send("GET", "/v1/nothing").status == 403, "who is not let in does not learn what there is"


def test_slashes(raw: RawClient) -> None:
    assert raw.v1("GET", "/v1/image/").status == 200
    answer = raw.v1("GET", "//v1/image?show-usage=true")
    assert (answer.status, answer.headers["location"]) == (301, "/metal/v1/image?show-usage=true")


def test_unhealthy(api: MetalApi, raw: RawClient) -> None:
    api.control.change_state(health={"status": "unhealthy", "message": "no database"})
    answer = raw.send("GET", "/v1/health")
    assert (answer.status, answer.json()["message"]) == (500, "no database")
