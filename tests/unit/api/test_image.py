# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_image and metal_image_info against the emulator."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.modules import metal_image_info
from tests.emulators.metal_api.process import MetalApi

from .helpers import Runner, failure, ok, requests, writes

URL = "http://images.example.com/img.tar.lz4"
NEW = {"url": URL, "features": ["machine"]}
DEBIAN = "debian-12.0.20251010"
STORED = {
    "id": DEBIAN,
    "name": "Debian",
    "description": "bookworm",
    "url": URL,
    "features": ["machine", "firewall"],
    "classification": "supported",
    "expirationDate": "2030-01-01T00:00:00Z",
}
SHOWN = {
    "id": DEBIAN,
    "os": "debian",
    "version": "12.0.20251010",
    "url": URL,
    "name": "Debian",
    "description": "bookworm",
    "features": ["firewall", "machine"],
    "classification": "supported",
    "expiration_date": "2030-01-01T00:00:00Z",
}


def ids(api: MetalApi) -> list[str]:
    return sorted(image["id"] for image in api.control.state()["images"])


def stored(api: MetalApi) -> dict[str, Any]:
    (image,) = api.control.state()["images"]
    assert isinstance(image, dict)
    return image


@pytest.fixture
def image(api: MetalApi) -> Runner:
    api.control.change_state(images=[STORED])
    return Runner(api, "metal_image")


def test_only_what_is_given_is_compared(api: MetalApi, image: Runner) -> None:
    assert ok(image(id=DEBIAN)) == {"changed": False, "image": SHOWN, "diff": {"before": SHOWN, "after": SHOWN}}
    assert not ok(image(id=DEBIAN, features=["firewall", "machine", "machine"]))["changed"]
    assert not ok(image(id=DEBIAN, expiration_date="2030-01-01T01:00:00.0001+01:00"))["changed"]
    assert writes(api) == []


def test_an_update_sends_only_what_changes(api: MetalApi, image: Runner) -> None:
    """The API asks for a URL that it is given, though it be the old one."""
    api.control.change_state(unreachable_urls=["images"])
    done = ok(image(id=DEBIAN, url=URL, classification="deprecated", description=""))
    assert done["diff"] == {"before": SHOWN, "after": {**SHOWN, "classification": "deprecated", "description": ""}}
    kept = {**STORED, "features": stored(api)["features"], "classification": "deprecated", "description": ""}
    assert {name: stored(api)[name] for name in kept} == kept
    assert set(stored(api)["features"]) == {"machine", "firewall"}


def test_a_new_image_expires_when_the_api_says(image: Runner) -> None:
    check = ok(image(id="ubuntu-24.04.1", **NEW, check_mode=True))
    assert "expiration_date" not in check["image"]
    assert ok(image(id="ubuntu-24.04.1", **NEW))["image"]["expiration_date"]


def test_the_api_keeps_milliseconds(image: Runner) -> None:
    done = ok(image(id=DEBIAN, expiration_date="2031-01-01T00:00:00.123456Z"))
    assert done["image"]["expiration_date"] == "2031-01-01T00:00:00.123000Z"
    assert not ok(image(id=DEBIAN, expiration_date="2031-01-01T00:00:00.123456Z"))["changed"]


def test_somebody_else_is_faster(api: MetalApi, image: Runner) -> None:
    api.control.add_fault("race", method="POST", path="/v1/image$", count=1)
    assert ok(image(id=DEBIAN, name="x"))["image"]["name"] == "x"
    assert api.control.counts()["POST /metal/v1/image 409"] == 1


def test_somebody_else_is_always_faster(api: MetalApi, image: Runner) -> None:
    api.control.add_fault("race", method="POST", path="/v1/image$")
    done = image(id=DEBIAN, name="x")
    assert "changed from another" in failure(done)
    assert done["failure"]["status"] == 409
    assert writes(api) == ["POST /v1/image"] * 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_is_lost(api: MetalApi, image: Runner, when: str) -> None:
    for method, options in (("POST", {"name": "x"}), ("DELETE", {"state": "absent"}), ("PUT", NEW)):
        api.control.add_fault("reset", when=when, method=method, path=f"/v1/image(/{DEBIAN})?$", count=1)
        assert ok(image(id=DEBIAN, **options))["changed"], method
    assert ids(api) == [DEBIAN]
    assert stored(api)["classification"] == "preview"


def test_an_image_that_cannot_be_understood(api: MetalApi, image: Runner) -> None:
    """No traceback, and nobody takes it for one that does not exist."""
    body = '{"id": "debian-12.0.20251010", "features": 1, "url": "u"}'
    api.control.add_fault("status", status=200, body=body, content_type="application/json", path=f"/image/{DEBIAN}$")
    assert "its features are not a list of text" in failure(image(id=DEBIAN, **NEW))
    content = {"content_type": "application/json", "path": "/v1/image$", "method": "GET"}
    api.control.add_fault("status", status=200, body=f"[{body}]", **content)
    done = image(resources=[{"id": DEBIAN, **NEW}])
    assert "its features are not a list of text" in failure(done).lower()
    assert writes(api) == []


