# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens: JSON Web Tokens that are really signed, and what the server remembers of each.

As in metal-apiserver the JWT only names its owner and itself; rights are looked up, so that a token can be revoked.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ..common.clock import Clock
from .model import times

ISSUER = "https://v2.api.example.com"
ALGORITHM = "ES512"
DEFAULT_LIFETIME = timedelta(hours=8)
MAX_LIFETIME = timedelta(days=365)
RIGHTS = ("methods", "permissions", "project_roles", "tenant_roles", "admin_role", "infra_role", "machine_roles")


class TokenError(Exception):
    """The token is not accepted; the message is what the server says."""


@dataclass(frozen=True)
class Token:
    """What the server knows of a token.

    ``methods`` are permissions that need no subject, as ``/metalstack.api.v2.ImageService/List``; ``permissions`` are
    methods by subject: a project, tenant or machine, or ``*``. Roles are ``OWNER``, ``EDITOR``, ``VIEWER`` (and
    ``GUEST`` of a tenant), those in projects, tenants and machines by id. ``type`` is ``API`` (rights are those given
    here) or ``USER`` (of a login: rights follow from the user's memberships).
    """

    uuid: str
    user: str
    issued_at: datetime
    expires_at: datetime
    description: str = ""
    type: str = "API"
    methods: tuple[str, ...] = ()
    admin_role: str | None = None
    infra_role: str | None = None
    permissions: Sequence[tuple[str, tuple[str, ...]]] = ()
    project_roles: Mapping[str, str] = field(default_factory=dict)
    tenant_roles: Mapping[str, str] = field(default_factory=dict)
    machine_roles: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    updated_at: datetime | None = None
    generation: int = 1

    def every_permission(self) -> list[tuple[str, tuple[str, ...]]]:
        """Methods by subject, those without a subject under an empty one."""
        return [*([("", self.methods)] if self.methods else []), *self.permissions]

    def as_json(self) -> dict[str, Any]:
        """All of it; the signed token itself is nowhere kept."""
        return {
            **asdict(self),
            "methods": list(self.methods),
            "permissions": [{"subject": subject, "methods": list(methods)} for subject, methods in self.permissions],
            "issued_at": times.write(self.issued_at),
            "expires_at": times.write(self.expires_at),
            "updated_at": times.write(self.updated_at) if self.updated_at else None,
        }


class TokenStore:
    """Issue, verify and revoke tokens."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        """:param path: keep key and tokens in this file (0600), so that they are still good after a restart."""
        self._clock = clock
        self._path = path
        self._tokens: dict[str, Token] = {}
        self._claims: dict[str, Mapping[str, Any]] = {}  # by the tokens that verified
        self._key = ec.generate_private_key(ec.SECP521R1())
        if path is not None and path.exists():
            self._restore(json.loads(path.read_text(encoding="utf-8")))

    def issue(self, user: str, lifetime: timedelta, **rights: Any) -> tuple[str, Token]:
        """A new signed token and what the server knows of it; ``rights`` are fields of Token."""
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            raise ValueError(f"the lifetime of a token must be more than 0 s and at most {MAX_LIFETIME.days} days")
        now = self._clock.now().replace(microsecond=0)
        token = Token(str(uuid.uuid4()), user, now, now + lifetime, **rights)
        self._tokens[token.uuid] = token
        self._save()
        return self.sign(token), token

    def refresh(self, token: Token) -> tuple[str, Token]:
        """A token with the same rights and the same lifetime, from now."""
        rights = {name: getattr(token, name) for name in ("description", "labels", *RIGHTS)}
        return self.issue(token.user, token.expires_at - token.issued_at, **rights)

    def verify(self, secret: str) -> Token:
        """The token whose signed form that is; TokenError when it is forged, expired or revoked."""
        claims = self._claims.get(secret)
        if claims is None:
            # A signature stays good, and checking it costs more than most calls.
            claims = self._claims[secret] = self._decode(secret)
        now = self._clock.now().timestamp()
        if claims["exp"] <= now:
            raise TokenError("token has invalid claims: token is expired")
        if claims["nbf"] > now:
            raise TokenError("token has invalid claims: token is not valid yet")
        token = self._tokens.get(claims["jti"])
        if token is None:
            raise TokenError("token was revoked")
        return token

    def valid(self) -> list[Token]:
        """Those that have not expired; the server forgets the others."""
        now = self._clock.now()
        return [token for token in self._tokens.values() if token.expires_at > now]

    def change(self, token: Token, **changes: Any) -> Token:
        """Change what the server knows of a token; its signed form stays good."""
        now = self._clock.now()
        changed = replace(token, updated_at=now, generation=token.generation + 1, **changes)
        self._tokens[token.uuid] = changed
        self._save()
        return changed

    def revoke(self, token_id: str) -> bool:
        """Forget a token; False when there is none with that id."""
        found = self._tokens.pop(token_id, None) is not None
        self._save()
        return found

    def as_json(self) -> list[dict[str, Any]]:
        """All tokens, without their signed form."""
        return [token.as_json() for token in self._tokens.values()]

    def sign(self, token: Token) -> str:
        """The signed form of a token."""
        claims: Mapping[str, Any] = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": token.user,
            "jti": token.uuid,
            "iat": int(token.issued_at.timestamp()),
            "nbf": int(token.issued_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
            "type": f"TOKEN_TYPE_{token.type}",
        }
        return jwt.encode(dict(claims), self._key, algorithm=ALGORITHM)

    def _decode(self, secret: str) -> Mapping[str, Any]:
        """What a token says of itself; TokenError unless the signature is ours."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                secret,
                self._key.public_key(),
                algorithms=[ALGORITHM],
                audience=ISSUER,
                issuer=ISSUER,
                # The library would take the real time, here the emulator's clock counts.
                options={
                    "require": ["exp", "nbf", "iat", "jti", "sub"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidSignatureError as error:
            raise TokenError("token is not valid, no suitable publickey to validate signature found") from error
        except jwt.InvalidTokenError as error:
            raise TokenError(f"token is malformed: {error}") from error
        return claims

    def _save(self) -> None:
        if self._path is None:
            return
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        temporary = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"key": key, "tokens": self.as_json()}, file)
        temporary.replace(self._path)

    def _restore(self, document: Mapping[str, Any]) -> None:
        key = load_pem_private_key(document["key"].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        for item in document["tokens"]:
            moments = {
                name: times.parse(item[name]) for name in ("issued_at", "expires_at", "updated_at") if item.get(name)
            }
            permissions = tuple((entry["subject"], tuple(entry["methods"])) for entry in item.get("permissions", ()))
            token = Token(**{**item, **moments, "methods": tuple(item["methods"]), "permissions": permissions})
            self._tokens[token.uuid] = token
