# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of a project (``/projects/{project}/credentials``): what vouches for tokens, and TLS certificates.

The API cannot change a credential: another key comes under another id, and then the old one goes.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import NotFoundError, ProtocolError, UsageError, ValidationError
from .._reconcile import Plan, Resource, Step
from .._values import text
from .client import segment
from .messages import CREATE_CREDENTIAL

if TYPE_CHECKING:
    from .client import Lightbits

TYPES = ("RS256PubKey", "TlsCertChainPem", "TlsPrivKeyPem")
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_LABELS = {
    "RS256PubKey": ("PUBLIC KEY", "RSA PUBLIC KEY"),
    "TlsCertChainPem": ("CERTIFICATE",),
    "TlsPrivKeyPem": ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"),
}


@dataclass(frozen=True)
class Credential:
    """``fingerprint`` is the SHA-256 of what is encoded in it, so that it can be shown and compared."""

    project: str
    id: str
    type: str
    fingerprint: str

    @classmethod
    def from_api(cls, item: Mapping[str, Any]) -> Credential:
        """Read an object of the API, whose ``payload`` is PEM in base64. Raises ProtocolError."""
        try:
            pem = base64.b64decode(text(item, "payload"), validate=True).decode("utf-8", "replace")
            return cls(text(item, "projectName"), text(item, "ID"), text(item, "type"), fingerprint(pem))
        except (ValueError, binascii.Error):
            raise ProtocolError("A credential of the Lightbits API cannot be understood.") from None

    def as_dict(self) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {"project": self.project, "id": self.id, "type": self.type, "fingerprint": self.fingerprint}


def fingerprint(pem: str) -> str:
    """Return the SHA-256 of what all blocks of a PEM text encode; labels, line lengths and comments do not count."""
    blocks = ["".join(match[2].split()) for match in _BLOCK.finditer(pem)]
    try:
        content = [base64.b64decode(block, validate=True) for block in blocks]
    except (ValueError, binascii.Error):
        content = []
    return hashlib.sha256(b"".join(content) if content else pem.strip().encode()).hexdigest()


def check_pem(option: str, kind: str, pem: str) -> None:
    """Raise UsageError when a text is not what a credential of that type holds; the text is never shown."""
    labels = _BLOCK.findall(pem)
    if not labels:
        raise UsageError(f"{option} is no PEM text: it has no block that begins with -----BEGIN.")
    for label, _content in labels:
        if label not in _LABELS[kind]:
            right = " or ".join(_LABELS[kind])
            raise UsageError(f"{option} has a block {label}, but a credential of the type {kind} holds {right}.")


@dataclass(frozen=True)
class Found:
    """``current`` has the id; ``others`` are those to be replaced by it."""

    current: Credential | None
    others: tuple[Credential, ...] = ()


class CredentialResource(Resource[Found]):
    """The credential with an id in a project. ``wanted`` has the options of lightbits_credential.

    ``own_key`` is the ``kid`` of the token of the call, which must not lose what vouches for it.
    """

    def __init__(self, api: Lightbits, wanted: Mapping[str, Any], own_key: str) -> None:
        self._api = api
        self._project: str = wanted["project"]
        self._id: str = wanted["id"]
        self._type: str = wanted["type"]
        self._pem: str | None = wanted.get("content")
        self._absent = wanted.get("state") == "absent"
        self._replaced: Sequence[str] = tuple(dict.fromkeys(wanted.get("replaces") or ()))
        self._own_key = own_key
        self.label = f"the credential {self._id} of the project {self._project}"
        if not self._absent:
            check_pem("content", self._type, self._pem or "")
        if self._id in self._replaced:
            raise UsageError(f"replaces has {self._id}, which is the id itself: give the new credential another id.")

    def read(self) -> Found | None:
        """Return it, and those that it replaces."""
        current = self._get(self._id)
        others = tuple(other for other in map(self._get, self._replaced) if other is not None)
        return Found(current, others) if current is not None or others else None

    def _get(self, name: str) -> Credential | None:
        try:
            return Credential.from_api(self._api.get(self._path(name)))
        except (NotFoundError, ValidationError):
            # some versions call one that is not there an invalid argument
            return None

    def _path(self, name: str) -> str:
        return f"/projects/{segment(self._project)}/credentials/{segment(name)}"

    def show(self, actual: Found) -> dict[str, Any]:
        """Return it in the collection's words."""
        return {} if actual.current is None else actual.current.as_dict()

    def plan(self, actual: Found | None) -> Plan:
        """Create, then delete what is replaced; or delete."""
        found = actual or Found(None)
        before: dict[str, Any] | None = None if found.current is None else found.current.as_dict()
        if self._absent:
            return Plan(before, None, () if found.current is None else (self._deletion(found.current),))
        after: dict[str, Any] = {
            "project": self._project,
            "id": self._id,
            "type": self._type,
            "fingerprint": fingerprint(self._pem or ""),
        }
        if before is not None and before != after:
            raise UsageError(
                f"{self.label} holds something else (fingerprint {before['fingerprint'][:16]}), which the API cannot "
                f"change: give the new one another id, and name {self._id} in replaces."
            )
        steps = () if before is not None else (Step(f"create {self.label}", self._create),)
        if self._replaced:
            others = [other.as_dict() for other in found.others]
            before = {**(before or {}), "replaced": others} if before or others else None
            after = {**after, "replaced": []}
        return Plan(before, after, (*steps, *map(self._deletion, found.others)))

    def _create(self) -> None:
        values = {
            "projectName": self._project,
            "ID": self._id,
            "type": self._type,
            "payload": (self._pem or "").encode(),
        }
        path = f"/projects/{segment(self._project)}/credentials"
        self._api.post(path, CREATE_CREDENTIAL, values)

    def _deletion(self, credential: Credential) -> Step:
        if self._own_key == f"{credential.project}:{credential.id}":
            raise UsageError(
                f"The credential {credential.id} of the project {credential.project} vouches for the token of this "
                "task, which would be refused from then on: take a token of another key."
            )
        sentence = f"delete the credential {credential.id} of the project {credential.project}"
        return Step(sentence, lambda: self._api.delete(self._path(credential.id)), missing_ok=True)
