# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the metal-api v1: what it sends, and which error each answer is."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _errors as errors
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth, HmacAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v1 import MetalV1
from tests.unit.module_utils._server import Close, Server, answer, replies

NOW = 1_800_000_000


def api(server, http, auth=None):
    return MetalV1(f"{server.url}/metal/", auth or HmacAuth("s3cr3t-key", "Metal-View"), http)


def error(status, message):
    return answer(status, json.dumps({"statuscode": status, "message": message}).encode())


def failure(http, steps, *, auth=None, call=lambda api: api.get("/v1/image")):
    with Server(replies(steps)) as server:
        with pytest.raises(errors.ApiError) as raised:
            call(api(server, http, auth))
        return raised.value


def test_requests(http):
    with Server(replies(answer(200, b'{"a": 1}'))) as server:
        metal = api(server, http)
        assert metal.get("/v1/image", query={"show-usage": "true", "x": "a b"}) == {"a": 1}
        metal.put("v1/image", {"id": "x"})
        metal.post("/v1/machine/1/power/on")
        metal.delete("/v1/image/x")
    get, put, post, delete = server.requests
    assert (get.method, get.target, get.body) == ("GET", "/metal/v1/image?show-usage=true&x=a+b", b"")
    assert (put.method, put.target, json.loads(put.body)) == ("PUT", "/metal/v1/image", {"id": "x"})
    assert (post.method, post.body) == ("POST", b"{}"), "the API refuses a POST without a body"
    assert (delete.method, delete.target, delete.body) == ("DELETE", "/metal/v1/image/x", b"")
    assert [request.headers.get("content-type") for request in server.requests] == [
        None,
        "application/json",
        "application/json",
        None,
    ]
    for request in server.requests:
        assert request.headers["accept"] == "application/json"
        assert request.headers["authorization"].startswith("Metal-View ")
    assert len({request.headers["x-data-salt"] for request in server.requests}) == 4


def test_each_attempt_is_signed_anew(http):
    with Server(replies(answer(503), [Close()], answer(200, b"[]"))) as server:
        api(server, http).get("/v1/image")
    assert len({request.headers["x-data-salt"] for request in server.requests}) == 3
    assert len({request.headers["authorization"] for request in server.requests}) == 3


@pytest.mark.parametrize("call", ["post", "put"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_creating_is_repeated_only_when_it_is_safe(http, call, idempotent):
    with Server(replies([Close()], answer(201, b"{}"))) as server:
        metal = api(server, http)
        if idempotent:
            assert getattr(metal, call)("/v1/x", {}, idempotent=True) == {}
        else:
            with pytest.raises(errors.TransportError):
                getattr(metal, call)("/v1/x", {})
    assert len(server.requests) == (2 if idempotent else 1)


def test_find_is_repeated(http):
    with Server(replies([Close()], answer(200, b"null"))) as server:
        assert api(server, http).find("/v1/project/find", {"name": "x"}) == []
    assert [request.method for request in server.requests] == ["POST", "POST"]


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_no_body(http, body):
    with Server(replies(answer(200, body))) as server:
        assert api(server, http).delete("/v1/x") is None


@pytest.mark.parametrize(("body", "found"), [(b"null", []), (b"[]", []), (b"[1]", [1])])
def test_null_lists(http, body, found):
    with Server(replies(answer(200, body))) as server:
        assert api(server, http).get_list("/v1/network") == found


def test_list_that_is_none(http):
    problem = failure(http, answer(200, b"{}"), call=lambda api: api.get_list("/v1/network"))
    assert problem.__class__ is errors.ProtocolError
    assert "/v1/network of the metal-api was answered with something that is not a list" in str(problem)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad rule", errors.ValidationError),
        (404, "no image x", errors.NotFoundError),
        (409, "ip already allocated", errors.ConflictError),
        (409, "the entity was changed from another, please retry", errors.ConflictError),
        (400, "the entity was changed from another, please retry", errors.ConflictError),
        (422, "no machine available", errors.ValidationError),
        (418, "teapot", errors.ValidationError),
        (429, "slowly", errors.RateLimitError),
        (500, "boom", errors.ServerError),
        (503, "later", errors.ServerError),
    ],
)
def test_kinds_of_errors(http, status, message, kind):
    problem = failure(http, error(status, message))
    assert problem.__class__ is kind
    assert problem.status == status
    assert f"/metal/v1/image was answered with status {status}: {message}" in str(problem)
    assert ("(4 attempts)" in str(problem)) is (status in (429, 503))
    assert problem.failure() == {
        "status": status,
        "code": None,
        "message": str(problem),
        "request": problem.request,
    }
    assert problem.request.startswith("GET http://127.0.0.1:")


