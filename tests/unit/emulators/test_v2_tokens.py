# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: tokens that are made by tokens, and what they may, driven by the official client of PyPI (metal-stack-api)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.admin.v2 import token_pb2 as admin_token_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import (  # type: ignore[import-untyped]
    common_pb2,
    image_pb2,
    machine_pb2,
    method_pb2,
    token_pb2,
)
from metalstack.client.client import Client  # type: ignore[import-untyped]

from tests.emulators.metal_api.controlclient import LIST_IMAGES, PING_COMPONENT, REFRESH_TOKEN
from tests.emulators.metal_api.process import MetalApi

from .landscape import OTHER_PROJECT, PROJECT, landscape

GET_MACHINE = "/metalstack.api.v2.MachineService/Get"
LIST_MACHINES = "/metalstack.api.v2.MachineService/List"
CREATE_MACHINE = "/metalstack.api.v2.MachineService/Create"
CREATE_TOKEN = "/metalstack.api.v2.TokenService/Create"
LIST_PROJECTS = "/metalstack.admin.v2.ProjectService/List"
GET_TENANT = "/metalstack.api.v2.TenantService/Get"
VERSION = "/metalstack.api.v2.VersionService/Get"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


class Tokens:
    """TokenService with the token of a login."""

    def __init__(self, api: MetalApi, user: str, **settings: Any) -> None:
        settings = {"type": "USER", **settings}
        self.secret = api.control.token(settings.pop("methods", ()), user=user, **settings)
        client = Client(api.v2)
        self.api, self.admin = client.apiv2().token(), client.adminv2().token()
        self.machines, self.images = client.apiv2().machine(), client.apiv2().image()
        self.methods = client.apiv2().method()

    def create(self, **settings: Any) -> Any:
        settings = {"expires": timedelta(hours=1), **settings}
        request = token_pb2.TokenServiceCreateRequest(**settings)
        return self.api.create(request=request, headers=bearer(self.secret))

    def update(self, uuid: str, **settings: Any) -> Any:
        request = token_pb2.TokenServiceUpdateRequest(uuid=uuid, **settings)
        return self.api.update(request=request, headers=bearer(self.secret)).token

    def list(self, **query: Any) -> list[str]:
        request = token_pb2.TokenServiceListRequest(query=query)
        return [token.description for token in self.api.list(request=request, headers=bearer(self.secret)).tokens]

    def list_machines(self, secret: str, project: str) -> int:
        request = machine_pb2.MachineServiceListRequest(project=project)
        return len(self.machines.list(request=request, headers=bearer(secret)).machines)

    def list_images(self, secret: str) -> int:
        return len(self.images.list(request=image_pb2.ImageServiceListRequest(), headers=bearer(secret)).images)


@pytest.fixture
def cloud(api: MetalApi) -> MetalApi:
    """Ann may edit one project and see the other, "metal-stack" owns the provider's tenant."""
    memberships = {"ann": {"projects": {PROJECT: "EDITOR", OTHER_PROJECT: "VIEWER"}}}
    api.control.replace_state(**landscape(memberships=memberships))
    return api


def denied(code: Code = Code.PERMISSION_DENIED) -> Any:
    class Refused:
        def __enter__(self) -> Any:
            self.raises = pytest.raises(ConnectError)
            return self.raises.__enter__()

        def __exit__(self, *exception: Any) -> bool:
            self.raises.__exit__(*exception)
            error = exception[1]
            assert isinstance(error, ConnectError)
            assert error.code == code, error
            return True

    return Refused()