@pytest.mark.parametrize(
    "options", [{"id": DEBIAN, "state": "absent"}, {"resources": [{"id": DEBIAN, "state": "absent"}]}]
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_an_image_in_use_is_not_deleted(
    api: MetalApi, image: Runner, options: dict[str, Any], check_mode: bool
) -> None:
    api.control.change_state(images=[{**STORED, "usedby": [f"m{number}" for number in range(7)]}])
    message = failure(image(**options, check_mode=check_mode))
    assert "is used by 7 machine(s)" in message
    assert ": m0, m1, m2, m3, m4, ..." in message
    assert writes(api) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"id": "debian"}, "id: 'debian' is not an image id"),
        ({"id": ""}, "id is empty"),
        ({"id": "debian-13.0", "features": ["machine"]}, "url is missing"),
        ({"id": "debian-13.0", "url": URL}, "features is missing"),
        ({"id": DEBIAN, "features": []}, f"features of the image {DEBIAN} is empty"),
        ({"id": DEBIAN, "url": "images/x"}, f"url of the image {DEBIAN} is 'images/x'"),
        ({"id": DEBIAN, "expiration_date": "tomorrow"}, f"expiration_date of the image {DEBIAN}: 'tomorrow'"),
        ({"id": DEBIAN, "expiration_date": ""}, f"expiration_date of the image {DEBIAN} is empty"),
        ({"resources": [{"id": DEBIAN}, {"id": DEBIAN}]}, f"more than once: {DEBIAN}"),
        ({"resources": [{"id": DEBIAN, "url": "x"}]}, f"url of the image {DEBIAN} is 'x'"),
        (
            {"resources": [{"id": DEBIAN, "name": "x"}, {"id": "a-1", **NEW}, {"id": "b-1"}, {"id": "c-1"}]},
            "url is missing: the image c-1",
        ),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    api: MetalApi, image: Runner, options: dict[str, Any], said: str
) -> None:
    assert said in failure(image(**options))
    assert writes(api) == []


def test_the_key_that_is_needed_is_said(api: MetalApi) -> None:
    message = failure(Runner(api, "metal_image", user="Metal-Edit")(id=DEBIAN, **NEW))
    assert "Metal-Admin" in message


# Many at once


def many(*names: str, **options: Any) -> list[dict[str, Any]]:
    return [{"id": name, **NEW, **options} for name in names]


def test_many_cost_one_list(api: MetalApi, image: Runner) -> None:
    names = [f"ubuntu-24.04.{number}" for number in range(1, 21)]
    done = ok(image(resources=many(*names)))
    assert [entry["image"]["id"] for entry in done["images"]] == names
    assert all(entry["changed"] and entry["steps"] for entry in done["images"])
    assert requests(api).count("GET /v1/image") == 2
    assert writes(api) == ["PUT /v1/image"] * 20
    api.control.forget_requests()
    again = ok(image(resources=many(*names)))
    assert not again["changed"]
    assert requests(api) == ["GET /v1/image"]


def test_check_mode_predicts_many(image: Runner) -> None:
    resources = [*many("ubuntu-24.04.1", expiration_date="2030-01-01T00:00:00Z"), {"id": DEBIAN, "name": "x"}]
    options = {"resources": resources, "purge": True, "purge_scope": {"os": ["debian", "ubuntu"]}}
    check, run = ok(image(**options, check_mode=True)), ok(image(**options))
    assert check["diff"] == run["diff"]
    assert [entry["steps"] for entry in check["images"]] == [entry["steps"] for entry in run["images"]]
    assert not ok(image(**options))["changed"]


def test_one_that_fails_does_not_keep_the_others(api: MetalApi, image: Runner) -> None:
    api.control.change_state(unreachable_urls=["gone"])
    bad = {"id": "b-1.0.1", "url": "http://gone/", "features": ["machine"]}
    options = {"purge": True, "purge_scope": {"os": ["debian"]}}
    done = image(resources=[*many("a-1.0.1"), bad, *many("c-1.0.1")], **options)
    message = failure(done)
    assert message.startswith("1 of 3 failed: the image b-1.0.1: ")
    assert message.endswith("Nothing was purged.")
    assert [bool(entry.get("failed")) for entry in done["images"]] == [False, True, False]
    assert done["images"][1]["failure"]["status"] == 400
    assert done["changed"]
    assert ids(api) == ["a-1.0.1", "c-1.0.1", DEBIAN]


def test_purge_stays_in_its_scope(api: MetalApi, image: Runner) -> None:
    others = ["debian-11.0.1", "debian-nfs-12.0.1", "ubuntu-24.04.1"]
    api.control.change_state(images=[STORED, *({"id": name, "url": URL} for name in others)])
    done = ok(image(resources=[{"id": DEBIAN}], purge=True, purge_scope={"os": ["debian"]}))
    assert ids(api) == [DEBIAN, "debian-nfs-12.0.1", "ubuntu-24.04.1"]
    assert [entry["image"] for entry in done["images"]] == [SHOWN, None]
    assert "warnings" not in done


