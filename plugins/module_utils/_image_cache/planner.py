# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cache host should have: pure functions of the metal-api's answers, the policy and the time.

Nothing here reads the disk, the network or the clock, so every rule can be tested by its properties.
Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .._units import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from .._metal.image import Image
    from .._metal.partition import Partition
    from .config import Config, Policy

KERNEL = "kernel"
BOOT_IMAGE = "boot-image"
IMAGE = "image"
_KINDS = (KERNEL, BOOT_IMAGE, IMAGE)
# The checksum beside each file has this ending, so no file itself may have it.
_SIDECAR = ".md5"


@dataclass(frozen=True)
class Candidate:
    """One file that may be cached.

    ``url`` is as the API gives it, ``key`` is ``host/path`` of the file served, unescaped, host in lower case.
    ``kind`` is ``image``, ``kernel`` or ``boot-image``; the next four are None for all but images.
    ``variant`` is os and major.minor as the image id spells them (``ubuntu-24.04``); the minimum, the maximum and the
    size bound count by it. ``size`` is in bytes, None while it is not known.
    """

    url: str
    key: str
    kind: str
    image_id: str | None = None
    variant: str | None = None
    version: tuple[int, int, int] | None = None
    expires_at: datetime | None = None
    size: int | None = None


@dataclass(frozen=True)
class CandidateSet:
    """``candidates`` have unique keys and a stable order; ``skipped`` are pairs (image id or file, reason)."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Plan:
    """The result of :func:`plan`.

    ``wanted`` is in the order in which it should be fetched: kernels and boot images, then the newest image of every
    variant, then the second newest of every variant, and so on. ``dropped`` holds what the policy leaves out, with the
    reason, in the order of the decisions. ``total_bytes`` adds up the known sizes of ``wanted``; ``over_budget_bytes``
    is by how much they exceed the maximum cache size because the minimum per variant demands it.
    ``unknown_sizes`` counts the wanted files without a size: the bound is only proven when it is 0.
    """

    wanted: tuple[Candidate, ...]
    dropped: tuple[tuple[Candidate, str], ...]
    total_bytes: int
    over_budget_bytes: int
    unknown_sizes: int


def candidates(
    images: Iterable[Image], partitions: Iterable[Partition] | None, config: Config, now: datetime
) -> CandidateSet:
    """Return the files that may be cached, and what is left out with the reason.

    Left out are addresses that contain one of the excludes (of every kind), expired images, hosts that are not
    intercepted, addresses that cannot be served as a file, and files that another candidate provides already.
    ``partitions`` may be None when they are not known; ``now`` is aware of its time zone.
    """
    skipped: list[tuple[str, str]] = []
    found: list[tuple[str, Candidate]] = []

    for image in images:
        if image.expires_at is not None and now - image.expires_at > config.policy.expiration_grace:
            skipped.append((image.id, f"expired at {image.expires_at.isoformat()}"))
            continue
        key, reason = _key(image.url, config)
        if reason:
            skipped.append((image.id, reason))
            continue
        version = (image.major, image.minor, image.patch)
        found.append((image.id, Candidate(image.url, key, IMAGE, image.id, variant(image), version, image.expires_at)))

    for partition in partitions or ():
        if config.boot_partitions == "this" and partition.id != config.partition:
            continue
        for kind, enabled, url in (
            (KERNEL, config.kernels, partition.kernel_url),
            (BOOT_IMAGE, config.boot_images, partition.image_url),
        ):
            if not enabled:
                continue
            what = f"{kind} of partition {partition.id}"
            key, reason = _key(url, config)
            if reason:
                skipped.append((what, reason))
            else:
                found.append((what, Candidate(url, key, kind)))

    unique = _unique(found, skipped)
    return CandidateSet(tuple(unique), tuple(sorted(set(skipped))))


def variant(image: Image) -> str:
    """Return os and major.minor in the spelling of the image id: ``ubuntu-24.04`` for ``ubuntu-24.04.20251010``."""
    os, _dash, version = image.id.rpartition("-")
    return f"{os}-{'.'.join(version.split('.')[:2])}"


def plan(candidates: Iterable[Candidate], policy: Policy) -> Plan:
    """Decide what a cache host should have.

    Kernels and boot images always stay, and count. Of each variant the newest ``max_images_per_name`` images stay.
    While all together are larger than ``max_cache_size``, the variant with the most images (then the most bytes, then
    the first name) loses its oldest image, as long as it has more than ``min_images_per_name``.

    A size that is not known counts as 0 bytes: nothing is dropped on a guess. Plan again when sizes become known.
    The result does not depend on the order of ``candidates``. Raises ValueError when two of them have the same key.
    """
    every = sorted(candidates, key=_preference)
    if len({candidate.key for candidate in every}) != len(every):
        raise ValueError("two candidates have the same key")
    dropped: list[tuple[Candidate, str]] = []
    wanted = [candidate for candidate in every if candidate.kind != IMAGE]
    # newest first
    variants: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in every:
        if candidate.kind == IMAGE:
            variants[candidate.variant or ""].append(candidate)

    maximum = policy.max_images_per_name
    for name in sorted(variants):
        if maximum is not None:
            dropped += [(old, f"more than {maximum} images of {name}") for old in reversed(variants[name][maximum:])]
            del variants[name][maximum:]

    total = sum(_size(candidate) for candidate in wanted)
    bytes_of = {name: sum(_size(candidate) for candidate in members) for name, members in variants.items()}
    total += sum(bytes_of.values())
    limit = policy.max_cache_size
    while limit is not None and total > limit:
        reducible = [name for name, members in variants.items() if len(members) > policy.min_images_per_name]
        if not reducible:
            break
        largest = min(reducible, key=lambda name: (-len(variants[name]), -bytes_of[name], name))
        oldest = variants[largest].pop()
        bytes_of[largest] -= _size(oldest)
        total -= _size(oldest)
        dropped.append((oldest, f"the cache would be larger than {limit} bytes"))

    ranked = [(rank, name, image) for name, members in variants.items() for rank, image in enumerate(members)]
    wanted += [image for _rank, _name, image in sorted(ranked, key=lambda item: item[:2])]
    return Plan(
        wanted=tuple(wanted),
        dropped=tuple(dropped),
        total_bytes=total,
        over_budget_bytes=max(0, total - limit) if limit is not None else 0,
        unknown_sizes=sum(candidate.size is None for candidate in wanted),
    )


def _ends(candidate: Candidate) -> float:
    """Order by the end of life, latest first; no end is the latest."""
    return float("-inf") if candidate.expires_at is None else -candidate.expires_at.timestamp()


def _size(candidate: Candidate) -> int:
    return candidate.size or 0


def _preference(candidate: Candidate) -> tuple[object, ...]:
    """Order by kind, then newest first, then by names, so that there are no ties between different files."""
    version = candidate.version or (0, 0, 0)
    return (_KINDS.index(candidate.kind), *(-part for part in version), candidate.image_id or "", candidate.key)


def _unique(found: Sequence[tuple[str, Candidate]], skipped: list[tuple[str, str]]) -> list[Candidate]:
    """Return one candidate for each file, and no file that would need another file as its directory."""
    chosen: dict[str, tuple[str, Candidate]] = {}
    # of the same image listed twice, the entry that lasts longest counts
    for what, candidate in sorted(found, key=lambda item: (_preference(item[1]), item[0], item[1].url, _ends(item[1]))):
        if candidate.key not in chosen:
            chosen[candidate.key] = (what, candidate)
        elif candidate.kind == IMAGE:
            # partitions sharing a kernel are the normal case and not worth a word
            skipped.append((what, f"has the same file as {chosen[candidate.key][0]}"))
    taken = {name: what for key, (what, _candidate) in chosen.items() for name in (key, key + _SIDECAR)}
    result = []
    for key, (what, candidate) in chosen.items():
        parts = key.split("/")
        above = next((taken[p] for p in ("/".join(parts[:n]) for n in range(2, len(parts))) if p in taken), None)
        if above is None:
            result.append(candidate)
        else:
            skipped.append((what, f"its path lies below the file of {above}"))
    return result


def _key(url: str, config: Config) -> tuple[str, str]:
    """Return (key, "") of the file that nginx would serve for ``url``, or ("", why there can be none)."""
    if not url:
        return "", "has no address"
    for exclude in config.policy.excludes:
        if exclude in url:
            return "", f"excluded by {shown(exclude)}"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return "", f"the address {shown(url)} has characters that an address cannot have"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "", f"the address {shown(url)} is not valid"
    if not url.startswith(("http://", "https://")) or not host:
        return "", f"the address {shown(url)} does not start with http://<host>/"
    if parts.netloc.lower() != host or "?" in url or "#" in url:
        return "", f"the address {shown(host + parts.path)} has a user, a port, a query or a fragment"
    if host not in config.intercept_domains:
        return "", f"the host {shown(host)} is not one of the intercepted domains"
    segments = [unquote(segment, errors="replace") for segment in parts.path.split("/")[1:]]
    if not all(_is_file_name(segment) for segment in segments) or not segments:
        return "", f"the path {shown(parts.path)} is not one of a file"
    if segments[-1].endswith(_SIDECAR):
        return "", f"the path {shown(parts.path)} is that of a checksum file"
    return "/".join([host, *segments]), ""


def _is_file_name(segment: str) -> bool:
    # 255 bytes are what file systems take, and the checksum file beside it has the longer name
    fits = 0 < len((segment + _SIDECAR).encode("utf-8", "replace")) <= 255
    return fits and segment not in ("", ".", "..") and segment.isprintable() and not set("/\\\ufffd") & set(segment)
