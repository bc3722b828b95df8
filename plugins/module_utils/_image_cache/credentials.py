# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The credential of the metal-api: from systemd, and for v2 the refreshed token that replaces it.

Private to the collection metalstack.provisioning. Nothing here shows a secret: not in errors, not in reprs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from .files import write_atomic
from .problems import CacheError, describe

HMAC, TOKEN = "metal-api-hmac", "metal-api-token"
_LIMIT = 64 * 1024


class CredentialError(CacheError):
    """There is no usable credential; the text says which file is missing."""


@dataclass(frozen=True)
class Credential:
    """``hmac`` or ``token`` is set."""

    hmac: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def secret(self) -> str:
        """The secret text, to be hidden from the journal."""
        return self.hmac or self.token or ""


def read_credential(api: str, environment: Mapping[str, str]) -> Credential:
    """Read the credential for ``v1`` (HMAC key, else bearer token) or ``v2`` (token) from systemd's directory."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise CredentialError(
            "CREDENTIALS_DIRECTORY is not set, so there is no credential: start the unit image-cache-sync.service, "
            "whose LoadCredential= provides it."
        )
    names = (HMAC, TOKEN) if api == "v1" else (TOKEN,)
    for name in names:
        secret = _read(Path(directory) / name)
        if secret is not None:
            return Credential(hmac=secret) if name == HMAC else Credential(token=secret)
    wanted = " or ".join(names)
    raise CredentialError(f"There is no credential {wanted} in {directory}: set LoadCredential= of the unit.")


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CredentialError(f"The credential {path} cannot be read: {error.strerror}.") from None
    try:
        secret = content.decode("ascii").strip()
    except UnicodeDecodeError:
        secret = "\n"
    if not secret:
        raise CredentialError(f"The credential {path} is empty: write the key or token to the file it comes from.")
    if len(content) > _LIMIT or not secret.isprintable() or " " in secret:
        raise CredentialError(f"The credential {path} is not one line of text: write only the key or token to it.")
    return secret


class TokenFile:
    """The refreshed token on the disk, bound to the credential it descends from."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "metal-api-token.json"

    def load(self, credential: str) -> str | None:
        """Return the token that replaces ``credential``; None when there is none, or it descends from another one."""
        try:
            with self._path.open("rb") as file:
                data = json.loads(file.read(_LIMIT))
        except (OSError, ValueError):
            return None
        if not isinstance(data, dict) or data.get("credential_sha256") != _fingerprint(credential):
            # a new credential means that an operator wants it used
            return None
        token = data.get("token")
        return token if isinstance(token, str) and token else None

    def save(self, credential: str, token: str) -> None:
        """Keep ``token``, readable by this user only. Raises :class:`CacheError`."""
        content = json.dumps({"credential_sha256": _fingerprint(credential), "token": token})
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(self._path, content.encode(), mode=0o600)
        except OSError as error:
            raise describe(error) from None


def _fingerprint(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()


def current_token(
    credential: str, stored: str | None, expires_at: Callable[[str], datetime | None], now: datetime
) -> str:
    """Return the token to use: the refreshed one while it is valid, else the credential itself."""
    if stored is None:
        return credential
    expiry = expires_at(stored)
    return stored if expiry is None or expiry > now else credential


def refresh_due(claims: Mapping[str, object], now: datetime) -> bool:
    """Say whether less than half of a token's lifetime is left, by ``iat`` and ``exp`` (seconds since the epoch)."""
    expires, issued = claims.get("exp"), claims.get("iat", claims.get("nbf"))
    if not isinstance(expires, (int, float)) or not isinstance(issued, (int, float)):
        return False
    return now.astimezone(timezone.utc).timestamp() > (issued + expires) / 2
