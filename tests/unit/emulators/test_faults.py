# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: each as the client sees it, and whether the change has happened."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import image_pb2  # type: ignore[import-untyped]
from metalstack.client.client import Client  # type: ignore[import-untyped]

from tests.emulators.common.controlclient import ControlError
from tests.emulators.metal_api.controlclient import LIST_IMAGES
from tests.emulators.metal_api.process import MetalApi

from .requests import JSON, Answer, RawClient, signed

IMAGE = {"id": "ubuntu-24.04.20251010", "url": "http://images.example.com/u.tar"}


def fresh(api: MetalApi, method: str, path: str, body: object = None) -> Answer:
    """A signed request on a connection of its own."""
    with RawClient(api.v1) as raw:
        return raw.v1(method, path, body)


def address(api: MetalApi) -> tuple[str, int]:
    parts = urlsplit(api.v1)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def images(api: MetalApi) -> list[str]:
    return [image["id"] for image in api.control.state()["images"]]


def v2_images(api: MetalApi, raw: RawClient) -> Answer:
    headers = {**JSON, "Accept-Encoding": "gzip", "Authorization": f"Bearer {api.control.token()}"}
    return raw.send("POST", LIST_IMAGES, headers, b"{}")


@pytest.mark.parametrize(
    ("status", "v1_message", "code"),
    [
        (403, "forbidden", "permission_denied"),
        (409, "the entity was changed from another, please retry", "aborted"),
        (429, "too many requests", "resource_exhausted"),
        (500, "internal server error", "internal"),
        (502, "bad gateway", "unavailable"),
        (503, "service unavailable", "unavailable"),
    ],
)
def test_status(api: MetalApi, raw: RawClient, status: int, v1_message: str, code: str) -> None:
    api.control.add_fault("status", status=status)
    answer = raw.v1("GET", "/v1/image")
    assert (answer.status, answer.json()) == (status, {"statuscode": status, "message": v1_message})
    with RawClient(api.v2) as v2:
        answer = v2_images(api, v2)
    assert (answer.status, answer.json()["code"]) == (status, code)
    api.control.clear_faults()
    assert raw.v1("GET", "/v1/image").status == 200


