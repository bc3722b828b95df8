# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metal_token and metal_token_info, against the emulator's TokenService."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.metalstack.provisioning.plugins.module_utils._jwt import claims
from ansible_collections.metalstack.provisioning.plugins.modules import metal_token, metal_token_info
from tests.conftest import ROOT
from tests.emulators.metal_api.process import MetalApi
from tests.support.playbook import play
from tests.unit.conformance.emulation import METAL
from tests.unit.faults.kinds import attempts, faults_of
from tests.unit.faults.tally import TALLY

from .helpers import Runner, failure, ok, requests

TOKENS = "/metalstack.api.v2.TokenService"
ADMIN_TOKENS = "/metalstack.admin.v2.TokenService"
LIST_IMAGES = "/metalstack.api.v2.ImageService/List"
LIST_NETWORKS = "/metalstack.api.v2.NetworkService/List"
PROJECT = "4b9b17c4-2d7c-4190-ae95-dda44e430fa5"
ADMIN = (
    ("user", "metal-stack"),
    ("admin_role", "EDITOR"),
    ("infra_role", "EDITOR"),
    ("project_roles", {PROJECT: "OWNER"}),
    ("tenant_roles", {"metal-stack": "OWNER"}),
    ("description", "the token of the test"),
)
CACHE = {
    "description": "image cache",
    "permissions": {"self": [LIST_IMAGES, f"{TOKENS}/Refresh"]},
}


class Tasks:
    """Runs metal_token with one and the same token for the call."""

    def __init__(self, api: MetalApi, *, lifetime: float = 28800) -> None:
        self.api = api
        self.own = api.control.token((), lifetime=lifetime, **dict(ADMIN))
        self.module = "metal_token"

    def __call__(self, **options: Any) -> dict[str, Any]:
        return _With(self.api, self.module, token=self.own)(**options)

    def info(self, **options: Any) -> list[dict[str, Any]]:
        tokens = ok(_With(self.api, "metal_token_info", token=self.own)(**options))["tokens"]
        assert isinstance(tokens, list)
        return tokens

    def there(self, description: str = "image cache") -> list[str]:
        """Return the ids of the tokens that the emulator has."""
        tokens = self.api.control.call("GET", "/tokens")
        return [token["uuid"] for token in tokens if token["description"] == description]


class _With(Runner):
    """A runner with a token that is there already."""

    def __init__(self, api: MetalApi, module: str, *, token: str) -> None:
        super().__init__(api, module)
        object.__setattr__(self, "token", token)

    def environ(self) -> dict[str, str]:
        return {"METALCTL_API_URL": self.api.v2, "METALCTL_API_TOKEN": getattr(self, "token")}  # noqa: B009


@pytest.fixture
def tasks(api: MetalApi) -> Tasks:
    api.control.revoke_all()
    api.control.shift_clock(0)
    api.control.change_state(projects=[{"id": PROJECT, "name": "storage", "tenant_id": "metal-stack"}])
    made = Tasks(api)
    api.control.forget_requests()
    return made


def token_id(secret: str) -> str:
    name = claims(secret)["jti"]
    assert isinstance(name, str)
    return name


# --- without a file ---


def test_life_of_a_token(tasks: Tasks) -> None:
    predicted = ok(tasks(check_mode=True, **CACHE))
    assert predicted["changed"] and tasks.there() == [] and predicted["secret"] is None
    made = ok(tasks(**CACHE))
    assert made["changed"] and made["diff"]["before"] == {}
    assert tasks.there() == [made["token"]["uuid"]] == [token_id(made["secret"])]
    assert made["token"]["permissions"] == [{"subject": "", "methods": [LIST_IMAGES, f"{TOKENS}/Refresh"]}]
    assert {key: made["diff"]["after"][key] for key in predicted["diff"]["after"]} == predicted["diff"]["after"]
    again = ok(tasks(**CACHE))
    assert not again["changed"] and again["secret"] is None and again["token"] == made["token"]
    changed = {**CACHE, "permissions": {"self": [LIST_IMAGES]}, "labels": {"a": "b"}, "infra_role": "viewer"}
    forecast = ok(tasks(check_mode=True, **changed))
    updated = ok(tasks(**changed))
    assert forecast["diff"] == updated["diff"] and updated["secret"] is None
    assert updated["token"]["uuid"] == made["token"]["uuid"]
    assert updated["token"]["labels"] == {"a": "b"} and updated["token"]["infra_role"] == "viewer"
    assert not ok(tasks(**changed))["changed"]
    gone = ok(tasks(description="image cache", state="absent"))
    assert gone["changed"] and gone["token"] is None and tasks.there() == []
    assert not ok(tasks(description="image cache", state="absent"))["changed"]