def test_without_purge_nothing_is_deleted(api: MetalApi, image: Runner) -> None:
    assert not ok(image(resources=[]))["changed"]
    assert not ok(image(resources=[], purge_scope={"os": ["debian"]}))["changed"]
    assert not ok(image(resources=[], purge=True, purge_scope={"os": []}))["changed"]
    assert ids(api) == [DEBIAN]


def test_what_is_in_use_is_not_purged(api: MetalApi, image: Runner) -> None:
    api.control.change_state(images=[{**STORED, "usedby": ["m1"]}, {"id": "debian-11.0.1", "url": URL}])
    done = ok(image(resources=[], purge=True, purge_scope={"os": ["debian"]}))
    assert ids(api) == [DEBIAN]
    assert done["warnings"] == [f"The image {DEBIAN} is not purged, since 1 machine(s) use it."]


def test_many_and_somebody_else_is_faster(api: MetalApi, image: Runner) -> None:
    """Another one creates an image between our list and our request."""
    api.control.add_fault("race", method="POST", path="/v1/image$", count=1)
    api.control.add_fault("reset", when="after", method="PUT", count=1)
    done = ok(image(resources=[{"id": DEBIAN, "name": "x"}, *many("ubuntu-24.04.1")]))
    assert [entry["changed"] for entry in done["images"]] == [True, True]
    assert ids(api) == [DEBIAN, "ubuntu-24.04.1"]


# metal_image_info

NEWEST, FIREWALL = "ubuntu-24.04.20251010", "firewall-ubuntu-3.0.20250101"


@pytest.fixture(params=["v1", "v2"])
def info(request: pytest.FixtureRequest, api: MetalApi) -> Runner:
    others = [
        {"id": "ubuntu-24.04.20240101", "url": URL, "expirationDate": "2024-06-01T00:00:00Z", "features": ["machine"]},
        {"id": NEWEST, "url": URL, "expirationDate": "2040-01-01T00:00:00Z", "features": ["machine"]},
        {"id": FIREWALL, "url": URL, "expirationDate": "2040-01-01T00:00:00Z", "features": ["firewall"]},
    ]
    api.control.change_state(images=[STORED, *others])
    methods = ["/metalstack.api.v2.ImageService/List"] if request.param == "v2" else None
    return Runner(api, "metal_image_info", user="Metal-View", methods=methods)


def found(result: dict[str, Any]) -> list[str]:
    return [image["id"] for image in ok(result)["images"]]


def test_info(info: Runner) -> None:
    assert found(info()) == [DEBIAN, FIREWALL, NEWEST, "ubuntu-24.04.20240101"]
    assert ok(info(id=DEBIAN))["images"] == [SHOWN]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"id": "ubuntu-24.04"}, [NEWEST]),
        ({"id": "ubuntu-24.04.20240101"}, ["ubuntu-24.04.20240101"]),
        ({"id": "ubuntu-22.04"}, []),
        ({"id": "ubuntu-24.04.1"}, []),
        ({"os": "ubuntu"}, [NEWEST, "ubuntu-24.04.20240101"]),
        ({"feature": "firewall"}, [DEBIAN, FIREWALL]),
        ({"classification": "supported"}, [DEBIAN]),
        ({"expired": True}, ["ubuntu-24.04.20240101"]),
        ({"expired": False, "os": "ubuntu"}, [NEWEST]),
        ({"expired": True, "id": "ubuntu-24.04"}, ["ubuntu-24.04.20240101"]),
    ],
)
def test_info_by(info: Runner, options: dict[str, Any], names: list[str]) -> None:
    assert found(info(**options)) == names


def test_info_of_what_is_no_id(info: Runner) -> None:
    assert "id: 'ubuntu' is not an image id" in failure(info(id="ubuntu"))


def test_usage(api: MetalApi) -> None:
    api.control.change_state(images=[{**STORED, "usedby": ["m2", "m1"]}])
    assert ok(Runner(api, "metal_image_info")(usage=True))["images"] == [{**SHOWN, "used_by": ["m1", "m2"]}]
    documented = yaml.safe_load(metal_image_info.RETURN)["images"]
    assert {*documented["sample"][0], *documented["contains"]} == {*SHOWN, "used_by"}
    v2 = Runner(api, "metal_image_info", methods=["/metalstack.api.v2.ImageService/List"])
    assert "only the metal-api v1 knows" in failure(v2(usage=True))


def test_info_leaves_out_what_cannot_be_understood(api: MetalApi) -> None:
    body = '[{"id": "odd", "url": "u"}, {"url": "u"}, {"id": "a-1.0.1", "url": "u"}]'
    api.control.add_fault("status", status=200, body=body, content_type="application/json")
    done = Runner(api, "metal_image_info")()
    assert found(done) == ["a-1.0.1"]
    assert len(done["warnings"]) == 2
    assert "The image odd of the metal-api is left out" in done["warnings"][0]
