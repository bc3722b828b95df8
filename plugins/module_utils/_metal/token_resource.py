# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of the metal-api v2 as they should be. Private to the collection metalstack.provisioning.

The API gives tokens no name, so their description is it: a user has at most one token of API type with it. A token
whose secret nobody has, because the answer got lost, is of no use: it is revoked, and another one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Callable

from .._errors import UsageError
from .._jwt import claims
from .._private_file import MODE
from .._reconcile import Plan, Resource, Step, changes
from .token_file import TokenFile
from .token_record import OWN, TokenRecord, create_token, list_tokens, revoke_token
from .token_wish import check_lifetime, rights_request, wanted_rights

if TYPE_CHECKING:
    from .v2 import MetalV2


@dataclass(frozen=True)
class Found:
    """``current`` is the token that counts, ``orphans`` are others of the description, ``mode`` is that of the file."""

    current: TokenRecord | None
    orphans: tuple[TokenRecord, ...]
    mode: int | None = None


class TokenResource(Resource[Found]):
    """The token with a description. ``params`` are the options of metal_token."""

    def __init__(
        self,
        api: MetalV2,
        params: Mapping[str, Any],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.secret: str | None = None
        self._api = api
        self._params = params
        self._now = now
        self._description: str = params["description"]
        self._user: str | None = params.get("user")
        self._absent = params.get("state") == "absent"
        self._lifetime: int = params.get("lifetime") or 8 * 3600
        self._renew = timedelta(seconds=params.get("renew_before") or 0)
        self._file = TokenFile(params["dest"]) if params.get("dest") else None
        self._wanted = wanted_rights(params)
        self._made: str | None = None
        self._before: frozenset[str] | None = None
        self._self = _token_id(api)
        self.label = f"the token {self._description!r}"
        if not self._absent:
            check_lifetime(self._lifetime, int(self._renew.total_seconds()))
            if self._file is not None:
                self._file.check()

    def read(self) -> Found | None:
        """Return the token of the description, and those that are too much."""
        kept = self._made or (self._file.token_id() if self._file else None)
        query: dict[str, Any] = {"description": self._description, "tokenType": "TOKEN_TYPE_API"}
        if self._user is not None:
            query["user"] = self._user
        tokens = [
            token
            for token in list_tokens(self._api, query, everybody=self._user is not None)
            # not all versions of the API filter alike; and nobody revokes what he talks with
            if token.description == self._description
            and token.type == "api"
            and self._user in (None, token.user)
            and (token.uuid == kept or token.uuid != self._self)
        ]
        if self._before is None:
            self._before = frozenset(token.uuid for token in tokens)
        current = next((token for token in tokens if token.uuid == kept), None)
        mode = self._file.mode() if self._file else None
        if current is None and self._file is None and self._made is None and not self._absent:
            # Its secret is with whoever had it made; only one that was not there before is lost.
            known = [token for token in tokens if token.uuid in self._before]
            if len(known) > 1:
                raise UsageError(
                    f"description is {self._description!r}, which {len(known)} tokens have "
                    f"({', '.join(token.uuid for token in known)}): revoke those that nobody needs by their uuid."
                )
            current = known[0] if known else None
        if not tokens:
            return None
        return Found(current, tuple(token for token in tokens if token is not current), mode)

    def show(self, actual: Found) -> dict[str, Any]:
        """Return the token that counts."""
        if actual.current is None:
            return {}
        return {**actual.current.as_dict(), **self._place(actual.mode)}

    def plan(self, actual: Found | None) -> Plan:
        """Make, change, renew or revoke."""
        actual = actual or Found(None, ())
        current = actual.current
        before = None if current is None else self.show(actual)
        if self._absent:
            gone = [token for token in (current, *actual.orphans) if token is not None]
            if before is None and gone:
                before = gone[0].as_dict()
            return Plan(before, None, tuple(self._revocation(token) for token in gone))
        if current is None or self._expires(current):
            return self._creation(before, current, actual.orphans)
        changed = changes(before or {}, self._wanted)
        self._refuse_clearing(changed)
        after: dict[str, Any] = {**(before or {}), **changed}
        steps = [self._revocation(token) for token in actual.orphans]
        if changed:
            steps.append(self._update(current, changed))
        if self._file is not None and actual.mode != MODE:
            after.update(self._place(MODE))
            steps.append(Step(f"set the mode of {self._file.path}", self._file.close))
        return Plan(before, after, tuple(steps))

    def _expires(self, token: TokenRecord) -> bool:
        """Whether it is time for another one."""
        return token.expires_at is not None and token.expires_at <= self._now() + self._renew

    def _creation(self, before: Any, old: TokenRecord | None, orphans: tuple[TokenRecord, ...]) -> Plan:
        empty: dict[str, Any] = {
            "permissions": [],
            "project_roles": {},
            "tenant_roles": {},
            "machine_roles": {},
            "admin_role": None,
            "infra_role": None,
            "labels": {},
        }
        given = {name: value for name, value in self._wanted.items() if value is not None}
        after = {"description": self._description, "type": "api", **empty, **given, **self._place(MODE)}
        steps = [self._revocation(token) for token in orphans]
        steps.append(Step(f"create {self.label}", self._create, creates=True))
        if old is not None and old.uuid != self._self:
            # after the new one, so that there is always one that is good
            steps.append(self._revocation(old))
        return Plan(before, after, tuple(steps))

    def _place(self, mode: int | None) -> dict[str, str]:
        return {} if self._file is None else {"dest": str(self._file.path), "mode": f"{mode or 0:04o}"}

    def _create(self) -> None:
        wish = {
            "description": self._description,
            "expires": f"{self._lifetime}s",
            **rights_request(self._params, self._wanted),
        }
        if self._wanted["labels"]:
            wish["labels"] = {"labels": self._wanted["labels"]}
        token, secret = create_token(self._api, wish, user=self._user)
        if self._file is not None:
            try:
                self._file.write(secret)
            except OSError as error:
                revoke_token(self._api, token.uuid, user=self._user)
                raise UsageError(
                    f"dest is {self._file.path}, which cannot be written ({error.strerror}); the token was revoked."
                ) from None
        else:
            self.secret = secret
        self._made = token.uuid

    def _update(self, token: TokenRecord, changed: Mapping[str, Any]) -> Step:
        if self._user is not None:
            raise UsageError(
                f"{self.label} of {self._user} has other {', '.join(sorted(changed))}, which only {self._user} can "
                "change; set state to absent to revoke it, and make another one."
            )
        # Without updated_at: the API has no optimistic locking for tokens, and refuses it.
        body: dict[str, Any] = {"uuid": token.uuid, **rights_request(self._params, changed)}
        if "labels" in changed:
            body["labels"] = {"replace": {"labels": changed["labels"]}}
        what = ", ".join(sorted(changed))
        return Step(f"update {self.label}: {what}", lambda: self._api.call(f"{OWN}/Update", body, idempotent=True))

    def _refuse_clearing(self, changed: Mapping[str, Any]) -> None:
        """The API takes an empty list or map for nothing said."""
        for name, value in changed.items():
            if not value and name != "labels":
                raise UsageError(
                    f"{name} is empty, but {self.label} has some, which the API cannot take away all at once; set "
                    "state to absent to revoke it, and make another one."
                )

    def _revocation(self, token: TokenRecord) -> Step:
        return Step(
            f"revoke the token {token.uuid} ({self._description!r})",
            lambda: revoke_token(self._api, token.uuid, user=self._user),
        )


class RevokedToken(Resource[TokenRecord]):
    """The token of that id, which should not be there."""

    def __init__(self, api: MetalV2, uuid: str, user: str | None) -> None:
        self._api, self._uuid, self._user = api, uuid, user
        self.label = f"the token {uuid}"

    def read(self) -> TokenRecord | None:
        """Return it if it is there."""
        query = {"uuid": self._uuid, **({} if self._user is None else {"user": self._user})}
        tokens = list_tokens(self._api, query, everybody=self._user is not None)
        return next((token for token in tokens if token.uuid == self._uuid), None)

    def plan(self, actual: TokenRecord | None) -> Plan:
        """Revoke it."""
        if actual is None:
            return Plan(None, None)
        step = Step(f"revoke {self.label}", lambda: revoke_token(self._api, self._uuid, user=self._user))
        return Plan(actual.as_dict(), None, (step,))

    def show(self, actual: TokenRecord) -> dict[str, Any]:
        """Return it as users see it."""
        return actual.as_dict()


def _token_id(api: MetalV2) -> str | None:
    """Return the id of the token that the API is called with."""
    try:
        name = claims(api.auth.secrets[0]).get("jti") if api.auth else None
    except ValueError:
        return None
    return name if isinstance(name, str) else None
