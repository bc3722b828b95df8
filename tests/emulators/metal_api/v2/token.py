# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: TokenService. Users (and tokens that may) make, change and revoke their own tokens; admins those of others too.

No token can be made that has more rights than the one it is made with, nor more than its user has. In a race another
client makes the same token just before, labels it, or revokes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.admin.v2 import token_pb2 as admin_token_pb2  # type: ignore[import-untyped]
from metalstack.api.v2 import common_pb2, token_pb2  # type: ignore[import-untyped]

from ..tokens import Token
from .call import Call, Message, Services, optional
from .definition import EDITOR, METHODS, PROJECT, PUBLIC, SELF, SUBJECT_FIELDS, TENANT, VIEWER
from .rights import ANY, Memberships, memberships, subjects

SOMEBODY_ELSE = {"changed-by": "somebody else"}
KINDS = ("project", "tenant", "admin", "infra", "machine")
ROLES = {kind: getattr(common_pb2, f"{kind.capitalize()}Role") for kind in KINDS}


def _session(ask: Call) -> Token:
    if ask.token is None:
        raise ConnectError(Code.UNAUTHENTICATED, "no token found in request")
    return ask.token


def _own(ask: Call, user: str) -> Token:
    """The token that the request names, when it is one of that user."""
    for token in ask.tokens.valid():
        if token.uuid == ask.request.uuid and token.user == user:
            return token
    raise ConnectError(Code.NOT_FOUND, "token not found")


def _get(ask: Call) -> Message:
    return token_pb2.TokenServiceGetResponse(token=message(_own(ask, _session(ask).user)))


def _list(ask: Call) -> Message:
    user = _session(ask).user
    tokens = [token for token in ask.tokens.valid() if token.user == user]
    return token_pb2.TokenServiceListResponse(tokens=[message(token) for token in _found(tokens, ask.request)])


def _create(ask: Call) -> Message:
    secret, token = _issue(ask, ask.request, None)
    return token_pb2.TokenServiceCreateResponse(token=message(token), secret=secret)


def _update(ask: Call) -> Message:
    session, request = _session(ask), ask.request
    token = _own(ask, session.user)
    if ask.race:
        token = ask.tokens.change(token, labels={**token.labels, **SOMEBODY_ELSE})
    if request.HasField("update_meta") and request.update_meta.HasField("updated_at"):
        raise ConnectError(
            Code.INVALID_ARGUMENT,
            "optimistic locking is not yet implemented, please do not provide updated_at in update meta",
        )
    rights = _rights(ask, request, session.user)
    wish = replace(token, type="API", **{"admin_role": None, "infra_role": None, **rights})
    _check_elevation(ask, session, wish)
    if token.type != "API":
        raise ConnectError(Code.FAILED_PRECONDITION, "only updating API tokens is currently supported")
    # What is not given stays; an unspecified role takes the role away.
    given = {name: value for name, value in rights.items() if value}
    given.update({name: rights[name] for name in ("admin_role", "infra_role") if request.HasField(name)})
    if request.permissions:
        given.update(methods=rights["methods"], permissions=rights["permissions"])
    if request.HasField("description"):
        given["description"] = request.description
    if request.HasField("labels"):
        given["labels"] = _changed_labels(request.labels, token.labels)
    return token_pb2.TokenServiceUpdateResponse(token=message(ask.tokens.change(token, **given)))


def _revoke(ask: Call) -> Message:
    _forget(ask, _session(ask).user)
    return token_pb2.TokenServiceRevokeResponse()


def _refresh(ask: Call) -> Message:
    secret, token = ask.tokens.refresh(_session(ask))
    return token_pb2.TokenServiceRefreshResponse(token=message(token), secret=secret)


def _admin_list(ask: Call) -> Message:
    tokens = [message(token) for token in _found(ask.tokens.valid(), ask.request)]
    return admin_token_pb2.TokenServiceListResponse(tokens=tokens)


def _admin_revoke(ask: Call) -> Message:
    _forget(ask, ask.request.user)
    return admin_token_pb2.TokenServiceRevokeResponse()


def _admin_create(ask: Call) -> Message:
    secret, token = _issue(ask, ask.request.token_create_request, optional(ask.request, "user"))
    return admin_token_pb2.TokenServiceCreateResponse(token=message(token), secret=secret)


def _forget(ask: Call, user: str) -> None:
    if ask.race:
        ask.tokens.revoke(ask.request.uuid)
    ask.tokens.revoke(_own(ask, user).uuid)


