# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""v2: ImageService."""

from __future__ import annotations

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from metalstack.api.v2 import image_pb2  # type: ignore[import-untyped]

from ..model import image as model
from ..model.image import Image
from ..model.table import NotFoundError
from . import call
from .call import Call, Message, Services

FEATURES = {name: image_pb2.ImageFeature.Value(f"IMAGE_FEATURE_{name.upper()}") for name in model.FEATURES}
CLASSIFICATIONS = {
    name: image_pb2.ImageClassification.Value(f"IMAGE_CLASSIFICATION_{name.upper()}") for name in model.CLASSIFICATIONS
}


def _list(ask: Call) -> Message:
    query = call.optional(ask.request, "query")
    images = (image for image in ask.state.images if query is None or _matches(image, query))
    return image_pb2.ImageServiceListResponse(images=[message(image) for image in model.newest_first(images)])


def _get(ask: Call) -> Message:
    try:
        return image_pb2.ImageServiceGetResponse(image=message(ask.state.images.get(ask.request.id)))
    except NotFoundError as error:
        call.not_found(error)


def _latest(ask: Call) -> Message:
    wanted = call.optional(ask.request, "classification")
    images = [image for image in ask.state.images if wanted in (None, CLASSIFICATIONS[image.classification])]
    try:
        found = model.latest(images, ask.request.os)
    except ValueError as error:
        raise ConnectError(Code.INTERNAL, str(error)) from error
    if found is None:
        os, version = model.parse_id(ask.request.os)
        raise ConnectError(Code.NOT_FOUND, f"no image for os:{os} version:{model.version_text(version)} found")
    return image_pb2.ImageServiceLatestResponse(image=message(found))


def message(image: Image) -> Message:
    """An image."""
    return image_pb2.Image(
        id=image.id,
        meta=call.meta(image, dict(image.labels)),
        url=image.url,
        name=image.name,
        description=image.description,
        features=[FEATURES[feature] for feature in sorted(image.features)],
        classification=CLASSIFICATIONS[image.classification],
        expires_at=image.expires_at,
    )


def _matches(image: Image, query: Message) -> bool:
    has = {
        "id": image.id,
        "os": image.os,
        "version": model.version_text(image.version),
        "name": image.name,
        "description": image.description,
        "url": image.url,
        "classification": CLASSIFICATIONS[image.classification],
    }
    feature = call.optional(query, "feature")
    return (
        all(call.optional(query, field) in (None, value) for field, value in has.items())
        and (feature is None or feature in {FEATURES[name] for name in image.features})
        and call.has_labels(dict(image.labels), query)
    )


SERVICES: Services = {"metalstack.api.v2.ImageService": {"List": _list, "Get": _get, "Latest": _latest}}