@pytest.mark.parametrize(
    ("body", "headers", "says"),
    [
        (b'"tenant is gone"', {}, "answered with status 500: tenant is gone."),
        (b"plain text.", {}, "answered with status 500: plain text."),
        (b"<html>no</html>", {}, "answered with status 500."),
        (b"oops", {"Content-Type": "text/html"}, "answered with status 500."),
        (b"[1]", {}, "answered with status 500."),
        (b'{"message": 5}', {}, "answered with status 500."),
        (b"", {}, "answered with status 500."),
        (b"\xff\xfe", {}, "answered with status 500: \ufffd\ufffd."),
    ],
)
def test_bodies_of_errors(http, body, headers, says):
    assert str(failure(http, answer(500, body, headers))).endswith(says)


def test_wrong_key(http):
    problem = failure(http, error(403, "Wrong HMAC found"))
    assert problem.__class__ is errors.AuthenticationError
    assert str(problem).endswith("status 403: the HMAC key of Metal-View is not accepted (Wrong HMAC found).")


@pytest.mark.parametrize(
    ("date", "hint"),
    [
        (NOW + 300, "; the clock of this host is 300 s behind the server's."),
        (NOW - 300, "; the clock of this host is 300 s ahead of the server's."),
        (NOW + 4, "; the clocks agree, so the request took too long."),
        (None, "; the clocks agree, so the request took too long."),
    ],
)
def test_signature_that_is_too_old(http, date, hint):
    steps = error(403, "the timestamp in your header is too old: 2026-01-01T00:00:00Z")
    if date is not None:
        steps = [steps[0].replace(b"\r\n", f"\r\nDate: {formatdate(date, usegmt=True)}\r\n".encode(), 1)]
    problem = failure(http, steps)
    assert problem.__class__ is errors.AuthenticationError
    assert str(problem).endswith(f"the signature is too old for it{hint}")


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("[k8s_kaas-view maas-all-all-view k8s_kaas-edit maas-all-all-edit k8s_kaas-admin maas-all-all-admin]", "view"),
        ("[k8s_kaas-edit maas-all-all-edit k8s_kaas-admin maas-all-all-admin]", "edit"),
        ("[k8s_kaas-admin maas-all-all-admin]", "admin"),
        ("[something else]", "admin"),
    ],
)
def test_missing_role_names_the_key(http, groups, role):
    problem = failure(http, error(403, f"you are not member in one of {groups}"))
    assert problem.__class__ is errors.PermissionDeniedError
    assert str(problem).endswith(
        f"the HMAC key of Metal-View may not do this; it needs the role {role}: the HMAC key of "
        f"Metal-{role.capitalize()}, or a token with the group maas-all-all-{role}."
    )


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b'"tenant  not allowed"', errors.AuthenticationError, "the metal-api does not know the bearer token."),
        (
            b'"tenant acme not allowed"',
            errors.PermissionDeniedError,
            "the bearer token belongs to the tenant acme, but only the provider's tenant may use this API.",
        ),
        (
            b'{"message": "token has invalid claims: token is expired"}',
            errors.AuthenticationError,
            "the bearer token is not accepted (token has invalid claims: ",
        ),
        (b'{"message": "over my dead body"}', errors.PermissionDeniedError, "over my dead body (bearer token)."),
        (b"", errors.PermissionDeniedError, "it may not do this (bearer token)."),
    ],
)
def test_refusals(http, body, kind, says):
    problem = failure(http, answer(403, body), auth=BearerAuth("s3cr3t-token"))
    assert problem.__class__ is kind
    assert says in str(problem)


def test_unauthorized(http):
    problem = failure(http, answer(401, b""))
    assert problem.__class__ is errors.AuthenticationError
    assert str(problem).endswith("the HMAC key of Metal-View is not accepted (no reason given).")


@pytest.mark.parametrize("body", [b"404 page not found", b"<html>", b""])
def test_not_found_by_something_else_is_a_wrong_address(http, body):
    problem = failure(http, answer(404, body))
    assert problem.__class__ is errors.NotFoundError
    assert str(problem).endswith(" (is the address of the API right?).")
    assert "right?" not in str(failure(http, error(404, "no image")))


def test_redirect_is_a_wrong_address(http):
    problem = failure(http, answer(301, b"", {"Location": "https://api.example/v1/image"}))
    assert problem.__class__ is errors.ProtocolError
    assert "status 301, a redirect: set the address of the API to the one that it leads to" in str(problem)


@pytest.mark.parametrize("body", [b"<html>", b"{"])
def test_success_that_is_not_json(http, body):
    assert failure(http, answer(200, body)).__class__ is errors.ProtocolError


def test_key_is_never_in_an_error(http):
    problem = failure(http, error(500, "the key s3cr3t-key is bad"))
    assert "s3cr3t" not in f"{problem} {problem.failure()}"


def test_repr(http):
    metal = MetalV1("http://u:p4ss@host/metal/", HmacAuth("s3cr3t"), http)
    assert repr(metal) == "MetalV1(http://********@host/metal, <HmacAuth: HMAC key of Metal-View>)"