def test_permissions_by_visibility_and_roles(tasks: Tasks) -> None:
    made = ok(
        tasks(
            description="rich",
            permissions={
                "self": [f"{TOKENS}/List".lstrip("/")],
                "project": [{"project": PROJECT, "methods": [LIST_NETWORKS]}],
                "admin": [f"{ADMIN_TOKENS}/List"],
            },
            project_roles={PROJECT: "editor"},
            tenant_roles={"metal-stack": "viewer"},
            admin_role="viewer",
            labels={"team": "storage"},
            lifetime=3600,
        )
    )["token"]
    assert made["permissions"] == [
        {"subject": "", "methods": [f"{ADMIN_TOKENS}/List", f"{TOKENS}/List"]},
        {"subject": PROJECT, "methods": [LIST_NETWORKS]},
    ]
    assert made["project_roles"] == {PROJECT: "editor"} and made["tenant_roles"] == {"metal-stack": "viewer"}
    assert (made["admin_role"], made["infra_role"], made["labels"]) == ("viewer", None, {"team": "storage"})


def test_revocation_by_id(tasks: Tasks) -> None:
    made = ok(tasks(**CACHE))["token"]["uuid"]
    assert ok(tasks(uuid=made, state="absent", check_mode=True))["changed"] and tasks.there() == [made]
    assert ok(tasks(uuid=made, state="absent"))["changed"] and tasks.there() == []
    assert not ok(tasks(uuid=made, state="absent"))["changed"]


def test_tokens_of_others(tasks: Tasks) -> None:
    made = ok(tasks(description="for ann", user="ann", permissions={"self": [LIST_IMAGES]}))
    assert made["token"]["user"] == "ann" and claims(made["secret"])["sub"] == "ann"
    same = {"description": "for ann", "user": "ann"}
    assert not ok(tasks(permissions={"self": [LIST_IMAGES]}, **same))["changed"]
    assert "which only ann can change" in failure(tasks(permissions={"self": [f"{TOKENS}/List"]}, **same))
    assert ok(tasks(state="absent", **same))["changed"] and tasks.there("for ann") == []


def test_two_tokens_of_a_description_are_not_guessed(tasks: Tasks, api: MetalApi) -> None:
    for _number in range(2):
        api.control.token([LIST_IMAGES], user="metal-stack", description="image cache")
    assert "which 2 tokens have" in failure(tasks(**CACHE)) and len(tasks.there()) == 2
    assert ok(tasks(description="image cache", state="absent"))["changed"] and tasks.there() == []


def test_token_of_the_call_is_never_revoked(tasks: Tasks) -> None:
    description = "the token of the test"
    assert not ok(tasks(description=description, state="absent"))["changed"]
    made = ok(tasks(description=description, permissions={"self": [LIST_IMAGES]}, renew_before=10))
    assert len(tasks.there(description)) == 2
    assert ok(tasks(description=description, state="absent"))["changed"]
    assert tasks.there(description) == [token_id(tasks.own)] != [made["token"]["uuid"]]


def test_renewal_without_a_file(tasks: Tasks, api: MetalApi) -> None:
    first = ok(tasks(lifetime=3600, **CACHE))["token"]["uuid"]
    assert not ok(tasks(lifetime=28800, renew_before=3000, **CACHE))["changed"]
    second = ok(tasks(lifetime=28800, renew_before=3700, **CACHE))
    assert second["changed"] and second["secret"] and tasks.there() == [second["token"]["uuid"]] != [first]
    methods = [request.rpartition("/")[2] for request in requests(api) if "TokenService" in request]
    assert methods.index("Revoke") > len(methods) - 1 - methods[::-1].index("Create"), "the new one comes first"


# --- with a file ---