def _issue(ask: Call, request: Message, user: str | None) -> tuple[str, Token]:
    session = _session(ask)
    member = memberships(ask.state, session.user)
    if user is not None and member.admin_role is None:
        raise ConnectError(Code.PERMISSION_DENIED, "only admins can specify token user")
    rights = _rights(ask, request, session.user)
    lifetime: timedelta = request.expires.ToTimedelta()
    _check_elevation(ask, session, replace(session, type="API", **rights))
    if not lifetime:
        # The definition does not require it; a token without a lifetime would have expired at once.
        raise ConnectError(Code.INVALID_ARGUMENT, "validation error: expires: value is required")
    wish = {"description": request.description, "labels": dict(request.labels.labels), **rights}
    if ask.race:
        ask.tokens.issue(user or session.user, lifetime, **wish)
    return ask.tokens.issue(user or session.user, lifetime, **wish)


def _rights(ask: Call, request: Message, user: str) -> dict[str, Any]:
    """The rights that a request names, as fields of Token; permission_denied when a method is in the wrong place."""
    member = memberships(ask.state, user)
    by_subject: dict[str, set[str]] = {}
    for entry in request.permissions:
        visibility = entry.WhichOneof("visibility")
        if visibility is None:
            continue
        part = getattr(entry, visibility)
        subject = getattr(part, SUBJECT_FIELDS[visibility]) if visibility in SUBJECT_FIELDS else ""
        problem = _wrong_permission(ask, member, visibility, subject, part.methods)
        if problem:
            raise ConnectError(Code.PERMISSION_DENIED, f"invalid permissions requested: {problem}")
        by_subject.setdefault(subject, set()).update(part.methods)
    rights: dict[str, Any] = {
        "methods": tuple(sorted(by_subject.pop("", ()))),
        "permissions": tuple((subject, tuple(sorted(methods))) for subject, methods in by_subject.items()),
    }
    for kind in ("admin", "infra"):
        value = optional(request, f"{kind}_role")
        rights[f"{kind}_role"] = _role(kind, value) if value else None
    for kind in ("project", "tenant", "machine"):
        field = f"{kind}_roles"
        rights[field] = {subject: _role(kind, role) for subject, role in getattr(request, field).items()}
    return rights


def _wrong_permission(
    ask: Call, member: Memberships, visibility: str, subject: str, methods: Iterable[str]
) -> str | None:
    if visibility == "admin" and member.admin_role is None:
        return "admin api permission are only allowed for admins"
    known = {PROJECT: {project.id for project in ask.state.projects}, TENANT: {p.tenant for p in ask.state.projects}}
    mine = {PROJECT: member.projects, TENANT: member.tenants}
    if visibility in mine and subject != ANY:
        if member.admin_role is not None:
            if subject not in known[visibility] and subject not in mine[visibility]:
                return f'requesting method for {visibility} "{subject}" but this does not exist in the database'
        elif subject not in mine[visibility]:
            available = " ".join(mine[visibility])
            return f'requesting method for {visibility} "{subject}" but available {visibility}s are: [{available}]'
    for method in methods:
        if method not in METHODS:
            return f'requested method "{method}" is not contained in the api'
        actual = METHODS[method].visibility
        if actual != visibility:
            return f'requested method "{method}" is of visibility "{actual}", not of visibility "{visibility}"'
    return None


def _check_elevation(ask: Call, session: Token, wish: Token) -> None:
    """permission_denied when the session or its user lacks a right that the wished token would have."""
    member = memberships(ask.state, session.user)
    full = replace(
        session,
        type="API",
        methods=(),
        permissions=(),
        admin_role=member.admin_role,
        project_roles=member.projects,
        tenant_roles=member.tenants,
    )
    if wish.admin_role is not None and member.admin_role is None:
        raise ConnectError(
            Code.PERMISSION_DENIED,
            f'requested adminrole "ADMIN_ROLE_{wish.admin_role}" is not allowed because you are not member of '
            "provider tenant",
        )
    if wish.admin_role == EDITOR and member.admin_role == VIEWER:
        raise ConnectError(
            Code.PERMISSION_DENIED,
            'your provider tenant membership only allows "ADMIN_ROLE_VIEWER", but you requested "ADMIN_ROLE_EDITOR"',
        )
    # A login is never an admin by itself, but its user may ask for tokens that are.
    current = replace(full, admin_role=wish.admin_role) if session.type == "USER" else session
    _compare(current, wish, member, login=session.type == "USER")
    _compare(full, wish, member, login=True)


