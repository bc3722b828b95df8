# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens for a Lightbits cluster that are minted here, with a private key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._durations import DurationError, format_duration, parse_duration
from .._errors import UsageError
from .._jwt import claims, expires_at, header, issued_at
from .._private_file import MODE, PrivateFile
from .._reconcile import Plan, Resource, Step, changes
from .._values import write_timestamp
from .signing import SigningKey

_KEY_ID = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[^\s:]+", re.ASCII)
_ROLE = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:[a-z][a-z-]*", re.ASCII)
# What of a token is compared, if the user has given it.
_COMPARED = ("key_id", "roles", "subject", "issuer", "audience")


@dataclass(frozen=True)
class Found:
    """A token that is in the file, None if there is none; ``own``: our key has signed it; the file's mode."""

    token: str | None
    own: bool
    mode: int | None


class JwtResource(Resource[Found]):
    """The token in a file. ``wanted`` has the options of lightbits_jwt, ``now`` is in seconds since 1970."""

    def __init__(self, wanted: Mapping[str, Any], now: float) -> None:
        self._wanted = _content(wanted)
        self._now = int(now)
        self._validity = _duration("validity", wanted["validity"])
        self._renewal = _duration("renew_before", wanted["renew_before"])
        if not self._validity > 0:
            raise UsageError("validity is 0, but a token that is never valid is of no use.")
        if self._renewal >= self._validity:
            raise UsageError(
                f"renew_before is {format_duration(self._renewal)}, but validity is {format_duration(self._validity)}: "
                "every run would mint another token. Give less."
            )
        self._file = None if wanted.get("dest") is None else PrivateFile(wanted["dest"])
        self._key = _key(wanted)
        self.label = f"the token {self._file.path if self._file else 'of ' + self._wanted['key_id']}"
        if self._file:
            self._file.check()

    @property
    def public_key(self) -> str:
        """PEM of the key that vouches for the tokens."""
        return self._key.public_pem()

    def mint(self) -> str:
        """Return a new token."""
        content = {
            "sub": self._wanted["subject"],
            "roles": self._wanted["roles"],
            "iat": self._now,
            "exp": self._now + self._validity,
            **({"iss": self._wanted["issuer"]} if self._wanted["issuer"] else {}),
            **({"aud": self._wanted["audience"]} if self._wanted["audience"] else {}),
        }
        return self._key.token(self._wanted["key_id"], content)

    def read(self) -> Found:
        """Return what is in the file."""
        content = self._file.content() if self._file else None
        own = bool(content) and self._key.has_signed(content or "")
        return Found(content, own, self._file.mode() if self._file else None)

    def show(self, actual: Found) -> dict[str, Any]:
        """Return what the token says about itself."""
        return describe(actual.token or "")

    def plan(self, actual: Found | None) -> Plan:
        """Mint another one when something differs or it ends soon; let only its owner read the file."""
        if actual is None or self._file is None:
            raise TypeError("a token without a file is minted, not planned")
        file = self._file
        before = None if actual.token is None else self._compared(actual)
        reasons = self._reasons(actual, before)
        if reasons:
            after = {**self._wanted, "signed_by_key": True, "ends_soon": False, "mode": f"{MODE:04o}"}
            return Plan(before, after, (Step(f"mint {self.label}: {', '.join(reasons)}", self._write),))
        kept = {**(before or {}), "mode": f"{MODE:04o}"}
        if actual.mode != MODE:
            return Plan(before, kept, (Step(f"set the mode of {file.path} to {MODE:04o}", file.close),))
        return Plan(before, kept)

    def _compared(self, actual: Found) -> dict[str, Any]:
        """Return what check mode can know beforehand. What is no token at all has nothing of it."""
        try:
            shown, ends = describe(actual.token or ""), expires_at(actual.token or "")
        except ValueError:
            shown, ends = {}, None
        soon = ends is None or ends.timestamp() - self._now < self._renewal
        mode = None if actual.mode is None else f"{actual.mode:04o}"
        named = {name: shown.get(name) for name in _COMPARED}
        return {**named, "signed_by_key": actual.own, "ends_soon": soon, "mode": mode}

    def _reasons(self, actual: Found, before: Mapping[str, Any] | None) -> list[str]:
        if before is None:
            return ["there is none"]
        if not actual.own:
            return ["the present one is not of this key"]
        reasons = [f"{name} differs" for name in changes(before, self._wanted)]
        return [*reasons, "it ends soon"] if before["ends_soon"] else reasons

    def _write(self) -> None:
        file = self._file
        if file is None:
            raise TypeError("there is no file to write to")
        try:
            file.write(self.mint())
        except OSError as error:
            raise UsageError(f"dest is {file.path}, which cannot be written: {error.strerror}.") from None


def describe(token: str) -> dict[str, Any]:
    """Return what a token says about itself, in the collection's words. Raises ValueError when it is none."""
    said, times = claims(token), (issued_at(token), expires_at(token))
    issued, ends = (None if one is None else write_timestamp(one) for one in times)
    roles = said.get("roles")
    return {
        "key_id": str(header(token).get("kid", "")),
        "roles": sorted(map(str, roles)) if isinstance(roles, list) else [],
        "subject": said.get("sub", ""),
        "issuer": said.get("iss"),
        "audience": said.get("aud"),
        "issued_at": issued,
        "expires_at": ends,
    }


def _content(wanted: Mapping[str, Any]) -> dict[str, Any]:
    key_id, roles = wanted["key_id"], sorted(set(wanted["roles"]))
    if not _KEY_ID.fullmatch(key_id):
        raise UsageError(f"key_id is {key_id!r}; it must be the project and the id of a credential, like system:root.")
    if not roles:
        raise UsageError("roles is empty, but a token without a role may do nothing.")
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise UsageError(f"roles has {role!r}; a role is like system:cluster-admin or tenant-1:admin.")
    if not wanted["subject"]:
        raise UsageError("subject is empty, but the cluster refuses tokens without one.")
    return {
        "key_id": key_id,
        "roles": roles,
        "subject": wanted["subject"],
        "issuer": wanted.get("issuer"),
        "audience": wanted.get("audience"),
    }


def _duration(option: str, given: Any) -> int:
    try:
        return parse_duration(given, option)
    except DurationError as error:
        raise UsageError(str(error)) from None


def _key(wanted: Mapping[str, Any]) -> SigningKey:
    if wanted.get("private_key") is not None:
        return SigningKey(wanted["private_key"].encode(), "private_key")
    path = wanted["private_key_path"]
    try:
        return SigningKey(Path(path).read_bytes(), "private_key_path")
    except OSError as error:
        raise UsageError(f"private_key_path is {path}, which cannot be read: {error.strerror}.") from None