def test_file(tasks: Tasks, tmp_path: Path) -> None:
    dest = tmp_path / "token"
    predicted = ok(tasks(check_mode=True, dest=str(dest), **CACHE))
    assert predicted["changed"] and not dest.exists()
    made = ok(tasks(dest=str(dest), **CACHE))
    secret = dest.read_text().strip()
    assert tasks.there() == [token_id(secret)] == [made["token"]["uuid"]]
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert made["secret"] is None and secret not in json.dumps(made)
    before = dest.stat()
    again = ok(tasks(dest=str(dest), **CACHE))
    assert not again["changed"] and again["token"] == made["token"]
    assert (dest.stat().st_ino, dest.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_mode_of_the_file_is_set_right(tasks: Tasks, tmp_path: Path) -> None:
    dest = tmp_path / "token"
    ok(tasks(dest=str(dest), **CACHE))
    dest.chmod(0o644)
    predicted = ok(tasks(check_mode=True, dest=str(dest), **CACHE))
    done = ok(tasks(dest=str(dest), **CACHE))
    assert predicted["diff"] == done["diff"]
    assert (done["diff"]["before"]["mode"], done["diff"]["after"]["mode"]) == ("0644", "0600")
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600 and not ok(tasks(dest=str(dest), **CACHE))["changed"]


@pytest.mark.parametrize("content", [None, "", "no token", "eyJhbGciOiJub25lIn0.eyJqdGkiOiJvdGhlciJ9.x"])
def test_token_whose_secret_is_lost_is_replaced(tasks: Tasks, tmp_path: Path, content: str | None) -> None:
    dest = tmp_path / "token"
    lost = ok(tasks(dest=str(dest), **CACHE))["token"]["uuid"]
    dest.unlink()
    if content is not None:
        dest.write_text(content)
    done = ok(tasks(dest=str(dest), **CACHE))
    assert done["changed"] and tasks.there() == [token_id(dest.read_text())] != [lost]


def test_renewal_with_a_file(tasks: Tasks, api: MetalApi, tmp_path: Path) -> None:
    dest = tmp_path / "token"
    options = {**CACHE, "dest": str(dest), "lifetime": 3600, "renew_before": 600}
    first = ok(tasks(**options))["token"]["uuid"]
    assert not ok(tasks(**options))["changed"]
    old = api.control.token((), lifetime=300, **{**dict(ADMIN), "description": "image cache"})
    dest.write_text(old)
    done = ok(tasks(**options))
    assert done["changed"] and tasks.there() == [token_id(dest.read_text())] == [done["token"]["uuid"]]
    assert first not in tasks.there()


@pytest.mark.parametrize("where", ["missing/token", "."])
def test_file_that_cannot_be_written_costs_no_token(tasks: Tasks, tmp_path: Path, where: str) -> None:
    assert "dest is " in failure(tasks(dest=str(tmp_path / where), **CACHE))
    assert tasks.there() == []


# --- exactly once ---


@pytest.mark.parametrize("with_file", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        {"action": "reset", "when": "after"},
        {"action": "reset", "when": "before"},
        {"action": "status", "status": 500, "when": "after"},
        {"action": "status", "status": 503},
        {"action": "truncate"},
    ],
    ids=str,
)
def test_lost_answer_leaves_one_token(tasks: Tasks, tmp_path: Path, fault: dict[str, Any], with_file: bool) -> None:
    options = {**CACHE, **({"dest": str(tmp_path / "token")} if with_file else {})}
    fault = dict(fault)
    tasks.api.control.add_fault(fault.pop("action"), path=f"{TOKENS}/Create", count=1, **fault)
    result = tasks(**options)
    if result.get("failed"):
        assert result["msg"].count("\n") == 0
        result = ok(tasks(description="image cache", state="absent")) and ok(tasks(**options))
    secret = (tmp_path / "token").read_text().strip() if with_file else result["secret"]
    assert tasks.there() == [token_id(secret)]
    assert not ok(tasks(**options))["changed"]


FAULTS = {
    **faults_of(METAL),
    # protocol buffers leave out a list that is empty, so there is none in the answer that could be null
    "null lists": {"action": "status", "status": 200, "body": '{"tokens": null}', "content_type": "application/json"},
}


def positions(name: str, change: str, asked: list[str]) -> list[int]:
    """Return at which requests a fault means something."""
    if name == "null lists":
        # it stands for an empty one: there is no such token yet
        return [0] if change == "create" else []
    if name == "somebody else is faster":
        return [number for number, request in enumerate(asked) if not request.endswith("/List")]
    return list(range(len(asked)))