def test_retry_after_and_own_body(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("status", status=429, retry_after=7, body="<h1>slow down</h1>")
    answer = raw.v1("GET", "/v1/image")
    assert (answer.status, answer.body) == (429, b"<h1>slow down</h1>")
    assert (answer.headers["retry-after"], answer.headers["content-type"]) == ("7", "text/html")
    api.control.clear_faults()
    api.control.add_fault("status", status=503, retry_after="Fri, 31 Dec 2027 23:59:59 GMT", message="maintenance")
    answer = raw.v1("GET", "/v1/image")
    assert answer.headers["retry-after"] == "Fri, 31 Dec 2027 23:59:59 GMT"
    assert answer.json()["message"] == "maintenance"


@pytest.mark.parametrize(("when", "created"), [("before", []), ("after", [IMAGE["id"]])])
def test_status_before_and_after_the_commit(api: MetalApi, raw: RawClient, when: str, created: list[str]) -> None:
    api.control.add_fault("status", status=504, when=when, method="PUT")
    assert raw.v1("PUT", "/v1/image", IMAGE).status == 504
    assert images(api) == created


@pytest.mark.parametrize(("when", "created"), [("before", []), ("after", [IMAGE["id"]])])
def test_reset_before_and_after_the_commit(api: MetalApi, when: str, created: list[str]) -> None:
    api.control.add_fault("reset", when=when, count=1)
    with pytest.raises(ConnectionResetError):
        fresh(api, "PUT", "/v1/image", IMAGE)
    assert images(api) == created
    assert api.control.requests()[-1]["status"] is None
    assert fresh(api, "GET", "/v1/image").status == 200


def test_reset_is_a_real_reset(api: MetalApi) -> None:
    """RST, not FIN: a FIN would be an orderly end, which a client sees as no bytes instead of an error."""
    api.control.add_fault("reset")
    with socket.create_connection(address(api), timeout=10) as connection:
        connection.sendall(b"GET /metal/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_reset_of_http2(api: MetalApi) -> None:
    api.control.add_fault("reset", count=1)
    service = Client(api.v2).apiv2().image()
    headers = {"Authorization": f"Bearer {api.control.token()}"}
    with pytest.raises(ConnectError) as failed:
        service.list(request=image_pb2.ImageServiceListRequest(), headers=headers)
    assert failed.value.code in (Code.UNAVAILABLE, Code.UNKNOWN, Code.INTERNAL)
    assert list(service.list(request=image_pb2.ImageServiceListRequest(), headers=headers).images) == []


def test_truncated(api: MetalApi) -> None:
    api.control.change_state(images=[IMAGE])
    whole = fresh(api, "GET", "/v1/image").body
    api.control.add_fault("truncate", keep=0.25, count=1)
    with pytest.raises(http.client.IncompleteRead) as cut:
        fresh(api, "GET", "/v1/image")
    assert cut.value.partial == whole[: len(whole) // 4]
    assert cut.value.expected == len(whole) - len(whole) // 4
    assert fresh(api, "GET", "/v1/image").body == whole


def test_stalled(api: MetalApi) -> None:
    """Half of the body comes at once, then nothing for a while, then the end."""
    api.control.change_state(images=[IMAGE])
    api.control.add_fault("stall", seconds=3)
    lines = [f"{name}: {value}" for name, value in {"Host": "x", **signed("GET")}.items()]
    with socket.create_connection(address(api), timeout=10) as connection:
        connection.sendall("\r\n".join(["GET /metal/v1/image HTTP/1.1", *lines, "", ""]).encode())
        while b'[{"id"' not in connection.recv(65536):
            pass
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        assert connection.recv(1) == b""


def test_invalid_json(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("invalid_json")
    answer = raw.v1("GET", "/v1/image")
    assert answer.status == 200
    with pytest.raises(ValueError, match="decode"):
        json.loads(answer.body)


@pytest.mark.parametrize(("action", "v1", "v2"), [("empty_list", b"[]", []), ("null_list", b"null", None)])
def test_wrong_list(api: MetalApi, raw: RawClient, action: str, v1: bytes, v2: Any) -> None:
    api.control.change_state(images=[IMAGE])
    api.control.add_fault(action)
    assert raw.v1("GET", "/v1/image").body == v1
    with RawClient(api.v2) as client:
        assert v2_images(api, client).json() == {"images": v2}
    service = Client(api.v2).apiv2().image()
    headers = {"Authorization": f"Bearer {api.control.token()}"}
    assert list(service.list(request=image_pb2.ImageServiceListRequest(), headers=headers).images) == []


def test_latency(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("latency", seconds=0.2)
    api.control.add_fault("latency", seconds=0.2, when="after")
    api.control.add_fault("status", status=500)
    begun = time.monotonic()
    assert raw.v1("GET", "/v1/image").status == 500
    assert time.monotonic() - begun >= 0.4


@pytest.mark.parametrize(("when", "created"), [("before", []), ("after", [IMAGE["id"]])])
def test_latency_around_the_commit(api: MetalApi, when: str, created: list[str]) -> None:
    """A client that gives up cannot know: its change has been made already, or will be made yet."""
    api.control.add_fault("latency", seconds=3, when=when)
    connection = http.client.HTTPConnection(*address(api), timeout=0.5)
    connection.request("PUT", "/metal/v1/image", json.dumps(IMAGE).encode(), {**signed("PUT"), **JSON})
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert images(api) == created
    end = time.monotonic() + 10
    while images(api) != [IMAGE["id"]]:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_matching_and_counting(api: MetalApi, raw: RawClient) -> None:
    name = api.control.add_fault("status", status=500, method="GET", path="/v1/image$", skip=1, count=2)
    statuses = [raw.v1("GET", "/v1/image").status for _unused in range(5)]
    assert statuses == [200, 500, 500, 200, 200]
    assert raw.v1("GET", "/v1/partition").status == 200
    assert raw.v1("POST", "/v1/image", {"id": "none"}).status == 404
    (fault,) = api.control.faults()
    assert (fault["name"], fault["seen"], fault["hits"]) == (name, 5, 2)
    assert Counter(entry["fault"] for entry in api.control.requests()) == {name: 2, None: 5}


def test_probability_is_reproducible(api: MetalApi, raw: RawClient) -> None:
    def statuses(seed: int) -> list[int]:
        api.control.clear_faults()
        api.control.add_fault("status", probability=0.5, seed=seed)
        return [raw.v1("GET", "/v1/image").status for _unused in range(40)]

    first = statuses(seed=1)
    assert {200, 500} == set(first)
    assert statuses(seed=1) == first
    assert statuses(seed=2) != first


def test_one_fault_is_removed_by_name(api: MetalApi, raw: RawClient) -> None:
    api.control.add_fault("status", name="down", status=503)
    api.control.add_fault("latency", name="slow", seconds=0.01)
    assert api.control.call("DELETE", "/faults/down") == {"removed": 1}
    assert [fault["name"] for fault in api.control.faults()] == ["slow"]
    assert raw.v1("GET", "/v1/image").status == 200


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({}, "'action' of a fault is one of latency, status, reset"),
        ({"action": "explode"}, "'action' of a fault is one of"),
        ({"action": "status", "code": 500}, "a fault has no 'code'"),
        ({"action": "status", "status": "500"}, "'status' of a fault cannot be \\\\?\"500"),
        ({"action": "reset", "when": "during"}, "'when' of a fault is 'before'"),
        ({"action": "reset", "path": "("}, "'path' of a fault is no regular expression"),
    ],
)
def test_wrong_faults(api: MetalApi, fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        api.control.call("POST", "/faults", fault)
    assert api.control.faults() == []