def test_life_of_a_token(cloud: MetalApi) -> None:
    ann = Tokens(cloud, "ann")
    permissions = [
        {"project": {"project": PROJECT, "methods": [LIST_MACHINES, GET_MACHINE]}},
        {"self": {"methods": [REFRESH_TOKEN]}},
        {"public": {"methods": [VERSION]}},
        {"project": {"project": PROJECT, "methods": [LIST_MACHINES]}},
    ]
    answer = ann.create(description="ci", permissions=permissions, labels={"labels": {"team": "a"}})
    token, secret = answer.token, answer.secret
    assert (token.user, token.description, token.token_type) == ("ann", "ci", token_pb2.TOKEN_TYPE_API)
    assert token.expires.seconds - token.issued_at.seconds == 3600
    assert {(p.subject, *p.methods) for p in token.permissions} == {
        ("", REFRESH_TOKEN, VERSION),
        (PROJECT, GET_MACHINE, LIST_MACHINES),
    }
    assert ann.list_machines(secret, PROJECT) == 0
    with denied() as refused:
        ann.list_machines(secret, OTHER_PROJECT)
    assert f'with subject:"{OTHER_PROJECT}" is not allowed' in refused.value.message
    with denied():
        ann.list_images(secret)

    request = token_pb2.TokenServiceGetRequest(uuid=token.uuid)
    assert ann.api.get(request=request, headers=bearer(ann.secret)).token == token
    assert secret not in str(cloud.control.call("GET", "/tokens")), "it is only shown once"
    assert set(ann.list()) == {"", "ci"}
    assert ann.list(description="ci", token_type=token_pb2.TOKEN_TYPE_API) == ["ci"]
    assert ann.list(labels={"labels": {"team": "b"}}) == []

    wider = [{"self": {"methods": [LIST_IMAGES]}}]
    changed = ann.update(token.uuid, permissions=wider, labels={"patch": {"update": {"labels": {"x": "y"}}}})
    assert (changed.description, changed.meta.generation) == ("ci", 2)
    assert dict(changed.meta.labels.labels) == {"team": "a", "x": "y"}
    assert ann.list_images(secret) == 3, "what a token may is looked up"
    with denied():
        ann.list_machines(secret, PROJECT)
    with denied(Code.INVALID_ARGUMENT):
        ann.update(token.uuid, update_meta={"updated_at": changed.meta.updated_at})

    ann.api.revoke(request=token_pb2.TokenServiceRevokeRequest(uuid=token.uuid), headers=bearer(ann.secret))
    with denied(Code.UNAUTHENTICATED):
        ann.list_images(secret)
    with denied(Code.NOT_FOUND):
        ann.api.get(request=request, headers=bearer(ann.secret))


def test_tokens_of_others_are_not_there(cloud: MetalApi) -> None:
    ann, bob = Tokens(cloud, "ann"), Tokens(cloud, "bob")
    uuid = ann.create(description="mine").token.uuid
    assert bob.list() == [""]
    with denied(Code.NOT_FOUND):
        bob.api.revoke(request=token_pb2.TokenServiceRevokeRequest(uuid=uuid), headers=bearer(bob.secret))
    with denied(Code.NOT_FOUND):
        bob.update(uuid, description="yours")


@pytest.mark.parametrize("seconds", [None, 599, 31536001])
def test_lifetimes(cloud: MetalApi, seconds: int | None) -> None:
    ann = Tokens(cloud, "ann")
    with denied(Code.INVALID_ARGUMENT):
        ann.create(expires=None if seconds is None else timedelta(seconds=seconds))
    for right in (600, 31536000):
        ann.create(expires=timedelta(seconds=right))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"permissions": [{"self": {"methods": [VERSION]}}]},
            f'requested method "{VERSION}" is of visibility "public", not of visibility "self"',
        ),
        (
            {"permissions": [{"public": {"methods": ["/no.Service/Get"]}}]},
            'requested method "/no.Service/Get" is not contained in the api',
        ),
        (
            {"permissions": [{"admin": {"methods": [LIST_PROJECTS]}}]},
            "admin api permission are only allowed for admins",
        ),
        (
            {
                "permissions": [
                    {"project": {"project": "33333333-3333-4333-8333-333333333333", "methods": [GET_MACHINE]}}
                ]
            },
            'requesting method for project "33333333-3333-4333-8333-333333333333" but available projects are',
        ),
        (
            {"permissions": [{"project": {"project": OTHER_PROJECT, "methods": [CREATE_MACHINE]}}]},
            f'method "{CREATE_MACHINE}" is not allowed on subject "{OTHER_PROJECT}"',
        ),
        (
            {"permissions": [{"infra": {"methods": [PING_COMPONENT]}}]},
            f'the following method "{PING_COMPONENT}" is not allowed',
        ),
        ({"project_roles": {OTHER_PROJECT: common_pb2.PROJECT_ROLE_EDITOR}}, f'on subject "{OTHER_PROJECT}"'),
        ({"project_roles": {PROJECT: 0}}, 'requested project role: "PROJECT_ROLE_UNSPECIFIED" is not allowed'),
        ({"tenant_roles": {"acme": common_pb2.TENANT_ROLE_VIEWER}}, "requested tenant roles are not allowed: [acme]"),
        ({"admin_role": common_pb2.ADMIN_ROLE_VIEWER}, "you are not member of provider tenant"),
        ({"infra_role": common_pb2.INFRA_ROLE_VIEWER}, "is not allowed"),
    ],
)
def test_no_more_rights_than_the_user_has(cloud: MetalApi, settings: dict[str, Any], message: str) -> None:
    ann = Tokens(cloud, "ann")
    with denied() as refused:
        ann.create(**settings)
    assert message in refused.value.message
    uuid = ann.create().token.uuid
    with denied() as refused:
        ann.update(uuid, **settings)
    assert message in refused.value.message
    assert len(cloud.control.call("GET", "/tokens")) == 2


