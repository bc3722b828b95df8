# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the metal-api: ``GET /v1/image`` and ``metalstack.api.v2.ImageService/List``.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._errors import ProtocolError
from .._values import text, texts, timestamp, write_timestamp
from .v1 import MetalV1
from .values import enum_name

if TYPE_CHECKING:
    from datetime import datetime

    from .v2 import MetalV2

_VERSION = re.compile(r"(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?", re.ASCII)


@dataclass(frozen=True)
class Image:
    """An operating system image. ``features`` are of ``machine``, ``firewall``; ``expires_at`` is in UTC.

    ``used_by`` are ids of machines; v1 tells them only when it is asked for the usage, v2 never.
    """

    id: str
    os: str
    major: int
    minor: int
    patch: int
    url: str
    name: str
    features: frozenset[str]
    classification: str
    expires_at: datetime | None
    description: str = ""
    used_by: tuple[str, ...] = ()

    def as_dict(self, *, usage: bool = False) -> dict[str, Any]:
        """Return it as users see it, with ``used_by`` when the API was asked for the usage."""
        shown = {
            "id": self.id,
            "os": self.os,
            "version": f"{self.major}.{self.minor}.{self.patch}",
            "url": self.url,
            "name": self.name,
            "description": self.description,
            "features": sorted(self.features),
            "classification": self.classification,
            "expiration_date": None if self.expires_at is None else write_timestamp(self.expires_at),
        }
        return {**shown, "used_by": sorted(self.used_by)} if usage else shown


@dataclass(frozen=True)
class ImageList:
    """``skipped`` are (id, reason) of images that cannot be understood; the reason is a sentence."""

    images: list[Image]
    skipped: list[tuple[str, str]]

    @cached_property
    def by_id(self) -> dict[str, Image]:
        """The images by their ids; made once, so not before the list is complete."""
        return {image.id: image for image in self.images}


def parse_image_id(id: str) -> tuple[str, int, int, int]:  # noqa: A002
    """Return (os, major, minor, patch) of ``<os>-<major>[.<minor>[.<patch>]]``; what is missing is 0.

    ``firewall-ubuntu-3.0.20251010`` is ("firewall-ubuntu", 3, 0, 20251010). Raises ValueError.
    """
    os, _dash, version = id.rpartition("-")
    match = _VERSION.fullmatch(version)
    if not os or match is None:
        raise ValueError(f"{id!r} is not an image id like ubuntu-24.04.20251010")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return os, major, minor, patch


def image_matches(wanted: str, actual: str) -> bool:
    """Whether an image is the wanted one: ``ubuntu-24.04`` is any of that version, ``ubuntu-24.04.20251010`` itself."""
    try:
        left, right = parse_image_id(wanted), parse_image_id(actual)
    except ValueError:
        return wanted == actual
    return left[:3] == right[:3] and left[3] in (0, right[3])


def exact_image(image: str) -> bool:
    """Whether an id names one image and not the newest of a version."""
    return parse_image_id(image)[3] != 0


def list_images(api: MetalV1 | MetalV2, *, usage: bool = False) -> ImageList:
    """Return all images of either API, with what uses them (v1 only). Raises :class:`~.._errors.ApiError`."""
    if isinstance(api, MetalV1):
        items: Any = api.get_list("/v1/image", query={"show-usage": "true"} if usage else None)
        convert = from_v1
    else:
        items = api.call("metalstack.api.v2.ImageService/List", {}).get("images") or []
        convert = _from_v2
    if not isinstance(items, list):
        raise ProtocolError("The list of images of the metal-api is not a list.")
    listed = ImageList([], [])
    for item in items:
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name:
            listed.skipped.append(("?", "It has no id."))
            continue
        try:
            listed.images.append(convert(name, item))
        except ValueError as error:
            listed.skipped.append((name, f"{str(error)[:1].upper()}{str(error)[1:]}."))
    return listed


def from_v1(id: str, item: Mapping[str, Any]) -> Image:  # noqa: A002
    return _image(id, item, texts(item, "features"), text(item, "classification"), item.get("expirationDate"))


def _from_v2(id: str, item: Mapping[str, Any]) -> Image:  # noqa: A002
    features = [enum_name(feature, "IMAGE_FEATURE_") for feature in texts(item, "features")]
    classification = enum_name(text(item, "classification"), "IMAGE_CLASSIFICATION_")
    return _image(id, item, features, classification, item.get("expiresAt"))


def _image(id: str, item: Mapping[str, Any], features: list[str], classification: str, expires: object) -> Image:  # noqa: A002
    url = text(item, "url")
    if not url:
        raise ValueError("it has no url")
    return Image(
        id,
        *parse_image_id(id),
        url,
        text(item, "name"),
        frozenset(features),
        classification,
        timestamp(expires),
        text(item, "description"),
        tuple(texts(item, "usedby")),
    )
