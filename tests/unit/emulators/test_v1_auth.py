# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: every way not to be let in, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.emulators.common.clock import Clock
from tests.emulators.metal_api.process import MetalApi
from tests.emulators.metal_api.state import State
from tests.emulators.metal_api.v1.auth import Authenticator, HmacKey, HmacKeys, RefusedError
from tests.emulators.metal_api.v1.identity import ROLES, User

from .requests import RawClient, signed


@pytest.mark.parametrize(
    ("method", "date", "mac"),
    [
        ("PUT", "2019-05-29T12:30:43Z", "e4b6f0e0f793e58efe7121fc5a3fe731f593e40f3ac27ebc1af09366ef7415f5"),
        ("GET", "2019-05-29T09:26:39Z", "dd864d767ca9eec0337727e6ae69a30c47fa1501d1df9c7f2c4caaa83cf2f9f3"),
    ],
)
def test_published_vectors(method: str, date: str, mac: str) -> None:
    keys = HmacKeys(admin=HmacKey("metal-test-admin", timedelta(0)))
    authenticator = Authenticator(keys, State(Clock()))
    headers = {"x-date": date, "authorization": f"Metal-Admin {mac}"}
    assert authenticator.user(method, "/v1/image", headers).name == "Metal-Admin"
    with pytest.raises(RefusedError, match="Wrong HMAC found"):
        authenticator.user("POST", "/v1/image", headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Metal-View"},
        {"Authorization": "Metal-View two  spaces"},
        {"Authorization": "Metal-Root abcdef"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_guest_gets_a_bare_string(raw: RawClient, headers: dict[str, str]) -> None:
    answer = raw.send("GET", "/v1/image", headers)
    assert (answer.status, answer.body) == (403, b'"tenant  not allowed"')


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (lambda: signed("GET", "Metal-View", "metal-edit"), "Wrong HMAC found"),
        (lambda: signed("GET", "Metal-Edit", "metal-view"), "Wrong HMAC found"),
        (lambda: signed("POST", "Metal-View", "metal-view"), "Wrong HMAC found"),
        (lambda: {**signed("GET", "Metal-View", "metal-view"), "X-Data-Salt": "y"}, "Wrong HMAC found"),
        (lambda: {**signed("GET"), "X-Date": "yesterday"}, "unknown timestamp"),
        (lambda: {"Authorization": signed("GET")["Authorization"]}, 'unknown timestamp ""'),
        (lambda: signed("GET", date="2019-05-29T12:30:43Z"), "the timestamp in your header is too old"),
        (lambda: {"Authorization": "Bearer nobody"}, "token signature is invalid"),
    ],
)
def test_wrong_credentials(raw: RawClient, headers: Callable[[], dict[str, str]], message: str) -> None:
    # Also where no credentials are needed, wrong ones are refused.
    for path in ("/v1/image", "/v1/health", "/v1/version"):
        answer = raw.send("GET", path, headers())
        assert answer.status == 403
        assert answer.json()["statuscode"] == 403
        assert answer.json()["message"].startswith(message)


def test_signature_in_capitals(raw: RawClient) -> None:
    headers = signed("GET")
    user, mac = headers["Authorization"].split()
    assert raw.send("GET", "/v1/image", {**headers, "Authorization": f"{user} {mac.upper()}"}).status == 403


@pytest.mark.parametrize(("role", "lifetime"), [("view", 30), ("edit", 30), ("admin", 90)])  # the defaults of metal-api
def test_lifetime_of_each_key(raw: RawClient, role: str, lifetime: int) -> None:
    def status(age: float) -> int:
        headers = signed("GET", f"Metal-{role.capitalize()}", f"metal-{role}", age=age)
        return raw.send("GET", "/v1/image", headers).status

    assert status(age=lifetime - 5) == 200
    assert status(age=lifetime + 2) == 403
    assert status(age=-3600) == 200, "dates in the future pass"


