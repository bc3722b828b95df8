# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights a user wants a token to have, in the API's words. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._errors import UsageError
from .token_record import ROLES, shown_permissions

_METHOD = re.compile(r"/?([a-z][a-z0-9]*\.)+v[0-9]+\.[A-Za-z]+/[A-Za-z]+", re.ASCII)
# Visibilities whose methods are for something, and what names it.
SUBJECTS = {"project": "project", "tenant": "login", "machine": "uuid"}
WITHOUT_SUBJECT = ("public", "self", "admin", "infra")
_CHOICES = {
    "project": ("owner", "editor", "viewer"),
    "tenant": ("owner", "editor", "viewer", "guest"),
    "machine": ("editor", "viewer"),
}
SHORTEST, LONGEST = 600, 365 * 24 * 3600


def permissions_request(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the option ``permissions`` as ``PermissionsByVisibility``. Raises UsageError."""
    made: list[dict[str, Any]] = []
    for visibility in WITHOUT_SUBJECT:
        methods = _methods(visibility, given.get(visibility))
        if methods:
            made.append({visibility: {"methods": methods}})
    for visibility, key in SUBJECTS.items():
        for entry in given.get(visibility) or ():
            methods = _methods(visibility, entry["methods"])
            made.append({visibility: {key: entry[key], "methods": methods}})
    return made


def permissions_shown(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the same as the API shows them afterwards: by subject."""
    by_subject: dict[str, frozenset[str]] = {}
    for entry in permissions_request(given):
        for visibility, part in entry.items():
            subject = part.get(SUBJECTS.get(visibility, ""), "")
            by_subject[subject] = by_subject.get(subject, frozenset()) | frozenset(part["methods"])
    return shown_permissions(by_subject)


def wanted_rights(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the token should look like, as :meth:`TokenRecord.as_dict` has it; None where nothing was said.

    Raises UsageError.
    """
    wanted: dict[str, Any] = {name: params.get(name) for name in ("admin_role", "infra_role")}
    permissions = params.get("permissions")
    wanted["permissions"] = None if permissions is None else permissions_shown(permissions)
    for kind in ROLES:
        option = f"{kind}_roles"
        roles = params.get(option)
        if roles is not None:
            for name, role in roles.items():
                if role not in _CHOICES[kind]:
                    raise UsageError(
                        f"{option} has {role!r} for {name}; it must be one of {', '.join(_CHOICES[kind])}."
                    )
            roles = dict(sorted(roles.items()))
        wanted[option] = roles
    given = params.get("labels")
    wanted["labels"] = None if given is None else {str(key): str(value) for key, value in sorted(given.items())}
    return wanted


def rights_request(params: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rights of ``wanted`` as both requests have them."""
    body: dict[str, Any] = {}
    if wanted.get("permissions") is not None:
        body["permissions"] = permissions_request(params["permissions"])
    for kind in ROLES:
        roles = wanted.get(f"{kind}_roles")
        if roles is not None:
            body[f"{kind}Roles"] = {name: f"{kind.upper()}_ROLE_{role.upper()}" for name, role in roles.items()}
    for kind in ("admin", "infra"):
        role = wanted.get(f"{kind}_role")
        if role is not None:
            body[f"{kind}Role"] = f"{kind.upper()}_ROLE_{role.upper()}"
    return body


def check_lifetime(lifetime: int, renew_before: int) -> None:
    """Refuse what the API would, and a token that would be renewed at once."""
    if not SHORTEST <= lifetime <= LONGEST:
        raise UsageError(f"lifetime is {lifetime}; it must be between {SHORTEST} seconds and {LONGEST}, a year.")
    if not 0 <= renew_before < lifetime:
        raise UsageError(f"renew_before is {renew_before}; it must be at least 0, and less than lifetime ({lifetime}).")


def _methods(visibility: str, given: Any) -> list[str]:
    methods = set()
    for method in given or ():
        if not _METHOD.fullmatch(method):
            raise UsageError(
                f"permissions has {method!r} in {visibility}; a method is named like "
                "/metalstack.api.v2.ImageService/List."
            )
        methods.add(f"/{method.lstrip('/')}")
    return sorted(methods)
