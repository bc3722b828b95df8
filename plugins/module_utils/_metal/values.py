# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as only the metal-api writes them. Private to the collection metalstack.provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._errors import UsageError
from .._units import shown
from .._values import mapping


def labels(item: Mapping[str, Any], key: str = "labels") -> dict[str, str]:
    """Return a map of texts, empty when there is none."""
    value = mapping(item, key)
    if not all(isinstance(entry, str) for entry in value.values()):
        raise ValueError(f"its {key} are not a map of text")
    return dict(value)


def enum_name(name: str, prefix: str) -> str:
    """Return how v1 and users write an enumeration value of v2: ``IMAGE_FEATURE_MACHINE`` is ``machine``."""
    short = name[len(prefix) :] if name.startswith(prefix) else name
    return "" if short == "UNSPECIFIED" else short.lower()


def given_labels(value: Mapping[str, Any] | None) -> dict[str, str] | None:
    """Return a map of a user as the API stores it, all values text; None for none. Raises UsageError."""
    if value is None:
        return None
    words = {True: "true", False: "false", None: ""}
    found = {}
    for key, one in value.items():
        if isinstance(one, (Mapping, list)):
            raise UsageError(f"{key} is to be {shown(one)}, but the values of labels and the like are text.")
        found[str(key)] = words[one] if isinstance(one, bool) or one is None else str(one)
    return found


def v2_labels(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of an entity of v2, which are ``meta.labels.labels``. Raises ValueError."""
    return labels(mapping(mapping(item, "meta"), "labels"))
