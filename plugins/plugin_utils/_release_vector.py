# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release vectors of metal-stack: YAML from files and addresses, merged. Private to metalstack.provisioning."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from ..module_utils._errors import UsageError
from ..module_utils._http import HttpClient

_CHECKSUM = re.compile(r"(sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128})", re.ASCII)
_LARGEST = 16 * 1024 * 1024


def download(http: HttpClient, url: str) -> bytes:
    """Return what is at an address. Raises :class:`~..module_utils._errors.ApiError`, UsageError."""
    answer = http.request("GET", url, redirects=5, max_body=_LARGEST)
    if answer.status != 200:
        raise UsageError(f"{answer.request} was answered with status {answer.status} instead of a release vector.")
    return answer.body


def check(source: str, content: bytes, checksum: str) -> None:
    """Compare with a checksum like ``sha256:...``. Raises UsageError."""
    if not isinstance(checksum, str) or not _CHECKSUM.fullmatch(checksum):
        raise UsageError(f"The checksum of {source} is not one like sha256:<64 hexadecimal digits>.")
    algorithm, _colon, wanted = checksum.partition(":")
    actual = hashlib.new(algorithm, content).hexdigest()
    if actual != wanted.lower():
        raise UsageError(f"{source} has the checksum {algorithm}:{actual}, but {checksum} was expected.")


def parse(source: str, content: bytes) -> dict[str, Any]:
    """Return the vector. Raises UsageError."""
    try:
        vector = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise UsageError(f"{source} is not YAML{line}.") from None
    if not isinstance(vector, dict):
        raise UsageError(f"{source} is YAML, but not a dictionary as a release vector is.")
    return vector


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both, dictionaries within each other; of anything else that is in both, that of ``above``."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def ask(vector: Mapping[str, Any], query: str) -> Any:
    """Return what a JMESPath query finds, None for nothing. Raises UsageError."""
    try:
        jmespath: Any = importlib.import_module("jmespath")
    except ImportError:
        raise UsageError("A query needs the Python package jmespath: pip install jmespath.") from None
    try:
        return jmespath.search(str(query), vector)
    except jmespath.exceptions.JMESPathError as error:
        raise UsageError(f"query is {str(query)!r}, which fails as JMESPath: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".:")
