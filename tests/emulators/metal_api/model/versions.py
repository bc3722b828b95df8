# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints on versions of images, as filesystem layouts have them: ``*``, ``24.04``, ``>= 3.0``, ``~ 24.04``."""

from __future__ import annotations

import re

from .image import Version

OPERATORS = ("=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")

_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def parse(constraint: str) -> tuple[str, Version, int]:
    """Operator (perhaps empty), version, and how many of its three numbers are given.

    ValueError with the server's wording when it is none.
    """
    operator, space, text = constraint.partition(" ")
    if not space:
        operator, text = "", constraint
    elif operator not in OPERATORS:
        raise ValueError(f"given imageconstraint op:{operator} is not supported")
    match = _VERSION.fullmatch(text)
    if not match and not space:
        raise ValueError(
            f"given imageconstraint:{text} is not valid, missing space between op and version? invalid semantic version"
        )
    if not match:
        raise ValueError(f"given version:{text} is not valid:invalid semantic version")
    major, minor, patch = (int(part or 0) for part in match.groups())
    return operator, (major, minor, patch), sum(part is not None for part in match.groups())


def satisfies(version: Version, constraint: str) -> bool:
    """Whether a version keeps to a constraint; numbers that the constraint leaves out may be anything."""
    if constraint.strip() == "*":
        return True
    operator, wanted, given = parse(constraint)
    if operator in ("", "="):
        return version[:given] == wanted[:given]
    if operator == "!=":
        return version[:given] != wanted[:given]
    if operator == ">":
        return version[:given] > wanted[:given]
    if operator in ("<=", "=<"):
        return version[:given] <= wanted[:given]
    if operator == "<":
        return version < wanted
    if version < wanted:
        return False
    if operator in ("~", "~>"):
        fixed = min(given, 2)
        return version[:fixed] == wanted[:fixed]
    if operator == "^":
        fixed = next((index + 1 for index, number in enumerate(wanted) if number), given)
        return version[:fixed] == wanted[:fixed]
    return True


def collide(one: str, other: str) -> bool:
    """Whether two different constraints may hold for the same version, by the server's test."""
    if "*" in (one.strip(), other.strip()):
        return True
    if one == other:
        return False
    return satisfies(parse(other)[1], one) and satisfies(parse(one)[1], other)