@pytest.mark.once
@pytest.mark.parametrize("change", ["create", "update", "renew", "absent"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_at_every_request(tasks: Tasks, tmp_path: Path, name: str, change: str) -> None:
    """Afterwards there is exactly one token, that of the file, or the module failed and the next run puts it right."""
    dest = tmp_path / "token"
    first = {**CACHE, "dest": str(dest), "lifetime": 700}
    wish = {
        "create": first,
        "update": {**first, "labels": {"a": "b"}},
        "renew": {**CACHE, "dest": str(dest), "lifetime": 3600, "renew_before": 1000},
        "absent": {"description": "image cache", "state": "absent"},
    }[change]

    def begin() -> None:
        tasks.api.control.clear_faults()
        ok(tasks(description="image cache", state="absent"))
        dest.unlink(missing_ok=True)
        if change != "create":
            ok(tasks(**first))
        tasks.api.control.forget_requests()

    begin()
    ok(tasks(**wish))
    asked = requests(tasks.api)
    assert len(asked) >= 3
    for position in positions(name, change, asked):
        for fault, options in attempts(FAULTS[name]):
            begin()
            tasks.api.control.add_fault(**{**fault, "skip": position, "count": 1})
            done = tasks(retries=1, **options, **wish)
            if tasks.api.control.faults()[0]["hits"]:
                break
        else:
            pytest.fail(f"the fault has not met request {position + 1}")
        TALLY.note("metal_token", failed=bool(done.get("failed")))
        tasks.api.control.wait_until_idle()
        tasks.api.control.clear_faults()
        assert dest.exists() is False or dest.read_text().strip() not in json.dumps(done)
        assert tasks.own not in json.dumps(done)
        if done.get("failed"):
            assert "\n" not in done["msg"] and done["msg"][-1] in ".)"
            ok(tasks(**wish))
        there = tasks.there()
        assert there == ([] if change == "absent" else [token_id(dest.read_text())]), (position, done)
        assert not ok(tasks(**wish))["changed"]


# --- refresh ---


def test_refresh(tasks: Tasks, api: MetalApi) -> None:
    short = Tasks(api, lifetime=900)
    wish = {"state": "refreshed", "renew_before": 1000}
    assert not ok(tasks(**wish))["changed"]
    assert ok(short(check_mode=True, **wish))["changed"]
    done = ok(short(**wish))
    assert done["changed"] and token_id(done["secret"]) == done["token"]["uuid"] != token_id(short.own)
    assert done["secret"] not in json.dumps({**done, "secret": None})


def test_refresh_into_a_file(tasks: Tasks, api: MetalApi, tmp_path: Path) -> None:
    dest = tmp_path / "token"
    wish = {"state": "refreshed", "renew_before": 600, "dest": str(dest)}
    assert ok(tasks(check_mode=True, **wish))["changed"] and not dest.exists()
    done = ok(tasks(**wish))
    assert done["changed"] and done["secret"] is None and stat.S_IMODE(dest.stat().st_mode) == 0o600
    assert token_id(dest.read_text()) == done["token"]["uuid"]
    again = ok(tasks(**wish))
    assert not again["changed"] and again["token"] == done["token"]
    dest.write_text(api.control.token((), lifetime=300, **dict(ADMIN)))
    assert ok(tasks(**wish))["changed"] and token_id(dest.read_text()) != done["token"]["uuid"]


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lifetime": 5}, "lifetime is 5; it must be between 600 seconds and 31536000, a year."),
        ({"lifetime": 600, "renew_before": 600}, "renew_before is 600; it must be at least 0, and less than lifetime"),
        ({"permissions": {"public": ["ImageService.List"]}}, "permissions has 'ImageService.List' in public"),
        ({"project_roles": {"x": "boss"}}, "project_roles has 'boss' for x; it must be one of owner, editor, viewer."),
    ],
    ids=str,
)
def test_bad_input_is_told_before_anything_is_done(tasks: Tasks, options: dict[str, Any], sentence: str) -> None:
    assert sentence in failure(tasks(**{**CACHE, **options}))
    assert requests(tasks.api) == []


def test_key_of_v1_is_refused(api: MetalApi) -> None:
    assert "takes tokens only: set api_token" in failure(Runner(api, "metal_token")(**CACHE))


def test_rights_that_the_caller_lacks_are_a_sentence(api: MetalApi) -> None:
    run = Runner(api, "metal_token", methods=[f"{TOKENS}/List", f"{TOKENS}/Create"], rights=(("user", "ann"),))
    message = failure(run(description="x", admin_role="editor"))
    assert "permission_denied" in message and "\n" not in message


# --- what it shows ---


def test_info(tasks: Tasks, api: MetalApi) -> None:
    made = ok(tasks(**CACHE))
    api.control.token([LIST_IMAGES], user="ann", description="of ann")
    assert {token["description"] for token in tasks.info()} == {"the token of the test", "image cache"}
    assert tasks.info(description="image cache") == [made["token"]] == tasks.info(uuid=made["token"]["uuid"])
    assert [token["user"] for token in tasks.info(user="ann")] == ["ann"]
    assert len(tasks.info(all_users=True)) == 3
    assert tasks.info(type="user") == [] and tasks.info(uuid=PROJECT) == []
    assert made["secret"] not in json.dumps(tasks.info(all_users=True))


