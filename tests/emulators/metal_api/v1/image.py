# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v1: images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import documents
from ..documents import Document
from ..model import image as model
from ..model import times
from ..model.image import Image
from ..model.table import NotFoundError
from .call import BadRequestError, Call, Operation, UnprocessableError


def _document(call: Call, image: Image, *, usage: bool) -> Document:
    """With ``usage`` the machines that have it, those of the state and those that were allocated."""
    if usage:
        image = replace(image, used_by=tuple(call.state.image_users(image)))
    return documents.image(image, usage=usage)


def _list(call: Call) -> list[Document]:
    usage = call.flag("show-usage")
    return [_document(call, image, usage=usage) for image in call.state.images]


def _get(call: Call) -> Document:
    return documents.image(call.state.images.get(call.path["id"]))


def _query(call: Call) -> list[Document]:
    wanted = call.path["id"]
    try:
        return [documents.image(image) for image in model.matching(call.state.images, wanted)]
    except ValueError as error:
        raise NotFoundError(f"no images for id:{wanted} found:{error}") from error


def _latest(call: Call) -> Document:
    wanted = call.path["id"]
    try:
        os, version = model.parse_id(wanted)
    except ValueError as error:
        raise NotFoundError(f"no image for id:{wanted} found:{error}") from error
    image = model.latest(call.state.images, wanted)
    if image is None:
        reason = f"no image for os:{os} version:{model.version_text(version)} found"
        raise NotFoundError(f"no image for id:{wanted} found:{reason}")
    return documents.image(image)


def _find(call: Call) -> list[Document]:
    usage = call.flag("show-usage")
    wanted = {name: call.text(name) for name in ("id", "name", "os", "version", "classification")}
    features = set(call.items("features") or ())

    def matches(image: Image) -> bool:
        has = {
            "id": image.id,
            "name": image.name,
            "os": image.os,
            "version": model.version_text(image.version),
            "classification": image.classification,
        }
        return features <= image.features and all(wanted[key] in (None, has[key]) for key in wanted)

    return [_document(call, image, usage=usage) for image in call.state.images if matches(image)]


def _create(call: Call) -> Document:
    image_id, url = call.text("id") or "", call.text("url") or ""
    if not image_id:
        raise BadRequestError("id should not be empty")
    if not url:
        raise BadRequestError("url should not be empty")
    expires_at = _expiration(call)
    if expires_at is None or expires_at.year == 1:
        expires_at = call.state.clock.now() + model.DEFAULT_EXPIRATION
    try:
        features = frozenset(documents.check_feature(str(item)) for item in call.items("features") or ())
        model.parse_id(image_id)
        classification = documents.check_classification(_or(call.text("classification"), "preview"))
        call.state.check_url(image_id, url)
    except ValueError as error:
        raise BadRequestError(error) from error
    image = Image(
        id=image_id,
        name=call.text("name") or "",
        description=call.text("description") or "",
        url=url,
        features=features,
        classification=classification,
        expires_at=expires_at,
    )
    return documents.image(call.state.images.create(image))


def _update(call: Call) -> Document:
    old = call.state.images.get(call.text("id") or "")
    url = call.text("url")
    try:
        if url is not None:
            call.state.check_url(old.id, url)
        features = frozenset(documents.check_feature(str(item)) for item in call.items("features") or ())
        classification = documents.check_classification(_or(call.text("classification"), old.classification))
    except ValueError as error:
        raise BadRequestError(error) from error
    new = replace(
        old,
        name=_or(call.text("name"), old.name),
        description=_or(call.text("description"), old.description),
        url=_or(url, old.url),
        features=features or old.features,
        classification=classification,
        expires_at=_expiration(call) or old.expires_at,
    )
    return documents.image(call.state.images.replace(old, new, race=call.race))


def _delete(call: Call) -> Document:
    image = call.state.images.get(call.path["id"])
    users = call.state.image_users(image)
    if users:
        raise UnprocessableError(f"image {image.id} is in use by machines:[{' '.join(users)}]")
    return documents.image(call.state.images.delete(image.id))


def _expiration(call: Call) -> Any:
    text = call.text("expirationDate")
    if text is None:
        return None
    try:
        return times.parse(text)
    except ValueError as error:
        raise BadRequestError(f'parsing time "{text}" as RFC 3339: {error}') from error


def _or(value: str | None, default: str) -> str:
    return default if value is None else value


OPERATIONS = (
    Operation("GET", "/v1/image", _list),
    Operation("POST", "/v1/image/find", _find, role="view"),
    Operation("GET", "/v1/image/{id}", _get),
    Operation("GET", "/v1/image/{id}/query", _query),
    Operation("GET", "/v1/image/{id}/latest", _latest),
    Operation("PUT", "/v1/image", _create, role="admin", status=201),
    Operation("POST", "/v1/image", _update, role="admin"),
    Operation("DELETE", "/v1/image/{id}", _delete, role="admin"),
)
