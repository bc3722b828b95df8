# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that only look: ``plan`` and ``status``. Private to the collection metalstack.provisioning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from . import report as reports
from .changes import Item
from .generations import Generations
from .manifest import FileEntry, Manifest, ManifestError
from .planner import IMAGE
from .report import timestamp
from .session import Session
from .sync import Engine, survey


def show_plan(engine: Engine, environment: Mapping[str, str], now: datetime | None = None) -> dict[str, Any]:
    """Return what a run would do now, as JSON types. Nothing is changed and no lock is needed.

    Raises :class:`CacheError`, :class:`SourceError`.
    """
    moment = now or datetime.now(timezone.utc)
    session = Session(engine.config, environment, engine.journal)
    try:
        session.open(moment, refresh=False)
        source = session.read(moment)
    finally:
        session.close()
    number, files = engine.manifest()
    damaged = {
        key: entry
        for key, entry in files.items()
        if number is not None and engine.generations.damage(number, key, entry) is not None
    }
    served = {key: entry for key, entry in files.items() if key not in damaged}
    items, decided = survey(engine, source, served, damaged)
    rows = [_row(item, damaged) for item in items]
    wanted = {item.key for item in items}
    reasons = {candidate.key: reason for candidate, reason in decided.dropped}
    images = dict(source.candidates.skipped)
    for key, entry in sorted(files.items()):
        if key in wanted:
            continue
        if source.partitions is None and entry.kind != IMAGE:
            rows.append(_line("keep", key, entry.size, "the partitions of the metal-api are not known"))
        else:
            why = reasons.get(key) or images.get(entry.image_id or "") or "the metal-api does not list it any more"
            rows.append(_line("remove", key, entry.size, why))
    rows += [
        _line("leave out", candidate.key, candidate.size, reason)
        for candidate, reason in decided.dropped
        if candidate.key not in files
    ]
    warnings = [*source.warnings, *([source.partitions_problem] if source.partitions_problem else [])]
    return {
        "version": 1,
        "partition": engine.config.partition,
        "host": engine.config.host,
        "files": rows,
        "wanted": len(items),
        "total_bytes": decided.total_bytes,
        "over_budget_bytes": decided.over_budget_bytes,
        "max_cache_size": engine.config.policy.max_cache_size,
        "skipped": [{"file": name, "reason": reason} for name, reason in source.candidates.skipped],
        "warnings": warnings,
    }


def _row(item: Item, damaged: Mapping[str, FileEntry]) -> dict[str, Any]:
    if item.problem is not None and not item.needed:
        action = "keep" if item.entry is not None else "fail"
        return _line(action, item.key, item.size, str(item.problem))
    if not item.needed:
        return _line("keep", item.key, item.size, None)
    if item.entry is not None:
        return _line("replace", item.key, item.size, "the store has other content now")
    reason = "it is damaged" if item.key in damaged else "it is new"
    return _line("download", item.key, item.size, reason)


def _line(action: str, key: str, size: int | None, reason: str | None) -> dict[str, Any]:
    return {"action": action, "file": key, "size": size, "reason": reason}


def show_status(engine: Engine) -> dict[str, Any]:
    """Return what is served and how the last runs ended, from files only, as JSON types."""
    directory = engine.config.directory
    generations = Generations(directory)
    number = generations.current()
    manifest = Manifest("", {})
    if number is not None:
        try:
            manifest = generations.manifest(number)
        except ManifestError as error:
            engine.journal.error("the manifest cannot be used", generation=number, error=error)
    sync, verify = reports.load(directory / "report.json"), reports.load(directory / "verify.json")
    failed = {failure["file"]: failure["reason"] for failure in (sync or {}).get("failures") or []}
    files = []
    for key, entry in sorted(manifest.files.items()):
        damage = generations.damage(number, key, entry) if number is not None else None
        state = f"damaged: {damage}" if damage else "old: the last run could not look" if key in failed else "whole"
        files.append({"file": key, "state": state, **entry.to_json()})
    return {
        "version": 1,
        "host": engine.config.host,
        "partition": engine.config.partition,
        "generation": number,
        "created": manifest.created or None,
        "bytes": sum({entry.md5: entry.size for entry in manifest.files.values()}.values()),
        "files": files,
        "running": _running(engine),
        "sync": sync,
        "verify": verify,
    }


def _running(engine: Engine) -> str | None:
    try:
        seconds = os.stat(engine.config.runtime_directory / "state.json").st_mtime
    except OSError:
        return None
    return f"a run is at work, last seen {timestamp(datetime.fromtimestamp(seconds, timezone.utc))}"
