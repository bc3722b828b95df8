# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image a shorthand like ubuntu-24.04 means. Private to metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ..module_utils._errors import UsageError
from ..module_utils._metal.image import image_matches, parse_image_id
from ..module_utils._values import timestamp


def latest_image(
    shorthand: Any,
    images: Any,
    *,
    feature: str | None = None,
    classification: Any = None,
    expired: bool = False,
    now: datetime | None = None,
) -> str | None:
    """Return the id of the newest image that ``shorthand`` means, None when there is none.

    As the metal-api does it: with a patch it is exactly that image, without one the newest of ``<major>.<minor>``.
    ``images`` are images of metal_image_info, of the API, or ids. Raises UsageError.
    """
    try:
        parse_image_id(shorthand)
    except (ValueError, AttributeError):
        raise UsageError(f"{shorthand!r} is neither the id of an image nor a shorthand like ubuntu-24.04.") from None
    if not isinstance(images, Sequence) or isinstance(images, str):
        raise UsageError("images is not a list: give the images of metal_image_info.")
    wanted = {classification} if isinstance(classification, str) else set(classification or ())
    today = now or datetime.now(timezone.utc)
    newest: tuple[int, str] | None = None
    for image in images:
        known = image if isinstance(image, Mapping) else {"id": image}
        name = known.get("id")
        try:
            patch = parse_image_id(str(name))[3]
            expires = timestamp(known.get("expiration_date") or known.get("expirationDate"))
        except ValueError:
            # somebody else's image, with a name that the API takes all the same
            continue
        if not image_matches(shorthand, str(name)):
            continue
        if feature is not None and feature not in (known.get("features") or ()):
            continue
        if wanted and known.get("classification") not in wanted:
            continue
        if not expired and expires is not None and expires <= today:
            continue
        if newest is None or patch > newest[0]:
            newest = (patch, str(name))
    return None if newest is None else newest[1]