def _compare(having: Token, wish: Token, member: Memberships, *, login: bool) -> None:
    """permission_denied unless one has all rights of the other; a login has all public and own methods."""
    for kind in ("tenant", "project", "machine"):
        allowed, wanted = getattr(having, f"{kind}_roles"), getattr(wish, f"{kind}_roles")
        forbidden = [subject for subject in wanted if subject not in allowed]
        if forbidden and ANY not in allowed:
            _denied(f"requested {kind} roles are not allowed: [{' '.join(forbidden)}]")
    for method in sorted(METHODS):
        wanted_subjects = subjects(wish, method, member)
        if wanted_subjects is None or (login and METHODS[method].visibility in (PUBLIC, SELF)):
            continue
        has = subjects(having, method, member)
        if has is None:
            named = f" on any of the requested subjects: [{' '.join(sorted(wanted_subjects))}]"
            _denied(f'the following method "{method}" is not allowed' + (named if wanted_subjects else ""))
        elif ANY not in has and ANY not in wanted_subjects:
            for subject in sorted(wanted_subjects - has):
                _denied(f'method "{method}" is not allowed on subject "{subject}" with your current user permissions')


def _denied(text: str) -> None:
    raise ConnectError(Code.PERMISSION_DENIED, text)


def _found(tokens: Iterable[Token], request: Message) -> list[Token]:
    query = optional(request, "query")
    return [token for token in tokens if query is None or _matches(token, query)]


def _matches(token: Token, query: Message) -> bool:
    has = {
        "uuid": token.uuid,
        "user": token.user,
        "description": token.description,
        "token_type": token_pb2.TokenType.Value(f"TOKEN_TYPE_{token.type}"),
    }
    return all(optional(query, field) in (None, value) for field, value in has.items()) and all(
        token.labels.get(key) == value for key, value in query.labels.labels.items()
    )


def _changed_labels(change: Message, labels: Mapping[str, str]) -> dict[str, str]:
    if change.WhichOneof("strategy") == "replace":
        return dict(change.replace.labels)
    kept = {key: value for key, value in labels.items() if key not in change.patch.remove}
    return {**kept, **change.patch.update.labels}


def _role(kind: str, value: int) -> str:
    name: str = ROLES[kind].Name(value)
    if not value:
        _denied(f'requested {kind} role: "{name}" is not allowed')
    return name.removeprefix(f"{kind.upper()}_ROLE_")


def message(token: Token) -> Message:
    """The token as the API shows it."""
    meta: dict[str, Any] = {"generation": token.generation, "created_at": token.issued_at}
    if token.updated_at is not None:
        meta["updated_at"] = token.updated_at
    if token.labels:
        meta["labels"] = {"labels": dict(token.labels)}
    return token_pb2.Token(
        uuid=token.uuid,
        user=token.user,
        meta=meta,
        description=token.description,
        issued_at=token.issued_at,
        expires=token.expires_at,
        token_type=f"TOKEN_TYPE_{token.type}",
        **rights_message(token),
    )


def rights_message(token: Token) -> dict[str, Any]:
    """The rights of a token, as keyword arguments of messages that show them."""
    rights: dict[str, Any] = {
        "permissions": [
            token_pb2.MethodPermission(subject=subject, methods=methods)
            for subject, methods in token.every_permission()
        ]
    }
    for kind, role in (("admin", token.admin_role), ("infra", token.infra_role)):
        if role is not None:
            rights[f"{kind}_role"] = ROLES[kind].Value(f"{kind.upper()}_ROLE_{role}")
    for kind in ("project", "tenant", "machine"):
        roles: Mapping[str, str] = getattr(token, f"{kind}_roles")
        rights[f"{kind}_roles"] = {
            subject: ROLES[kind].Value(f"{kind.upper()}_ROLE_{role}") for subject, role in roles.items()
        }
    return rights


SERVICES: Services = {
    "metalstack.api.v2.TokenService": {
        "Get": _get,
        "List": _list,
        "Create": _create,
        "Update": _update,
        "Revoke": _revoke,
        "Refresh": _refresh,
    },
    "metalstack.admin.v2.TokenService": {"List": _admin_list, "Revoke": _admin_revoke, "Create": _admin_create},
}
