# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that vouches for the tests' tokens, made once a process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ADMIN = ("system:cluster-admin",)


@cache
def root_key() -> rsa.RSAPrivateKey:
    """The private key of ``system:root``."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Its public part, as a cluster takes it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode("ascii")


def token(
    roles: Sequence[str] = ADMIN,
    *,
    kid: str = "system:root",
    key: rsa.RSAPrivateKey | None = None,
    lifetime: float = 3600,
    subject: str = "tests",
) -> str:
    """Sign a token, with times in whole seconds as those of real clusters have them."""
    now = int(time.time())
    claims = {"sub": subject, "roles": list(roles), "exp": now + lifetime, "iat": now}
    return jwt.encode(claims, key or root_key(), algorithm="RS256", headers={"kid": kid})