def test_skewed_clock(api: MetalApi, raw: RawClient) -> None:
    api.control.shift_clock(3600)
    answer = raw.v1("GET", "/v1/image", role="view")
    assert answer.status == 403
    assert "too old" in answer.json()["message"]
    assert raw.send("GET", "/v1/image", signed("GET", age=-3600)).status == 200
    api.control.shift_clock(-3600)
    assert raw.v1("GET", "/v1/image", role="view").status == 200


@pytest.mark.parametrize("date", ["2019-05-29T09:26:39.75Z", "2019-05-29T11:26:39+02:00"])
def test_date_is_normalised_before_the_check(date: str) -> None:
    mac = "dd864d767ca9eec0337727e6ae69a30c47fa1501d1df9c7f2c4caaa83cf2f9f3"  # of 2019-05-29T09:26:39Z
    authenticator = Authenticator(HmacKeys(admin=HmacKey("metal-test-admin", timedelta(0))), State(Clock()))
    headers = {"x-date": date, "authorization": f"Metal-Admin {mac}"}
    assert authenticator.user("GET", "/v1/image", headers).name == "Metal-Admin"
    as_sent = signed("GET", key="metal-test-admin", date=date, salt="")["Authorization"]
    with pytest.raises(RefusedError, match="Wrong HMAC found"):
        authenticator.user("GET", "/v1/image", {"x-date": date, "authorization": as_sent})


def test_date_header_shows_the_servers_clock(api: MetalApi, raw: RawClient) -> None:
    assert "2019" not in raw.send("GET", "/v1/health").headers["date"]
    api.control.shift_clock(-220_000_000)
    assert "2019" in raw.send("GET", "/v1/health").headers["date"]


def test_open_paths(raw: RawClient) -> None:
    assert raw.send("GET", "/v1/health").status == 200
    assert raw.send("GET", "/v1/version").status == 200
    assert raw.send("GET", "/v1/user/me").status == 403


def test_bearer_of_another_tenant(api: MetalApi, raw: RawClient) -> None:
    token = api.control.bearer(groups=["admin"], tenant="customer")
    answer = raw.send("GET", "/v1/image", {"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.body) == (403, b'"tenant customer not allowed"')


def test_bearer_of_the_provider_tenant_in_other_case(api: MetalApi, raw: RawClient) -> None:
    token = api.control.bearer(groups=["view"], tenant="Metal-STACK")
    assert raw.send("GET", "/v1/image", {"Authorization": f"Bearer {token}"}).status == 200


def test_bearer_without_a_role(api: MetalApi, raw: RawClient) -> None:
    headers = {"Authorization": f"Bearer {api.control.bearer(groups=['somebody'])}"}
    assert raw.send("GET", "/v1/image", headers).status == 200, "lists need no group"
    answer = raw.send("GET", "/v1/user/me", headers)
    assert answer.status == 403
    assert answer.json()["message"].startswith("you are not member in one of [k8s_kaas-view maas-all-all-view ")


@pytest.mark.parametrize(
    ("group", "roles"),
    [
        ("maas-all-all-view", ["view"]),
        ("k8s_kaas-edit", ["view", "edit"]),
        ("maas-all-all-admin", ["view", "edit", "admin"]),
        ("maas-all-all-owner", []),
    ],
)
def test_an_admin_may_what_an_editor_may(group: str, roles: list[str]) -> None:
    user = User(email="ops@example.com", name="ops", groups=(group,))
    assert [role for role in ROLES if user.may(role)] == roles


def test_expired_bearer(api: MetalApi, raw: RawClient) -> None:
    headers = {"Authorization": f"Bearer {api.control.bearer(lifetime=60)}"}
    assert raw.send("GET", "/v1/image", headers).status == 200
    api.control.shift_clock(61)
    answer = raw.send("GET", "/v1/image", headers)
    assert (answer.status, answer.json()["message"]) == (403, "token has invalid claims: token is expired")


def test_bearer_from_the_state(api: MetalApi, raw: RawClient) -> None:
    token = {"token": "from-state", "email": "ops@example.com", "groups": ["view"]}
    api.control.change_state(bearer_tokens=[token])
    answer = raw.send("GET", "/v1/user/me", {"Authorization": "Bearer from-state"})
    assert answer.json()["EMail"] == "ops@example.com"
