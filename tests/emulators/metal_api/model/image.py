# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OS images: their ids name operating system and version."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from .table import Entity

FEATURES = ("machine", "firewall")
CLASSIFICATIONS = ("preview", "supported", "deprecated")
DEFAULT_EXPIRATION = timedelta(days=90)

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Image(Entity):
    """An image as stored. ``used_by`` are ids of machines, given by the state until there are machines."""

    url: str = ""
    features: frozenset[str] = frozenset()
    classification: str = "preview"
    expires_at: datetime | None = None
    labels: tuple[tuple[str, str], ...] = ()
    used_by: tuple[str, ...] = ()

    @property
    def os(self) -> str:
        """Operating system, the id without its last part."""
        return parse_id(self.id)[0]

    @property
    def version(self) -> Version:
        """Major, minor and patch of the id."""
        return parse_id(self.id)[1]


def parse_id(image_id: str) -> tuple[str, Version]:
    """Operating system and version of ``<os>-<major.minor[.patch]>``; ValueError with the server's wording.

    ``ubuntu-24.04.20251010`` is ``("ubuntu", (24, 4, 20251010))``, ``ubuntu-24.04`` is ``("ubuntu", (24, 4, 0))``.
    """
    os, dash, text = image_id.rpartition("-")
    if not dash:
        raise ValueError(f"invalid format for os image, expected <os>-<major>.<minor>[.<patch>]: {image_id}")
    match = _VERSION.fullmatch(text)
    if not match:
        raise ValueError("invalid semantic version")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return os, (major, minor, patch)


def version_text(version: Version) -> str:
    """``24.4.20251010``"""
    return ".".join(str(part) for part in version)


def newest_first(images: Iterable[Image]) -> list[Image]:
    """By operating system, and within each the newest version first."""
    ordered = sorted(images, key=lambda image: image.os)
    return [
        image
        for _os, group in groupby(ordered, key=lambda image: image.os)
        for image in sorted(group, key=lambda image: image.version, reverse=True)
    ]


def matching(images: Iterable[Image], image_id: str) -> list[Image]:
    """The images an id stands for: exactly one with a patch, otherwise all patches of that minor version.

    ValueError when the id cannot be parsed.
    """
    os, version = parse_id(image_id)
    digits = 3 if version[2] > 0 else 2
    return [image for image in images if image.os == os and image.version[:digits] == version[:digits]]


def latest(images: Iterable[Image], image_id: str) -> Image | None:
    """The newest of the images an id stands for, expired or not."""
    found: Sequence[Image] = newest_first(matching(images, image_id))
    return found[0] if found else None
