# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look for a world's secrets where they do not belong: objects of the API server, output of runs, command lines."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .api import Api
from .questions import everything

# Shorter values, such as a namespace, are in many places for good reasons.
_SHORTEST = 24


def exposed(directory: Path, api: Api) -> dict[str, Any]:
    """`wrong`: one sentence for each place; `secrets`, `objects`, `files`: how many were looked for, and where.

    Secrets are the keys and tokens in the world's folders, and what Secrets hold. They may be in the data of
    a Secret, and nowhere else. Of text with several lines each line is a secret.
    """
    objects = everything(api)
    files = [*(directory / "lightbits").rglob("*"), *(directory / "pki").iterdir()]
    needles = set(_of_files(files)) | set(_of_objects(objects.values()))
    wrong = []
    for path, item in objects.items():
        shown = {name: value for name, value in item.items() if name != "data"} if _is_secret(path) else item
        wrong += [f"{path}: {what[:8]}..." for what in _found(needles, json.dumps(shown))]
    outputs = [path for path in sorted((directory / "outputs").iterdir()) if path.is_file()]
    for file in outputs:
        wrong += [f"{file.name}: {what[:8]}..." for what in _found(needles, file.read_text(errors="replace"))]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        wrong += [f"{process}: {what[:8]}..." for what in _found(needles, words)]
    return {"wrong": wrong, "secrets": len(needles), "objects": len(objects), "files": len(outputs)}


def _is_secret(path: str) -> bool:
    return path.startswith("/api/v1/secrets ")


def _of_files(paths: Iterable[Path]) -> Iterable[str]:
    for path in paths:
        # what others may read is no secret
        if path.is_file() and not path.stat().st_mode & 0o044:
            text = path.read_text()
            # the harness keeps what it trusts in such files as well
            if "BEGIN CERTIFICATE" not in text:
                yield from _lines(text)


def _of_objects(objects: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for item in objects:
        if item.get("type") is None or not isinstance(item.get("data"), dict):
            continue
        for name, value in item["data"].items():
            if not name.endswith((".crt", "-ca", "-cert", "kubeconfig")):
                yield from _lines(base64.b64decode(value).decode(errors="replace"))
                yield value


def _lines(text: str) -> Iterable[str]:
    for line in text.splitlines():
        if len(line) >= _SHORTEST and "-----" not in line:
            yield line


def _found(needles: Iterable[str], text: str) -> Iterable[str]:
    return (needle for needle in needles if len(needle) >= _SHORTEST and needle in text)
