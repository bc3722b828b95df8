# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that is replaced by another one like it before it expires. Private to the collection metalstack.provisioning.

``TokenService/Refresh`` makes it from the token that it is called with, which stays good until it expires.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .._errors import UsageError
from .._jwt import claims, expires_at
from .._private_file import MODE
from .._reconcile import Plan, Resource, Step
from .._values import write_timestamp
from .token import refresh
from .token_file import TokenFile

if TYPE_CHECKING:
    from .v2 import MetalV2


class RefreshedToken(Resource[str]):
    """The token of the call, or the one that was made of it into the file ``dest``."""

    label = "the token of the call"

    def __init__(self, api: MetalV2, params: Mapping[str, Any]) -> None:
        self.secret: str | None = None
        self._api = api
        self._renew = timedelta(seconds=params["renew_before"])
        self._file = TokenFile(params["dest"]) if params.get("dest") else None
        self._own = api.auth.secrets[0] if api.auth else ""
        self._made: str | None = None
        self._user = _claims(self._own).get("sub")
        if params["renew_before"] < 0:
            raise UsageError(f"renew_before is {params['renew_before']}; it must be at least 0.")
        if self._file is not None:
            self._file.check()

    def read(self) -> str | None:
        """Return the token that counts."""
        if self._made is not None:
            return self._made
        content = self._file.content() if self._file else None
        try:
            # A token of somebody else in the file is no renewal of this one.
            if content and claims(content).get("sub") == self._user:
                return content
        except ValueError:
            pass
        return self._own if self._file is None else None

    def plan(self, actual: str | None) -> Plan:
        """Refresh it when it is time."""
        before = None if actual is None else self.show(actual)
        if actual is not None and (self._made is not None or not self._expires(actual)):
            if self._file is None or self._file.mode() == MODE:
                return Plan(before, before)
            after = {**(before or {}), "mode": f"{MODE:04o}"}
            return Plan(before, after, (Step(f"set the mode of {self._file.path}", self._file.close),))
        after = {"user": self._user, **self._place(MODE)}
        return Plan(before, after, (Step("refresh the token", self._refresh, creates=True),))

    def show(self, actual: str) -> dict[str, Any]:
        """Return what it says about itself."""
        said = _claims(actual)
        expires = expires_at(actual)
        return {
            "uuid": said.get("jti"),
            "user": said.get("sub"),
            "expires_at": None if expires is None else write_timestamp(expires),
            **self._place(self._file.mode() if self._file else None),
        }

    def _expires(self, token: str) -> bool:
        expires = expires_at(token)
        return expires is not None and expires <= datetime.now(timezone.utc) + self._renew

    def _place(self, mode: int | None) -> dict[str, str]:
        return {} if self._file is None else {"dest": str(self._file.path), "mode": f"{mode or 0:04o}"}

    def _refresh(self) -> None:
        secret = refresh(self._api)
        _claims(secret)
        if self._file is not None:
            try:
                self._file.write(secret)
            except OSError as error:
                raise UsageError(f"dest is {self._file.path}, which cannot be written ({error.strerror}).") from None
        else:
            self.secret = secret
        self._made = secret


def _claims(token: str) -> dict[str, Any]:
    try:
        return claims(token)
    except ValueError:
        raise UsageError("api_token is not a token of metal-apiserver, so that it cannot be refreshed.") from None
