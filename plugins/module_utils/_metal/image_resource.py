# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as they should be: ``PUT``, ``POST`` and ``DELETE /v1/image`` of the metal-api v1, all with the admin key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

from .._errors import ProtocolError, UsageError
from .._values import text, timestamp, write_timestamp
from .by_id import ByIdResource, convert_all, get_by_id
from .image import Image, ImageList, from_v1, parse_image_id

if TYPE_CHECKING:
    from .v1 import MetalV1

_URL = re.compile(r"https?://[^/\s]+\S*")
_SHOWN = 5
# Options of a user and fields of the API.
_FIELDS = {
    "url": "url",
    "name": "name",
    "description": "description",
    "features": "features",
    "classification": "classification",
    "expiration_date": "expirationDate",
}


def get_image(api: MetalV1, id: str, *, usage: bool = False) -> Image | None:  # noqa: A002
    """Return the image of exactly that id, None when there is none; with ``usage`` also what uses it."""
    if not usage:
        return get_by_id(api, "/v1/image", id, _convert)
    path = "/v1/image/find"
    items = api.post(path, {"id": id}, query={"show-usage": "true"}, idempotent=True) or []
    return next(iter(convert_all(items, path, _convert)), None)


def find_image(listed: ImageList, id: str) -> Image | None:  # noqa: A002
    """Return the image of exactly that id. Raises ProtocolError if it is there, but cannot be understood."""
    found = listed.by_id.get(id)
    if found is not None:
        return found
    for name, reason in listed.skipped:
        if name == id:
            raise ProtocolError(f"The image {id} of the metal-api cannot be understood: {reason}")
    return None


def _convert(item: Mapping[str, Any]) -> Image:
    return from_v1(text(item, "id"), item)


class ImageResource(ByIdResource[Image]):
    """One image. ``wanted`` has ``id``, ``state`` and the fields of an image; ``read`` finds an image by its id.

    An image that is to be deleted should be read with what uses it.
    """

    kind = "image"
    path = "/v1/image"

    def __init__(self, api: MetalV1, wanted: Mapping[str, Any], read: Callable[[str], Image | None]) -> None:
        super().__init__(api, wanted)
        self._read = read
        self._users: Sequence[str] = ()

    def read(self) -> Image | None:
        """Return the image of exactly that id."""
        found = self._read(self._id)
        self._users = found.used_by if found is not None else ()
        return found

    def show(self, actual: Image) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def check_deletion(self) -> None:
        """Refuse what the API would refuse."""
        if self._users:
            names = ", ".join([*sorted(self._users)[:_SHOWN], *(["..."] if len(self._users) > _SHOWN else [])])
            raise UsageError(
                f"state is absent, but {self.label} is used by {len(self._users)} machine(s), which have to be freed "
                f"or installed with another one first: {names}."
            )

    def normal(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields as :meth:`Image.as_dict` has them. Raises UsageError."""
        try:
            parse_image_id(self._id)
        except ValueError as error:
            raise UsageError(f"id: {error}.") from None
        values = {name: wanted.get(name) for name in _FIELDS}
        if values["url"] is not None and not _URL.fullmatch(values["url"]):
            raise UsageError(
                f"url of {self.label} is {values['url']!r}, which is not an address like http://host/path."
            )
        if values["features"] is not None:
            values["features"] = sorted(set(values["features"]))
            if not values["features"]:
                raise UsageError(
                    f"features of {self.label} is empty: an image is for machines, for firewalls, or for both."
                )
        if values["expiration_date"] is not None:
            values["expiration_date"] = self._expiration(values["expiration_date"])
        return values

    def _expiration(self, given: str) -> str:
        try:
            expires = timestamp(given)
        except ValueError as error:
            raise UsageError(f"expiration_date of {self.label}: {error}.") from None
        if expires is None:
            raise UsageError(f"expiration_date of {self.label} is empty; leave it out to keep it as it is.")
        # the database keeps milliseconds
        return write_timestamp(expires.replace(microsecond=expires.microsecond // 1000 * 1000))

    def new(self) -> dict[str, Any]:
        """Return what a new image has where nothing is given, except for its expiration, which the API chooses."""
        self.needed("url", "features")
        os, major, minor, patch = parse_image_id(self._id)
        version = f"{major}.{minor}.{patch}"
        return {"os": os, "version": version, "name": "", "description": "", "classification": "preview"}

    def body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request."""
        return {_FIELDS[name]: value for name, value in values.items()}
