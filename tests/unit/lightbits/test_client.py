# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the Lightbits API against the emulator, and the options that make one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ansible_collections.metalstack.provisioning.plugins.module_utils import _errors
from ansible_collections.metalstack.provisioning.plugins.module_utils._http import HttpClient, RetryPolicy
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits import client as client_module
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.client import Lightbits as Client
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.endpoint import Endpoint
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.failures import (
    TemporaryError,
    UnsupportedError,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.messages import (
    CREATE_PROJECT,
    CREATE_SNAPSHOT,
    CREATE_VOLUME,
    DISABLE_SERVER,
    Message,
    encode,
)
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.options import connect
from ansible_collections.metalstack.provisioning.plugins.module_utils._lightbits.token import Token
from tests.emulators.lightbits import keys
from tests.emulators.lightbits.process import Lightbits, running_lightbits
from tests.support.waiting import until
from tests.unit.api.helpers import failure, ok
from tests.unit.lightbits.runner import Runner
from tests.unit.module_utils._pki import Authority

ONCE = RetryPolicy(attempts=1)


MakeClient = Callable[..., Client]


@pytest.fixture
def client(cluster: Lightbits) -> Iterator[MakeClient]:
    http = HttpClient(retry=ONCE)

    def make(*, named: int = 1, token: str = "") -> Client:
        endpoints = [Endpoint.parse(url) for url in cluster.urls[:named]]
        return Client(endpoints, Token(token or keys.token()), http)

    yield make
    http.close()


def test_one_server_tells_the_others_which_answer_when_it_is_away(client: MakeClient, cluster: Lightbits) -> None:
    api = client()
    api.get("/version")
    assert sorted(api.endpoints) == sorted(cluster.urls)
    cluster.control.stop_servers(0, 1)
    assert api.get("/version")["apiVersion"] == "v2.0"
    assert api.endpoints[0] == cluster.urls[2], "the one that has answered is asked first from now on"


def test_a_write_goes_to_the_next_server_only_if_it_cannot_have_been_done(
    client: MakeClient, cluster: Lightbits
) -> None:
    api = client(named=2)
    api.get("/version")
    cluster.control.stop_servers(0)
    api.post("/projects", CREATE_PROJECT, {"name": "refused-before"})
    cluster.control.stop_servers()
    cluster.control.add_fault("stop", method="POST", when="after", count=1)
    with pytest.raises(_errors.TransportError) as caught:
        api.post("/projects", CREATE_PROJECT, {"name": "lost-after"})
    assert caught.value.unclear
    names = [project["name"] for project in cluster.control.state()["projects"]]
    assert names == ["system", "default", "refused-before", "lost-after"]


def test_all_servers_away(client: MakeClient, cluster: Lightbits) -> None:
    api = client(named=2)
    cluster.control.stop_servers(0, 1, 2)
    with pytest.raises(_errors.TransportError, match="refused the connection"):
        api.get("/version")
    cluster.control.stop_servers()
    assert api.get("/version")


def test_whoever_may_not_ask_for_the_others_works_with_what_was_named(client: MakeClient, cluster: Lightbits) -> None:
    cluster.control.add_fault("status", path="clusterinfo", status=403)
    api = client()
    api.get("/version")
    assert api.endpoints == [cluster.urls[0]]


def test_lists_come_in_pages(client: MakeClient, cluster: Lightbits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE", 3)
    cluster.control.change_state(volumes=[{"name": f"volume-{number}"} for number in range(7)])
    api = client()
    cluster.control.forget_requests()
    found = [volume["name"] for volume in api.pages("/projects/default/volumes", "volumes")]
    assert sorted(found) == [f"volume-{number}" for number in range(7)]
    asked = [one for one in cluster.control.requests() if one["path"].endswith("/volumes")]
    assert len(asked) == 3


def test_the_next_page_is_asked_for_while_this_one_is_used(
    client: MakeClient, cluster: Lightbits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 3)
    cluster.control.change_state(volumes=[{"name": f"volume-{number}"} for number in range(10)])
    cluster.control.forget_requests()

    def asked() -> int:
        return sum(one["path"].endswith("/volumes") for one in cluster.control.requests())

    pages = client().pages("/projects/default/volumes", "volumes")
    next(pages)
    until(asked, lambda count: count > 1, "the request for the next page")
    next(pages)
    assert asked() == 2, "one page ahead, and no more"
    threads = threading.active_count()
    pages.close()
    assert threading.active_count() == threads - 1, "nothing goes on when nobody wants the rest"
    assert asked() == 2


def test_a_page_that_fails_does_so_after_the_ones_before_it(
    client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 2)
    api = client()

    def get(_path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        if "offsetUUID" in query:
            raise _errors.PermissionDeniedError("not this one")
        return {"volumes": [{"UUID": "a"}, {"UUID": "b"}]}

    monkeypatch.setattr(api, "get", get)
    found = []
    with pytest.raises(_errors.PermissionDeniedError, match="not this one"):
        for volume in api.pages("/volumes", "volumes"):
            found.append(volume["UUID"])
    assert found == ["a", "b"]


def test_a_page_that_comes_again_ends_the_list_with_a_sentence(
    client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 1)
    api = client()
    monkeypatch.setattr(api, "get", lambda *_: {"volumes": [{"UUID": "a"}]})
    pages = api.pages("/volumes", "volumes")
    assert [next(pages), next(pages)] == [{"UUID": "a"}] * 2
    with pytest.raises(_errors.ProtocolError, match=r"/volumes of the Lightbits API repeats a page of volumes\."):
        next(pages)


def test_other_threads_know_all_servers_at_any_time(client: MakeClient, cluster: Lightbits) -> None:
    api = client()
    api.get("/version")
    cluster.control.stop_servers(0)
    seen = []

    def look(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        """Do what another thread could do before any line of the client."""
        if frame.f_code.co_filename != client_module.__file__:
            return None
        seen.append(api.endpoints)
        return look

    tracing = sys.gettrace()
    sys.settrace(look)
    try:
        api.get("/version")
    finally:
        sys.settrace(tracing)
    assert {tuple(sorted(known)) for known in seen} == {tuple(sorted(cluster.urls))}
    assert len({known[0] for known in seen}) == 2, "it went on with another one"


@pytest.mark.parametrize("old_status", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/projects/none", _errors.NotFoundError),
        ("GET", "/nowhere", _errors.NotFoundError),
        ("POST", "/projects", _errors.ConflictError),
        ("GET", "/servers/x", _errors.NotFoundError),
    ],
)
def test_refusals_by_the_code_in_the_body(
    client: MakeClient, cluster: Lightbits, method: str, path: str, kind: type[Exception], old_status: bool
) -> None:
    cluster.control.manners(old_status=old_status)
    api = client()
    with pytest.raises(kind):
        if method == "GET":
            api.get(path)
        else:
            api.post(path, CREATE_PROJECT, {"name": "default"})


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error": "Etag mismatch", "code": 9}', _errors.ConflictError),
        (412, '{"error": "Etag mismatch"}', _errors.ConflictError),
        (503, '{"error": "volume is Updating", "code": 14}', TemporaryError),
        (403, '{"error": "too many", "code": 8}', _errors.RateLimitError),
        (501, '{"error": "no", "code": 12}', UnsupportedError),
        (408, '{"error": "late", "code": 4}', _errors.ServerError),
        (500, '{"error": "broken", "code": 13}', _errors.ServerError),
        (502, "<html>a proxy</html>", _errors.ServerError),
        (401, '"just text"', _errors.AuthenticationError),
        (400, '{"code": true, "message": 5}', _errors.ValidationError),
    ],
)
def test_what_versions_and_proxies_answer(
    client: MakeClient, cluster: Lightbits, status: int, body: str, kind: type[Exception]
) -> None:
    api = client()
    api.get("/version")
    cluster.control.add_fault("status", status=status, body=body, content_type="application/json", count=1)
    with pytest.raises(kind) as caught:
        api.post("/projects", CREATE_PROJECT, {"name": "acme"})
    assert "<html>" not in str(caught.value)
    # a server behind a gateway that gave up may go on
    assert getattr(caught.value, "pending", None) is (status in (408, 502))


def test_an_expired_token_is_said_to_be_expired(client: MakeClient) -> None:
    old = keys.token(lifetime=-10)
    with pytest.raises(_errors.AuthenticationError, match=r"which expired at 20.* is not accepted") as caught:
        client(token=old).get("/version")
    assert old not in str(caught.value)


def test_the_path_of_a_name_cannot_leave_its_place(client: MakeClient) -> None:
    api = client()
    with pytest.raises(_errors.NotFoundError):
        api.get(f"/projects/{client_module.segment('../default')}")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("10.0.0.10", "https://10.0.0.10:443"),
        ("10.0.0.10:8443", "https://10.0.0.10:8443"),
        ("fd00::10", "https://[fd00::10]:443"),
        ("[FD00::0010]:444", "https://[fd00::10]:444"),
        ("https://LightOS.example.com/", "https://lightos.example.com:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_endpoints_as_people_write_them(text: str, url: str) -> None:
    assert Endpoint.parse(text).url == url


@pytest.mark.parametrize(
    "text", ["", "ftp://a", "a:b", "10.0.0.1:0", "10.0.0.1:70000", "a b", "https://a/path", "[fd00::1]x", "[::g]:1"]
)
def test_endpoints_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is neither|follows"):
        Endpoint.parse(text)


def test_messages_are_written_as_the_gateway_reads_them() -> None:
    values = {"name": "v", "size": 4096, "acl": {"values": ["a"]}, "labels": [{"key": "k", "value": "v"}]}
    assert encode(CREATE_VOLUME, values) == {**values, "size": "4096"}
    assert encode(DISABLE_SERVER, {"ForceDisable": True, "permanentFailureTimeout": 7200}) == {
        "ForceDisable": True,
        "permanentFailureTimeout": "7200s",
    }
    assert encode(CREATE_SNAPSHOT, {"retentionTime": 60}) == {"retentionTime": "60s"}


@pytest.mark.parametrize(
    ("message", "values", "error"),
    [
        (DISABLE_SERVER, {"forceDisable": True}, KeyError),
        (DISABLE_SERVER, {"ForceDisable": "true"}, TypeError),
        (CREATE_VOLUME, {"size": "4096"}, TypeError),
        (CREATE_VOLUME, {"size": True}, TypeError),
        (CREATE_VOLUME, {"acl": {"value": []}}, KeyError),
        (CREATE_VOLUME, {"labels": [{"name": "k"}]}, KeyError),
    ],
)
def test_a_misspelt_field_is_never_sent(message: Message, values: Mapping[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        encode(message, values)


@pytest.mark.parametrize("text", ["a.b.c", " a.b.c\n", "Bearer a.b.c", "bearer  a.b.c"])
def test_tokens_as_people_keep_them(text: str) -> None:
    token = Token(text)
    assert token.headers() == {"Authorization": "Bearer a.b.c"}
    assert "a.b.c" not in repr(token)


OPTIONS: Mapping[str, Any] = {
    "validate_certs": True,
    "ca_path": None,
    "client_cert": None,
    "client_key": None,
    "timeout": 10,
    "retries": 3,
}


@pytest.mark.parametrize(
    ("params", "environ", "said"),
    [
        ({}, {}, "api_endpoints is missing: set it to the servers of the cluster"),
        ({"api_endpoints": ["a b"]}, {}, "api_endpoints has 'a b', but"),
        (
            {"api_endpoints": ["http://a", "https://b"]},
            {},
            "api_endpoints has addresses with http:// and with https://",
        ),
        ({"api_endpoints": ["a"]}, {}, "A token is missing: set api_token or api_token_file"),
        ({"api_endpoints": ["a"], "api_token": "abc"}, {}, "api_token is no token for the Lightbits API: it is not a"),
        ({"api_endpoints": ["a"]}, {"LIGHTBITS_API_TOKEN": "abc"}, "LIGHTBITS_API_TOKEN is no token"),
        (
            {"api_endpoints": ["a"], "api_token_file": "/none"},
            {},
            "api_token_file is /none, which cannot be read: No such",
        ),
    ],
)
def test_options_that_make_no_client(params: dict[str, Any], environ: dict[str, str], said: str) -> None:
    with pytest.raises(_errors.UsageError) as caught:
        connect({**OPTIONS, **params}, environ)
    assert str(caught.value).startswith(said)
    assert "abc" not in str(caught.value)


def test_a_token_of_the_task_comes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(keys.token(kid="default:of-the-file") + "\n", encoding="ascii")
    environ = {"LIGHTBITS_API_ENDPOINTS": "10.0.0.1, 10.0.0.2:444", "LIGHTBITS_API_TOKEN": keys.token(kid="a:b")}
    api = connect({**OPTIONS, "api_token_file": str(file)}, environ)
    assert api.key_id == "default:of-the-file"
    assert api.endpoints == ["https://10.0.0.1:443", "https://10.0.0.2:444"]
    assert connect(OPTIONS, environ).key_id == "a:b"


def test_a_cluster_that_asks_for_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("127.0.0.1")
    arguments = ["--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(authority.path)]
    client_cert, client_key = map(str, authority.issue("client.example"))
    with running_lightbits("--servers", "2", *arguments) as cluster:
        look = Runner(cluster, "lightbits_cluster_info", defaults=(("gather", ["versions"]),))
        trusted = {"ca_path": str(authority.path)}
        own = {"client_cert": client_cert, "client_key": client_key}
        assert ok(look(**trusted, **own))["versions"]["lowest"]
        assert ok(look(validate_certs=False, **own))["versions"]["lowest"]
        cluster.control.stop_servers(0)
        assert ok(look(**trusted, **own, api_endpoints=cluster.urls))["versions"]["lowest"], "the other one as well"
        assert "/clusterinfo failed" in failure(look(**trusted, api_endpoints=cluster.urls))
        assert "certificate" in failure(look(**own, api_endpoints=cluster.urls[1:]))
