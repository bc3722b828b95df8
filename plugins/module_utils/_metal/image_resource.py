# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as they should be: ``PUT``, ``POST`` and ``DELETE /v1/image`` of the metal-api v1, all with the admin key.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import quote

from .._errors import NotFoundError, UsageError
from .._reconcile import Plan, Resource, Step, changes
from .image import Image, from_v1, parse_image_id
from .values import timestamp, write_timestamp

if TYPE_CHECKING:
    from .v1 import MetalV1

# Options of a user and fields of the API.
_FIELDS = {
    "url": "url",
    "name": "name",
    "description": "description",
    "features": "features",
    "classification": "classification",
    "expiration_date": "expirationDate",
}


def get_image(api: MetalV1, id: str) -> Image | None:  # noqa: A002
    """Return the image of exactly that id (``GET /v1/image/{id}``), None when there is none."""
    try:
        return from_v1(id, api.get(f"/v1/image/{quote(id, safe='')}"))
    except NotFoundError:
        return None


class ImageResource(Resource[Image]):
    """One image. ``wanted`` has ``id``, ``state`` and the fields of an image; ``read`` finds an image by its id."""

    def __init__(self, api: MetalV1, wanted: Mapping[str, Any], read: Callable[[str], Image | None]) -> None:
        self._api = api
        self._id: str = wanted["id"]
        self._absent = wanted.get("state") == "absent"
        self._wanted = _normal(wanted)
        self._read = read
        self.label = f"the image {self._id}"

    def read(self) -> Image | None:
        """Return the image of exactly that id."""
        return self._read(self._id)

    def show(self, actual: Image) -> dict[str, Any]:
        """Return it in the collection's words."""
        return actual.as_dict()

    def plan(self, actual: Image | None) -> Plan:
        """Create, update or delete."""
        before = None if actual is None else actual.as_dict()
        if self._absent:
            steps = () if before is None else (Step(f"delete {self.label}", self._delete),)
            return Plan(before, None, steps)
        if before is None:
            return self._creation()
        changed = changes(before, self._wanted)
        if not changed:
            return Plan(before, before)
        what = ", ".join(sorted(changed))
        step = Step(f"update {self.label}: {what}", lambda: self._api.post("/v1/image", self._body(changed)))
        return Plan(before, {**before, **changed}, (step,))

    def _creation(self) -> Plan:
        for option in ("url", "features"):
            if not self._wanted[option]:
                raise UsageError(
                    f"{option} is missing: {self.label} does not exist yet, and cannot be created without it."
                )
        os, major, minor, patch = parse_image_id(self._id)
        after = {
            "id": self._id,
            "os": os,
            "version": f"{major}.{minor}.{patch}",
            "name": "",
            "description": "",
            "classification": "preview",
            **{name: value for name, value in self._wanted.items() if value is not None},
        }
        step = Step(f"create {self.label}", lambda: self._api.put("/v1/image", self._body(self._wanted)))
        return Plan(None, after, (step,))

    def _body(self, values: Mapping[str, Any]) -> dict[str, Any]:
        fields = {_FIELDS[name]: value for name, value in values.items() if value is not None}
        return {"id": self._id, **fields}

    def _delete(self) -> None:
        try:
            self._api.delete(f"/v1/image/{quote(self._id, safe='')}")
        except NotFoundError:
            # somebody else, or the first of two attempts, was faster
            return


def _normal(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields as :meth:`Image.as_dict` has them. Raises UsageError."""
    try:
        parse_image_id(wanted["id"])
    except ValueError as error:
        raise UsageError(f"id: {error}.") from None
    values = {name: wanted.get(name) for name in _FIELDS}
    if values["features"] is not None:
        values["features"] = sorted(set(values["features"]))
        if not values["features"]:
            raise UsageError("features is empty: an image is for machines, for firewalls, or for both.")
    if values["expiration_date"] is not None:
        try:
            expires = timestamp(values["expiration_date"])
        except ValueError as error:
            raise UsageError(f"expiration_date: {error}.") from None
        if expires is None:
            raise UsageError("expiration_date is empty; leave it out to keep it as it is.")
        values["expiration_date"] = write_timestamp(expires)
    return values
