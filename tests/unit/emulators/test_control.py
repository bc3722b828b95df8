# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control endpoint: state, request log, and that neither shows a secret."""

from __future__ import annotations

import pytest

from tests.emulators.common.controlclient import ControlError
from tests.emulators.metal_api.process import MetalApi

from .requests import RawClient, signed


def test_request_log(api: MetalApi, raw: RawClient) -> None:
    raw.v1("GET", "/v1/image?show-usage=true", role="view")
    raw.send("GET", "/v1/image", {"Authorization": "s3cret-without-scheme"})
    raw.send("GET", "/v1/health")
    bearer = api.control.bearer()
    raw.send("GET", "/v1/user/me", {"Authorization": f"Bearer {bearer}"})
    log = api.control.call("GET", "/requests")
    assert log["total"] == 4
    assert log["counts"] == {
        "GET /metal/v1/image 200": 1,
        "GET /metal/v1/image 403": 1,
        "GET /metal/v1/health 200": 1,
        "GET /metal/v1/user/me 200": 1,
    }
    assert [entry["auth"] for entry in log["requests"]] == ["Metal-View", "other", "none", "Bearer"]
    assert [entry["status"] for entry in log["requests"]] == [200, 403, 200, 200]
    assert "s3cret" not in str(log)
    assert bearer not in str(log)
    api.control.forget_requests()
    assert api.control.call("GET", "/requests") == {"total": 0, "counts": {}, "requests": []}


def test_no_secret_in_state_tokens_or_messages(api: MetalApi, raw: RawClient) -> None:
    token = api.control.token(description="shown")
    api.control.change_state(bearer_tokens=[{"token": "bearer-s3cret"}])
    headers = signed("GET")
    raw.send("GET", "/v1/image", headers)
    shown = str(api.control.state()) + str(api.control.call("GET", "/tokens")) + api.emulator.messages()
    shown += str(api.control.requests())
    assert "shown" in shown
    for secret in (token, "bearer-s3cret", "metal-admin", headers["Authorization"].split()[1]):
        assert secret not in shown


def test_state_sections(api: MetalApi, raw: RawClient) -> None:
    image, partition = {"id": "ubuntu-24.4", "url": "http://x/y"}, {"id": "fra-01", "bootconfig": {}}
    api.control.change_state(images=[image], partitions=[partition])
    api.control.change_state(images=[])
    state = api.control.state()
    assert (state["images"], [p["id"] for p in state["partitions"]]) == ([], ["fra-01"])
    api.control.replace_state(images=[image])
    state = api.control.state()
    assert ([i["id"] for i in state["images"]], state["partitions"]) == (["ubuntu-24.4"], [])
    assert [i["id"] for i in raw.v1("GET", "/v1/image").json()] == ["ubuntu-24.4"]


def test_state_can_be_written_back(api: MetalApi) -> None:
    image = {"id": "ubuntu-24.4", "url": "http://x/y", "usedby": ["m"], "labels": {"a": "b"}, "features": ["machine"]}
    boot = {"imageurl": "http://x/i", "kernelurl": "http://x/k", "commandline": "c"}
    partition = {"id": "fra-01", "bootconfig": boot, "mgmt_service_addresses": ["a:1", "b:2"]}
    api.control.change_state(images=[image], partitions=[partition])
    before = api.control.state()
    api.control.replace_state(**{key: value for key, value in before.items() if key != "components"})
    assert api.control.state() == before


def test_tasks_take_only_a_number_of_requests(api: MetalApi) -> None:
    api.control.tasks(delay=2)
    assert api.control.call("GET", "/tasks") == {"delay": 2, "waiting": 0}
    with pytest.raises(ControlError, match="a number of requests"):
        api.control.tasks(delay=-1)
    api.control.replace_state()
    assert api.control.call("GET", "/tasks")["delay"] == 0


def test_state_can_be_brought_back(api: MetalApi, raw: RawClient) -> None:
    api.control.replace_state()
    with pytest.raises(ControlError, match="no state was kept"):
        api.control.restore_state()
    partition = {"id": "fra-01", "bootconfig": {}}
    api.control.change_state(partitions=[partition], memberships={"ann": {"tenants": {"acme": "VIEWER"}}})
    api.control.keep_state()
    before = api.control.state()
    for _time in range(2):
        api.control.add_fault("reset")
        api.control.change_state(partitions=[], images=[{"id": "ubuntu-24.4", "url": "http://x/y"}], memberships={})
        api.control.restore_state()
        assert api.control.state() == before
        assert (api.control.faults(), api.control.requests()) == ([], [])
        assert [entry["id"] for entry in raw.v1("GET", "/v1/partition").json()] == ["fra-01"]
    api.control.replace_state()
    with pytest.raises(ControlError, match="no state was kept"):
        api.control.restore_state()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"image": []}, "the state has no section 'image'"),
        ({"images": {}}, "section 'images' of the state must be a list"),
        ({"images": [{"id": "ubuntu-24.4"}]}, "image 'ubuntu-24.4': 'url' is needed"),
        ({"images": [{"id": "ubuntu-24.4", "url": "u", "expires": "x"}]}, "unknown key 'expires'"),
        ({"images": [{"id": "x", "url": "u"}]}, "invalid format for os image"),
        ({"partitions": [{"id": "p", "bootconfig": {"image": "x"}}]}, "unknown key 'image'"),
        ({"bearer_tokens": [{}]}, "an item of 'bearer_tokens' is an object with at least 'token'"),
        ({"unreachable_urls": ["("]}, "is no regular expression"),
    ],
)
def test_wrong_state_changes_nothing(api: MetalApi, sections: dict[str, object], message: str) -> None:
    api.control.change_state(partitions=[{"id": "fra-01", "bootconfig": {}}])
    before = api.control.state()
    with pytest.raises(ControlError, match=message):
        api.control.call("PATCH", "/state", {"images": [], **sections})
    assert api.control.state() == before


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"lifetime": "1h"}, "'lifetime' must be a number of seconds"),
        ({"lifetime": 0}, "must be more than 0 s and at most 365 days"),
        ({"methods": ["ImageService/List"]}, "'methods' is a list of names like"),
        ({"admin_role": "OWNER"}, "'admin_role' is 'EDITOR' or 'VIEWER'"),
        ({"api": "v3"}, "'api' is 'v1' or 'v2'"),
        ({"rights": []}, "a token has no 'rights'"),
    ],
)
def test_wrong_tokens(api: MetalApi, wish: dict[str, object], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        api.control.call("POST", "/tokens", wish)


def test_wrong_requests(api: MetalApi) -> None:
    with pytest.raises(ControlError, match="'shift' must be a number of seconds"):
        api.control.call("PUT", "/clock", {"shift": "1h"})
    with pytest.raises(ControlError, match="404"):
        api.control.call("GET", "/nothing")
