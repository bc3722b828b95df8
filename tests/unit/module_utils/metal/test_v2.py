# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the metal-api v2: unary Connect calls with JSON, and which error each answer is."""

from __future__ import annotations

import json

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _errors as errors
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.auth import BearerAuth
from ansible_collections.metalstack.provisioning.plugins.module_utils._metal.v2 import MetalV2
from tests.unit.module_utils._server import Close, Server, answer, replies

LIST = "metalstack.api.v2.ImageService/List"
CREATE = "metalstack.api.v2.NetworkService/Create"


def api(server, http, auth=None):
    return MetalV2(f"{server.url}/", auth, http)


def failure(http, steps, *, auth=None, method=LIST):
    with Server(replies(steps)) as server:
        with pytest.raises(errors.ApiError) as raised:
            api(server, http, auth).call(method, {})
        return raised.value


def test_call(http):
    with Server(replies(answer(200, b'{"images": []}'))) as server:
        assert api(server, http, BearerAuth("t0ken")).call(LIST, {"query": {"os": "ubuntu"}}) == {"images": []}
        assert api(server, http).call(f"/{LIST}") == {"images": []}
    first, second = server.requests
    assert (first.method, first.target) == ("POST", f"/{LIST}")
    assert json.loads(first.body) == {"query": {"os": "ubuntu"}}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["connect-protocol-version"] == "1"
    assert first.headers["authorization"] == "Bearer t0ken"
    assert (second.target, second.body) == (f"/{LIST}", b"{}")
    assert "authorization" not in second.headers


@pytest.mark.parametrize(
    ("method", "idempotent", "requests"),
    [
        (LIST, None, 2),
        ("metalstack.api.v2.ImageService/Latest", None, 2),
        ("metalstack.admin.v2.MachineService/GetBMC", None, 2),
        (LIST, False, 1),
        (CREATE, None, 1),
        (CREATE, True, 2),
        ("metalstack.api.v2.TokenService/Refresh", None, 1),
    ],
)
def test_only_reads_are_repeated(http, method, idempotent, requests):
    with Server(replies([Close()], answer(200, b"{}"))) as server:
        if requests == 2:
            assert api(server, http).call(method, {}, idempotent=idempotent) == {}
        else:
            with pytest.raises(errors.TransportError):
                api(server, http).call(method, {}, idempotent=idempotent)
    assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("invalid_argument", 400, errors.ValidationError),
        ("failed_precondition", 400, errors.ValidationError),
        ("out_of_range", 400, errors.ValidationError),
        ("unimplemented", 501, errors.ValidationError),
        ("unauthenticated", 401, errors.AuthenticationError),
        ("permission_denied", 403, errors.PermissionDeniedError),
        ("not_found", 404, errors.NotFoundError),
        ("already_exists", 409, errors.ConflictError),
        ("aborted", 409, errors.ConflictError),
        ("resource_exhausted", 429, errors.RateLimitError),
        ("internal", 500, errors.ServerError),
        ("unknown", 500, errors.ServerError),
        ("unavailable", 503, errors.ServerError),
        ("something_new", 599, errors.ServerError),
    ],
)
def test_codes(http, code, status, kind):
    steps = answer(status, json.dumps({"code": code, "message": "no way.", "details": []}).encode())
    problem = failure(http, steps, auth=BearerAuth("t0ken"))
    assert problem.__class__ is kind
    assert (problem.status, problem.code) == (status, code)
    assert f"/{LIST} was answered with {code}: no way" in str(problem)
    assert ("(4 attempts)" in str(problem)) is (status in (429, 503))
    assert problem.failure()["code"] == code


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (302, errors.ProtocolError, "was answered with status 302."),
        (400, errors.ValidationError, "was answered with status 400."),
        (401, errors.AuthenticationError, "was answered with status 401 (the bearer token is not accepted)."),
        (403, errors.PermissionDeniedError, f"status 403 (the token needs the permission for /{LIST})."),
        (404, errors.NotFoundError, "was answered with status 404 (is the address of the API right?)."),
        (409, errors.ConflictError, "was answered with status 409."),
        (500, errors.ServerError, "was answered with status 500."),
    ],
)
@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"code": 5, "message": 6}', b""])
def test_answers_that_are_not_of_the_api(http, status, kind, says, body):
    problem = failure(http, answer(status, body), auth=BearerAuth("t0ken"))
    assert problem.__class__ is kind
    assert (problem.status, problem.code) == (status, None)
    assert str(problem).endswith(says)


@pytest.mark.parametrize(("status", "code"), [(401, "unauthenticated"), (403, "permission_denied")])
def test_missing_token(http, status, code):
    problem = failure(http, answer(status, json.dumps({"code": code}).encode()))
    assert str(problem).endswith(f"was answered with {code} (it needs a token).")


@pytest.mark.parametrize(("body", "says"), [(b"[]", "JSON that is not an object"), (b"<html>", "a web page")])
def test_success_that_is_no_message(http, body, says):
    problem = failure(http, answer(200, body))
    assert problem.__class__ is errors.ProtocolError
    assert says in str(problem)


def test_token_is_never_in_an_error(http):
    steps = answer(400, b'{"code": "invalid_argument", "message": "bad s3cr3t-token"}')
    problem = failure(http, steps, auth=BearerAuth("s3cr3t-token"))
    assert "s3cr3t" not in f"{problem} {problem.failure()}"


def test_repr(http):
    assert (
        repr(MetalV2("http://host/", BearerAuth("s3cr3t"), http)) == "MetalV2(http://host, <BearerAuth: bearer token>)"
    )
