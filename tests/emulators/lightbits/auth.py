# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, by a JSON Web Token that is really verified: RS256, by the key that ``kid`` names."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .refusal import PERMISSION_DENIED, UNAUTHENTICATED, Refusal

if TYPE_CHECKING:
    from .state import State

SYSTEM = "system"
_ROLE = re.compile(r"(?P<scope>[^:]+):(?P<role>[a-z-]+)")
_PKCS1_LABEL = re.compile(rb"(-----(?:BEGIN|END)) RSA (PUBLIC KEY-----)")


@dataclass(frozen=True)
class Identity:
    """``roles`` by scope: ``system`` or a project."""

    subject: str
    roles: Mapping[str, str]

    def check_cluster(self, *, write: bool) -> None:
        """What belongs to the whole cluster."""
        role = self.roles.get(SYSTEM)
        if role != "cluster-admin" and (write or role != "cluster-viewer"):
            raise Refusal(PERMISSION_DENIED, "permission denied")

    def check_project(self, project: str, *, write: bool) -> None:
        """What belongs to a project."""
        role = self.roles.get(project)
        if role != "admin" and (write or role != "viewer"):
            self.check_cluster(write=write)


def identify(state: State, authorization: str) -> Identity:
    """The caller; Refusal when the token is not good."""
    scheme, _space, token = authorization.partition(" ")
    if scheme != "Bearer" or not token:
        raise Refusal(UNAUTHENTICATED, "no authorization token")
    try:
        kid = _key_id(token)
        claims = _claims(token, _pem(state, kid))
    except jwt.PyJWTError as error:
        raise Refusal(UNAUTHENTICATED, f"authentication failed: {error}") from None
    now = state.clock.now().timestamp()
    if not isinstance(claims.get("exp"), (int, float)) or claims["exp"] <= now:
        raise Refusal(UNAUTHENTICATED, "token is expired")
    if isinstance(claims.get("nbf"), (int, float)) and claims["nbf"] > now:
        raise Refusal(UNAUTHENTICATED, "token is not valid yet")
    if not claims.get("sub") or not isinstance(claims.get("roles"), list):
        raise Refusal(UNAUTHENTICATED, "token lacks a claim")
    scope = kid.partition(":")[0]
    roles = {}
    for text in claims["roles"]:
        match = _ROLE.fullmatch(str(text))
        if match is None or scope not in (SYSTEM, match["scope"]):
            raise Refusal(UNAUTHENTICATED, f"the key {kid} cannot give the role {text}")
        roles[match["scope"]] = match["role"]
    return Identity(str(claims["sub"]), roles)


# A signature stays good or bad, and looking at it costs more than most calls. Whether the key is still there, and what
# the clock says of the claims, is asked each time.
@functools.lru_cache(maxsize=1000)
def _key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token).get("kid", ""))


@functools.lru_cache(maxsize=1000)
def _claims(token: str, pem: bytes) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = jwt.decode(
        token,
        public_key(pem),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
    )
    return claims


def _pem(state: State, kid: str) -> bytes:
    project, _colon, name = kid.partition(":")
    for credential in state.credentials:
        if (credential["projectName"], credential["ID"]) == (project, name) and credential["type"] == "RS256PubKey":
            pem: bytes = credential["_pem"]
            return pem
    raise Refusal(UNAUTHENTICATED, "unknown key")


def public_key(pem: bytes) -> RSAPublicKey:
    """A public key; some clients wrap the usual form into a block with the label of PKCS#1. ValueError otherwise."""
    for text in (pem, _PKCS1_LABEL.sub(rb"\1 \2", pem)):
        try:
            key = load_pem_public_key(text)
        except (ValueError, UnsupportedAlgorithm):
            continue
        if isinstance(key, RSAPublicKey):
            return key
    raise ValueError("it is no RSA public key in PEM")
