# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API takes as names and descriptions. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import re

from .._errors import UsageError

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,253}", re.ASCII)
# As CSI drivers take them, so that storage classes can use every project that we make.
_PROJECT = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", re.ASCII)
_LONGEST = 256


def check_name(option: str, name: str | None) -> None:
    """Raise UsageError when a volume, a snapshot or a policy cannot be called so."""
    if not name or not _NAME.fullmatch(name):
        raise UsageError(
            f"{option} is {name!r}, but such a name has at most 253 letters, digits, dots, dashes and underscores."
        )


def check_project_name(option: str, name: str) -> None:
    """Raise UsageError when a project cannot be called so."""
    if not _PROJECT.fullmatch(name):
        raise UsageError(
            f"{option} is {name!r}, but a project's name has at most 63 lower-case letters, digits, dots and dashes, "
            "and begins and ends with a letter or a digit."
        )


def check_description(description: str | None) -> None:
    """Raise UsageError when a description is too long."""
    if len((description or "").encode()) > _LONGEST:
        raise UsageError(f"description has more than {_LONGEST} bytes, which is the most that the API takes.")
