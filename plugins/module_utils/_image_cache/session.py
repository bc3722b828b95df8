# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of a run to the metal-api: credential, refreshed token, sign of life.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from .. import _jwt
from .._errors import ApiError
from .._metal import component, token
from .._metal.v2 import MetalV2
from .config import Config
from .credentials import Credential, TokenFile, current_token, read_credential, refresh_due
from .journal import Journal
from .problems import CacheError
from .source import MetalApi, SourceResult, connect, read_source

VERSION = "1.0.0"
# The longest that the API takes; a timer may be slower, up to daily.
_INTERVAL = 60 * 60
_DEADLINE = 30.0
_T = TypeVar("_T")


class Session:
    """Reads the source with the right credential. ``token_expires_at`` is known after :meth:`open` for tokens."""

    def __init__(self, config: Config, environment: Mapping[str, str], journal: Journal) -> None:
        self._config = config
        self._environment = environment
        self._journal = journal
        self._tokens = TokenFile(config.state_directory)
        self._api: MetalApi | None = None
        self._opened: list[MetalApi] = []
        self.token_expires_at: datetime | None = None

    def open(self, now: datetime, *, refresh: bool) -> None:
        """Connect; with ``refresh`` a v2 token in the second half of its life is replaced, at most with a warning.

        Raises :class:`CredentialError`, :class:`SourceError`.
        """
        credential = read_credential(self._config.source.api, self._environment)
        self._journal.hide(credential.secret)
        if credential.token is None:
            self._api = self._connect(credential)
            return
        if self._config.source.api == "v2":
            credential = self._current(credential, now, refresh)
        self._api = self._connect(credential)
        self.token_expires_at = _expiry(credential.secret)
        if self.token_expires_at is not None and self.token_expires_at <= now:
            self._journal.error("the token of the metal-api has expired", expired_at=self.token_expires_at.isoformat())

    def read(self, now: datetime) -> SourceResult:
        """Return what the metal-api says. Raises :class:`SourceError`."""
        if self._api is None:
            raise RuntimeError("open() comes first")
        return read_source(self._api, self._config, now)

    def ping(self, started: datetime) -> None:
        """Tell a metal-apiserver that this host is alive; a failure is a warning."""
        if not isinstance(self._api, MetalV2):
            return
        try:
            component.ping(
                self._api,
                kind=component.IMAGE_CACHE_SYNC,
                identifier=f"{self._config.partition}/{self._config.host}",
                started_at=started,
                interval=_INTERVAL,
                version=VERSION,
                deadline=_DEADLINE,
            )
        except ApiError as error:
            self._journal.warning("the metal-api took no sign of life", error=error)

    def close(self) -> None:
        """Close the connections."""
        for api in self._opened:
            api.http.close()

    def _connect(self, credential: Credential) -> MetalApi:
        api = connect(self._config.source, hmac=credential.hmac, token=credential.token)
        self._opened.append(api)
        return api

    def _current(self, credential: Credential, now: datetime, refresh: bool) -> Credential:
        original = credential.secret
        current = current_token(original, self._tokens.load(original), _expiry, now)
        self._journal.hide(current)
        if refresh and refresh_due(_claims(current), now):
            api = self._connect(Credential(token=current))
            try:
                if isinstance(api, MetalV2):
                    fresh = token.refresh(api, deadline=_DEADLINE)
                    self._journal.hide(fresh)
                    # used now even if it cannot be kept: the next run refreshes again
                    current = fresh
                    self._tokens.save(original, fresh)
                    self._journal.info("the token of the metal-api was refreshed")
            except (ApiError, CacheError) as error:
                self._journal.warning("the token of the metal-api could not be refreshed", error=error)
        return Credential(token=current)


def _claims(text: str) -> Mapping[str, object]:
    return _quietly(_jwt.claims, text) or {}


def _expiry(text: str) -> datetime | None:
    return _quietly(_jwt.expires_at, text)


def _quietly(read: Callable[[str], _T], text: str) -> _T | None:
    """A token that cannot be read is the business of the server that knows it."""
    try:
        return read(text)
    except ValueError:
        return None
