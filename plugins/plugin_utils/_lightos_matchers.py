# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What expressions like `size >= gib(300)`, by which the installer chooses devices, say of a device.

Private to metalstack.provisioning.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

_EXPRESSION = re.compile(r"\s*(\w+)\s*(==|!=|>=|<=|>|<|=~|!~)\s*(.+?)\s*")
_SIZE = re.compile(r"(?:(gib|gb|tib|tb)\(\s*([0-9]+)\s*\)|([0-9]+))")
_TEXT = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'")
_UNITS = {"gib": 1 << 30, "tib": 1 << 40, "gb": 10**9, "tb": 10**12}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def matches(expression: str, device: Mapping[str, Any]) -> bool | None:
    """Return whether a device of storage_server_info fits; None for an expression that only the installer knows."""
    parts = _EXPRESSION.fullmatch(expression)
    if parts is None:
        return None
    field, comparison, value = parts.groups()
    if field == "partition" and value in ("true", "false") and comparison in ("==", "!="):
        has = any(user.startswith("partition ") for user in device["used_by"])
        return _COMPARE[comparison](has, value == "true")
    if field == "size" and comparison in _COMPARE:
        size = _SIZE.fullmatch(value)
        if size is None:
            return None
        wanted = int(size[3]) if size[3] else int(size[2]) * _UNITS[size[1]]
        return _COMPARE[comparison](device["size"], wanted)
    text = _TEXT.fullmatch(value)
    if field not in ("name", "model", "serial") or text is None:
        return None
    wanted_text = text[1] if text[1] is not None else text[2]
    actual = device[field] or ""
    if comparison in ("==", "!="):
        return _COMPARE[comparison](actual, wanted_text)
    if comparison not in ("=~", "!~"):
        return None
    try:
        found = re.search(wanted_text, actual) is not None
    except re.error:
        return None
    return found if comparison == "=~" else not found
