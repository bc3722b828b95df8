# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from the metal-api what to cache, and refuse answers that would empty the cache.

Works for both generations of the API: ``GET /v1/image`` and ``GET /v1/partition``, or ``ImageService/List`` and
``PartitionService/List`` of metalstack.api.v2. Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from .._errors import ApiError
from .._http import HttpClient, RetryPolicy
from .._metal.auth import BearerAuth, HmacAuth
from .._metal.image import list_images
from .._metal.partition import list_partitions
from .._metal.v1 import MetalV1
from .._metal.v2 import MetalV2
from .planner import IMAGE, candidates

if TYPE_CHECKING:
    from datetime import datetime

    from .._metal.image import Image
    from .._metal.partition import Partition
    from .config import Config, SourceConfig
    from .planner import CandidateSet

MetalApi = Union[MetalV1, MetalV2]


class SourceError(Exception):
    """What the metal-api says cannot be used, so nothing that is served may change. The text is one sentence.

    ``failure`` is the structured form of an API error (status, code, message, request) without secrets, else None.
    """

    def __init__(self, message: str, failure: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True)
class SourceResult:
    """What the metal-api says.

    ``partitions`` is None when they cannot be had or this partition is not among them; ``partitions_problem`` then says
    why in one sentence, and what is served of kernels and boot images has to stay. ``candidates`` are the files that
    may be cached. ``warnings`` are sentences about what an operator should look at.
    """

    images: tuple[Image, ...]
    partitions: tuple[Partition, ...] | None
    partitions_problem: str | None
    candidates: CandidateSet
    warnings: tuple[str, ...]


def connect(
    source: SourceConfig, *, hmac: str | None = None, token: str | None = None, retry: RetryPolicy | None = None
) -> MetalApi:
    """Return the client for ``source``. ``hmac`` is a key (v1 only), ``token`` an OIDC token (v1) or an API token (v2).

    Nothing is sent yet. Raises :class:`SourceError` when the credential that this API needs is not there.
    """
    http = HttpClient(tls=source.tls, timeout=source.timeout, retry=retry or RetryPolicy())
    try:
        if source.api == "v2":
            if not token:
                raise SourceError("The metal-api v2 needs a token, and there is none.")
            return MetalV2(source.url, BearerAuth(token), http)
        if token:
            return MetalV1(source.url, BearerAuth(token), http)
        if hmac:
            return MetalV1(source.url, HmacAuth(hmac, source.hmac_user), http)
    except ValueError as error:
        # a token with a line break in it, say; the sentence does not repeat it
        raise SourceError(str(error)) from None
    raise SourceError("The metal-api v1 needs an HMAC key or a token, and there is neither.")


def read_source(api: MetalApi, config: Config, now: datetime) -> SourceResult:
    """Read images and partitions, and say which files may be cached.

    Raises :class:`SourceError` when the images cannot be read, when there are none, or when expiry, excludes and
    addresses leave none of them (a wrong clock does that): all of these must not empty a cache. The option
    ``allow_empty`` permits the last two. A problem with the partitions is never fatal.
    """
    try:
        listed = list_images(api)
    except ApiError as error:
        raise SourceError(f"The images of the metal-api cannot be read: {error}", error.failure()) from error
    warnings = [f"The image {name} is left out: {reason}" for name, reason in listed.skipped]
    images = tuple(listed.images)
    if not images and not config.allow_empty:
        unusable = f" that can be understood, but {len(listed.skipped)} others" if listed.skipped else ""
        raise SourceError(
            f"The metal-api gave no images{unusable}, so nothing is changed; if that is right, set allow_empty."
        )

    partitions, problem = _partitions(api, config)
    found = candidates(images, partitions, config, now)
    left = [candidate for candidate in found.candidates if candidate.kind == IMAGE]
    names = {image.id for image in images}
    if images and not left and not config.allow_empty:
        name, reason = next(((what, why) for what, why in found.skipped if what in names), ("", ""))
        raise SourceError(
            f"None of the {len(images)} images of the metal-api is left to cache, so nothing is changed: "
            f"check the clock, excludes and intercept_domains (for example, {name}: {reason})."
        )

    past = [candidate for candidate in left if candidate.url.startswith("https:")]
    if past:
        warnings.append(
            f"Machines fetch {len(past)} images past the cache, because their addresses in the metal-api start with "
            f"https:// instead of http:// (for example, {past[0].image_id})."
        )
    return SourceResult(images, partitions, problem, found, tuple(warnings))


def _partitions(api: MetalApi, config: Config) -> tuple[tuple[Partition, ...] | None, str | None]:
    """Return (partitions, None), or (None, why they cannot be used)."""
    if not (config.kernels or config.boot_images):
        return (), None
    try:
        partitions = tuple(list_partitions(api))
    except ApiError as error:
        return None, f"The partitions of the metal-api cannot be read: {error}"
    names = sorted(partition.id for partition in partitions)
    if config.partition in names:
        return partitions, None
    return None, unknown_partition(config.partition, names)


def unknown_partition(name: str, known: list[str]) -> str:
    """Return the sentence for a partition that the metal-api does not have."""
    return f"The metal-api does not know the partition {name}; it knows: {', '.join(known) or 'none at all'}."
