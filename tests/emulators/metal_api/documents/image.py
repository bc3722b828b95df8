# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON form of images."""

from __future__ import annotations

from typing import Any

from ..model import times
from ..model.image import CLASSIFICATIONS, DEFAULT_EXPIRATION, FEATURES, Image, parse_id
from .reader import Document, Reader, common


def image(entity: Image, *, usage: bool = False) -> Document:
    """v1's response; ``usedby`` is null unless asked for and in use."""
    return {
        **common(entity),
        "url": entity.url,
        "features": sorted(entity.features),
        "expirationDate": times.write(entity.expires_at),
        "classification": entity.classification,
        "usedby": list(entity.used_by) if usage and entity.used_by else None,
    }


def image_state(entity: Image) -> Document:
    """For the state file: with usage and labels."""
    return {**image(entity, usage=True), "labels": dict(entity.labels), "generation": entity.generation}


def read_image(document: Document, default_expiration_from: Any) -> Image:
    """From the state file. Only ``id`` and ``url`` are needed."""
    read = Reader(document, "image")
    entity = Image(
        **read.common(),
        url=read.text("url", needed=True),
        features=frozenset(read.texts("features")),
        classification=read.text("classification") or "preview",
        expires_at=read.time("expirationDate") or default_expiration_from + DEFAULT_EXPIRATION,
        labels=read.labels(),
        used_by=tuple(read.texts("usedby")),
    )
    read.finish()
    parse_id(entity.id)
    check_classification(entity.classification)
    for feature in entity.features:
        check_feature(feature)
    return entity


def check_classification(text: str) -> str:
    """The classification; ValueError with the server's wording."""
    if text not in CLASSIFICATIONS:
        raise ValueError(f"given versionclassification is not valid:{text}")
    return text


def check_feature(text: str) -> str:
    """The feature; ValueError with the server's wording."""
    if text not in FEATURES:
        raise ValueError(f"unknown ImageFeatureType:{text}")
    return text
