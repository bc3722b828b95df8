# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints on versions of images."""

from __future__ import annotations

import pytest

from tests.emulators.metal_api.model.versions import satisfies

OLD, NEW, NEXT, MAJOR = (24, 4, 20250101), (24, 4, 20251010), (24, 10, 20250101), (26, 4, 20260101)


@pytest.mark.parametrize(
    ("constraint", "kept"),
    [
        ("*", [OLD, NEW, NEXT, MAJOR]),
        ("24.04", [OLD, NEW]),
        ("24", [OLD, NEW, NEXT]),
        ("= 24.04.20250101", [OLD]),
        ("!= 24.04", [NEXT, MAJOR]),
        ("> 24.04", [NEXT, MAJOR]),
        ("> 24.04.20250101", [NEW, NEXT, MAJOR]),
        (">= 24.04.20251010", [NEW, NEXT, MAJOR]),
        ("< 24.10", [OLD, NEW]),
        ("<= 24.04", [OLD, NEW]),
        ("~ 24.04", [OLD, NEW]),
        ("~> 24.04.20251010", [NEW]),
        ("~ 24", [OLD, NEW, NEXT]),
        ("^ 24.04.20251010", [NEW, NEXT]),
    ],
)
def test_satisfies(constraint: str, kept: list[tuple[int, int, int]]) -> None:
    assert [version for version in (OLD, NEW, NEXT, MAJOR) if satisfies(version, constraint)] == kept
