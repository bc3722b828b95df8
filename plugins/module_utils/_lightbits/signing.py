# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private keys, and tokens that they sign (RS256, RFC 7518), as LightOS takes them.

Needs PyPI's ``cryptography`` where it runs, which it asks for only when a key is used: the standard library has no RSA.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._errors import UsageError
from .._jwt import claims, decode_segment, encode_segment, header

_ALGORITHM = "RS256"
# RFC 7518, section 3.3
_SMALLEST = 2048


class SigningKey:
    """An RSA private key, PEM, PKCS#1 or PKCS#8. Raises UsageError with ``option``, from where it is."""

    def __init__(self, pem: bytes, option: str) -> None:
        hashes, serialization, padding, rsa = _cryptography()
        self._padding, self._hash, self._serialization = padding.PKCS1v15(), hashes.SHA256(), serialization
        self._key = _load(pem, option, serialization)
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise UsageError(f"{option} has a key that is not of the kind RSA, but LightOS takes no other.")
        if self._key.key_size < _SMALLEST:
            raise UsageError(f"{option} has a key of {self._key.key_size} bits; it must have at least {_SMALLEST}.")

    def __repr__(self) -> str:
        return "<SigningKey>"

    def token(self, key_id: str, content: Mapping[str, Any]) -> str:
        """Return a token with these claims; ``key_id`` is ``kid``."""
        parts = ({"alg": _ALGORITHM, "typ": "JWT", "kid": key_id}, content)
        signed = ".".join(encode_segment(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        signature = self._key.sign(signed.encode("ascii"), self._padding, self._hash)
        return f"{signed}.{encode_segment(signature)}"

    def has_signed(self, token: str) -> bool:
        """Whether a token is one of this key."""
        from cryptography.exceptions import InvalidSignature

        signed, _dot, signature = token.rpartition(".")
        try:
            if header(token).get("alg") != _ALGORITHM:
                return False
            claims(token)
            content = decode_segment(signature)
            self._key.public_key().verify(content, signed.encode("ascii"), self._padding, self._hash)
        except (ValueError, InvalidSignature):
            return False
        return True

    def public_pem(self) -> str:
        """Return the public key as lightbits_credential takes it."""
        encoding, form = self._serialization.Encoding.PEM, self._serialization.PublicFormat.SubjectPublicKeyInfo
        pem: bytes = self._key.public_key().public_bytes(encoding, form)
        return pem.decode("ascii")

    def pkcs1(self) -> str:
        """Return the private key as PKCS#1, not encrypted."""
        pem: bytes = self._key.private_bytes(
            self._serialization.Encoding.PEM,
            self._serialization.PrivateFormat.TraditionalOpenSSL,
            self._serialization.NoEncryption(),
        )
        return pem.decode("ascii")


def new_key() -> str:
    """Return a new private key, PEM."""
    _hashes, serialization, _padding, rsa = _cryptography()
    pem: bytes = rsa.generate_private_key(public_exponent=65537, key_size=_SMALLEST).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode("ascii")


def _cryptography() -> tuple[Any, Any, Any, Any]:
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
    except ImportError:
        raise UsageError(
            "The Python package cryptography is missing where the task runs: install it there, or let the task run on "
            "a host that has it."
        ) from None
    return hashes, serialization, padding, rsa


def _load(pem: bytes, option: str, serialization: Any) -> Any:
    if b"ENCRYPTED" in pem:
        raise UsageError(f"{option} has an encrypted key: decrypt it first, for instance with openssl pkey.")
    if b"PRIVATE KEY-----" not in pem:
        kind = "a public key" if b"PUBLIC KEY-----" in pem else "no key"
        raise UsageError(f"{option} has {kind}; it must have a private one, PEM, as PKCS#1 or PKCS#8.")
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise UsageError(
            f"{option} has a private key that cannot be read: it is damaged or of an unknown kind."
        ) from None
    except Exception as error:
        # cryptography has an exception of its own for kinds of keys that it does not know
        if type(error).__name__ != "UnsupportedAlgorithm":
            raise
        raise UsageError(f"{option} has a private key of a kind that is not supported; it must be RSA.") from None