@pytest.mark.parametrize(
    "module", [metal_token, metal_token_info], ids=lambda module: module.__name__.rpartition(".")[2]
)
def test_examples_work(tasks: Tasks, tmp_path: Path, module: Any) -> None:
    (tmp_path / "automation.token").write_text(tasks.own)
    text = module.EXAMPLES.replace("https://v2.api.example.com", tasks.api.v2).replace("/etc/metal", str(tmp_path))
    wanted = yaml.safe_load(text)
    done = play(tmp_path, wanted, variables={"metal_admin_token": tasks.own})
    assert [result.name for result in done.results] == [task["name"] for task in wanted], done.output
    assert not [result.values for result in done.results if result.failed]
    assert tasks.own not in done.output
    for path in tmp_path.glob("*.token"):
        assert path.read_text().strip() not in done.output


# --- defects of metal-ansible-modules ---


def test_defect_28_no_package_is_needed() -> None:
    """28: without the package, a name in a signature was undefined."""
    code = (
        "import sys; sys.modules['metalstack'] = None; "
        "import ansible_collections.metalstack.provisioning.plugins.modules.metal_token as m; print(m.SPEC is not None)"
    )
    code = code.replace("sys.modules['metalstack'] = None", "sys.modules['connectrpc'] = None")
    path = [str(ROOT / "build/collections")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}; {code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr


def test_defect_29_token_is_sent_as_the_api_wants_it(tasks: Tasks, api: MetalApi) -> None:
    """29: the client was made with an argument that it does not have; lists had their filters in the wrong place."""
    ok(tasks(**CACHE))
    assert all(entry["status"] == 200 for entry in api.control.requests())
    assert tasks.info(description="image cache")


def test_defect_30_update_does_not_send_a_time(tasks: Tasks) -> None:
    """30: updates were sent with the time of now as the entity's, which the API refuses."""
    ok(tasks(**CACHE))
    assert ok(tasks(labels={"x": "y"}, **CACHE))["token"]["labels"] == {"x": "y"}


def test_defect_31_labels_are_replaced_and_permissions_compared_as_sets(tasks: Tasks) -> None:
    """31: permissions and labels were compared and assigned with the wrong types."""
    methods = [LIST_IMAGES, f"{TOKENS}/List"]
    wish = {"description": "d", "labels": {"a": "1", "b": "2"}}
    ok(tasks(permissions={"self": methods}, **wish))
    twice = {"self": methods[::-1] * 2}
    assert not ok(tasks(permissions=twice, **wish))["changed"]
    assert ok(tasks(description="d", labels={"b": "3"}))["token"]["labels"] == {"b": "3"}
    assert ok(tasks(description="d", labels={}))["token"]["labels"] == {}
    assert not ok(tasks(description="d", labels={}))["changed"]


def test_defect_32_permissions_may_be_left_out(tasks: Tasks) -> None:
    """32: without permissions, nothing was iterated over."""
    made = ok(tasks(description="roles only", admin_role="viewer"))
    assert made["token"]["permissions"] == [] and made["token"]["admin_role"] == "viewer"
    kept = ok(tasks(description="roles only"))
    assert not kept["changed"] and kept["token"]["admin_role"] == "viewer"
    ok(tasks(**CACHE))
    assert "permissions is empty, but the token 'image cache' has some" in failure(
        tasks(description="image cache", permissions={})
    )


def test_defect_33_timeout_is_an_option(tasks: Tasks) -> None:
    """33: the timeout was read, but could not be given; and exceptions were no results."""
    assert "timeout" in metal_token.SPEC.options
    tasks.api.control.add_fault("latency", seconds=1.5, path=f"{TOKENS}/List", count=1)
    assert "\n" not in failure(tasks(timeout=0.2, **CACHE))


def test_defect_34_examples_name_modules_that_exist() -> None:
    """34: the example named a module that does not exist."""
    for module in (metal_token, metal_token_info):
        names = {name for task in yaml.safe_load(module.EXAMPLES) for name in task if name.startswith("metalstack.")}
        assert names
        for name in names:
            assert (ROOT / "plugins/modules" / f"{name.rpartition('.')[2]}.py").is_file()