def test_no_more_rights_than_the_token_has(cloud: MetalApi) -> None:
    tool = Tokens(cloud, "ann", type="API", methods=[CREATE_TOKEN, REFRESH_TOKEN])
    assert tool.create(permissions=[{"self": {"methods": [REFRESH_TOKEN]}}]).secret
    with denied() as refused:
        tool.create(permissions=[{"project": {"project": PROJECT, "methods": [GET_MACHINE]}}])
    assert f'the following method "{GET_MACHINE}" is not allowed' in refused.value.message
    weak = Tokens(cloud, "ann", type="API", methods=[REFRESH_TOKEN])
    with denied():
        weak.create()


def test_no_more_rights_than_the_user_has_by_now(cloud: MetalApi) -> None:
    former = Tokens(cloud, "ann", type="API", admin_role="EDITOR")
    with denied() as refused:
        former.create(permissions=[{"infra": {"methods": [PING_COMPONENT]}}])
    assert f'the following method "{PING_COMPONENT}" is not allowed' in refused.value.message
    admin = Tokens(cloud, "metal-stack", type="API", admin_role="EDITOR")
    assert admin.create(permissions=[{"infra": {"methods": [PING_COMPONENT]}}]).secret


def test_roles(cloud: MetalApi) -> None:
    ann = Tokens(cloud, "ann")
    secret = ann.create(project_roles={OTHER_PROJECT: common_pb2.PROJECT_ROLE_VIEWER}).secret
    assert ann.list_machines(secret, OTHER_PROJECT) == 0
    request = method_pb2.MethodServiceTokenScopedListRequest()
    own = [{"self": {"methods": ["/metalstack.api.v2.MethodService/TokenScopedList"]}}]
    secret = ann.create(project_roles={PROJECT: common_pb2.PROJECT_ROLE_EDITOR}, permissions=own).secret
    scoped = ann.methods.token_scoped_list(request=request, headers=bearer(secret))
    assert dict(scoped.project_roles) == {PROJECT: common_pb2.PROJECT_ROLE_EDITOR}
    cloud.control.change_state(memberships={})
    with denied() as refused:
        ann.list_machines(secret, PROJECT)
    assert "allowed subjects are:[]" in refused.value.message, "the membership ended"


def test_any_project(cloud: MetalApi) -> None:
    ann = Tokens(cloud, "ann")
    secret = ann.create(permissions=[{"project": {"project": "*", "methods": [LIST_MACHINES]}}]).secret
    assert ann.list_machines(secret, PROJECT) == ann.list_machines(secret, OTHER_PROJECT) == 0
    cloud.control.change_state(memberships={"ann": {"projects": {PROJECT: "VIEWER"}}})
    assert ann.list_machines(secret, PROJECT) == 0
    with denied():
        ann.list_machines(secret, OTHER_PROJECT)


