# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksum files beside images, and computing several checksums in one pass.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

# in the order in which a store is asked; the MD5 names the blob
KINDS = ("md5", "sha256", "sha512")
_DIGITS = {"md5": 32, "sha256": 64, "sha512": 128}
_LINE = re.compile(r"\\?([0-9A-Fa-f]+)(?:[ \t]+\*?(\S.*))?")
_BSD_LINE = re.compile(r"[A-Z0-9-]+ ?\((.+)\) ?= ?([0-9A-Fa-f]+)")


class ChecksumError(ValueError):
    """A checksum file that holds no checksum; the text says what it holds instead."""


def parse(content: bytes, kind: str, name: str) -> str:
    """Return the checksum in lower-case hex from the content of ``<name>.<kind>``.

    Understood are the bare checksum, the lines of ``md5sum`` and of BSD's ``md5``; of several lines the one with the
    file's name counts. Anything else, such as a page of HTML, raises :class:`ChecksumError`.
    """
    try:
        lines = [line.strip() for line in content.decode("ascii").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise ChecksumError("it is not plain text") from None
    if not lines:
        raise ChecksumError("it is empty")
    found: list[tuple[str, str]] = []
    for line in lines:
        bsd, plain = _BSD_LINE.fullmatch(line), _LINE.fullmatch(line)
        digest, named = (bsd.group(2), bsd.group(1)) if bsd else plain.group(1, 2) if plain else ("", "")
        if len(digest) != _DIGITS[kind]:
            raise ChecksumError(f"it holds no {kind.upper()} checksum")
        found.append((digest.lower(), (named or "").rpartition("/")[2]))
    if len(found) == 1:
        # stores keep the name that the file had where it was built
        return found[0][0]
    matching = {digest for digest, named in found if named == name}
    if len(matching) != 1:
        raise ChecksumError(f"it holds {len(found)} checksums and not one for {name}")
    return matching.pop()


class Digests:
    """Computes MD5 and the given other checksums of a stream."""

    def __init__(self, kinds: Iterable[str] = ()) -> None:
        self._hashes: dict[str, Any] = {
            # a name for content and a check against damage, not a signature: allowed where FIPS forbids MD5
            kind: hashlib.new(kind, usedforsecurity=False)
            for kind in dict.fromkeys(["md5", *kinds])
        }

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes; the interpreter's lock is free meanwhile."""
        for value in self._hashes.values():
            value.update(data)

    def hexdigests(self) -> dict[str, str]:
        """Return kind to checksum in lower-case hex."""
        return {kind: value.hexdigest() for kind, value in self._hashes.items()}


def difference(expected: Mapping[str, str], found: Mapping[str, str]) -> str | None:
    """Say which checksum is not the expected one, or return None when all are."""
    for kind, value in expected.items():
        if found.get(kind) != value:
            return f"its {kind.upper()} is {found.get(kind)} instead of {value}"
    return None
