# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags where the metal-api v2 has labels: ``key=value``, or the key alone when the value is empty.

Private to the collection metalstack.provisioning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._errors import UsageError


def tags_to_labels(tags: Iterable[str]) -> dict[str, str]:
    """Return tags as labels."""
    return {key: value for key, _equals, value in (tag.partition("=") for tag in tags)}


def labels_to_tags(labels: Mapping[str, str]) -> tuple[str, ...]:
    """Return labels as tags, sorted, without an empty one."""
    return tuple(sorted(f"{key}={value}" if value else key for key, value in labels.items() if key or value))


def label_tags(option: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of a user as they will come back. Raises UsageError when a key has several values."""
    found: dict[str, str] = {}
    twice = set()
    for tag in tags:
        key, _equals, value = tag.partition("=")
        if found.setdefault(key, value) != value:
            twice.add(key)
    if twice:
        raise UsageError(
            f"{option} has {', '.join(sorted(twice))} more than once, but v2 knows labels only: one value for a key."
        )
    return labels_to_tags(found)


def merged_label_tags(kept: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return both together; of a key in both, the wanted value."""
    return labels_to_tags({**tags_to_labels(kept), **tags_to_labels(wanted)})