def test_methods(cloud: MetalApi) -> None:
    methods = Client(cloud.v2).apiv2().method()

    def listed(secret: str | None) -> set[str]:
        headers = bearer(secret) if secret else {}
        return set(methods.list(request=method_pb2.MethodServiceListRequest(), headers=headers).methods)

    public = listed(None)
    assert VERSION in public
    assert not {LIST_IMAGES, GET_MACHINE} & public
    login = listed(cloud.control.token([], type="USER", user="ann"))
    assert public < login
    assert {GET_MACHINE, CREATE_MACHINE, CREATE_TOKEN} <= login
    assert LIST_PROJECTS not in login
    admin = listed(cloud.control.token([], admin_role="EDITOR"))
    assert login < admin
    assert LIST_PROJECTS in admin
    viewer = listed(cloud.control.token([], admin_role="VIEWER"))
    assert {LIST_PROJECTS, GET_MACHINE, GET_TENANT} <= viewer
    assert CREATE_MACHINE not in viewer
    list_methods = "/metalstack.api.v2.MethodService/List"
    assert listed(cloud.control.token([list_methods])) == {list_methods}


def test_admins(cloud: MetalApi) -> None:
    root = Tokens(cloud, "metal-stack")
    with denied():
        root.admin.list(request=admin_token_pb2.TokenServiceListRequest(), headers=bearer(root.secret))
    secret = root.create(admin_role=common_pb2.ADMIN_ROLE_EDITOR, description="admin").secret
    request = admin_token_pb2.TokenServiceCreateRequest(
        user="ann", token_create_request={"expires": timedelta(hours=1), "description": "for ann"}
    )
    made = root.admin.create(request=request, headers=bearer(secret))
    assert (made.token.user, made.token.description) == ("ann", "for ann")
    query = {"user": "ann"}
    listed = root.admin.list(request=admin_token_pb2.TokenServiceListRequest(query=query), headers=bearer(secret))
    assert [token.uuid for token in listed.tokens] == [made.token.uuid]
    wrong = admin_token_pb2.TokenServiceRevokeRequest(uuid=made.token.uuid, user="bob")
    with denied(Code.NOT_FOUND):
        root.admin.revoke(request=wrong, headers=bearer(secret))
    right = admin_token_pb2.TokenServiceRevokeRequest(uuid=made.token.uuid, user="ann")
    root.admin.revoke(request=right, headers=bearer(secret))
    with denied(Code.UNAUTHENTICATED):
        root.list_images(made.secret)


@pytest.mark.parametrize("role", ["EDITOR", "VIEWER"])
def test_members_of_the_provider_are_only_viewers(cloud: MetalApi, role: str) -> None:
    cloud.control.change_state(memberships={"eve": {"tenants": {"metal-stack": role}}})
    eve = Tokens(cloud, "eve")
    assert eve.create(admin_role=common_pb2.ADMIN_ROLE_VIEWER).secret
    with denied() as refused:
        eve.create(admin_role=common_pb2.ADMIN_ROLE_EDITOR)
    assert 'only allows "ADMIN_ROLE_VIEWER"' in refused.value.message


def test_refresh_keeps_every_right(cloud: MetalApi) -> None:
    ann = Tokens(cloud, "ann")
    permissions = [
        {"project": {"project": PROJECT, "methods": [LIST_MACHINES]}},
        {"self": {"methods": [REFRESH_TOKEN]}},
    ]
    roles = {OTHER_PROJECT: common_pb2.PROJECT_ROLE_VIEWER}
    first = ann.create(permissions=permissions, project_roles=roles, expires=timedelta(seconds=900))
    second = ann.api.refresh(request=token_pb2.TokenServiceRefreshRequest(), headers=bearer(first.secret))
    assert second.token.uuid != first.token.uuid
    assert second.token.permissions == first.token.permissions
    assert dict(second.token.project_roles) == roles
    assert second.token.expires.seconds - second.token.issued_at.seconds == 900
    assert ann.list_machines(second.secret, PROJECT) == ann.list_machines(second.secret, OTHER_PROJECT) == 0
