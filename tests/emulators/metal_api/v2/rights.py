# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call what: authentication and authorization of v2 calls, by the rules of metal-apiserver.

- Without a token only public methods may be called, anything else is permission_denied (not unauthenticated).
- A token that does not verify, has expired or was revoked is unauthenticated, on public methods too.
- A token of an API user may call what it names and what its roles give, nothing else: not even public methods. Of
  projects and tenants it reaches only those its user is a member of at that time.
- A token of a login has the roles of its user's memberships, and may call all public and own ("self") methods.
- Methods of a project, tenant or machine are allowed by subject; the subject ``*`` stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError

from ..state import State
from ..tokens import Token, TokenError, TokenStore
from .definition import EDITOR, METHODS, OWNER, PROJECT, PUBLIC, SELF, SUBJECT_FIELDS, TENANT, VIEWER, Rules

ANY = "*"


@dataclass(frozen=True)
class Memberships:
    """The role of a user in projects and tenants, by their ids; ``admin_role`` comes from the provider's tenant."""

    projects: Mapping[str, str] = field(default_factory=dict)
    tenants: Mapping[str, str] = field(default_factory=dict)
    admin_role: str | None = None


def memberships(state: State, user: str) -> Memberships:
    """A user owns the tenant of the same name and its projects, and is a member where the state says so."""
    given = state.memberships.get(user, {})
    tenants = {user: OWNER, **given.get("tenants", {})}
    owned = {project.id: tenants[project.tenant] for project in state.projects if project.tenant in tenants}
    admin = {OWNER: EDITOR, EDITOR: VIEWER, VIEWER: VIEWER}.get(tenants.get(state.provider_tenant, ""))
    return Memberships({**owned, **given.get("projects", {})}, tenants, admin)


def authenticate(headers: Mapping[str, str], tokens: TokenStore) -> Token | None:
    """The token of a call, None without one; fails with unauthenticated."""
    secret = headers.get("authorization", "").partition(" ")[2].strip()
    if not secret:
        return None
    try:
        return tokens.verify(secret)
    except TokenError as error:
        raise ConnectError(Code.UNAUTHENTICATED, str(error)) from error


def authorize(token: Token | None, procedure: str, request: Any, state: State) -> None:
    """Fail with permission_denied when the method, for what the request is about, is no right of the token."""
    member = memberships(state, token.user) if token is not None else Memberships()
    rules = METHODS[procedure]
    allowed = subjects(token, procedure, member)
    if allowed is None:
        raise ConnectError(
            Code.PERMISSION_DENIED,
            f'access to:"{procedure}" is not allowed because it is not part of the token permissions',
        )
    wanted = getattr(request, SUBJECT_FIELDS[rules.visibility], "") if rules.visibility in SUBJECT_FIELDS else ""
    if ANY not in allowed and wanted not in allowed:
        named = "[" + " ".join(f'"{subject}"' for subject in sorted(allowed)) + "]"
        raise ConnectError(
            Code.PERMISSION_DENIED,
            f'access to:"{procedure}" with subject:"{wanted}" is not allowed because it is not part of the token '
            f"permissions, allowed subjects are:{named}",
        )


def subjects(token: Token | None, procedure: str, member: Memberships) -> set[str] | None:
    """What a token may call a method for: ids, ``*`` for all, empty for none; None when it is no right of it."""
    rules = METHODS[procedure]
    if token is None:
        return {ANY} if rules.visibility == PUBLIC else None
    login = token.type == "USER"
    if not login and token.admin_role == EDITOR:
        return {ANY}
    found = _granted(token, procedure, rules, member)
    if found and (login or token.admin_role is None):
        found = _narrowed(found, rules, member)
    elif found:
        found = _of_members(found, rules, member)
    if login and rules.visibility in (PUBLIC, SELF):
        return {ANY}
    return found


def _granted(token: Token, procedure: str, rules: Rules, member: Memberships) -> set[str] | None:
    """The subjects that permissions and roles name."""
    login = token.type == "USER"
    found = {subject for subject, methods in token.every_permission() if procedure in methods and not login}
    if (token.admin_role == VIEWER and not login and rules.seen_by_viewers) or rules.has("infra", token.infra_role):
        found.add(ANY)
    for kind, roles in (
        ("machine", token.machine_roles),
        (TENANT, member.tenants if login else token.tenant_roles),
        (PROJECT, member.projects if login else token.project_roles),
    ):
        found.update(subject for subject, role in roles.items() if rules.has(kind, role))
    return found or None


def _narrowed(found: set[str], rules: Rules, member: Memberships) -> set[str]:
    """Instead of all projects or tenants those of which the user is a member with a role that gives the method."""
    roles = {PROJECT: member.projects, TENANT: member.tenants}.get(rules.visibility)
    if roles is not None and ANY in found:
        found = (found - {ANY}) | {subject for subject, role in roles.items() if rules.has(rules.visibility, role)}
    return _of_members(found, rules, member)


def _of_members(found: set[str], rules: Rules, member: Memberships) -> set[str]:
    roles = {PROJECT: member.projects, TENANT: member.tenants}.get(rules.visibility)
    return found if roles is None else {subject for subject in found if subject in ("", ANY) or subject in roles}
